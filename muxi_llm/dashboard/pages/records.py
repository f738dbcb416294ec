"""Keys, teams, users and organizations: four kinds of one page. What each has is a table; what a form of it
says goes to the API as it is, and the API says what is wrong with it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from muxi_llm.dashboard.asking import RefusedError
from muxi_llm.dashboard.pages.kinds import KINDS, Kind
from muxi_llm.dashboard.pages.page import Page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit

ON_A_PAGE = 50
MOST = 100
"""Of records to choose from; where there are more, one says the id."""


async def show(kind: Kind, visit: Visit) -> Response:
    """Those the viewer may see; the one that `id` names; or the form for a new one."""
    if "new" in visit.query:
        which = visit.query.get("id", "")
        told = await known(kind, visit, which) if which else {}
        return await form(kind, visit, which, told.get(kind.family, told))
    if "id" in visit.query:
        return await one(kind, visit, visit.query["id"])
    asked = {name: visit.query.get(name, "") for name in ("search", "after", *kind.search)}
    found, error = await visit.sought(f"/{kind.family}/list", ["search"], **asked, limit=ON_A_PAGE)
    status = error.status if error else 200
    return visit.page("records.html", status, kind=kind, found=found, asked=asked, error=error)


async def one(
    kind: Kind, visit: Visit, which: str, error: RefusedError | None = None, given: str = ""
) -> Response:
    """All that is known of one of them. given: who was to be a member."""
    told = await known(kind, visit, which)
    record = told.get(kind.family, told)
    data: dict[str, Any] = {name: told.get(name) or [] for name in ("members", "keys", "teams")}
    data["users"] = await those(BY_FAMILY["user"], visit) if kind.members else None
    data["given"] = given
    status = error.status if error else 200
    return visit.page("record.html", status, kind=kind, kinds=BY_FAMILY, record=record, error=error, **data)


async def those(kind: Kind, visit: Visit) -> dict[str, str] | None:
    """Id → name of all one may choose from; `None` where they are too many, or not the viewer's to see."""
    if not visit.may(f"{kind.family}/list"):
        return None
    found = await visit.get(f"/{kind.family}/list", limit=MOST)
    return None if found["after"] else {one[kind.id]: kind.name_of(one) for one in found["data"]}


async def known(kind: Kind, visit: Visit, which: str) -> Mapping[str, Any]:
    """One of them, as the API tells it."""
    told: Mapping[str, Any] = await visit.get(f"/{kind.family}/info", **{kind.asked_by: which})
    return told


async def form(
    kind: Kind, visit: Visit, which: str, given: Mapping[str, Any], error: RefusedError | None = None
) -> Response:
    """What may be said of a new one, or be changed of the one that *which* is."""
    status = error.status if error else 200
    asked = [one for one in kind.fields if not (which and one.fixed)]
    named = {one.names: BY_FAMILY[one.names] for one in asked if one.names not in {"", kind.family}}
    known = {family: await those(other, visit) for family, other in named.items()}
    return visit.page(
        "record_form.html", status, kind=kind, given=given, which=which, error=error, asked=asked, known=known
    )


async def make(kind: Kind, visit: Visit) -> Response:
    """A new one. A key is told now, and never again."""
    fields = await visit.form()
    try:
        made = await visit.post(f"/{kind.family}/{kind.new}", **kind.said(fields))
    except RefusedError as error:
        return await form(kind, visit, "", fields, error)
    if "key" in made:
        return visit.page("key_made.html", made=made)
    return visit.go(kind.path, id=made[kind.id])


async def change(kind: Kind, visit: Visit) -> Response:
    """Another thing is said of it."""
    fields = await visit.form()
    which = fields.pop("id")
    try:
        await done(kind, visit, "update", {kind.changed_by: which, **kind.said(fields, whole=True)})
    except RefusedError as error:
        return await form(kind, visit, which, fields, error)
    return visit.go(kind.path, id=which)


async def ask(kind: Kind, verb: str, visit: Visit) -> Response:
    """Do *verb* to it; what cannot be undone is asked for twice."""
    fields = await visit.form()
    which = fields["id"]
    if verb == "delete" and fields.get("sure") != "yes":
        return visit.page("sure.html", kind=kind, which=which, name=fields.get("name", which))
    said: dict[str, Any] = {kind.several: [which]} if verb == "delete" else {kind.changed_by: which}
    try:
        told = await done(kind, visit, verb, said)
    except RefusedError as error:
        return await one(kind, visit, which, error)
    if "key" in told:
        return visit.page("key_made.html", made=told)
    return visit.go(kind.path) if verb == "delete" else visit.go(kind.path, id=which)


async def done(kind: Kind, visit: Visit, verb: str, said: Mapping[str, Any]) -> Any:
    """What the API says it did."""
    method = kind.methods.get(verb, "POST")
    return (await visit.relayed(method, f"/{kind.family}/{verb}", said)).json()


async def member(kind: Kind, verb: str, visit: Visit) -> Response:
    """Somebody is a member, or is one no more."""
    fields = await visit.form()
    which, user = fields["id"], fields.get("user_id", "").strip()
    said = {"user_ids": [user]} if verb == "member_delete" else {"members": [kind.member(user, fields)]}
    try:
        await visit.post(f"/{kind.family}/{verb}", **{kind.id: which}, **said)
    except RefusedError as error:
        return await one(kind, visit, which, error, user)
    return visit.go(kind.path, id=which)


def page_of(kind: Kind) -> Page:
    """The page of a kind."""
    acts: dict[str, Any] = {"new": partial(make, kind), "update": partial(change, kind)}
    acts |= {verb: partial(ask, kind, verb) for verb in kind.verbs}
    acts |= {verb: partial(member, kind, verb) for verb in kind.members}
    return Page(kind.path, kind.title, partial(show, kind), f"{kind.family}/list", "People", acts)


BY_FAMILY = {kind.family: kind for kind in KINDS}
PAGES = tuple(page_of(kind) for kind in KINDS)
