"""Money as a state machine: whatever happens in whatever order, the sums are right and nobody is refused wrongly."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from muxi_llm.governance.budgets import (
    NOTHING,
    Ask,
    Balance,
    Budget,
    Claim,
    Crossing,
    Outcome,
    Past,
    Reservation,
    Row,
    Settled,
    State,
    Till,
    correction,
    share,
)
from muxi_llm.governance.windows import Window, span
from tests.support.length import long

BUDGETS = [
    Budget("key", "key", "k", 100, Window("total"), thresholds=(50, 80, 100)),
    Budget("team", "team", "t", 250, Window("hour")),
    Budget("org", "organization", "o", 400, Window("rolling", 6 * 3600), thresholds=(90,)),
    Budget("soft", "user", "u", 50, Window("day"), hard=False, thresholds=(100,)),
    Budget("openai", "provider", "openai", 150, Window("day")),
    Budget("groq", "provider", "groq", 120, Window("total")),
]
CLAIMS = [Claim(one, provider=one.id if one.scope == "provider" else "") for one in BUDGETS]
PROVIDERS = ("openai", "groq")
BY_ID = {one.id: one for one in BUDGETS}


class Books:
    """What a store keeps, kept here: balances, reservations, the ledger."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.balances: dict[Any, Balance] = {}
        self.ledger: dict[str, Row] = {}
        self.crossings: list[Crossing] = []

    def till(self) -> Till:
        till = Till(self.now, self.balances, {(one.id, ""): self.past(one) for one in BUDGETS}, BY_ID.get)
        till.crossings = self.crossings
        return till

    def past(self, budget: Budget) -> Past:
        if budget.window.kind != "rolling":
            return NOTHING
        counts = span(budget.window, self.now)
        older = {
            period: one
            for (owner, _, period), one in self.balances.items()
            if owner == budget.id and counts.oldest <= period < counts.start
        }
        if not older:
            return NOTHING
        sums = [sum(getattr(one, name) for one in older.values()) for name in ("spent", "reserved")]
        used = [period for period, one in older.items() if one.spent or one.reserved]
        return Past(*sums, max(one.told for one in older.values()), min(used, default=0))

    def write(self, rows: list[Row]) -> None:
        for row in rows:
            assert row.id not in self.ledger, "booked twice"
            self.ledger[row.id] = row


