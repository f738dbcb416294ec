"""What both dialects say of a deployment in the same words: windows, and what is done to its bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.gateway.settings.reading import whole
from muxi_llm.routing.deployments import Window
from muxi_llm.routing.rewriting import Rewriting

if TYPE_CHECKING:
    from muxi_llm.gateway.settings.reading import Section


def windows_of(section: Section) -> tuple[Window, ...]:
    """`max_per_hour` and its kin."""
    limits = ((section.take(name, whole), length) for name, length in WINDOWS.items())
    return tuple(Window(limit, length) for limit, length in limits if limit is not None)


def rewriting_of(section: Section) -> Rewriting | None:
    """`key_delete`, `key_add`, `key_rename`; `None` where there is nothing to do."""
    renames = section.table("key_rename")
    rewriting = Rewriting(
        delete=section.strings("key_delete"),
        add=section.table("key_add"),
        rename={old: str(new) for old, new in renames.items()},
    )
    return rewriting if rewriting != Rewriting() else None


WINDOWS = {
    "max_per_minute": 60,
    "max_per_hour": 3600,
    "max_per_5hours": 5 * 3600,
    "max_per_5h": 5 * 3600,
    "max_per_day": 86400,
    "max_per_month": 30 * 86400,
}
