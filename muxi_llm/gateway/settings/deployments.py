"""What both dialects say in the same words: whose a provider is, windows, what is done to bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.gateway.settings.reading import text, whole
from muxi_llm.providers import registry
from muxi_llm.routing.deployments import Window
from muxi_llm.routing.rewriting import Rewriting

if TYPE_CHECKING:
    from muxi_llm.gateway.settings.reading import Section


def kind_of(name: str, base_url: str | None) -> tuple[str, str | None]:
    """The registered provider that is meant, "" for none, and its base URL where that is another than usual.

    One that is called otherwise is told by its address; the usual address says nothing, so that the
    environment's (`OPENAI_BASE_URL`) may.
    """
    kind = registry.find(name)
    if kind is None and base_url:
        at = base_url.rstrip("/")
        kind = next((one for one in registry.own() if one.base_url.rstrip("/") == at), None)
    if kind is None:
        return "", base_url
    is_usual = base_url is not None and base_url.rstrip("/") in {kind.base_url, f"{kind.base_url}/v1"}
    return kind.name, None if is_usual else base_url


def windows_of(section: Section) -> tuple[Window, ...]:
    """`max_per_hour` and its kin."""
    limits = ((section.take(name, whole), length) for name, length in WINDOWS.items())
    return tuple(Window(limit, length) for limit, length in limits if limit is not None)


def rewriting_of(section: Section, bounds: tuple[int | None, int | None] = (None, None)) -> Rewriting | None:
    """`key_delete`, `key_add`, `key_rename`; `None` where there is nothing to do.

    bounds: the least and the most tokens that an answer may be asked to have.
    """
    renames = section.table("key_rename")
    rewriting = Rewriting(
        delete=section.strings("key_delete"),
        add=section.table("key_add"),
        rename={old: str(new) for old, new in renames.items()},
        least=bounds[0],
        most=bounds[1],
    )
    return rewriting if rewriting != Rewriting() else None


def presets_of(top: Section) -> dict[str, Any]:
    """Where presets come from, and who is trusted with them."""
    section = top.section("presets")
    said: dict[str, Any] = {
        name: section.take(name, text) for name in ("dir", "trust", "pin", "minimum_revision", "watermark")
    }
    said["did_documents"] = section.strings("did_documents")
    section.end()
    given = {name: value for name, value in said.items() if value}
    if given and "dir" not in given:
        section.error("dir", "is missing: the registry's folder")
    if given.keys() - {"dir"} and "trust" not in given:
        section.error("trust", "is missing: the file of a trust manifest or of a trust policy")
    return given


WINDOWS = {
    "max_per_minute": 60,
    "max_per_hour": 3600,
    "max_per_5hours": 5 * 3600,
    "max_per_5h": 5 * 3600,
    "max_per_day": 86400,
    "max_per_month": 30 * 86400,
}
