"""Rows of keys, users, teams and organizations, as far as somebody may see them, and as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import or_, select

from muxi_llm.governance.refusals import absent
from muxi_llm.governance.roles import Subject
from muxi_llm.governance.shapes import KEY, ORGANIZATION, SHAPES, TEAM, USER
from muxi_llm.governance.store.schema import budgets, limits, members

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection, Select, Table

    from muxi_llm.governance.roles import Reach
    from muxi_llm.governance.shapes import Shape

Row = Mapping[Any, Any]
View = dict[str, Any]


def row_of(connection: Connection, shape: Shape, which: str, *, hold: bool = False) -> Row:
    """A row. hold: nobody else changes it until this transaction ends. Raises a refusal of 404."""
    found = select(shape.table).where(shape.table.c.id == which)
    row = connection.execute(found.with_for_update() if hold else found).mappings().first()
    if row is None:
        raise absent(shape.kind, which, shape.id)
    return cast(Row, row)


def subject_of(shape: Shape, row: Row) -> Subject:
    """Whose it is."""
    return Subject(**{name: row[column] for name, column in WHOSE[shape.kind].items()})


def narrowed(shape: Shape, reach: Reach) -> ColumnElement[bool]:
    """The rows that are within *reach*."""
    table, columns = shape.table, WHOSE[shape.kind]
    if reach.everything:
        return table.c.id.is_not(None)
    reached = {
        "organization": reach.organizations,
        "team": reach.teams,
        "user": {reach.user} - {""},
        "key": {reach.key} - {""},
    }
    return or_(
        table.c.id.is_(None),
        *(table.c[column].in_(sorted(reached[name])) for name, column in columns.items()),
    )


def matching(shape: Shape, where: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """The rows that are as *where* says: words, and `search`, a part of a name or an id."""
    table = shape.table
    known = {**shape.fields, **shape.shown}
    out = [table.c[known[word]] == value for word, value in where.items() if word in known]
    if where.get("search"):
        texts = [table.c[name] for name in SEARCHED if name in table.c]
        out.append(or_(*(text.icontains(where["search"], autoescape=True) for text in texts)))
    return out


def defined(table: Table, kind: str, owners: Iterable[str]) -> Select[Any]:
    """Their budgets, or limits."""
    return select(table).where(table.c.scope == kind, table.c.scope_id.in_(list(owners))).order_by(table.c.id)


def views_of(connection: Connection, shape: Shape, rows: Sequence[Row]) -> list[View]:
    """Rows as people read them, with their budgets and limits, and names beside ids."""
    of: dict[Table, dict[str, list[Row]]] = {limits: {}, budgets: {}}
    for table, found in of.items():
        for row in connection.execute(defined(table, shape.kind, [row["id"] for row in rows])).mappings():
            found.setdefault(row["scope_id"], []).append(row)
    views = [shape.told(row, of[budgets].get(row["id"], ()), of[limits].get(row["id"], ())) for row in rows]
    for column, other in PLACES.items():
        alias = f"{other.kind}_alias"
        if column in shape.fields and alias not in shape.fields:
            known = names(connection, other, {view[column] for view in views})
            for view in views:
                view[alias] = known.get(view[column], "")
    return views


def view_of(connection: Connection, shape: Shape, row: Row) -> View:
    """One row as people read it."""
    return views_of(connection, shape, [row])[0]


def names(connection: Connection, shape: Shape, ids: Iterable[str]) -> dict[str, str]:
    """What people call those."""
    table = shape.table
    called = [table.c[name] for name in CALLED if name in table.c]
    rows = connection.execute(select(table.c.id, *called).where(table.c.id.in_(sorted({*ids} - {""}))))
    return {row[0]: next(filter(None, row[1:]), "") for row in rows}


def members_of(connection: Connection, shape: Shape, which: str) -> list[View]:
    """The members of a team or an organization."""
    users = USER.table
    found = (
        select(members.c.user_id, members.c.role, users.c.email, users.c.alias)
        .join(users, users.c.id == members.c.user_id, isouter=True)
        .where(members.c.scope == shape.kind, members.c.scope_id == which)
        .order_by(members.c.user_id)
    )
    words = ("user_id", "role", "user_email", "user_alias")
    return [dict(zip(words, row, strict=True)) for row in connection.execute(found)]


# ----------------------------------------------------------------------------------------- tables

PLACES = {"organization_id": ORGANIZATION, "team_id": TEAM, "user_id": USER}
"""Columns that say to whom a record belongs."""

WHOSE = {
    "key": {"organization": "organization_id", "team": "team_id", "user": "user_id", "key": "id"},
    "team": {"organization": "organization_id", "team": "id"},
    "user": {"organization": "organization_id", "user": "id"},
    "organization": {"organization": "id"},
}
"""The columns that say whose a record is."""

DEPENDENTS: Mapping[str, tuple[tuple[Shape, str], ...]] = {
    "team": ((KEY, "team_id"),),
    "user": ((KEY, "user_id"),),
    "organization": ((TEAM, "organization_id"), (USER, "organization_id"), (KEY, "organization_id")),
}
"""What belongs to one."""

SEARCHED = ("id", "alias", "name", "email", "prefix")
CALLED = ("alias", "name", "email")
assert set(WHOSE) == set(SHAPES)
