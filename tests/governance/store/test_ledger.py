"""Sums of the ledger, over both stores: each row once, whoever counts, and the same again from the start."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import insert, select

from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.ledger import GRAINS, forget, rebuild, roll
from muxi_llm.governance.store.schema import ledger, rollups

NOW = 1_700_000_000.0


def written(store: Store, count: int, seed: int = 1, first: int = 0) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    rows = [
        {
            "id": f"{seed}-{first + n}",
            "at": NOW + chance.uniform(0, 4 * 86400),
            "kind": chance.choice(["usage", "usage", "unknown", "correction"]),
            "key_id": chance.choice(["k1", "k2"]),
            "team_id": chance.choice(["t1", ""]),
            "model": chance.choice(["m", "n"]),
            "provider": "openai",
            "input": chance.randint(0, 50),
            "cost": chance.randint(-20, 100),
            "status": chance.choice([200, 499]),
        }
        for n in range(count)
    ]
    with store.writing() as connection:
        connection.execute(insert(ledger), rows)
    return rows


def expected(rows: list[dict[str, Any]]) -> dict[Any, Any]:
    sums: dict[Any, Counter[str]] = {}
    for row in rows:
        scopes = {"all": "", "key": row["key_id"], "team": row["team_id"], "provider": row["provider"]}
        one = -1 if row["kind"] == "correction" else 1
        for grain, seconds in GRAINS.items():
            for scope, which in scopes.items():
                if which or scope == "all":
                    key = (grain, scope, int(row["at"] // seconds) * seconds, which, row["model"])
                    sums.setdefault(key, Counter()).update(
                        requests=one,
                        failed=one if row["status"] >= 400 else 0,
                        input=row["input"],
                        cost=row["cost"],
                    )
    return {
        key: tuple(one[name] for name in ("requests", "failed", "input", "cost")) for key, one in sums.items()
    }


def summed(store: Store) -> dict[Any, Any]:
    with store.reading() as connection:
        return {
            tuple(row[:5]): (row.requests, row.failed, row.input, row.cost)
            for row in connection.execute(select(rollups))
        }


def test_each_row_is_summed_up_once(store: Store) -> None:
    rows = written(store, 300)
    assert roll(store, chunk=37) == 300
    assert summed(store) == expected(rows)
    assert roll(store) == 0
    rows += written(store, 100, seed=2)
    assert roll(store) == 100
    assert summed(store) == expected(rows)


def test_several_may_sum_while_others_write(opened: Callable[[], Store]) -> None:
    def write(seed: int) -> list[dict[str, Any]]:
        store = opened()
        return [row for n in range(10) for row in written(store, 20, seed, n * 20)]

    def sum_up(_: int) -> int:
        store = opened()
        return sum(roll(store, chunk=30) for _ in range(15))

    with ThreadPoolExecutor(6) as pool:
        writes = [pool.submit(write, seed) for seed in range(4)]
        sums = [pool.submit(sum_up, n) for n in range(2)]
        rows = [row for one in writes for row in one.result()]
        counted = sum(one.result() for one in sums)
    store = opened()
    assert counted + roll(store) == 800
    assert summed(store) == expected(rows)


def test_sums_made_anew_are_the_same(store: Store) -> None:
    written(store, 400)
    roll(store)
    before = summed(store)
    with store.writing() as connection:
        connection.execute(rollups.update().values(cost=7))
    assert rebuild(store, chunk=90) == 400
    assert summed(store) == before


def test_what_is_forgotten_stays_summed_up(store: Store) -> None:
    rows = written(store, 300)
    with store.writing() as connection:
        assert forget(connection, NOW + 10**9) == 0  # nothing is summed up yet
    roll(store)
    rows += written(store, 100, seed=2)
    with store.writing() as connection:
        assert forget(connection, NOW + 86400) == sum(row["at"] < NOW + 86400 for row in rows[:300])
    roll(store)
    assert summed(store) == expected(rows)
    rebuild(store)
    assert summed(store) == expected(rows)
