"""Sums of the ledger, over both stores: each row once, whoever counts, and the same again from the start."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import insert, select

from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.latencies import STEPS, Span, below, told
from muxi_llm.governance.store.ledger import GRAINS, forget, rebuild, roll
from muxi_llm.governance.store.schema import latencies, ledger, rollups

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
            "ms": (took := chance.randint(0, 3000)),
            "first_ms": chance.choice([0, took // 3]),
            "deployment": chance.choice(["eu", "us"]),
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
    for row in rows:
        for part, took in (("whole", row["ms"]), ("first", row["first_ms"])):
            if took and row["status"] == 200 and row["kind"] != "correction":
                step = next(step for step in STEPS if took <= step)
                for grain, seconds in GRAINS.items():
                    start = int(row["at"] // seconds) * seconds
                    names = {"all": "", "model": row["model"], "deployment": row["deployment"]}
                    for scope, which in names.items():
                        key = (grain, scope, start, which, part, step)
                        sums.setdefault(key, Counter()).update(requests=1, ms=took)
    names = {5: ("requests", "failed", "input", "cost"), 6: ("requests", "ms")}
    return {key: tuple(one[name] for name in names[len(key)]) for key, one in sums.items()}


def summed(store: Store) -> dict[Any, Any]:
    with store.reading() as connection:
        sums = {
            tuple(row[:5]): (row.requests, row.failed, row.input, row.cost)
            for row in connection.execute(select(rollups))
        }
        return sums | {
            tuple(row[:6]): (row.requests, row.ms) for row in connection.execute(select(latencies))
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
        connection.execute(latencies.update().values(ms=7))
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


def test_what_most_answers_stayed_below_is_so_within_a_step(store: Store) -> None:
    rows = [row for row in written(store, 500) if row["status"] == 200 and row["kind"] != "correction"]
    roll(store)
    with store.reading() as connection:
        days = NOW - 86400, NOW + 10 * 86400
        (all_of_them,) = told(connection, Span(*days), "day")
        (one,) = told(connection, Span(*days, "model", "m"), "hour")
        by = told(connection, Span(*days, "deployment"), "hour", "scope_id")
        assert told(connection, Span(0, 1), "day") == [{"whole": None, "first": None}]
        assert told(connection, Span(0, 1), "day", "start") == []
    for part, name in (("whole", "ms"), ("first", "first_ms")):
        took = sorted(row[name] for row in rows if row[name])
        said = all_of_them[part]
        assert (said["requests"], said["mean_ms"]) == (len(took), round(sum(took) / len(took), 1))
        for percent in (50, 95):
            true = took[len(took) * percent // 100]
            step = next(step for step in STEPS if true <= step)
            assert abs(said[f"p{percent}_ms"] - true) <= step - max(
                [0, *(one for one in STEPS if one < step)]
            )
    assert one["whole"]["requests"] == sum(row["ms"] > 0 and row["model"] == "m" for row in rows)
    assert {each["deployment"] for each in by} == {"eu", "us"}
    assert by[0]["whole"]["requests"] >= by[1]["whole"]["requests"]
    assert sum(each["whole"]["requests"] for each in by) == all_of_them["whole"]["requests"]


def test_a_part_of_a_step_is_reckoned_as_if_it_were_full_evenly() -> None:
    assert below([(20, 4)], 0.5) == 17.5
    assert below([(10, 1), (20, 1)], 0.5) == 10
    assert below([(10, 1), (30, 9)], 0.95) == 20 + 10 * 8.5 / 9
    assert below([(STEPS[-1], 3)], 1.0) == STEPS[-1]
