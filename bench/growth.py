"""Whether anything slows down as a store grows: 100,000 keys, 10,000 budgets, more and more of a ledger.

python -m bench.growth [--rows N ...] [--database URL]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import insert, select, text

from muxi_llm.governance.budgets import Ask, Claim, Row
from muxi_llm.governance.claims import budget_of
from muxi_llm.governance.keys import hash_of
from muxi_llm.governance.snapshot import Snapshot
from muxi_llm.governance.store import money, schema
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.ledger import roll
from muxi_llm.governance.store.migrate import migrate

KEYS: Final = 100_000
BUDGETS: Final = 10_000
NOW: Final = 1_790_000_000
DAYS: Final = 90
NUMBERS: Final = {
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT {start} UNION ALL SELECT i + 1 FROM n WHERE i < {end}) "
    "SELECT i FROM n)",
    "postgresql": "(SELECT generate_series({start}, {end}) AS i)",
}
LEDGER: Final = """
INSERT INTO ledger (id, kind, at, key_id, team_id, model, provider, input, output, cost, status)
SELECT 'a' || i, 'usage', {now} - (i * 7919 % {seconds}), 'k' || (i * 31 % {keys}), 't' || (i % 100),
       'm' || (i % 7), 'openai', 100, 50, 600, 200 FROM {numbers} AS n
"""


def people(store: Store) -> None:
    kept = {"created_at": 1.0, "updated_at": 1.0}
    with store.writing() as connection:
        keys = [
            {"id": f"k{n}", "hash": hash_of(f"sk-{n}"), "team_id": f"t{n % 100}", **kept} for n in range(KEYS)
        ]
        connection.execute(insert(schema.keys), keys)
        connection.execute(insert(schema.teams), [{"id": f"t{n}", **kept} for n in range(100)])
        budgets = [
            {
                "id": f"b{n}",
                "scope": "key",
                "scope_id": f"k{n}",
                "amount": 10**12,
                "window": "month",
                "hard": True,
                **kept,
            }
            for n in range(BUDGETS)
        ]
        connection.execute(insert(schema.budgets), budgets)


def grown(store: Store, start: int, end: int) -> None:
    """Rows *start* to *end* of the ledger, and their sums."""
    chunk = 500_000
    for first in range(start + 1, end + 1, chunk):
        bounds = {"start": first, "end": min(first + chunk - 1, end)}
        numbers = NUMBERS[store.engine.dialect.name].format(**bounds)
        with store.writing() as connection:
            connection.execute(text(LEDGER.format(now=NOW, seconds=DAYS * 86400, keys=KEYS, numbers=numbers)))
    roll(store, chunk)


def timed(what: Callable[[int], object], times: int = 50) -> float:
    """Milliseconds, the median."""
    took = []
    for n in range(times):
        began = time.perf_counter()
        what(n)
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def measured(store: Store) -> dict[str, float]:
    began = time.perf_counter()
    snapshot = Snapshot(store)
    snapshot.load()
    out = {"start-up": (time.perf_counter() - began) * 1000}
    out["key looked up"] = timed(lambda n: snapshot.holder(f"sk-{n * 1999}"))
    salt = time.monotonic_ns()

    def one(n: int) -> None:
        row = snapshot.defined("budgets", "key", f"k{n}")[0]
        name = f"r{salt}-{n}"
        ask = Ask(name, (Claim(budget_of(row)),), 600, 1, (), {"key_id": f"k{n}"}, NOW, NOW + 900)
        facts, booked = {"key_id": f"k{n}"}, Row(f"{name}:0", "usage", 600, "openai")
        receipt = money.Receipt(name, NOW, NOW, (), facts, (booked,))
        with store.writing() as connection:
            money.apply(connection, [ask], NOW)
        with store.writing() as connection:
            money.apply(connection, [receipt], NOW)

    out["admitted and settled"] = timed(one)
    rollups = schema.rollups
    month = (rollups.c.grain == "day") & (rollups.c.start >= NOW - 30 * 86400)

    def spend(scope: str) -> Callable[[int], Any]:
        def ask(n: int) -> Any:
            ids = {"all": "", "team": f"t{n}", "key": f"k{n}"}
            which = (rollups.c.scope == scope) & (rollups.c.scope_id == ids[scope])
            with store.reading() as connection:
                return connection.execute(select(rollups).where(month, which)).all()

        return ask

    for scope in ("all", "team", "key"):
        out[f"a month's spend of {scope}"] = timed(spend(scope), 20)
    last = (
        select(schema.ledger)
        .where(schema.ledger.c.key_id == "k5")
        .order_by(schema.ledger.c.at.desc())
        .limit(50)
    )

    def rows(_: int) -> Any:
        with store.reading() as connection:
            return connection.execute(last).all()

    out["a key's last requests"] = timed(rows, 20)
    return out


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000, 10_000_000])
    parser.add_argument("--database")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(given.database or f"sqlite:///{folder}/store.db")
        migrate(store)
        people(store)
        before = 0
        for rows in given.rows:
            began = time.perf_counter()
            grown(store, before, rows)
            print(f"{rows:,} rows (made and summed up in {time.perf_counter() - began:.0f} s)")
            for name, took in measured(store).items():
                print(f"  {name:<28} {took:9.3f} ms", flush=True)
            before = rows
        store.close()


if __name__ == "__main__":
    main()
