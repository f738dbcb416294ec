"""The ledger's sums: brought up to date by a cursor, and what may be forgotten once they are."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from muxi_llm.governance.store import latencies, schema
from muxi_llm.governance.store.schema import ledger, rollups, settings

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from muxi_llm.governance.store.engine import Store

CHUNK = 20_000
"""Rows that one transaction sums up."""
CURSOR = "rollups"
"""The setting that says up to which row they are."""
FORGOTTEN = "forgotten"
"""The setting that says before when rows may be gone."""
GRAINS = {"hour": 3600, "day": 86400}
SCOPES = {
    "all": None,
    "key": ledger.c.key_id,
    "user": ledger.c.user_id,
    "team": ledger.c.team_id,
    "organization": ledger.c.organization_id,
    "provider": ledger.c.provider,
}
SUMMED = ("requests", "failed", "input", "cached", "cache_write", "output", "cost")


def roll(store: Store, chunk: int = CHUNK) -> int:
    """Bring the sums up to date; how many rows were new. Several may try at once. Raises `StoreAwayError`."""
    with store.writing() as connection:
        last = _last(connection)
    done = 0
    while True:
        with store.writing() as connection:
            start = _number(connection, CURSOR)
            end = min(start + chunk, last)
            if start >= end:
                return done
            done += _sum(connection, start, end, 0)
            _put(connection, CURSOR, end)


def rebuild(store: Store, chunk: int = CHUNK) -> int:
    """Make the sums anew, as far as the ledger still has their rows: a day of which some are forgotten stays
    as it is. How many rows were summed up. Raises `StoreAwayError`.
    """
    with store.writing() as connection:
        end, day = _number(connection, CURSOR), GRAINS["day"]
        since = -(-_number(connection, FORGOTTEN) // day) * day
        first = (connection.execute(select(func.min(ledger.c.seq))).scalar() or 1) - 1
        for table in (rollups, schema.latencies):
            connection.execute(delete(table).where(table.c.start >= since))
        return sum(
            _sum(connection, start, min(start + chunk, end), since) for start in range(first, end, chunk)
        )


def forget(connection: Connection, before: float) -> int:
    """Retention: rows of the ledger that are older, and summed up; how many."""
    old = (ledger.c.at < before) & (ledger.c.seq <= _number(connection, CURSOR))
    _put(connection, FORGOTTEN, max(int(before), _number(connection, FORGOTTEN)))
    return connection.execute(delete(ledger).where(old)).rowcount


def _last(connection: Connection) -> int:
    """The last row before which nothing can come any more. Numbers are given before their transactions end: a
    lock waits for those that are under way, and no other can begin meanwhile.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(text("LOCK TABLE ledger IN SHARE MODE"))
    return connection.execute(select(func.max(ledger.c.seq))).scalar() or 0


def _number(connection: Connection, name: str) -> int:
    """A setting that is one, 0 at first; locked."""
    kind = sqlite if connection.dialect.name == "sqlite" else postgresql
    connection.execute(kind.insert(settings).values(name=name, value=0).on_conflict_do_nothing())
    found = select(settings.c.value).where(settings.c.name == name).with_for_update()
    return int(connection.execute(found).scalar_one())


def _put(connection: Connection, name: str, value: int) -> None:
    connection.execute(update(settings).where(settings.c.name == name).values(value=value))


def _sum(connection: Connection, start: int, end: int, since: float) -> int:
    bounds = {"start": start, "end": end, "since": since}
    for adding in _additions(connection.dialect.name):
        connection.execute(adding, bounds)
    return int(connection.execute(COUNT, bounds).scalar_one())


@cache
def _additions(dialect: str) -> list[Any]:
    """The statements that add what some rows come to."""
    out = []
    for grain, seconds in GRAINS.items():
        size: Any = literal_column(str(seconds))
        whole = ledger.c.at / size if dialect == "sqlite" else func.floor(ledger.c.at / size)
        start = cast(whole, BigInteger) * size  # SQLite cuts by the cast
        out += [_adding(dialect, rollups, _scoped(grain, scope, start, of)) for scope, of in SCOPES.items()]
        out += [
            _adding(dialect, schema.latencies, latencies.answered(grain, start, scope, part))
            for scope in latencies.SCOPES
            for part in latencies.PARTS
        ]
    return out


def _scoped(grain: str, scope: str, start: Any, column: Any) -> Any:
    counted = case((ledger.c.kind == "correction", -1), else_=1)
    failed = case((ledger.c.status >= 400, counted), else_=0)
    sums = (func.sum(counted), func.sum(failed), *(func.sum(ledger.c[name]) for name in SUMMED[2:]))
    which: Any = literal("") if column is None else column
    rows = select(literal(grain), literal(scope), start, which, ledger.c.model, *sums)
    rows = rows.group_by(start, ledger.c.model)
    return rows if column is None else rows.where(column != "").group_by(column)


def _adding(dialect: str, table: Table, rows: Any) -> Any:
    """The statement that adds *rows* to those that are there: the key's columns, then what is summed up."""
    kind = sqlite if dialect == "sqlite" else postgresql
    key, summed = list(table.primary_key.columns.keys()), SUMMED if table is rollups else latencies.SUMMED
    adding = kind.insert(table).from_select([*key, *summed], rows.where(*WITHIN))
    added = {name: table.c[name] + adding.excluded[name] for name in summed}
    return adding.on_conflict_do_update(index_elements=key, set_=added)


WITHIN = (
    ledger.c.seq > bindparam("start"),
    ledger.c.seq <= bindparam("end"),
    ledger.c.at >= bindparam("since"),
)
COUNT = select(func.count()).select_from(ledger).where(*WITHIN)