class Money(RuleBasedStateMachine):
    """Requests of random sizes, under random budgets, that end in random ways."""

    held = Bundle("held")
    closed = Bundle("closed")

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.all: list[Reservation] = []
        self.excess: Counter[Any] = Counter()
        """What of a balance is beyond what was held when it was let in."""
        self.count = 0

    @rule(
        target=held,
        which=st.sets(st.sampled_from(CLAIMS), max_size=6),
        estimate=st.integers(0, 60),
        floor=st.integers(0, 10),
    )
    def reserve(self, which: set[Claim], estimate: int, floor: int) -> Reservation | None:
        self.count += 1
        floor = min(floor, estimate)
        before = {claim: self.left(claim.budget) for claim in which}
        ask = Ask(f"r{self.count}", tuple(which), estimate, floor, PROVIDERS, {"provider": "openai"})
        verdict, held = self.books.till().reserve(ask)
        hard = {claim: left for claim, left in before.items() if claim.budget.hard}
        enough = all(left[0] >= max(estimate, 1) for left in hard.values())
        if enough:
            assert (verdict.outcome, verdict.amount) == (Outcome.ADMITTED, estimate)
            assert not verdict.without
        if verdict.outcome is Outcome.ADMITTED:
            assert held is not None
            assert floor <= held.amount <= estimate
            self.all.append(held)
            return held
        assert held is None
        assert verdict.claim is not None
        left, unspent = hard[verdict.claim]
        assert left < max(floor, 1)
        assert (verdict.outcome is Outcome.SPENT) == (unspent < max(floor, 1))
        assert verdict.resets_at > self.books.now
        return None

    @rule(held=held, estimate=st.integers(1, 40))
    def grow(self, held: Reservation | None, estimate: int) -> None:
        if held is None:
            return
        claims = [claim for claim in CLAIMS if claim.budget.id in {hold.budget for hold in held.holds}]
        state, amount = held.state, held.amount
        verdict = self.books.till().grow(held, Ask(held.id, claims, estimate, 1, PROVIDERS))
        grew = verdict.outcome is Outcome.ADMITTED and state is State.OPEN
        assert held.amount == amount + (verdict.amount if grew else 0)

    @rule(target=closed, held=consumes(held), costs=st.lists(st.integers(0, 70), max_size=3))
    def settle(self, held: Reservation | None, costs: list[int]) -> Reservation | None:
        if held is None:
            return None
        self._settle(held, costs, "a")
        return held

    @rule(held=closed, costs=st.lists(st.integers(0, 70), max_size=2))
    def settle_again(self, held: Reservation | None, costs: list[int]) -> None:
        if held is not None and held.state is State.SETTLED:
            before = dict(self.books.ledger)
            assert self._settle(held, costs, "b") is Settled.ALREADY
            assert self.books.ledger == before

    def _settle(self, held: Reservation, costs: list[int], mark: str) -> Settled:
        rows = [
            Row(f"{held.id}:{mark}{n}", "usage", cost, PROVIDERS[(cost + n) % 2])
            for n, cost in enumerate(costs)
        ]
        was, booked = held.state, [correction(held)] if held.state is State.UNKNOWN else []
        counted = {hold: share(hold, booked) if booked else held.amount for hold in held.holds}
        settled, written = self.books.till().settle(held, rows)
        self.books.write(written)
        if settled is not Settled.ALREADY:
            for hold in held.holds:
                self.excess[hold.key] += max(share(hold, rows) - counted[hold], 0)
            assert held.state is (State.SETTLED if rows else State.RELEASED)
            assert held.cost == sum(costs)
        assert (settled is Settled.CORRECTED) == (was is State.UNKNOWN and bool(rows))
        return settled

    @rule(held=held, beaten=st.none() | st.integers(0, 50))
    def expire(self, held: Reservation | None, beaten: int | None) -> None:
        if held is None or held.state is not State.OPEN:
            return
        held.beaten = beaten
        self.books.write(self.books.till().expire(held))
        for hold in held.holds:
            self.excess[hold.key] += max((beaten or 0) - held.amount, 0)
        assert held.state is State.UNKNOWN
        assert held.cost == (held.amount if beaten is None else beaten)

    @rule(seconds=st.sampled_from([1, 60, 3600, 7200, 86400]))
    def wait(self, seconds: int) -> None:
        self.books.now += seconds

    # ----------------------------------------------------------------------------------- laws

    def left(self, budget: Budget) -> tuple[int, int]:
        """What is left of a budget, and what is not spent."""
        here = self.books.balances.get((budget.id, "", span(budget.window, self.books.now).start), Balance())
        past = self.books.past(budget)
        unspent = budget.amount - here.spent - past.spent
        return unspent - here.reserved - past.reserved, unspent

    @invariant()
    def what_is_held_is_the_sum_of_what_is_open(self) -> None:
        held: Counter[Any] = Counter()
        for one in self.all:
            if one.state is State.OPEN:
                held.update({hold.key: one.amount for hold in one.holds})
        assert {key: one.reserved for key, one in self.books.balances.items() if one.reserved} == {
            key: amount for key, amount in held.items() if amount
        }

    @invariant()
    def what_is_spent_is_the_sum_of_the_ledger(self) -> None:
        spent: Counter[Any] = Counter()
        for one in self.all:
            rows = [row for row in self.books.ledger.values() if row.id.startswith(f"{one.id}:")]
            for hold in one.holds:
                spent[hold.key] += share(hold, rows)
            assert sum(row.cost for row in rows) == one.cost
        assert {key: one.spent for key, one in self.books.balances.items() if one.spent} == {
            key: amount for key, amount in spent.items() if amount
        }

    @invariant()
    def no_budget_is_passed_but_by_what_cost_more_than_it_held(self) -> None:
        for (budget, _, period), one in self.books.balances.items():
            if BY_ID[budget].hard:
                beyond = self.excess[budget, "", period]
                assert one.spent + one.reserved <= BY_ID[budget].amount + beyond

    @invariant()
    def a_threshold_is_told_once(self) -> None:
        told = [(one.budget.id, one.period, one.percent) for one in self.books.crossings]
        assert len(told) == len(set(told))

    def teardown(self) -> None:
        for one in self.all:
            if one.state is State.OPEN:
                self._settle(one, [], "z")
        assert not any(one.reserved for one in self.books.balances.values())


