"""A preset on a call: found by its name, laid beneath the call's own arguments, held to what it may reach.

Whoever makes calls uses these: the faces, the drop-in clients, a gateway. Nothing here is loaded by a call
that names no preset.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from muxi_llm import config
from muxi_llm.core.options import KEYWORDS
from muxi_llm.errors import InvalidRequestError
from muxi_llm.presets import network
from muxi_llm.presets.errors import LLMConfigError, MdaError
from muxi_llm.presets.history import activate, compared, releases
from muxi_llm.presets.opening import open as opened
from muxi_llm.presets.registry import ConfigRegistryManager
from muxi_llm.presets.source import Preset
from muxi_llm.wire.base import Ledger, overlaid
from muxi_llm.wire.inbound import has, with_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.core.request import Candidate
    from muxi_llm.models import Adaptation
    from muxi_llm.wire.base import Endpoint, Json

__all__ = [
    "LLMConfigError",
    "MdaError",
    "activate",
    "beneath",
    "check",
    "compared",
    "demanded",
    "found",
    "into_body",
    "into_options",
    "opened",
    "releases",
    "served",
]

OPTIONS = ("provider_options", "retries", "fallback_config", "cache")
"""What a preset asks of us; all else is asked of the model."""

SAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""Two names of one thing: who says the one means the other as well."""

INVOLVED = {*SAME, "timeout", "extra_body", "provider_options", "adapt"}
"""Arguments that are more than put in the place of the preset's."""

_opened: dict[str, ConfigRegistryManager] = {}


def found(given: object, registry: ConfigRegistryManager | None = None) -> Preset:
    """The preset of that name in the registry (`None`: the configured one), or the one given itself.

    Raises `InvalidRequestError`; why is its cause.
    """
    if isinstance(given, Preset):
        return given
    if not isinstance(given, str):
        message = f"preset must be 'module/preset' or a preset that was loaded, not {type(given).__name__}"
        raise InvalidRequestError(message, param="preset")
    try:
        return (registry or served()).lately().preset(given)
    except (LLMConfigError, OSError) as error:
        raise InvalidRequestError(f"preset: {error}", param="preset") from error


def served() -> ConfigRegistryManager:
    """The registry of `muxi_llm.config.presets`; a folder is opened when it is first asked for."""
    given = config.presets or os.environ.get("LLMIX_CONFIG_DIR")
    if isinstance(given, ConfigRegistryManager):
        return given
    if not given:
        message = "no presets are configured: set muxi_llm.config.presets, or LLMIX_CONFIG_DIR"
        raise InvalidRequestError(message, param="preset")
    where = os.fspath(given)
    return _opened.get(where) or _opened.setdefault(where, ConfigRegistryManager.open(where))


def beneath(
    preset: Preset, endpoint: Endpoint, given: Mapping[str, Any], mode: str
) -> tuple[Json, tuple[Adaptation, ...]]:
    """A face's arguments, over the preset's; and what of those this endpoint cannot be asked."""
    fitting = preset.fitting.get(endpoint)
    if fitting is None:
        lost = Ledger("")
        whole = {**into_body(preset, endpoint, {}, lost), **into_options(preset, {}, None)}
        fitting = preset.fitting[endpoint] = {} if lost.entries else whole
    if fitting and given.keys().isdisjoint(INVOLVED):
        return {**fitting, **given}, ()
    ledger = Ledger("the preset", strict=mode == "strict")
    options = dict(given)
    if "timeout" in given:  # the call's own time is what counts
        options.setdefault("fallback_config", {})
    body = into_body(preset, endpoint, given, ledger)
    return {**body, **into_options(preset, options, given.get("extra_body"))}, tuple(ledger.entries)


def into_body(
    preset: Preset,
    endpoint: Endpoint,
    given: Mapping[str, Any],
    ledger: Ledger,
    names: Mapping[str, str] | None = None,
) -> Json:
    """Parameters, over the preset's; what of those cannot be said is on the *ledger*.

    names: where a client's wire has a parameter (points between, within objects); `None`: by their own names.
    """
    asked, vain = preset.asked
    for text in vain:
        ledger.dropped(*text.split(" dropped: "))
    known = KEYWORDS[endpoint] if names is None else names
    body = dict(given)
    for name, value in asked.items():
        if name in OPTIONS:
            continue
        if name not in known and SAME.get(name) in known:
            name = SAME[name]  # noqa: PLW2901 - completions know the one of the two alone
        if name not in known:
            ledger.dropped(name, "the preset has it, and here is no such parameter")
        elif not any(has(given, _path(one, names)) for one in (name, SAME.get(name, name))):
            body = with_value(body, _path(name, names), value)
    return body


def demanded(preset: Preset, names: Sequence[str]) -> Json:
    """Those parameters of the preset's: a vendor's method may not do without."""
    asked = preset.asked[0]
    said = {name: asked.get(name, asked.get(SAME.get(name, ""))) for name in names}
    return {name: value for name, value in said.items() if value is not None}


def into_options(preset: Preset, given: Mapping[str, Any], body: Mapping[str, Any] | None) -> Json:
    """Arguments of ours, over the preset's. body: what the call says to its first provider by itself."""
    options = {name: value for name, value in preset.asked[0].items() if name in OPTIONS}
    if body and (native := options.get("provider_options")):
        ((provider, fields),) = native.items()  # its own, and no other's
        options["provider_options"] = {provider: {n: value for n, value in fields.items() if n not in body}}
    for name, value in given.items():
        merged = name == "provider_options" and name in options and isinstance(value, Mapping)
        options[name] = overlaid(options[name], value) if merged else value
    return options


def _path(name: str, names: Mapping[str, str] | None) -> list[str]:
    return [name] if names is None else names.get(name, name).split(".")


def check(preset: Preset, candidates: Sequence[Candidate]) -> None:
    """Raises `InvalidRequestError` if a call would go where the preset says that it does not."""
    required = preset.network
    for candidate in candidates if required is not None else ():
        try:
            network.check_called(required, candidate.provider.base_url)
        except MdaError as error:
            raise InvalidRequestError(f"preset {preset.id}: {error.message}", param="preset") from error
