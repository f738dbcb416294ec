"""The plan's rules, row by row, over a scripted provider and through both drivers."""

from __future__ import annotations

import email.utils
from typing import Any

import openai
import pytest

import muxi_llm
from muxi_llm import FallbackExhaustedError
from muxi_llm.core.port import TransportError
from muxi_llm.transport.scripted import EPOCH, Answer
from tests.core import (
    CHAIN,
    REFUSED,
    ask,
    failed,
    said,
    streamed,
    text_of,
)
from tests.support.bodies import chat_stream, error, sse

pytestmark = pytest.mark.usefixtures("keys")

TOO_LATE = Answer(delay=601.0)
IN_BAND = Answer(json=error("later", code=429))
RETRYABLE = {
    **{str(status): failed(status) for status in (408, 409, 425, 429, 500, 502, 503, 504, 529)},
    "refused": Answer(error=REFUSED),
    "timeout": Answer(error=TransportError("slow", timeout=True)),
    "later than the attempt's timeout": TOO_LATE,
    "not JSON": Answer(content=b"<html>"),
    "empty": Answer(),
    "no choices": Answer(json={}),
    "in-band 429": IN_BAND,
    "in-band server_error": Answer(json=error("boom", type="server_error")),
}
FINAL = [400, 401, 402, 403, 404, 405, 413, 422]


# -------------------------------------------------------------------------------------- retryable


@pytest.mark.parametrize("outcome", RETRYABLE.values(), ids=RETRYABLE.keys())
def test_retryable_then_success(driver, outcome):
    """What may pass is tried again: exactly two requests, one back-off, both attempts on the answer."""
    value, script = ask(driver, outcome, said("second"), retries=1)
    assert text_of(value) == "second"
    assert len(script.calls) == 2
    assert len(script.slept) == 1
    assert 0 <= script.slept[0] <= 0.5
    first, second = value.muxi.attempts
    assert (first.number, second.number, second.reason) == (1, 2, "answered")
    assert (first.waited, second.waited) == (0.0, script.slept[0])
    assert first.error is not None


@pytest.mark.parametrize("outcome", RETRYABLE.values(), ids=RETRYABLE.keys())
def test_retryable_then_fallback(driver, outcome):
    """With fallbacks and no `retries`, the next candidate is asked at once."""
    value, script = ask(driver, outcome, said("other"), fallback_models=CHAIN)
    assert text_of(value) == "other"
    assert [call.url for call in script.calls] == [
        "https://api.openai.com/v1/chat/completions",
        "https://api.groq.com/openai/v1/chat/completions",
    ]
    assert script.slept == []
    assert value.muxi.model == "groq/llama"


BROKEN_STREAMS = {
    "truncated": Answer(chunks=[]),
    "only a role, then cut": Answer(chunks=chat_stream(done=False, finish=None)),
    "only a role, then reset": Answer(
        chunks=[*chat_stream(done=False, finish=None), TransportError("reset")]
    ),
    "in-band 500": Answer(chunks=sse(error("boom", type="server_error"))),
    "in-band 429": Answer(chunks=sse(error("later", code="rate_limit_exceeded"))),
    "HTTP 503": Answer(status=503, chunks=sse(error("busy"))),
}


@pytest.mark.parametrize("broken", BROKEN_STREAMS.values(), ids=BROKEN_STREAMS.keys())
@pytest.mark.parametrize("params", [{"retries": 1}, {"fallback_models": CHAIN}], ids=["retry", "fallback"])
def test_a_stream_without_content_is_tried_again(driver, broken, params):
    """A stream that broke before it said anything is an attempt like any other."""
    chunks, script = ask(driver, broken, streamed("whole"), stream=True, **params)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "whole"
    assert len(script.calls) == 2
    assert all(reader.closed for reader in script.readers)


# ------------------------------------------------------------------------------------------ final


@pytest.mark.parametrize("status", [300, 301, 307, *FINAL])
def test_other_4xx_are_final(driver, status):
    """They are not retried and do not fall back; redirects (where keys could leak) are not followed."""
    raised, script = ask(driver, failed(status), retries=3, fallback_models=CHAIN)
    assert isinstance(raised, openai.APIStatusError)
    assert not isinstance(raised, FallbackExhaustedError)
    assert (raised.status_code, len(script.calls), script.slept) == (status, 1, [])
    assert [a.status for a in raised.attempts] == [status]


def test_in_band_4xx_is_final(driver):
    """The same for an error object that came with status 200."""
    raised, script = ask(driver, Answer(json=error("no", code=401)), retries=3, fallback_models=CHAIN)
    assert isinstance(raised, openai.AuthenticationError)
    assert len(script.calls) == 1