TestMoney = Money.TestCase
TestMoney.settings = settings(max_examples=long(300, 40), stateful_step_count=40, deadline=None)


def till(now: float = 0.0, past: Past = NOTHING, **balances: Balance) -> Till:
    held = {(name, "", span(BY_ID[name].window, now).start): one for name, one in balances.items()}
    return Till(now, held, {("org", ""): past}, BY_ID.get)


def claim(name: str) -> Claim:
    return next(one for one in CLAIMS if one.budget.id == name)


def test_of_several_that_are_spent_the_one_that_resets_last_is_named() -> None:
    one = till(team=Balance(250), org=Balance(10), soft=Balance(99))
    verdict, _ = one.reserve(Ask("r", [claim("team"), claim("org"), claim("soft")], 5, 1))
    assert (verdict.outcome, verdict.claim, verdict.resets_at) == (Outcome.SPENT, claim("team"), 3600)
    one = till(key=Balance(100), team=Balance(250))
    verdict, _ = one.reserve(Ask("r", [claim("team"), claim("key")], 5, 1))
    assert (verdict.claim, verdict.resets_at) == (claim("key"), float("inf"))


def test_a_rolling_budget_frees_what_was_spent_first() -> None:
    now = 1_000_000.0
    verdict, _ = till(now, Past(400, 0, 0, 990_000)).reserve(Ask("r", [claim("org")], 5, 1))
    assert verdict.resets_at == 990_000 + 6 * 3600 + 360


def test_a_provider_whose_budget_is_spent_is_left_out_and_refuses_only_if_there_is_no_other() -> None:
    asked = Ask("r", [claim("openai"), claim("groq")], 5, 1, PROVIDERS)
    verdict, held = till(openai=Balance(150)).reserve(asked)
    assert (verdict.outcome, verdict.without) == (Outcome.ADMITTED, {"openai"})
    assert held is not None
    assert [hold.budget for hold in held.holds] == ["groq"]
    verdict, _ = till(openai=Balance(150), groq=Balance(0, 120)).reserve(asked)
    assert (verdict.outcome, verdict.claim) == (Outcome.SPENT, claim("openai"))


def test_what_costs_nothing_is_let_in_when_all_is_spent_but_not_when_more_is() -> None:
    free = Ask("r", [claim("key")], 0, 0)
    assert till(key=Balance(100)).reserve(free)[0].outcome is Outcome.ADMITTED
    assert till(key=Balance(101)).reserve(free)[0].outcome is Outcome.SPENT


def test_a_late_receipt_of_a_provider_frees_the_guess_where_it_was_booked() -> None:
    one = till()
    _, held = one.reserve(
        Ask("r", [claim("openai"), claim("groq")], 50, 1, PROVIDERS, {"provider": "openai"})
    )
    assert held is not None
    one.expire(held)
    settled, rows = one.settle(held, [Row("r:1", "usage", 7, "groq")])
    assert settled is Settled.CORRECTED
    assert [(row.kind, row.cost) for row in rows] == [("usage", 7), ("correction", -50)]
    assert {key[0]: balance.spent for key, balance in one.balances.items()} == {"openai": 0, "groq": 7}


def test_a_request_does_not_grow_beyond_what_its_provider_has_left() -> None:
    one = till(groq=Balance(0, 110))
    asked = Ask("r", [claim("openai"), claim("groq")], 10, 1, PROVIDERS)
    _, held = one.reserve(asked)
    assert held is not None
    assert one.grow(held, asked).outcome is Outcome.HELD
    assert held.amount == 10


def test_a_request_grows_in_the_period_it_began_in() -> None:
    books = Books()
    asked = Ask("r", [claim("team")], 250, 1)
    _, held = books.till().reserve(asked)
    assert held is not None
    books.now += 3600
    assert books.till().grow(held, asked._replace(estimate=1)).outcome is Outcome.HELD
    assert books.till().reserve(asked._replace(id="next"))[0].outcome is Outcome.ADMITTED
