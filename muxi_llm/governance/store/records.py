"""Keys, users, teams, organizations, with budgets and limits: found, listed and changed, by whoever may.

Every change stands with its entry in the audit log in one transaction, or is not there. What may be touched
is asked of the row as that transaction reads it.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, func, insert, select, update

from muxi_llm.governance.keys import new_id
from muxi_llm.governance.refusals import absent, refused
from muxi_llm.governance.roles import MEMBER
from muxi_llm.governance.shapes import (
    KEY,
    ORGANIZATION,
    TEAM,
    USER,
    budgets_of,
    completed,
    limits_of,
    word_of_budget,
    word_of_limit,
)
from muxi_llm.governance.store.audit import Told, append, head
from muxi_llm.governance.store.rows import (
    DEPENDENTS,
    PLACES,
    defined,
    matching,
    members_of,
    narrowed,
    row_of,
    subject_of,
    view_of,
    views_of,
)
from muxi_llm.governance.store.schema import budgets, limits, members
from muxi_llm.governance.store.standing import standing_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from muxi_llm.governance.shapes import Shape
    from muxi_llm.governance.store.audit import Asked
    from muxi_llm.governance.store.engine import Store
    from muxi_llm.governance.store.rows import Row, View

FILE = "file"
"""The type of who asks in the name of the configuration file."""


class Page(NamedTuple):
    """Some of a list: how many there are in all, and the id after which the next ones come, "" at its end."""

    data: list[View]
    total: int
    after: str


class Records:
    """What people manage. Blocks; safe between threads.

    Everything raises `StoreAwayError`, a refusal of 404 for what is not there or not theirs, of 403 for what
    would not be theirs any more, of 409 for what a configuration file declares, of 400 for what fits nowhere.
    """

    def __init__(self, store: Store, now: Callable[[], float] = time.time) -> None:
        self.store = store
        self.now = now
        self.changed: Callable[[], object] = lambda: None
        """Called after each change."""

    # -------------------------------------------------------------------------------------- found

    def find(self, asked: Asked, shape: Shape, which: str) -> View:
        """One record, with how its budgets stand."""
        with self.store.reading() as connection:
            view = view_of(connection, shape, _reached(connection, asked, shape, which))
            return self._standing(connection, shape, [view])[0]

    def page(
        self,
        asked: Asked,
        shape: Shape,
        where: Mapping[str, Any],
        limit: int,
        after: str = "",
        offset: int = 0,
    ) -> Page:
        """Some of them, the newest first, as *where* says (`matching`)."""
        table = shape.table
        found = [narrowed(shape, asked.reach), *matching(shape, where)]
        with self.store.reading() as connection:
            total = connection.scalar(select(func.count()).select_from(table).where(*found)) or 0
            if after:
                found.append(table.c.id < after)
            query = select(table).where(*found).order_by(table.c.id.desc()).limit(limit + 1).offset(offset)
            rows = connection.execute(query).mappings().all()
            views = self._standing(connection, shape, views_of(connection, shape, rows[:limit]))
            return Page(views, total, rows[limit - 1]["id"] if len(rows) > limit else "")

    def _standing(self, connection: Connection, shape: Shape, views: list[View]) -> list[View]:
        found = standing_of(connection, shape.kind, [view[shape.id] for view in views], self.now())
        return [{**view, "standing": found.get(view[shape.id], [])} for view in views]

    def key_of(self, hashed: str) -> str | None:
        """The id of the key of that hash."""
        with self.store.reading() as connection:
            found: str | None = connection.scalar(select(KEY.table.c.id).where(KEY.table.c.hash == hashed))
        return found

    def members(self, asked: Asked, shape: Shape, which: str) -> list[View]:
        """Those of a team or an organization."""
        with self.store.reading() as connection:
            _reached(connection, asked, shape, which)
            return members_of(connection, shape, which)

    # ------------------------------------------------------------------------------------ changed

    def create(
        self,
        asked: Asked,
        shape: Shape,
        said: Mapping[str, Any],
        roles: Mapping[str, str] | None = None,
        **columns: Any,
    ) -> View:
        """A new one. roles: of its members. columns: what nobody says, such as a key's hash."""
        with self.changing() as (connection, now):
            made = self.put(connection, now, asked, shape, said, **columns)
            for user, role in (roles or {}).items():
                _join(connection, shape, made[shape.id], user, role, now)
            return made

    def put(
        self,
        connection: Connection,
        now: float,
        asked: Asked,
        shape: Shape,
        said: Mapping[str, Any],
        **columns: Any,
    ) -> View:
        """A new one, in a transaction that is begun (`changing`)."""
        which = said.get(shape.id) or new_id(shape.kind, now, os.urandom(6))
        if connection.scalar(select(shape.table.c.id).where(shape.table.c.id == which)) is not None:
            raise refused(409, f"there is a {shape.kind} {which!r} already", "exists", shape.id)
        row = {**shape.columns(said), "id": which, "created_at": now, "updated_at": now, **columns}
        connection.execute(insert(shape.table).values(_placed(connection, shape, row)))
        return self._written(connection, asked, shape, which, None, said, now)

    def change(self, asked: Asked, shape: Shape, which: str, said: Mapping[str, Any], **columns: Any) -> View:
        """Another one *said* of it. Whoever asks must reach it as it was, and as it is then."""
        with self.changing() as (connection, now):
            row = _held(connection, asked, shape, which)
            before = view_of(connection, shape, row)
            new = {**shape.columns(said), **columns, "id": which, "updated_at": now}
            if any(new.get(place, row.get(place)) != row.get(place) for place in PLACES):
                _movable(connection, shape, row, new)
                placed = _placed(connection, shape, {**row, "organization_id": "", **new})
                new["organization_id"] = placed["organization_id"]
            connection.execute(update(shape.table).where(shape.table.c.id == which).values(new))
            return self._written(connection, asked, shape, which, before, completed(said, before), now)

    def remove(self, asked: Asked, shape: Shape, ids: Sequence[str]) -> list[str]:
        """They are no more, nor are the keys of a team or user that is no more; the ids. An organization that
        has teams, users or keys is refused with 409.
        """
        with self.changing() as (connection, now):
            for each in dict.fromkeys(ids):
                _remove(connection, asked, shape, each, now)
        return list(dict.fromkeys(ids))

    def put_members(
        self, asked: Asked, shape: Shape, which: str, roles: Mapping[str, str | None]
    ) -> list[View]:
        """Those of a team or an organization, user → role, `None`: no member any more. Who there are then."""
        with self.changing() as (connection, now):
            row = _held(connection, asked, shape, which)
            before = members_of(connection, shape, which)
            for user, role in roles.items():
                _join(connection, shape, which, user, role, now)
            after = members_of(connection, shape, which)
            told = Told(shape.kind, which, subject_of(shape, row), {"members": before}, {"members": after})
            append(connection, asked, told, now)
        return after

    def tell(self, asked: Asked, told: Told) -> int:
        """An entry in the audit log of what is no record; its number."""
        with self.changing() as (connection, now):
            return append(connection, asked, told, now)

    @contextmanager
    def changing(self) -> Iterator[tuple[Connection, float]]:
        """A transaction that changes something and tells the audit log, and what time it is."""
        with self.store.writing() as connection:
            head(
                connection, hold=True
            )  # first: of two that change something, one waits, and neither for ever
            yield connection, self.now()
        self.changed()

    def _written(
        self,
        connection: Connection,
        asked: Asked,
        shape: Shape,
        which: str,
        before: View | None,
        said: Mapping[str, Any],
        now: float,
    ) -> View:
        """The rest of a change: budgets, limits, memberships, and the audit log's entry."""
        row = row_of(connection, shape, which)
        define(connection, shape.kind, row, said, now)
        if shape is USER and row["team_id"]:
            _join(connection, TEAM, row["team_id"], which, MEMBER, now, keep=True)
        if not asked.reach.covers(subject_of(shape, row)):
            raise refused(403, f"a {shape.kind} there is not yours to make or change", "forbidden")
        after = view_of(connection, shape, row)
        append(connection, asked, Told(shape.kind, which, subject_of(shape, row), before, after), now)
        return after


