"""Who looks: what they spent, what their budgets say, and which keys they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.dashboard.pages.kinds import ROLES
from muxi_llm.dashboard.pages.page import Page
from muxi_llm.dashboard.pages.records import BY_FAMILY, MOST
from muxi_llm.dashboard.pages.spend import DAYS, asked

if TYPE_CHECKING:
    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit


async def show(visit: Visit) -> Response:
    """Theirs, as the API tells it; of a key that is nobody's, the key."""
    user, keys, teams = {}, [], []
    mine = {"user_id": visit.viewer["user_id"]} if visit.viewer["user_id"] else {}
    if mine and visit.may("user/info"):
        told = await visit.get("/user/info")
        user, keys = told["user"], told["keys"]
    elif visit.may("key/info"):
        keys = [await visit.get("/key/info")]
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
