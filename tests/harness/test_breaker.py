"""The circuit breaker: opens on failures in a row, decides early, never wedges."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from muxi_llm.harness.breaker import Breaker, CircuitBreaker, Ticket
from tests.support.length import long


def fail(breaker: CircuitBreaker, times: int = 3, now: float = 0.0) -> None:
    for _ in range(times):
        ticket = breaker.admit(now)
        assert ticket is not None
        breaker.settle(ticket, True, now)


def in_a_row(threshold: int = 3, **wanted: Any) -> CircuitBreaker:
    return CircuitBreaker(Breaker(in_a_row=threshold, **wanted))


def opened(**wanted: Any) -> CircuitBreaker:
    breaker = in_a_row(**wanted)
    fail(breaker)
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = in_a_row(threshold=3, cooldown=30)
    fail(breaker, 2)
    breaker.settle(breaker.admit(0.0) or Ticket(-1, 0), False, 0.0)
    fail(breaker, 2)
    assert breaker.state(0.0) == "closed"
    fail(breaker, 1)
    assert breaker.state(0.0) == "open"
    assert breaker.admit(29.9) is None


def test_a_call_given_up_says_nothing() -> None:
    breaker = in_a_row(threshold=1)
    ticket = breaker.admit(0.0)
    assert ticket is not None
    breaker.settle(ticket, None, 0.0)
    assert breaker.state(0.0) == "closed"


@pytest.mark.parametrize(("failed", "state"), [(False, "closed"), (True, "open")], ids=["works", "fails"])
def test_one_probe_decides(failed: bool, state: str) -> None:
    breaker = opened()
    assert breaker.state(30.0) == "half-open"
    ticket = breaker.admit(30.0)
    assert ticket is not None
    assert breaker.admit(30.0) is None
    breaker.settle(ticket, failed, 31.0)
    assert breaker.state(31.0) == state


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [([False, False], "closed"), ([True, True], "open"), ([False, True, False], "closed")],
    ids=["two of three work", "two of three fail", "one fails"],
)
def test_several_probes_decide_as_soon_as_it_is_certain(outcomes: list[bool], state: str) -> None:
    breaker = opened(probes=3)
    tickets = [breaker.admit(30.0) for _ in range(3)]
    assert None not in tickets
    assert breaker.admit(30.0) is None
    for ticket, failed in zip(tickets, outcomes, strict=False):
        assert ticket is not None
        assert breaker.state(30.0) == "half-open"
        breaker.settle(ticket, failed, 30.0)
    assert breaker.state(30.0) == state


def test_a_cancelled_probes_place_is_given_on() -> None:
    breaker = opened()
    ticket = breaker.admit(30.0)
    assert ticket is not None
    breaker.settle(ticket, None, 30.0)
    assert breaker.admit(30.0) is not None


def test_a_probe_that_never_comes_back_is_given_on_after_a_cooldown() -> None:
    breaker = opened()
    assert breaker.admit(30.0) is not None
    assert breaker.admit(59.9) is None
    assert breaker.admit(60.0) is not None


def test_the_cooldown_doubles_up_to_the_longest_and_starts_afresh() -> None:
    breaker = opened(cooldown=100, longest=300)
    now = 0.0
    for cooldown in (100, 200, 300, 300):
        assert breaker.admit(now + cooldown - 0.1) is None
        now += cooldown
        probe = breaker.admit(now)
        assert probe is not None
        breaker.settle(probe, True, now)
    probe = breaker.admit(now + 300)
    assert probe is not None
    breaker.settle(probe, False, now + 300)
    fail(breaker, now=now + 300)
    assert breaker.admit(now + 400) is not None


def test_outcomes_of_an_earlier_period_no_longer_count() -> None:
    """Nor do tickets count twice."""
    breaker = in_a_row()
    early = breaker.admit(0.0)
    assert early is not None
    fail(breaker)
    breaker.settle(early, False, 1.0)
    assert breaker.state(1.0) == "open"
    probe = breaker.admit(30.0)
    assert probe is not None
    breaker.settle(early, False, 30.0)
    assert breaker.state(30.0) == "half-open"
    breaker.settle(probe, False, 30.0)
    breaker.settle(probe, True, 30.0)
    assert breaker.state(30.0) == "closed"


def test_reset_closes_it() -> None:
    breaker = opened()
    breaker.reset()
    assert breaker.admit(0.0) is not None


@pytest.mark.parametrize("wanted", [{"in_a_row": 0}, {"probes": 0}, {"cooldown": 0}], ids=repr)
def test_numbers_that_cannot_be(wanted: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be a"):
        Breaker(**wanted)


class NeverWedges(RuleBasedStateMachine):
    """Whatever is admitted, settled, given up or lost: some day a call is let through again."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = in_a_row(threshold=2, cooldown=10, probes=2, longest=40)
        self.now = 0.0
        self.out: list[Ticket] = []

    @rule()
    def ask(self) -> None:
        ticket = self.breaker.admit(self.now)
        if ticket is not None:
            self.out.append(ticket)

    @precondition(lambda self: self.out)
    @rule(failed=st.sampled_from([True, False, None]), index=st.integers(0, 9), forget=st.booleans())
    def settle(self, failed: bool | None, index: int, forget: bool) -> None:
        ticket = self.out.pop(index % len(self.out))
        if not forget:
            self.breaker.settle(ticket, failed, self.now)

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def it_opens_again(self) -> None:
        state = self.breaker.state(self.now)
        assert state in {"closed", "open", "half-open"}

    def teardown(self) -> None:
        later = self.now
        for _ in range(3):
            later += 81  # longer than the longest cool-down, twice
            ticket = self.breaker.admit(later)
            assert ticket is not None
            self.breaker.settle(ticket, False, later)
        assert self.breaker.state(later) == "closed"


NeverWedges.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_it_never_wedges = NeverWedges.TestCase


@settings(max_examples=long(100, 33), deadline=None)
@given(st.lists(st.booleans(), max_size=40), st.integers(1, 5))
def test_it_opens_exactly_when_the_last_failures_in_a_row_reach_the_threshold(
    outcomes: list[bool], threshold: int
) -> None:
    breaker = in_a_row(threshold=threshold)
    run = 0
    for failed in outcomes:
        ticket = breaker.admit(0.0)
        if ticket is None:
            break
        breaker.settle(ticket, failed, 0.0)
        run = run + 1 if failed else 0
        assert (breaker.state(0.0) == "open") == (run >= threshold)
