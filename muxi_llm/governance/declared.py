"""What a configuration file declares of keys, users, teams and organizations: the store is made to say so.

The words are the management API's, which shows what is declared and refuses to change it. What a file
declares no more is no more. Gateways that share a store share what they declare, but for those whose files
have different names for themselves: each has its own things, and leaves alone what another one's list has.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, SecretStr, StringConstraints, ValidationError
from sqlalchemy import insert, select, update

from muxi_llm.errors import InvalidRequestError, MuxiLLMError
from muxi_llm.governance import bodies
from muxi_llm.governance.bodies import Body, Id
from muxi_llm.governance.bounds import OwnKeys
from muxi_llm.governance.keys import SHOWN, hash_of
from muxi_llm.governance.roles import ADMIN, Actor
from muxi_llm.governance.shapes import KEY, ORGANIZATION, TEAM, USER
from muxi_llm.governance.store.apart import allot, allotted
from muxi_llm.governance.store.audit import Asked
from muxi_llm.governance.store.records import FILE
from muxi_llm.governance.store.schema import settings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from muxi_llm.governance.shapes import Shape
    from muxi_llm.governance.store.records import Records


class Organization(bodies.Organization):
    """An organization; `members`: user → role."""

    organization_id: Id
    members: dict[Id, str] = {}


class Team(bodies.Team):
    """A team; `members`: user → role."""

    team_id: Id
    members: dict[Id, str] = {}


class User(bodies.User):
    """A user."""

    user_id: Id


class Key(bodies.Key):
    """A key: itself, which a variable keeps out of the file, and the id that it is told by."""

    token_id: Id
    key: Annotated[SecretStr, Field(min_length=16)]
    expires: datetime | None = None


class Declared(Body):
    """The section `governance`. name: of this file, among several of one store. own_keys: what keys may be
    that people make for themselves. budgets: those that are no record's.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{0,64}$")] = ""
    own_keys: OwnKeys = OwnKeys()
    organizations: list[Organization] = []
    teams: list[Team] = []
    users: list[User] = []
    keys: list[Key] = []
    budgets: list[bodies.Allotment] = []


def declared_of(section: Mapping[str, Any]) -> Declared:
    """What *section* says. Raises `InvalidRequestError` that names every field that is wrong, a line each."""
    try:
        return Declared.model_validate(section)
    except ValidationError as error:
        found = (bodies.told(one) for one in error.errors())
        raise InvalidRequestError("\n".join(f"governance.{where}: {what}" for where, what in found)) from None


def declare(records: Records, declared: Declared, path: str) -> None:
    """Make the store say so. Raises `StoreAwayError`, and `InvalidRequestError` for what fits nowhere."""
    said: list[tuple[Shape, dict[str, dict[str, Any]]]] = [
        (ORGANIZATION, {one.organization_id: _said(one) for one in declared.organizations}),
        (TEAM, {one.team_id: _said(one) for one in declared.teams}),
        (USER, {one.user_id: _said(one) for one in declared.users}),
        (KEY, {one.token_id: _said(one) for one in declared.keys}),
    ]
    apart: dict[tuple[str, str], list[dict[str, Any]]] = {
        (one.scope, one.scope_id): [each.model_dump() for each in one.budgets] for one in declared.budgets
    }
    every = [(shape.kind, which) for shape, all_of_them in said for which in all_of_them]
    try:
        others = _noted(records, declared.name, [*every, *apart])
        for shape, all_of_them in said:
            for which, one in all_of_them.items():
                _put(records, shape, which, one, path)
            if shape is USER:
                _put_members(
                    records,
                    ORGANIZATION,
                    {o.organization_id: o.members for o in declared.organizations},
                    path,
                )
                _put_members(records, TEAM, {team.team_id: team.members for team in declared.teams}, path)
        for shape, all_of_them in reversed(said):
            theirs = {which for kind, which in others if kind == shape.kind}
            gone = sorted(_declared(records, shape) - set(all_of_them) - theirs)
            records.remove(_by("delete", shape, path), shape, gone)
        _allot(records, apart, others, path)
    except MuxiLLMError as error:
        raise InvalidRequestError(f"governance: {error}") from error