# --------------------------------------------------------------------- parts of one transaction


def _reached(connection: Connection, asked: Asked, shape: Shape, which: str, *, hold: bool = False) -> Row:
    row = row_of(connection, shape, which, hold=hold)
    if not asked.reach.covers(subject_of(shape, row)):
        raise absent(shape.kind, which, shape.id)
    return row


def _held(connection: Connection, asked: Asked, shape: Shape, which: str) -> Row:
    """The row, to be changed."""
    row = _reached(connection, asked, shape, which, hold=True)
    if row["declared"] and asked.type != FILE:
        why = "is declared in the configuration file, which alone may change it"
        raise refused(409, f"the {shape.kind} {which!r} {why}", "declared", shape.id)
    return row


def _placed(connection: Connection, shape: Shape, row: Row) -> dict[str, Any]:
    """*row* with the organization that its team, or else its user, belongs to; what it names is there."""
    out = dict(row)
    for column, other in PLACES.items():
        which = row.get(column)
        if not which or column == shape.id:
            continue
        found = connection.execute(select(other.table).where(other.table.c.id == which)).mappings().first()
        if found is None:
            raise refused(400, f"there is no {other.kind} {which!r}", "not_found", column)
        if other is TEAM or (other is USER and not row.get("team_id")):
            given = out.get("organization_id") or found["organization_id"]
            if given != found["organization_id"]:
                message = f"the {other.kind} {which!r} belongs to another organization"
                raise refused(400, message, "conflict", "organization_id")
            out["organization_id"] = given
    if shape is KEY and out.get("team_id") and out.get("user_id"):
        of = _membership(TEAM, out["team_id"], out["user_id"])
        if connection.scalar(select(members.c.role).where(*of)) is None:
            message = f"the user {out['user_id']!r} is no member of the team {out['team_id']!r}"
            raise refused(400, message, "conflict", "user_id")
    return out


