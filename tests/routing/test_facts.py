"""What is known of a deployment: limits that forget, cool-downs, averages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.routing.deployments import Deployment, Window
from muxi_llm.routing.facts import Facts, span

NOW = 1_000_040.0  # twenty seconds into a minute


def facts_of(**given: object) -> Facts:
    return Facts(Deployment("one", "openai/gpt-5", ("gpt-5",), **given))  # type: ignore[arg-type]


def test_requests_of_a_minute_are_forgotten_with_it_whether_anybody_succeeds_or_not() -> None:
    facts = facts_of(rpm=2)
    for _ in range(2):
        assert facts.limits(NOW, 1) == ("", 0.0)
        facts.enter(NOW, 1)
        facts.leave(NOW, entered=NOW, guessed=1)
    why, seconds = facts.limits(NOW, 1)
    assert "2 requests of this minute" in why
    assert facts.limits(NOW + seconds, 1) == ("", 0.0)


def test_what_is_under_way_counts_before_it_is_over() -> None:
    facts = facts_of(tpm=100)
    facts.enter(NOW, 80)
    assert "20 tokens left" in facts.limits(NOW, 30)[0]
    facts.leave(NOW, entered=NOW, guessed=80, used=10)
    assert facts.limits(NOW, 30) == ("", 0.0)
    assert facts.tokens(NOW) == 10


def test_one_request_larger_than_the_limit_is_served_when_there_is_nothing_else() -> None:
    facts = facts_of(tpm=100)
    assert facts.limits(NOW, 500) == ("", 0.0)
    facts.enter(NOW, 500)
    assert facts.limits(NOW, 1)[0]


def test_tokens_of_an_attempt_that_ends_in_another_minute_are_not_taken_off_that_minute() -> None:
    facts = facts_of(tpm=100)
    facts.enter(NOW, 80)
    facts.enter(NOW + 60, 50)
    facts.leave(NOW + 61, entered=NOW, guessed=80, used=10)
    assert facts.tokens(NOW + 61) == 50


def test_a_window_says_what_and_for_how_long() -> None:
    facts = facts_of(windows=(Window(1, 5 * 3600),))
    facts.enter(NOW, 1)
    why, seconds = facts.limits(NOW, 1)
    assert why == "it has had its 1 requests of 5 hours"
    assert 0 < seconds <= 5 * 3600 + 300


@pytest.mark.parametrize("status", [401, 404, 408, 429])
def test_some_refusals_cool_at_once(status: int) -> None:
    facts = facts_of()
    assert facts.failed(NOW, status)
    assert facts.is_cooled(NOW + 59)
    assert not facts.is_cooled(NOW + 60)
    assert facts.cooled_for == f"HTTP {status}"


def test_what_the_server_says_is_how_long() -> None:
    facts = facts_of()
    facts.failed(NOW, 429, 7.0)
    assert facts.is_cooled(NOW + 6.9)
    assert not facts.is_cooled(NOW + 7.0)


def test_failures_cool_when_they_are_more_than_half_of_enough() -> None:
    facts = facts_of()
    for _ in range(4):
        assert not facts.failed(NOW, 500)
    assert facts.failed(NOW, None)
    assert facts.cooled_for == "5 of 5 attempts failed"
    other = facts_of()
    for _ in range(5):
        other.went_well(NOW, 1.0, stream=False)
        assert not other.failed(NOW, 503)
    assert (other.success(NOW), other.recent(NOW)) == (0.5, (5, 5))
    assert other.success(NOW + 600) == 1.0, "old failures are forgotten"


def test_a_cool_down_can_be_ended() -> None:
    facts = facts_of()
    facts.cool(NOW, 100.0, "by hand")
    assert facts.is_cooled(NOW)
    facts.cool(NOW, 0.0, "by hand")
    assert (facts.is_cooled(NOW), facts.cooled_for) == (False, "")


@given(st.lists(st.floats(0.001, 100), min_size=1))
def test_averages_stay_between_the_least_and_the_most(seconds: list[float]) -> None:
    facts = facts_of()
    for each in seconds:
        facts.went_well(NOW, each, stream=False)
        facts.went_well(NOW, 1e9, stream=True)  # says nothing about whole answers
        facts.began(each)
    for average in (facts.latency, facts.first_token):
        assert average is not None
        assert min(seconds) * 0.999 <= average <= max(seconds) * 1.001


def test_spans_are_said_as_people_say_them() -> None:
    assert [span(n) for n in (86400, 18000, 3600, 60, 90, 1)] == [
        "1 day", "5 hours", "1 hour", "1 minute", "90 seconds", "1 second",
    ]  # fmt: skip
