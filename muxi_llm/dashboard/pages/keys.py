"""Virtual keys: made, shown once, changed, blocked, taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.dashboard.pages.page import Page

if TYPE_CHECKING:
    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit


async def show(visit: Visit) -> Response:
    """A list, and the form that makes one."""
    search, after = visit.query.get("search", ""), visit.query.get("after", "")
    found = await visit.get("/key/list", search=search, after=after, limit=50)
    return visit.page(
        "keys.html", keys=found["data"], total=found["total"], after=found["after"], search=search
    )


async def make(visit: Visit) -> Response:
    """A new one, told now and never again."""
    made = await visit.post("/key/generate", **said(await visit.form()))
    return visit.page("key_made.html", made=made)


async def block(visit: Visit) -> Response:
    """Nobody may use it."""
    await visit.post("/key/block", key=(await visit.form())["key"])
    return visit.go("/keys")


def said(fields: dict[str, str]) -> dict[str, Any]:
    """The fields that were filled in, as the API takes them."""
    out: dict[str, Any] = {}
    for name, text in fields.items():
        if text.strip():
            out[name] = KINDS.get(name, str)(text.strip())
    return out


def listed(text: str) -> list[str]:
    """Names, one on a line or behind a comma."""
    return [name for part in text.replace(",", "\n").splitlines() if (name := part.strip())]


KINDS: dict[str, Any] = {
    "models": listed,
    "max_budget": float,
    "rpm_limit": int,
    "tpm_limit": int,
    "max_parallel_requests": int,
}

PAGES = (Page("/keys", "Keys", show, "key/list", "People", {"generate": make, "block": block}),)
