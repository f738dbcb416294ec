"""What was spent, read: sums from the rollups, rows from the ledger. How long it takes depends on how much is
shown, not on how much there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from muxi_llm.governance.shapes import SHAPES, iso, usd
from muxi_llm.governance.store.rows import names, narrowed
from muxi_llm.governance.store.schema import events, ledger, rollups

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from muxi_llm.governance.roles import Reach
    from muxi_llm.governance.shapes import Shape


class Part(NamedTuple):
    """Of what: scope `all`, `key`, `user`, `team`, `organization`, `provider`; ids: which of those, `None`
    for each. From *start* until before *end*, Unix seconds; model: as it was asked for, "" for any.
    """

    scope: str
    ids: tuple[str, ...] | None
    start: float
    end: float
    model: str = ""


def sums(
    connection: Connection, part: Part, *by: str, grain: str = "day", limit: int | None = None
) -> list[dict[str, Any]]:
    """Sums, for each different *by*: `start` (when a day, or an hour, began), `scope_id`, `model`; the most
    expensive first, and no more than *limit* of them.
    """
    told = [rollups.c[name] for name in by]
    summed = [func.coalesce(func.sum(rollups.c[name]), 0).label(name) for name in SUMMED]
    found = select(*told, *summed).where(*_within(part, grain)).group_by(*told).limit(limit)
    rows = connection.execute(found.order_by(*(told if "start" in by else [summed[-1].desc()]))).mappings()
    return [_told({name: row[name] for name in (*by, *SUMMED)}) for row in rows]


def top(
    connection: Connection, part: Part, limit: int, *, by: str = "scope_id", grain: str = "day"
) -> list[dict[str, Any]]:
    """The *limit* most expensive, with their names."""
    rows = sums(connection, part, by, grain=grain, limit=limit)
    shape = SHAPES.get(part.scope)
    known = names(connection, shape, {row[by] for row in rows}) if shape and by == "scope_id" else {}
    return [{**row, "name": known.get(row[by], "")} for row in rows]


def rows(
    connection: Connection, where: Mapping[str, Any], limit: int, before: int | None = None
) -> list[dict[str, Any]]:
    """Rows of the ledger, the newest first. where: columns and what they are, `start` and `end`."""
    found = select(ledger).order_by(ledger.c.seq.desc()).limit(limit)
    if before is not None:
        found = found.where(ledger.c.seq < before)
    for name, value in where.items():
        found = found.where(BETWEEN[name](value) if name in BETWEEN else ledger.c[name] == value)
    out = [dict(row) for row in connection.execute(found).mappings()]
    for kind in ("key", "user", "team", "organization"):
        known = names(connection, SHAPES[kind], {row[f"{kind}_id"] for row in out})
        for row in out:
            row[f"{kind}_name"] = known.get(row[f"{kind}_id"], "")
    return [_told({**row, "at": iso(row["at"])}) for row in out]


def every(connection: Connection, where: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All of those rows, piece by piece."""
    before: int | None = None
    while piece := rows(connection, where, PIECE, before):
        yield from piece
        before = piece[-1]["seq"]


def crossed(connection: Connection, start: float, end: float, limit: int) -> list[dict[str, Any]]:
    """The thresholds that budgets have reached, the newest first."""
    found = select(events).where(events.c.at >= start, events.c.at < end).order_by(events.c.seq.desc())
    rows = connection.execute(found.limit(limit)).mappings()
    told = ({"at": iso(row["at"]), **row["facts"], "told_at": iso(row["told_at"])} for row in rows)
    return [{**row, "amount": usd(row["amount"]), "spent": usd(row["spent"])} for row in told]


def within(connection: Connection, shape: Shape, reach: Reach) -> Sequence[str]:
    """The ids of what is there of a shape, as far as *reach* goes."""
    return connection.execute(select(shape.table.c.id).where(narrowed(shape, reach))).scalars().all()


def _within(part: Part, grain: str) -> Sequence[ColumnElement[bool]]:
    table = rollups.c
    out = [table.scope == part.scope, table.grain == grain, table.start >= part.start, table.start < part.end]
    if part.ids is not None:
        out.append(table.scope_id.in_(part.ids))
    if part.model:
        out.append(table.model == part.model)
    return out


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """As people read it: USD, and when."""
    row["spend"] = usd(int(row.pop("cost")))
    if "start" in row:
        row["start"] = iso(row["start"])
    return {name: int(value) if name in COUNTS else value for name, value in row.items()}


SUMMED = ("requests", "failed", "input", "cached", "cache_write", "output", "cost")
COUNTS = frozenset(SUMMED) - {"cost"}
PIECE = 1000
BETWEEN: Mapping[str, Any] = {
    "start": lambda at: ledger.c.at >= at,
    "end": lambda at: ledger.c.at < at,
}
