"""Who looks: what they spent, what their budgets say, and which keys they have."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from muxi_llm.dashboard.asking import RefusedError
from muxi_llm.dashboard.pages.kinds import ROLES
from muxi_llm.dashboard.pages.page import Page
from muxi_llm.dashboard.pages.records import BY_FAMILY, MOST
from muxi_llm.dashboard.pages.spend import DAYS, asked

if TYPE_CHECKING:
    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit

    Record = dict[str, Any]


async def own(visit: Visit) -> tuple[Record, list[Record]]:
    """The user and their keys; nobody, and the key, for one that is for models alone or has no user."""
    with suppress(RefusedError):
        told = await visit.get("/user/info")
        return told["user"], told["keys"]
    with suppress(RefusedError):
        return {}, [await visit.get("/key/info")]
    return {}, []


async def show(visit: Visit) -> Response:
    """Theirs, as the API tells it; of a key that is nobody's, the key."""
    user, keys = await own(visit)
    teams, mine = [], {"user_id": user["user_id"]} if user else {}
    if visit.viewer["teams"] and visit.may("team/list"):
        found = (await visit.get("/team/list", limit=MOST))["data"]
        teams = [one for one in found if one["team_id"] in visit.viewer["teams"]]
    spent = await visit.get("/spend/logs", **asked(visit), **mine) if visit.may("spend/logs") else None
    owners: list[tuple[str, str, Any]] = [
        (family, BY_FAMILY[family].name_of(one), one.get("standing") or [])
        for family, some in (("user", [user] if user else []), ("team", teams), ("key", keys))
        for one in some
    ]
    over = [
        (family, name, standing)
        for family, name, several in owners
        for standing in several
        if standing["hard"] and standing["spent"] >= standing["max_budget"]
    ]
    return visit.page(
        "account.html",
        user=user,
        keys=keys,
        teams=teams,
        spent=spent,
        over=over,
        days=DAYS,
        kinds=BY_FAMILY,
        roles=ROLES,
    )


PAGES = (Page("/account", "Your account", show, "user/me", "People"),)
