"""Every change there was, and whether the log of them is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.dashboard.pages.page import Page

if TYPE_CHECKING:
    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit

SEARCHED = ("actor_id", "action", "object_type", "object_id")


async def show(visit: Visit) -> Response:
    """The newest first; the one that `id` names."""
    if "id" in visit.query:
        return visit.page("audit_entry.html", entry=await visit.get("/audit/log", id=visit.query["id"]))
    query = {name: visit.query.get(name, "").strip() for name in SEARCHED}
    found = await visit.get("/audit/logs", **query, after=visit.query.get("after", ""), limit=50)
    return visit.page("audit.html", asked=query, found=found, chain=None)


async def verify(visit: Visit) -> Response:
    """Go through the whole chain."""
    await visit.form()
    found = await visit.get("/audit/logs", limit=50)
    chain = await visit.get("/audit/verify")
    return visit.page("audit.html", asked=dict.fromkeys(SEARCHED, ""), found=found, chain=chain)


PAGES = (Page("/audit", "Audit log", show, "audit/logs", "People", {"verify": verify}),)
