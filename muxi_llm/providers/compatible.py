"""OpenAI-compatible services: the common class, and catalog rows turned into classes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urljoin

from muxi_llm.errors import InvalidModelError, InvalidRequestError
from muxi_llm.providers.base import Provider
from muxi_llm.wire.models_list import ModelsList

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Endpoint, Wire, WireCall


class OpenAICompatible(Provider, register=False):
    """What nearly every compatible service can do; rows and subclasses say what differs.

    A `{setting}` in the base URL is filled from the settings (`settings_env`).
    """

    json_mode_support = True
    streaming_support = True
    token_by_token_support = True

    tool_names = r"[a-zA-Z0-9_-]{1,64}"
    foreign = frozenset(
        {
            "moderation",
            "prediction",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
            "store",
            "verbosity",
        }
    )  # strict services answer 400 to each of them: https://github.com/zed-industries/zed/issues/36215

    paths: ClassVar[Mapping[str, str]] = {}
    """OpenAI's path → the one here, relative to the base URL or a whole one; `{model}` may be in it."""
    bases: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    """Endpoint → pattern of a model's name → its own base URL, unless the caller has given one."""
    closed: ClassVar[str] = ""
    """What became of a service that is no more. With a base URL, it is one like any other."""

    def __init__(self, *, base_url: str | None = None, **given: Any) -> None:
        super().__init__(base_url=base_url, **given)
        self._lacking = self._fill() if not base_url and "{" in self.base_url else ""

    def _fill(self) -> str:
        """Put the settings into the base URL; the first one that is not set, if any."""
        wanted: list[str] = re.findall(r"\{(\w+)\}", self.base_url)
        for setting in wanted:
            value = self.settings.get(setting)
            if not value:
                return setting
            # People copy the whole address where a host is asked for.
            self.base_url = self.base_url.replace(f"{{{setting}}}", re.sub(r"^https?://|/+$", "", value))
        return ""

    @classmethod
    def at(cls, name: str, base_url: str, **columns: Any) -> type[Provider]:
        """Register a private endpoint as provider *name*; *columns* are attributes of `Provider`.

        Its key, if it wants one, is in `<NAME>_API_KEY`. Raises `ValueError` for a name that no model id
        can begin with, `TypeError` for an unknown column.
        """
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", name):
            raise ValueError(f"a provider's name is of small letters, digits, '_', '-' and '.', not {name!r}")
        for column in columns:
            if column.startswith("_") or not hasattr(cls, column):
                raise TypeError(f"a provider has no column {column!r}")
        return class_of(name, {"base_url": base_url, "key_required": False, **columns}, base=cls)

    def url_of(self, wire: Wire, *, stream: bool) -> str:
        """Where this attempt goes: by `paths`, if there is a row for it."""
        if wire.endpoint in self.bases and self.base_url == type(self).base_url:
            rows = self.bases[wire.endpoint].items()
            base = next((base for pattern, base in rows if re.match(pattern, wire.model)), self.base_url)
            return base + wire.path_for(stream=stream)
        path = self.paths.get(wire.path, "")
        if "{model}" in path:
            path = path.replace("{model}", quote(wire.model, safe="/"))
        if "//" in path and self.base_url != type(self).base_url:
            path = ""  # where the service is elsewhere, an address of one's own is not
        return urljoin(f"{self.base_url}/", path) if path else super().url_of(wire, stream=stream)

    def prepare(
        self, wire: Wire, body: Mapping[str, Any], *, stream: bool, extra: Mapping[str, Any]
    ) -> WireCall:
        if self.closed and not self.base_url:
            instead = f"If you run it yourself, pass base_url= or set {self.base_url_env[0]}."
            raise InvalidModelError(f"{self.name}: {self.closed} {instead}", param="model")
        if self._lacking:
            variables = " or ".join(self.settings_env[self._lacking])
            raise InvalidRequestError(
                f"{self.name}: no {self._lacking}; set {variables} or muxi_llm.{self.name}_{self._lacking}",
                param="base_url",
            )
        return super().prepare(wire, body, stream=stream, extra=extra)


def class_of(
    name: str, row: Mapping[str, Any], base: type[OpenAICompatible] = OpenAICompatible
) -> type[Provider]:
    """The class a catalog row describes."""
    columns = {"name": name, "__module__": __name__, **row}
    if isinstance(row.get("wires"), str):
        words = row["wires"].split()
        columns["wires"] = {word: Provider.wires[word] for word in words if word not in MORE}
        columns["more_wires"] = {word: MORE[word] for word in words if word in MORE} | row.get(
            "more_wires", {}
        )
    if "models" in row:
        items, field = columns.pop("models")
        listed = type("Models", (ModelsList,), {"items": items, "name": field})
        columns["wires"] = {**columns.get("wires", Provider.wires), "models": listed}
    title = "".join(word.capitalize() for word in re.split(r"\W|_", name))
    return type(f"{title}Provider", (base,), columns)


MORE: dict[Endpoint, str] = {
    "image": "openai.images:OpenAIImages",
    "moderation": "openai.moderations:OpenAIModerations",
    "rerank": "rerank:JinaRerank",
}
"""What a row may name besides what every provider has; see `Provider.more_wires`."""
