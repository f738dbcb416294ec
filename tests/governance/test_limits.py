"""Limits: never more than one of them allows within any minute, all or nothing, and nothing left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.errors import APIStatusError
from muxi_llm.governance.limits import (
    Counts,
    Demand,
    Limit,
    check_size,
    headers_of,
    key_of,
    limits_for,
    refused,
)

if TYPE_CHECKING:
    from muxi_llm.governance.limits import Verdict

RPM = Limit("key", "k", "rpm", "", 3)
TPM = Limit("team", "t", "tpm", "", 100)
PARALLEL = Limit("organization", "o", "parallel", "", 2)
ALL = (RPM, TPM, PARALLEL)


class Step(NamedTuple):
    """Time goes by, then one of those asked before is over, or somebody asks."""

    gap: float
    asks: tuple[Limit, ...]
    tokens: int
    ends: str
    used: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from([0.0, 0.3, 1.0, 7.0, 20.0, 61.0]),
        st.lists(st.sampled_from(ALL), min_size=1, unique=True).map(tuple),
        st.integers(0, 100),
        st.sampled_from(["asks", "asks", "settles", "undoes"]),
        st.integers(0, 150),
    ),
    max_size=80,
)


class Taken(NamedTuple):
    asked: Demand
    verdict: Verdict
    at: float


@given(STEPS)
def test_no_minute_has_more_and_a_refusal_takes_nothing(steps: list[Step]) -> None:
    counts, now = Counts(), 1_000_000.0
    under_way, made = list[Taken](), list[tuple[Limit, float, int]]()
    for step in steps:
        now += step.gap
        if step.ends != "asks" and under_way:
            asked, verdict, at = under_way.pop(0)
            if step.ends == "undoes":
                counts.undo(asked, verdict.part)
                for limit in asked.limits:
                    made.remove((limit, at, asked.amount(limit)))
            else:
                counts.settle(asked, verdict.part, step.used)
                if TPM in asked.limits:
                    made[made.index((TPM, at, asked.tokens))] = (TPM, at, step.used)
            continue
        asked = Demand(step.asks, step.tokens)
        before = sorted((number, counts.number(*number)) for number in counts.numbers())
        verdict = counts.take(asked, now)
        if not verdict.is_granted:
            after = {number: counts.number(*number) for number in counts.numbers()}
            assert all(after.get(number, 0) in {0, was} for number, was in before)
            assert any(one.wait for one in verdict.readings)
            continue
        under_way.append(Taken(asked, verdict, now))
        for limit in asked.limits:
            made.append((limit, now, asked.amount(limit)))
            if limit.kind == "parallel":
                assert sum(PARALLEL in one.asked.limits for one in under_way) <= limit.most
            else:
                spent = sum(number for one, at, number in made if one == limit and at > now - 60)
                assert spent <= limit.most
    for asked, verdict, _ in under_way:
        counts.settle(asked, verdict.part, 0)
    assert not [whose for whose, _ in counts.numbers() if whose[2] == "parallel"]
    counts.forget(now + 62)
    assert not list(counts.numbers())


@given(STEPS)
def test_after_the_wait_there_is_room(steps: list[Step]) -> None:
    counts, now = Counts(), 1_000_000.0
    for step in steps:
        now += step.gap
        asked = Demand(tuple(one for one in step.asks if one is not PARALLEL), step.tokens)
        verdict = counts.take(asked, now)
        if not verdict.is_granted:
            now += max(one.wait for one in verdict.readings) + 1e-6
            assert counts.take(asked, now).is_granted


def test_who_is_refused_by_one_has_taken_nothing_of_the_others() -> None:
    counts = Counts()
    assert counts.take(Demand(ALL, 90), 0.0).is_granted
    refusal = counts.take(Demand(ALL, 20), 0.0)
    assert [one.left for one in refusal.readings] == [2, 10, 1]
    assert [bool(one.wait) for one in refusal.readings] == [False, True, False]
    assert [one.left for one in counts.take(Demand(ALL, 10), 0.0).readings] == [1, 0, 0]


def test_a_limit_that_was_changed_keeps_its_count() -> None:
    counts = Counts()
    for _ in range(3):
        assert counts.take(Demand((RPM,)), 0.0).is_granted
    assert counts.take(Demand((RPM._replace(most=4),)), 0.0).is_granted
    assert not counts.take(Demand((RPM,)), 0.0).is_granted


def test_what_is_idle_is_forgotten_though_others_go_on() -> None:
    counts = Counts()
    for number in range(1000):
        counts.take(Demand((RPM._replace(owner=str(number)),)), number * 1.0)
    assert len({whose for whose, _ in counts.numbers()}) <= 62


def test_limits_for_a_model_are_those_of_its_pattern_and_those_of_all() -> None:
    some = RPM._replace(model="GPT-*")
    assert limits_for((RPM, some), "gpt-5") == (RPM, some)
    assert limits_for((RPM, some), "claude") == (RPM,)


def test_what_is_larger_than_a_limit_is_the_request_s_fault() -> None:
    check_size(Demand(ALL, 100))
    said = "takes 101 tokens, and the team's limit of tokens a minute is 100"
    with pytest.raises(APIStatusError, match=said) as told:
        check_size(Demand(ALL, 101))
    assert (told.value.status_code, told.value.code) == (400, "request_exceeds_limit")


def test_a_refusal_names_the_limit_that_is_waited_for_longest() -> None:
    counts = Counts()
    counts.take(Demand((RPM._replace(most=1),)), 0.0)
    counts.take(Demand((TPM,), 100), 30.0)
    error = refused(counts.take(Demand((RPM._replace(most=1), TPM), 5), 40.0))
    assert isinstance(error, APIStatusError)
    assert error.status_code == 429
    assert "the team's limit of tokens a minute is 100" in str(error)
    headers = error.response.headers
    assert headers["retry-after"] == "51"
    assert headers["x-ratelimit-limit-requests"] == "1"
    assert (headers["x-ratelimit-remaining-tokens"], headers["x-ratelimit-reset-tokens"]) == ("0", "51s")


def test_those_at_once_are_told_as_under_way() -> None:
    counts = Counts()
    counts.take(Demand((PARALLEL._replace(most=1, model="m*"),)), 0.0)
    error = refused(counts.take(Demand((PARALLEL._replace(most=1, model="m*"),)), 0.0))
    assert "limit of requests at once for m* is 1, which are under way: try again in 1 s" in str(error)


def test_the_headers_are_of_the_tightest() -> None:
    wide = RPM._replace(scope="team", most=1000)
    told = headers_of(Counts().take(Demand((wide, RPM, PARALLEL)), 0.0))
    assert told == {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "60s",
    }


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_no_two_counts_have_one_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    names = [key_of(("key", owner, "rpm", model)) for owner, model in (one, other)]
    assert (names[0] == names[1]) == (one == other)