def _movable(connection: Connection, shape: Shape, row: Row, new: Mapping[str, Any]) -> None:
    """Refuse to take a team or a user elsewhere whose keys say where they are."""
    if new.get("organization_id", row.get("organization_id")) == row.get("organization_id"):
        return
    for other, column in DEPENDENTS.get(shape.kind, ()):
        if connection.scalar(select(other.table.c.id).where(other.table.c[column] == row["id"]).limit(1)):
            message = f"the {shape.kind} {row['id']!r} has keys of its organization; remove them first"
            raise refused(409, message, "in_use", "organization_id")


def define(connection: Connection, kind: str, row: Row, said: Mapping[str, Any], now: float) -> None:
    """Write what was said of the budgets and limits of a record, of which *row* has `id` and `declared`."""
    owner = row["id"]
    for table, of, word_of in ((limits, limits_of, word_of_limit), (budgets, budgets_of, word_of_budget)):
        given = {new["id"]: new for new in of(kind, owner, said)}
        for old in connection.execute(defined(table, kind, [owner])).mappings().all():
            new, this = given.pop(old["id"], None), table.c.id == old["id"]
            if new is not None:
                connection.execute(update(table).where(this).values(**new, updated_at=now))
            elif word_of(old) in said:
                connection.execute(delete(table).where(this))
        for new in given.values():
            kept = {"declared": row["declared"], "created_at": now, "updated_at": now}
            connection.execute(insert(table).values(**new, **kept))


def _remove(connection: Connection, asked: Asked, shape: Shape, which: str, now: float) -> None:
    row = _held(connection, asked, shape, which)
    view = view_of(connection, shape, row)
    for other, column in DEPENDENTS.get(shape.kind, ()):
        held = select(other.table.c.id).where(other.table.c[column] == which)
        found = connection.execute(held).scalars().all()
        if found and shape is ORGANIZATION:
            message = f"the organization {which!r} has {len(found)} {other.kind}s; remove them first"
            raise refused(409, message, "in_use", shape.id)
        for each in found:
            _remove(connection, asked, other, each, now)
    for table in (limits, budgets, members):
        connection.execute(delete(table).where(table.c.scope == shape.kind, table.c.scope_id == which))
    if shape is USER:
        connection.execute(delete(members).where(members.c.user_id == which))
    connection.execute(delete(shape.table).where(shape.table.c.id == which))
    append(connection, asked, Told(shape.kind, which, subject_of(shape, row), view, None), now)


def _membership(shape: Shape, which: str, user: str) -> tuple[Any, ...]:
    return members.c.scope == shape.kind, members.c.scope_id == which, members.c.user_id == user


def _join(
    connection: Connection,
    shape: Shape,
    which: str,
    user: str,
    role: str | None,
    now: float,
    *,
    keep: bool = False,
) -> None:
    """Make *user* a member in that role, or none. keep: as they are, if they are one."""
    of = _membership(shape, which, user)
    known = connection.scalar(select(members.c.role).where(*of))
    if role is None and known is None:
        raise refused(404, f"the user {user!r} is no member of {which!r}", "not_found", "user_id")
    if keep and known is not None:
        return
    row_of(connection, USER, user) if role is not None else None
    connection.execute(delete(members).where(*of))
    if role is not None:
        new = {"scope": shape.kind, "scope_id": which, "user_id": user, "role": role, "created_at": now}
        connection.execute(insert(members).values(new))