def _noted(records: Records, name: str, said: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Note what the file of that name declares; what those of other names do."""
    mine, value = f"{LIST}{name}", [list(one) for one in said]
    with records.store.writing() as connection:
        kept = select(settings.c.name, settings.c.value).where(
            settings.c.name.startswith(LIST, autoescape=True)
        )
        known = {row.name: row.value for row in connection.execute(kept)}
        if mine not in known:
            connection.execute(insert(settings).values(name=mine, value=value))
        elif known[mine] != value:
            connection.execute(update(settings).where(settings.c.name == mine).values(value=value))
    return {(kind, which) for other, each in known.items() if other != mine for kind, which in each}


def _allot(
    records: Records,
    said: Mapping[tuple[str, str], list[dict[str, Any]]],
    others: Collection[tuple[str, str]],
    path: str,
) -> None:
    with records.store.reading() as connection:
        known = {(one["scope"], one["scope_id"]): one for one in allotted(connection)}
    gone: dict[tuple[str, str], list[dict[str, Any]]] = {
        which: [] for which, one in known.items() if one["declared"] and which not in others
    }
    for (scope, which), budgets in {**gone, **said}.items():
        if known.get((scope, which), {}).get("budgets") != budgets:
            allot(records, Asked(Actor(ADMIN), "budget/set", FILE, name=path), scope, which, budgets)


def _said(one: Body) -> dict[str, Any]:
    """All of it: what a file does not say is as it is without."""
    out = one.model_dump(exclude={"members", "duration", "auto_rotate"})
    if isinstance(one, Key):
        out["key"] = one.key.get_secret_value()
        out["expires"] = one.expires.timestamp() if one.expires else None
        out["rotation_interval"] = (
            int(bodies.seconds_of(one.rotation_interval)) if one.rotation_interval else 0
        )
    return out


def _put(records: Records, shape: Shape, which: str, said: dict[str, Any], path: str) -> None:
    secret = said.pop("key", "")
    columns = {"hash": hash_of(secret), "prefix": secret[: min(SHOWN, len(secret) // 4)]} if secret else {}
    known = _known(records, shape, which, path)
    if not said.get("organization_id") and (said.get("team_id") or (shape is KEY and said["user_id"])):
        said.pop("organization_id")  # its team, or its user, says that
    if known is None:
        records.create(_by("new", shape, path), shape, said, declared=True, **columns)
        return
    same = known["declared"] and all(
        known[word] == value for word, value in said.items() if word != "expires"
    )
    if secret and (records.key_of(columns["hash"]) != which or _instant(known) != said["expires"]):
        same = False
    if not same:
        records.change(_by("update", shape, path), shape, which, said, declared=True, **columns)


def _put_members(records: Records, shape: Shape, said: Mapping[str, Mapping[str, str]], path: str) -> None:
    for which, roles in said.items():
        asked = _by("member_add", shape, path)
        known = {one["user_id"]: one["role"] for one in records.members(asked, shape, which)}
        new = {user: role for user, role in roles.items() if known.get(user) != role}
        if new:
            records.put_members(asked, shape, which, new)


def _known(records: Records, shape: Shape, which: str, path: str) -> dict[str, Any] | None:
    found = records.page(_by("list", shape, path), shape, {shape.id: which}, 1).data
    return found[0] if found else None


def _declared(records: Records, shape: Shape) -> set[str]:
    with records.store.reading() as connection:
        return set(connection.execute(select(shape.table.c.id).where(shape.table.c.declared)).scalars())


def _instant(known: Mapping[str, Any]) -> float | None:
    return datetime.fromisoformat(known["expires"]).timestamp() if known["expires"] else None


def _by(verb: str, shape: Shape, path: str) -> Asked:
    operation = "generate" if (verb, shape) == ("new", KEY) else verb
    return Asked(Actor(ADMIN), f"{shape.kind}/{operation}", FILE, name=path)


LIST = "declared:"
"""The settings that say what files declare, by their names."""
