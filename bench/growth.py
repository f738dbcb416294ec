"""Whether anything slows down as a store grows: 100,000 keys, 10,000 budgets, more and more of a ledger. And
whether each page of the dashboard stays quick and small: its first byte, the CPU time it took, its bytes.

python -m bench.growth [--rows N ...] [--database URL] [--audit N]

The largest store (`--rows 10000000`) takes minutes to make and 5 GB of a disk.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
from sqlalchemy import insert, select, text

from muxi_llm.gateway.app import Gateway
from muxi_llm.gateway.control import Control
from muxi_llm.gateway.settings import files
from muxi_llm.gateway.state import State
from muxi_llm.governance.budgets import Ask, Claim, Row
from muxi_llm.governance.claims import budget_of
from muxi_llm.governance.keys import hash_of
from muxi_llm.governance.roles import ADMIN, Actor
from muxi_llm.governance.snapshot import Snapshot
from muxi_llm.governance.store import money, schema
from muxi_llm.governance.store.audit import Asked, Told, append
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.ledger import roll
from muxi_llm.governance.store.migrate import migrate
from tests.support import company
from tests.support.browsing import Shown

KEYS: Final = 100_000
BUDGETS: Final = 10_000
NOW: Final = int(time.time())
DAYS: Final = 90
NUMBERS: Final = {
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT {start} UNION ALL SELECT i + 1 FROM n WHERE i < {end}) "
    "SELECT i FROM n)",
    "postgresql": "(SELECT generate_series({start}, {end}) AS i)",
}
LEDGER: Final = """
INSERT INTO ledger (id, reservation_id, kind, at, key_id, user_id, team_id, organization_id, model,
    deployment, provider, input, output, cost, status, streamed, ms, first_ms)
SELECT 'a' || i, 'r' || i, 'usage', {now} - (i * 7919 % {seconds}), 'k' || (i * 31 % {keys}),
    'u' || (i % 1000), 't' || (i % 100), 'o' || (i % 10), 'm' || (i % 7), 'd' || (i % 20), 'p' || (i % 4),
    100, 50, 600, CASE WHEN i % 97 = 0 THEN 502 ELSE 200 END, i % 2 = 0, 200 + i * 7907 % 30000,
    CASE WHEN i % 2 = 0 THEN 100 + i * 7907 % 3000 ELSE 0 END FROM {numbers} AS n
"""
PAGES: Final = (
    *("/", "/?days=7", "/?days=90", "/live", "/models", "/spend", "/spend?team_id=t7", "/spend?api_key=k7"),
    *(
        "/spend?model=m1",
        "/spend?start_date={first}&end_date={last}",
        "/spend/rows",
        "/spend/rows?api_key=k7",
    ),
    *("/spend/rows?team_id=t7", "/spend/rows?model=m1", "/spend/rows?request_id=none", "/spend/row?id=r77"),
    *("/keys", "/keys?search=7777", "/keys?id=k7", "/keys?new", "/teams", "/teams?id=t7", "/users"),
    *("/users?id=u7", "/organizations", "/organizations?id=o7", "/audit", "/presets", "/playground"),
    *("/explain", "/clients", "/settings"),
)
SLOW, LARGE = 300.0, 200_000
"""Milliseconds to a page's first byte, and bytes of it, that none should pass."""


def people(store: Store) -> None:
    kept = {"created_at": 1.0, "updated_at": 1.0}
    with store.writing() as connection:
        keys = [
            {"id": f"k{n}", "hash": hash_of(f"sk-{n}"), "name": f"key {n}", "team_id": f"t{n % 100}", **kept}
            for n in range(KEYS)
        ]
        connection.execute(insert(schema.keys), keys)
        for table, many in ((schema.organizations, 10), (schema.teams, 100), (schema.users, 1000)):
            letter = table.name[0]
            connection.execute(
                insert(table), [{"id": f"{letter}{n}", "alias": f"{letter} {n}", **kept} for n in range(many)]
            )
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


def changed(store: Store, entries: int) -> None:
    """So many entries of the audit log."""
    asked = Asked(Actor(ADMIN, "u1"), "key/update", "user")
    with store.writing() as connection:
        for n in range(entries):
            told = Told("key", f"k{n % KEYS}", before={"rpm_limit": n}, after={"rpm_limit": n + 1})
            append(connection, asked, told, NOW - entries + n)


def shown(store: Store, folder: str) -> None:
    """Tell of each page."""
    file = Path(folder) / "config.yaml"
    file.write_text(company.CONFIG)
    control = Control(Gateway(State(files.read(file)[0])))
    last = datetime.now(UTC).date()
    days = {"first": last - timedelta(days=DAYS), "last": last}
    with Shown(store, gateway=control) as there:
        there.begun()
        with httpx2.Client(base_url=there.url, cookies=there.session("admin"), timeout=120) as client:
            for path in PAGES:
                took = [asked(client, f"/ui{path.format(**days)}") for _ in range(5)]
                first, cpu = (statistics.median(one[n] for one in took) for n in range(2))
                status, size = took[0][2:]
                wrong = " <- too much" if first > SLOW or size > LARGE else ""
                print(
                    f"  {path:<46} {status} {first:8.0f} ms {cpu:8.0f} ms CPU {size:9,} B{wrong}", flush=True
                )


def asked(client: httpx2.Client, path: str) -> tuple[float, float, int, int]:
    """Milliseconds to a page's first byte, those of CPU time to its last one, its status and its bytes."""
    began, used = time.perf_counter(), time.process_time()
    with client.stream("GET", path) as reply:
        first = time.perf_counter() - began
        size = len(reply.read())
    return first * 1000, (time.process_time() - used) * 1000, reply.status_code, size


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000, 10_000_000])
    parser.add_argument("--database")
    parser.add_argument("--audit", type=int, default=20_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(given.database or f"sqlite:///{folder}/store.db")
        migrate(store)
        people(store)
        changed(store, given.audit)
        before = 0
        for rows in given.rows:
            began = time.perf_counter()
            grown(store, before, rows)
            print(f"{rows:,} rows (made and summed up in {time.perf_counter() - began:.0f} s)")
            for name, took in measured(store).items():
                print(f"  {name:<28} {took:9.3f} ms", flush=True)
            before = rows
        shown(store, folder)
        store.close()


if __name__ == "__main__":
    main()
