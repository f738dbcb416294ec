"""Every change there was, and whether the log of them is whole."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from muxi_llm.dashboard.asking import RefusedError
from muxi_llm.dashboard.pages.page import Page
from muxi_llm.dashboard.pages.records import BY_FAMILY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit

MOST = 10
"""Of people whose names are asked for."""

SEARCHED = ("actor_id", "action", "object_type", "object_id")


async def show(visit: Visit) -> Response:
    """The newest first; the one that `id` names."""
    if "id" in visit.query:
        entry = await visit.get("/audit/log", id=visit.query["id"])
        names = await names_of(visit, [entry])
        return visit.page("audit_entry.html", entry=entry, called=called, names=names)
    query = {name: visit.query.get(name, "").strip() for name in SEARCHED}
    found, error = await visit.sought(
        "/audit/logs", SEARCHED, **query, after=visit.query.get("after", ""), limit=50
    )
    return await listed(visit, query, found, error=error)


async def verify(visit: Visit) -> Response:
    """Go through the whole chain."""
    await visit.form()
    found = await visit.get("/audit/logs", limit=50)
    chain = await visit.get("/audit/verify")
    return await listed(visit, dict.fromkeys(SEARCHED, ""), found, chain=chain)


async def listed(
    visit: Visit,
    asked: Mapping[str, str],
    found: Mapping[str, Any] | None,
    *,
    chain: Mapping[str, Any] | None = None,
    error: RefusedError | None = None,
) -> Response:
    """The entries that were found."""
    names = await names_of(visit, found["logs"] if found else [])
    data = {"asked": asked, "found": found, "chain": chain, "error": error, "names": names}
    return visit.page("audit.html", error.status if error else 200, called=called, **data)


def called(entry: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """What people call the record that it is about: as it was then, else its id. A session is its user's."""
    if entry["object_type"] == "session":
        return names.get(entry["object_id"], entry["object_id"])
    kind = BY_FAMILY.get(entry["object_type"])
    record = {**(entry["before_value"] or {}), **(entry["after_value"] or {})}
    return kind.name_of({kind.id: entry["object_id"], **record}) if kind else str(entry["object_id"])


async def names_of(visit: Visit, entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What those are called who did it, as far as they are still there."""
    user, out = BY_FAMILY["user"], {}
    for which in sorted({entry["actor_id"] for entry in entries if entry["actor_id"]})[:MOST]:
        with suppress(RefusedError):
            out[which] = user.name_of((await visit.get("/user/info", user_id=which))["user"])
    return out


PAGES = (Page("/audit", "Audit log", show, "audit/logs", "People", {"verify": verify}),)