@pytest.mark.parametrize(
    ("status", "named"),
    [
        (404, openai.NotFoundError),
        (404, "NotFoundError"),
        (404, 404),
        (404, openai.APIStatusError),
        (400, muxi_llm.MuxiLLMError),
        (402, 402),
        (401, "AuthenticationError"),
    ],
)
def test_named_errors_fall_back(driver, status, named):
    """`retriable_errors` takes classes, class names and statuses; a named error falls back, unretried."""
    config = {"retriable_errors": [TypeError, "ConflictError", named]}
    value, script = ask(
        driver, failed(status), said("b"), fallback_models=CHAIN, fallback_config=config, retries=3
    )
    assert text_of(value) == "b"
    assert len(script.calls) == 2
    assert [a.status for a in value.muxi.attempts] == [status, None]


@pytest.mark.parametrize("named", [openai.NotFoundError, "NotFoundError", 404])
def test_unnamed_errors_stay_final(driver, named):
    """Naming one error names no other."""
    config = {"retriable_errors": [named]}
    raised, script = ask(driver, failed(400), fallback_models=CHAIN, fallback_config=config)
    assert type(raised).__name__ == "BadRequestError"
    assert len(script.calls) == 1


# ----------------------------------------------------------------------------------- how many tries


def test_one_500_then_success_is_two_requests(driver):
    """Attempts never multiply: one layer of retries, whatever there is below."""
    value, script = ask(driver, failed(500), said(), retries=1)
    assert text_of(value) == "Hi"
    assert len(script.calls) == 2


def test_chain_of_three_with_two_retries_is_at_most_nine_requests(driver):
    """candidates x (retries + 1), in order."""
    raised, script = ask(driver, *[failed(503)] * 9, retries=2, fallback_models=CHAIN)
    assert isinstance(raised, FallbackExhaustedError)
    assert [(a.model, a.number) for a in raised.attempts] == [
        (model, number) for model in ("openai/gpt-4", *CHAIN) for number in (1, 2, 3)
    ]
    assert len(script.calls) == 9
    assert len(script.slept) == 6


@pytest.mark.parametrize(
    ("params", "requests"),
    [
        ({}, 3),
        ({"retries": 0}, 1),
        ({"retries": 4}, 5),
        ({"retries": None}, 3),
        ({"fallback_models": []}, 3),
        ({"fallback_models": CHAIN}, 3),
        ({"fallback_models": CHAIN, "retries": 1}, 6),
        ({"model": ["openai/gpt-4", *CHAIN]}, 3),
        ({"model": ["openai/gpt-4"]}, 3),
        ({"model": "openai/gpt-4", "fallback_models": ("groq/a",)}, 2),
        ({"model": ["openai/gpt-4", "groq/a"], "fallback_models": ["groq/b"]}, 3),
    ],
    ids=str,
)
def test_defaults_of_retries(driver, params, requests):
    """2 for a single model, 0 in a chain; what the caller says wins."""
    raised, script = ask(driver, *[failed(500)] * requests, **params)
    assert isinstance(raised, openai.InternalServerError)
    assert len(script.calls) == requests


@pytest.mark.parametrize(("most", "requests"), [(0, 3), (1, 2), (2, 3), (5, 3), (None, 3)])
def test_max_fallbacks(driver, most, requests):
    """It counts fallbacks alone; without any left the call is one of a single model."""
    config = {"max_fallbacks": most}
    _, script = ask(driver, *[failed(500)] * requests, fallback_models=CHAIN, fallback_config=config)
    assert len(script.calls) == requests


@pytest.mark.parametrize("retries", [-1, 1.5, "2"])
def test_retries_must_be_a_whole_number(driver, retries):
    raised, script = ask(driver, retries=retries)
    assert raised.param == "retries"
    assert str(retries) in str(raised)
    assert script.calls == []


# ---------------------------------------------------------------------------------- how long between


def test_backoff_grows_from_the_base_to_the_cap(driver):
    """Full jitter below 0.5, 1, 2, 4, 8, 8 seconds."""
    _, script = ask(driver, *[failed(500)] * 7, retries=6)
    assert all(0 <= pause <= most for pause, most in zip(script.slept, [0.5, 1, 2, 4, 8, 8], strict=True))


def http_date(seconds: float) -> str:
    return email.utils.formatdate(EPOCH + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry_after": "1"}, 1.0),
        ({"retry_after": "0"}, None),
        ({"retry_after": "0.25"}, 0.25),
        ({"retry_after": "60"}, 60.0),
        ({"Retry_After": http_date(7)}, 7.0),
        ({"retry_after": http_date(-7)}, None),
        ({"retry_after": http_date(1003), "date": http_date(1000)}, 3.0),
        ({"retry_after_ms": "1500"}, 1.5),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"retry_after_ms": "soon", "retry_after": "9"}, 9.0),
    ],
    ids=str,
)
def test_retry_after_wins_over_the_backoff(driver, headers, pause):
    """Seconds, an HTTP date (against the reply's own `Date` where it has one), or milliseconds."""
    value, script = ask(driver, failed(429, **headers), said(), retries=1)
    assert text_of(value) == "Hi"
    assert script.slept == ([] if pause is None else [pause])
    assert value.muxi.attempts[0].error.retry_after == (pause or 0.0)


