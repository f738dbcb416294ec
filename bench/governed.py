"""What a request costs in a gateway that keeps account: a key, three limits, two hard budgets, the ledger.

python -m bench.governed [--requests N] [--rounds N] [--connections N]

Beside it the same gateway with a token alone. CPU of the whole process, its writing thread in it; with
SQLite, and with PostgreSQL where that is installed (whose own CPU is not in it).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from contextlib import ExitStack
from typing import Final

from sqlalchemy import insert

from bench.gateway import CONFIG, costs, gateway
from bench.upstream import running
from muxi_llm.governance.keys import hash_of
from muxi_llm.governance.store import schema
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from tests.support.postgres import INSTALLED, PostgresServer

GOAL: Final = 250
GOVERNED: Final = """
database: {{url: "%s"}}
governance: {{spool: "{folder}/spool", default_price: {{input: 1, output: 2}}}}
"""


def people(url: str) -> None:
    """A key of a team, with limits and budgets that are never reached."""
    store = Store(url)
    migrate(store)
    kept = {"created_at": 1.0, "updated_at": 1.0}
    most = 10**15
    with store.writing() as connection:
        connection.execute(insert(schema.teams).values(id="t", **kept))
        key = {"id": "k", "hash": hash_of("bench-token"), "team_id": "t", "kind": "llm_api"}
        connection.execute(insert(schema.keys).values(**key, **kept))
        for kind in ("rpm", "tpm", "parallel"):
            limit = {"id": kind, "scope": "key", "scope_id": "k", "kind": kind, "amount": most}
            connection.execute(insert(schema.limits).values(**limit, **kept))
        for scope, which in (("key", "k"), ("team", "t")):
            budget = {"id": scope, "scope": scope, "scope_id": which, "amount": most, "window": "month"}
            connection.execute(insert(schema.budgets).values(hard=True, **budget, **kept))
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    given = parser.parse_args()
    with ExitStack() as running_on:
        folder = running_on.enter_context(tempfile.TemporaryDirectory())
        databases = {"SQLite": f"sqlite:///{folder}/store.db"}
        if INSTALLED.exists():
            databases["PostgreSQL"] = running_on.enter_context(PostgresServer()).database()
        upstream = running_on.enter_context(running())
        served = {"a token": running_on.enter_context(gateway(upstream.url))}
        for name, database in databases.items():
            people(database)
            settings = CONFIG.replace("{{bench: bench-token}}", "{{operator: another-token}}")
            governed = gateway(upstream.url, settings + GOVERNED % database)
            served[f"a key, 3 limits, 2 budgets, {name}"] = running_on.enter_context(governed)
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in served}
        for _ in range(given.rounds):
            for name, one in served.items():
                runs[name].append(costs(*one, "passed", given.requests, given.connections, stream=False))
    for name, each in runs.items():
        sums = [sum(one) for one in each]
        loop, others = (statistics.median(part) for part in zip(*each, strict=True))
        told = f"{statistics.median(sums):7.1f} µs ({min(sums):.1f}-{max(sums):.1f})"
        print(f"{name:<40} {told}: the event loop's thread {loop:.1f}, others {others:.1f}")
    print(f"goal of all but the first: {GOAL} µs")


if __name__ == "__main__":
    main()
