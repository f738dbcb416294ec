"""Laws of the plan and of its two drivers, for any script."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.core.call import call
from muxi_llm.core.plan import Attempt, Outcome, Plan, Wait
from muxi_llm.core.port import TransportError
from muxi_llm.core.request import Limits
from muxi_llm.core.stream import StreamFlow
from muxi_llm.errors import InvalidRequestError, MuxiLLMError, connection_error, status_error
from muxi_llm.transport.scripted import Answer, Scripted
from tests.conftest import Driver
from tests.core import candidate, failed, request_of, said, streamed
from tests.support.bodies import chat_stream, error, sse
from tests.support.length import long

URL = "http://law.test"
LIMITS = st.builds(
    Limits,
    retries=st.integers(0, 4),
    retry_delay=st.sampled_from([0.0, 0.5, 3.0]),
    timeout=st.floats(0.1, 100),
    deadline=st.none() | st.floats(0.1, 200),
    retriable=st.sampled_from([(), (404,), ("BadRequestError", MuxiLLMError)]),
)


def _status(status: int, retry_after: float | None) -> MuxiLLMError:
    error = status_error(status, "law", url=URL, headers={}, body=None)
    error.retry_after = retry_after
    return error


ERRORS = st.one_of(
    st.builds(_status, st.sampled_from([400, 404, 408, 429, 500, 529]), st.none() | st.floats(0, 90)),
    st.builds(lambda late: connection_error("no", url=URL, timeout=late), st.booleans()),
    st.builds(lambda: InvalidRequestError("no")),
)
OUTCOMES = st.lists(st.tuples(ERRORS | st.none(), st.floats(0, 120)), max_size=40)


@settings(max_examples=long(300, 100), deadline=None)
@given(LIMITS, st.integers(1, 4), OUTCOMES)
def test_a_plan_keeps_its_limits(limits, candidates, outcomes):
    """Never more than candidates x (retries + 1) attempts, each candidate at most retries + 1 times and in
    order; no wait begins that ends past the deadline; no attempt has more time than is left."""
    places = [candidate(f"p{i}") for i in range(candidates)]
    now, attempts, script = 0.0, [], iter(outcomes)
    ends = float("inf") if limits.deadline is None else limits.deadline
    plan = Plan(places, limits, now)
    while (step := plan.next(now)) is not None:
        if isinstance(step, Wait):
            assert 0 <= step.seconds <= 60
            assert now + step.seconds < ends
            now += step.seconds
            continue
        assert isinstance(step, Attempt)
        assert step.timeout <= limits.timeout
        assert step.timeout <= max(0.001, ends - now)
        attempts.append((places.index(step.candidate), step.number))
        failure, seconds = next(script, (None, 0.0))
        now += min(seconds, step.timeout)
        plan.record(Outcome(seconds, "answer" if failure is None else None, failure), now)
        assert plan.fallback is None or now < ends
        if failure is None:
            break
    assert len(attempts) <= candidates * (limits.retries + 1)
    assert attempts == sorted(set(attempts))
    assert all(number <= limits.retries + 1 for _, number in attempts)
    _check_result(plan, attempts, now)


def _check_result(plan: Plan, attempts: list[Any], now: float) -> None:
    try:
        value, report = plan.result(now)
    except MuxiLLMError as raised:
        failure, told = raised, raised.attempts
    else:
        failure, told = None, report.attempts
        assert (value, report.latency) == ("answer", now)
    assert [a.number for a in told] == [number for _, number in attempts]
    assert failure is None or told[-1].skipped or isinstance(failure, type(told[-1].error))


RESET = TransportError("reset")
WHOLE = [
    said(),
    failed(500),
    failed(400),
    failed(429, retry_after="2"),
    failed(503, retry_after="70"),
    Answer(error=RESET),
    Answer(delay=30.0),
    Answer(json=error("in band", code=500)),
    Answer(content=b"<html>"),
]
STREAMS = [
    streamed("a", "b"),
    Answer(chunks=chat_stream("a", done=False, finish=None)),
    Answer(chunks=[*chat_stream(done=False, finish=None), RESET]),
    Answer(chunks=[chat_stream("a")[0], RESET]),
    Answer(chunks=[*chat_stream("a", "b", done=False, finish=None), RESET]),
    Answer(chunks=sse(error("in band", code=429))),
]


async def _play(script: Scripted, request: Any, candidates: int) -> tuple[Any, ...]:
    """How a call ends, as plain data: what came out, where it failed, who was asked."""
    out: list[Any] = []
    places = [candidate(f"p{i}", streaming_support=True) for i in range(candidates)]
    try:
        value = await call(script, request, places)
        report = value.report if isinstance(value, StreamFlow) else value.muxi
        attempts = [(a.model, a.number, a.reason, a.skipped) for a in report.attempts]
        if isinstance(value, StreamFlow):
            while (chunk := await value.next()) is not None:
                out.append(chunk.model_dump())
        else:
            out.append(value.model_dump())
    except MuxiLLMError as raised:
        attempts = [(a.model, a.number, a.reason, a.skipped) for a in raised.attempts]
        out.append((type(raised).__name__, str(raised), raised.partial_text))
    return (
        out,
        attempts,
        [(c.url, c.body, c.headers) for c in script.calls],
        [r.closed for r in script.readers],
    )


@settings(max_examples=long(120, 40), deadline=None)
@given(
    st.lists(st.sampled_from(WHOLE + STREAMS), min_size=8, max_size=8),
    st.booleans(),
    st.integers(1, 2),
    LIMITS,
)
def test_both_drivers_give_equal_results(answers, stream, candidates, limits):
    """The same script, the same values, attempts, errors and requests; pauses within the same bounds."""
    limits = Limits(min(limits.retries, 3), timeout=limits.timeout, retriable=limits.retriable)
    request = request_of(limits, stream=stream)
    played = []
    for kind in ("sync", "async"):
        script = Scripted(*answers)
        played.append(Driver(kind).run(_play(script, request, candidates)))
        assert all(0 <= pause <= 8 for pause in script.slept)
        assert all(reader.closed for reader in script.readers)
    assert played[0] == played[1]