@pytest.mark.parametrize(
    "headers", [{"retry_after": "61"}, {"retry_after": http_date(90)}, {"retry_after_ms": "60001"}]
)
def test_retry_after_too_long(driver, headers):
    """Beyond a minute the next candidate is better; without one the error is raised at once."""
    value, script = ask(driver, failed(429, **headers), said("b"), retries=5, fallback_models=CHAIN)
    assert (text_of(value), len(script.calls), script.slept) == ("b", 2, [])
    raised, script = ask(driver, failed(429, **headers), retries=5)
    assert isinstance(raised, openai.RateLimitError)
    assert (len(script.calls), script.slept) == (1, [])


@pytest.mark.parametrize("status", [503, 429])
def test_a_server_may_say_that_trying_again_is_no_use(driver, status):
    """`x-should-retry: false`: the next candidate, at once."""
    _, script = ask(driver, failed(status, x_should_retry="false"), said(), fallback_models=CHAIN, retries=2)
    assert [call.url.split("/")[2] for call in script.calls] == ["api.openai.com", "api.groq.com"]
    assert script.slept == []


def test_a_server_may_say_that_trying_again_is_of_use(driver):
    """Whatever its status; and when the tries are used up, the chain goes on."""
    warming = failed(400, x_should_retry="true", retry_after="1")
    value, script = ask(driver, warming, warming, said(), fallback_models=CHAIN, retries=1)
    assert text_of(value) == "Hi"
    assert (len(script.calls), script.slept) == (3, [1.0])


@pytest.mark.parametrize("garbage", ["soon", "nan", "inf", "", "Wed, 99 Foo"])
def test_retry_after_that_says_nothing(driver, garbage):
    """An unreadable header is no header: the back-off applies."""
    value, script = ask(driver, failed(429, retry_after=garbage), said(), retries=1)
    assert text_of(value) == "Hi"
    assert 0 <= script.slept[0] <= 0.5


# --------------------------------------------------------------------------------------- deadline


def test_deadline_bounds_every_attempt(driver):
    """Attempts' timeouts shrink to what is left of the deadline."""
    slow = Answer(status=500, json=error(), delay=4.0)
    raised, script = ask(
        driver,
        slow,
        slow,
        slow,
        retries=0,
        timeout=5.0,
        fallback_models=CHAIN,
        fallback_config={"deadline": 10.0},
    )
    assert [call.timeout for call in script.calls] == [5.0, 5.0, 2.0]
    assert isinstance(raised, openai.APITimeoutError)
    assert isinstance(raised, FallbackExhaustedError)
    assert [round(a.seconds, 9) for a in raised.attempts] == [4.0, 4.0, 2.0]
    assert script.now() == 10.0


def test_deadline_cuts_the_chain(driver):
    """Once it has passed nothing more is sent, and no fallback is announced that never happens."""
    told: list[Any] = []
    config = {"deadline": 3.0, "fallback_callback": lambda *news: told.append(news)}
    raised, script = ask(
        driver, Answer(delay=9.0), timeout=5.0, fallback_models=CHAIN, fallback_config=config
    )
    assert isinstance(raised, openai.APITimeoutError)
    assert [call.timeout for call in script.calls] == [3.0]
    assert told == []


def test_retry_after_past_the_deadline(driver):
    """A pause that would end past the deadline is not begun: next candidate, or give up at once."""
    value, script = ask(
        driver,
        failed(429, retry_after="5"),
        said("b"),
        retries=2,
        fallback_models=CHAIN,
        fallback_config={"deadline": 5.0},
    )
    assert (text_of(value), script.slept) == ("b", [])
    raised, script = ask(driver, failed(429, retry_after="5"), retries=2, fallback_config={"deadline": 5.0})
    assert isinstance(raised, openai.RateLimitError)
    assert (len(script.calls), script.slept) == (1, [])


def test_pauses_within_the_deadline_are_kept(driver):
    value, script = ask(
        driver, failed(429, retry_after="4"), said(), retries=2, fallback_config={"deadline": 5.0}
    )
    assert (text_of(value), script.slept) == ("Hi", [4.0])
    assert script.calls[1].timeout == 1.0


@pytest.mark.parametrize("seconds", [0, -1, "5", float("nan")])
@pytest.mark.parametrize("where", ["timeout", "deadline"])
def test_seconds_must_be_above_zero(driver, where, seconds):
    params = {"timeout": seconds} if where == "timeout" else {"fallback_config": {"deadline": seconds}}
    raised, script = ask(driver, **params)
    assert isinstance(raised, openai.BadRequestError)
    assert where in raised.param
    assert script.calls == []
