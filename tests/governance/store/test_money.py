"""The steps of money in rows, over both stores: together or not at all, once, and by several at a time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from sqlalchemy import func, select

from muxi_llm.governance.budgets import Ask, Budget, Claim, Hold, Outcome, Row, Settled, Verdict
from muxi_llm.governance.store import money
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.money import Beat, Expire, More, Receipt, Step
from muxi_llm.governance.store.schema import balances, events, ledger, reservations
from muxi_llm.governance.windows import Window, span

NOW = 1_700_000_000.0
KEY = Budget("key", "key", "k1", 1000, Window("month"), thresholds=(50, 90))
TEAM = Budget("team", "team", "*", 2000, Window("rolling", 3600))
CLAIMS = (Claim(KEY), Claim(TEAM, "t1"))
FACTS = {"key_id": "k1", "team_id": "t1", "model": "m", "provider": "openai", "request_id": "their-own"}


def ask(name: str, estimate: int = 100, claims: Any = CLAIMS, expires: float = NOW + 60) -> Ask:
    return Ask(name, claims, estimate, min(estimate, 1), ("openai",), FACTS, NOW, expires)


def receipt(name: str, *costs: int, at: float = NOW, holds: Any = ()) -> Receipt:
    more = {"input": 3, "answered": "openai/m"}
    rows = tuple(Row(f"{name}:{n}", "usage", cost, "openai", more) for n, cost in enumerate(costs))
    return Receipt(name, at, NOW, holds, FACTS, rows)


def take(store: Store, *steps: Step, now: float = NOW) -> list[Any]:
    with store.writing() as connection:
        return money.apply(connection, steps, now, {"key": KEY, "team": TEAM}.get)


def rows_of(store: Store, table: Any) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(select(table)).mappings())


def sums(store: Store) -> dict[tuple[str, str], tuple[int, int]]:
    return {
        (row["budget_id"], row["subject"]): (row["spent"], row["reserved"])
        for row in rows_of(store, balances)
    }


def test_a_request_from_asking_to_its_receipt(store: Store) -> None:
    assert take(store, ask("r")) == [Verdict(Outcome.ADMITTED, 100, left=(900, 1900))]
    assert sums(store) == {("key", ""): (0, 100), ("team", "t1"): (0, 100)}
    assert take(store, More(ask("r", 50)))[0].amount == 50
    (row,) = rows_of(store, reservations)
    assert (row["state"], row["amount"], row["request_id"]) == ("open", 150, "their-own")
    assert row["holds"] == [
        ["key", "", span(KEY.window, NOW).start, ""],
        ["team", "t1", span(TEAM.window, NOW).start, ""],
    ]
    assert take(store, receipt("r", 30, 40)) == [Settled.BOOKED]
    assert sums(store) == {("key", ""): (70, 0), ("team", "t1"): (70, 0)}
    booked = rows_of(store, ledger)
    assert [(one["id"], one["cost"], one["kind"], one["input"]) for one in booked] == [
        ("r:0", 30, "usage", 3),
        ("r:1", 40, "usage", 3),
    ]
    assert {(one["key_id"], one["team_id"], one["model"], one["answered"]) for one in booked} == {
        ("k1", "t1", "m", "openai/m")
    }
    (row,) = rows_of(store, reservations)
    assert (row["state"], row["cost"], row["closed_at"]) == ("settled", 70, NOW)


def test_the_steps_of_a_whole_life_may_come_at_once(store: Store) -> None:
    steps = [ask("r"), Beat("r", 5, NOW, NOW + 99), More(ask("r", 10)), receipt("r", 60), receipt("r", 60)]
    assert take(store, *steps) == [
        Verdict(Outcome.ADMITTED, 100, left=(900, 1900)),
        None,
        Verdict(Outcome.ADMITTED, 10, left=(890, 1890)),
        Settled.BOOKED,
        Settled.ALREADY,
    ]
    assert sums(store) == {("key", ""): (60, 0), ("team", "t1"): (60, 0)}
    assert len(rows_of(store, ledger)) == 1


def test_steps_of_one_transaction_see_each_other(store: Store) -> None:
    """The budget of 1000 has room for three and a rest."""
    verdicts = take(store, *(ask(f"r{n}", 300) for n in range(5)))
    assert [(one.outcome, one.amount) for one in verdicts] == [
        *[(Outcome.ADMITTED, 300)] * 3,
        (Outcome.ADMITTED, 100),
        (Outcome.HELD, 0),
    ]
    assert sums(store)["key", ""] == (0, 1000)


def test_all_of_it_or_nothing(store: Store) -> None:
    with suppress(RuntimeError), store.writing() as connection:
        money.apply(connection, [ask("r"), receipt("r", 5)], NOW)
        raise RuntimeError
    assert rows_of(store, balances) == rows_of(store, reservations) == rows_of(store, ledger) == []


def test_a_receipt_of_a_request_let_in_while_the_store_was_away(store: Store) -> None:
    holds = (Hold("key", "", span(KEY.window, NOW).start), Hold("team", "t1", span(TEAM.window, NOW).start))
    late = receipt("r", 25, holds=holds)
    assert take(store, late) == [Settled.BOOKED]
    assert take(store, late, late) == [Settled.ALREADY] * 2
    assert sums(store) == {("key", ""): (25, 0), ("team", "t1"): (25, 0)}
    with store.writing() as connection:
        money.forget(connection, NOW + 1, 0)
    assert rows_of(store, reservations) == []
    assert take(store, late) == [Settled.ALREADY]
    assert sums(store) == {("key", ""): (25, 0), ("team", "t1"): (25, 0)}


def test_what_expired_is_booked_and_a_late_receipt_puts_it_right(store: Store) -> None:
    take(store, ask("quiet"), ask("beaten"), ask("alive"))
    take(store, Beat("beaten", 33, NOW, NOW + 60), Beat("alive", 44, NOW + 50, NOW + 600))
    with store.writing() as connection:
        assert money.sweep(connection, NOW + 61, {"key": KEY}.get) == 2
    states = {row["id"]: (row["state"], row["cost"]) for row in rows_of(store, reservations)}
    assert states == {"quiet": ("unknown", 100), "beaten": ("unknown", 33), "alive": ("open", 0)}
    assert sums(store)["key", ""] == (133, 100)
    assert take(store, receipt("quiet", 7), receipt("beaten", 50), now=NOW + 70) == [Settled.CORRECTED] * 2
    assert sums(store)["key", ""] == (57, 100)
    kinds = Counter((one["reservation_id"], one["kind"], one["cost"]) for one in rows_of(store, ledger))
    assert kinds == Counter(
        [
            *[("quiet", "unknown", 100), ("quiet", "usage", 7), ("quiet", "correction", -100)],
            *[("beaten", "estimated", 33), ("beaten", "usage", 50), ("beaten", "correction", -33)],
        ]
    )
    assert take(store, Expire("alive"), now=NOW + 61) == [None]
    assert sums(store)["key", ""] == (57, 100)


def test_costs_that_come_late_are_booked_where_the_request_began(store: Store) -> None:
    """A batch is submitted for nothing, and its results are billed a month later."""
    take(store, ask("batch", 0))
    assert take(store, receipt("batch")) == [Settled.BOOKED]
    later = NOW + 40 * 86400
    assert take(store, receipt("batch", 500, at=later), now=later) == [Settled.CORRECTED]
    spent = {(row["budget_id"], row["period"]): row["spent"] for row in rows_of(store, balances)}
    assert spent["key", span(KEY.window, NOW).start] == 500
    assert take(store, receipt("batch", 500, at=later), now=later) == [Settled.ALREADY]


def test_a_rolling_budget_counts_its_older_buckets(store: Store) -> None:
    claims = [Claim(TEAM, "t1")]
    take(store, ask("a", 1500, claims), receipt("a", 1500))
    later = NOW + 1800
    verdict = take(store, ask("b", 600, claims), now=later)[0]
    assert (verdict.outcome, verdict.amount) == (Outcome.ADMITTED, 500)
    refused = take(store, ask("c", 600, claims), receipt("b", 500), ask("d", 600, claims), now=later)
    assert [one.outcome for one in refused if isinstance(one, Verdict)] == [Outcome.HELD, Outcome.SPENT]
    assert refused[2].resets_at == span(TEAM.window, NOW).start + 3600 + 60
    assert take(store, ask("e", 600, claims), now=NOW + 3600 + 61)[0].outcome is Outcome.ADMITTED
    other = [Claim(TEAM, "t2")]
    assert take(store, ask("f", 2000, other), now=later)[0].amount == 2000


def test_thresholds_are_told_once_a_period(store: Store) -> None:
    for name in "abcd":
        take(store, ask(name, 300), receipt(name, 300))
    told = [(row["kind"], row["facts"]["percent"], row["facts"]["spent"]) for row in rows_of(store, events)]
    assert told == [("budget", 50, 600), ("budget", 90, 900)]
    later = NOW + 40 * 86400
    take(store, ask("e", 600), receipt("e", 600), now=later)
    assert [row["facts"]["percent"] for row in rows_of(store, events)] == [50, 90, 50]


def test_balances_of_long_ago_are_forgotten_but_no_total(store: Store) -> None:
    total = Budget("total", "key", "k1", 10**6, Window("total"))
    take(store, ask("r", 10, [*CLAIMS, Claim(total)]), receipt("r", 10))
    take(store, ask("open", 10))
    with store.writing() as connection:
        money.forget(connection, 0, NOW + 10**7)
    assert {row["budget_id"] for row in rows_of(store, balances)} == {"total", "key", "team"}
    take(store, receipt("open", 1))
    with store.writing() as connection:
        money.forget(connection, 0, NOW + 10**7)
    assert {row["budget_id"] for row in rows_of(store, balances)} == {"total"}


def test_several_gateways_share_a_budget_to_the_last_cent(opened: Callable[[], Store]) -> None:
    """Eight at once, a budget for exactly 100 of 10, sizes of transactions at random."""
    budget = Budget("b", "key", "k", 1000, Window("month"))

    def work(seed: int) -> int:
        chance, store, let_in, asked = random.Random(seed), opened(), 0, 0
        while asked < 30:
            names = [f"{seed}-{asked + n}" for n in range(chance.randint(1, 5))]
            asked += len(names)
            verdicts = take(store, *(ask(name, 10, [Claim(budget), Claim(KEY)]) for name in names))
            admitted = [
                name for name, one in zip(names, verdicts, strict=True) if one.outcome is Outcome.ADMITTED
            ]
            let_in += len(admitted)
            take(store, *(receipt(name, 10) for name in admitted))
        return let_in

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 100
    store = opened()
    assert sums(store) == {("b", ""): (1000, 0), ("key", ""): (1000, 0)}
    with store.reading() as connection:
        assert connection.execute(select(func.sum(ledger.c.cost), func.count())).one() == (1000, 100)
