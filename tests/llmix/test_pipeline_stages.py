"""The pipeline's stages around an attempt: concurrency, singleflight, kill switch, fallback."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.llmix import CallInput, CallPipeline, CallResponse, DispatchInput, ProviderResult
from tests.llmix.support import CONFIG, HELLO, Script, ask, pipeline_of, refused

# -------------------------------------------------------------------------------------- concurrency


def test_the_window(face: str) -> None:
    """A 429 halves it; headers steer it."""
    pipeline = pipeline_of(Script(refused(429)), max_retries=0, semaphore_initial=20)
    assert pipeline.get_semaphore_window("openai") is None
    ask(face, pipeline)
    assert pipeline.get_semaphore_window("openai") == 10
    low = {"X-RateLimit-Remaining-Requests": "1", "X-RateLimit-Limit-Requests": "500"}
    pipeline = pipeline_of(Script(ProviderResult("Hi", "m", headers=low)), semaphore_initial=20)
    ask(face, pipeline)
    assert pipeline.get_semaphore_window("openai") == 4


def test_no_more_at_once_than_the_window() -> None:
    """Different calls, two at a time."""
    running, most = 0, 0

    async def dispatch(asked: DispatchInput) -> ProviderResult:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return ProviderResult("Hi", asked.model)

    async def main() -> None:
        pipeline = pipeline_of(dispatch, semaphore_initial=2, semaphore_min=1)
        texts = [[{"role": "user", "content": str(n)}] for n in range(8)]
        answers = await asyncio.gather(*(pipeline.call(CallInput(CONFIG, text)) for text in texts))
        assert all(answer.success for answer in answers)

    asyncio.run(main())
    assert most == 2


# ------------------------------------------------------------------------------------- singleflight


class Gate:
    """A dispatch function that answers when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.open = asyncio.Event()

    async def __call__(self, asked: DispatchInput) -> ProviderResult:
        self.asked += 1
        await self.open.wait()
        return ProviderResult("Hi", asked.model)


async def fly(pipeline: CallPipeline, *inputs: CallInput) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.create_task(pipeline.call(wanted)) for wanted in inputs]
    for _ in range(10):
        await asyncio.sleep(0)
    return tasks


def test_equal_calls_become_one() -> None:
    """Also without a cache; each gets a response of its own."""

    async def main() -> None:
        gate = Gate()
        pipeline = pipeline_of(gate)
        tasks = await fly(pipeline, *[CallInput(CONFIG, HELLO)] * 3)
        assert pipeline.singleflight_count == 1
        gate.open.set()
        answers = await asyncio.gather(*tasks)
        assert [answer.content for answer in answers] == ["Hi"] * 3
        assert (gate.asked, pipeline.singleflight_count) == (1, 0)

    asyncio.run(main())


def test_a_key_of_ones_own_makes_calls_equal() -> None:
    """`singleflight_key`, whatever the messages."""

    async def main() -> None:
        gate = Gate()
        other = [{"role": "user", "content": "Bye"}]
        tasks = await fly(
            pipeline_of(gate),
            CallInput(CONFIG, HELLO, "same"),
            CallInput(CONFIG, other, singleflight_key="same"),
        )
        gate.open.set()
        await asyncio.gather(*tasks)
        assert gate.asked == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("other", "config"),
    [
        (CallInput({**CONFIG, "model": "gpt-4o"}, HELLO), {}),
        (CallInput(CONFIG, HELLO), {"singleflight": False}),
    ],
    ids=["another model", "switched off"],
)
def test_calls_that_stay_two(other: CallInput, config: dict[str, Any]) -> None:
    """Unequal ones, and equal ones where nobody wants them to be one."""

    async def main() -> None:
        gate = Gate()
        tasks = await fly(pipeline_of(gate, **config), CallInput(CONFIG, HELLO), other)
        gate.open.set()
        await asyncio.gather(*tasks)
        assert gate.asked == 2

    asyncio.run(main())


def test_a_cancelled_leader_takes_nobody_along() -> None:
    """The others get their answer, from the same attempt."""

    async def main() -> None:
        gate = Gate()
        leader, follower = await fly(pipeline_of(gate), *[CallInput(CONFIG, HELLO)] * 2)
        leader.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        assert (await follower).content == "Hi"
        assert leader.cancelled()
        assert gate.asked == 1

    asyncio.run(main())


# -------------------------------------------------------------------------------------- kill switch


def test_the_kill_switch(face: str, state: Path) -> None:
    """Stops every call while its file is there; the function is not asked."""
    script = Script()
    pipeline = pipeline_of(script)
    state.mkdir()
    (state / "killswitch").touch()
    response = ask(face, pipeline)
    assert response.error == (f"Kill switch active: {state}/killswitch exists. All LLMix calls are blocked.")
    (state / "killswitch").unlink()
    assert ask(face, pipeline).success
    assert len(script.asked) == 1


def test_a_kill_switch_that_cannot_be_seen_is_on(tmp_path: Path) -> None:
    """A folder that is a file."""
    (tmp_path / "file").touch()
    response = ask("sync", pipeline_of(Script(), kill_switch_state_dir=tmp_path / "file"))
    assert isinstance(response.exception, NotADirectoryError)


# ----------------------------------------------------------------------------------------- fallback

PRESET = {"provider": "openai", "model": "other", "fallback": {"preset": "m/again"}}


def fallback_of(script: Script, *on: str, face: str = "sync") -> Any:
    pipeline = pipeline_of(script, max_retries=0, load_preset={"m/other": PRESET}.__getitem__)
    chosen = {"preset": "m/other", **({"on": list(on)} if on else {})}
    return ask(face, pipeline, fallback=chosen)


@pytest.mark.parametrize(
    ("error", "on"),
    [
        (refused(503), ()),
        (refused(500), ("5xx",)),
        (refused(None), ("connection_error",)),
        (TimeoutError("late"), ("timeout",)),
        (TimeoutError("late"), ()),
    ],
    ids=["default", "5xx", "connection", "timeout", "default timeout"],
)
def test_the_fallback_preset(face: str, error: Exception, on: tuple[str, ...]) -> None:
    """Is called, once, when the first one failed as it says."""
    script = Script(error, "from the other")
    response = fallback_of(script, *on, face=face)
    assert (response.content, response.model) == ("from the other", "other")
    assert response.fallback_reason is not None
    assert response.fallback_reason.startswith(str(error))
    assert [asked.model for asked in script.asked] == ["gpt-4o-mini", "other"]


@pytest.mark.parametrize(
    ("error", "on"),
    [
        (refused(400), ()),
        (refused(429), ()),
        (refused(503), ("timeout", "connection_error")),
        (TimeoutError(), ("connection_error", "unknown")),
        (ValueError("v"), ()),
    ],
    ids=["400", "429", "not named", "timeout is not connection", "local"],
)
def test_no_fallback(error: Exception, on: tuple[str, ...]) -> None:
    """For what it is not for."""
    script = Script(error)
    response = fallback_of(script, *on)
    assert (response.success, response.fallback_reason, len(script.asked)) == (False, None, 1)


def test_a_fallback_of_a_fallback_is_not_followed() -> None:
    """One step, then it is over."""
    script = Script(refused(503, "first"), refused(500, "second"))
    response = fallback_of(script)
    assert (response.success, len(script.asked)) == (False, 2)


def test_a_fallback_that_fails_is_told_as_what_it_was() -> None:
    """Its model, its error; and why it was asked at all."""
    response = fallback_of(Script(refused(503, "first"), refused(500, "second")))
    assert (response.model, response.error, response.status_code) == ("other", "second", 500)
    assert response.fallback_reason == "first"


def test_the_total_time_is_shared_with_the_fallback() -> None:
    """What the first one took of it is gone; with nothing left there is no fallback."""
    asked: list[DispatchInput] = []

    def slow(attempt: DispatchInput) -> ProviderResult:
        asked.append(attempt)
        time.sleep(0.05)
        raise refused(503)

    pipeline = pipeline_of(slow, max_retries=0, load_preset=lambda _: {**CONFIG, "model": "other"})
    ask("sync", pipeline, fallback={"preset": "p"}, timeout={"totalTime": 30})
    assert [attempt.model for attempt in asked] == ["gpt-4o-mini", "other"]
    assert asked[0].timeout <= 30
    assert asked[1].timeout <= asked[0].timeout - 0.05
    asked.clear()
    response = ask("sync", pipeline, fallback={"preset": "p"}, timeout={"totalTime": 0.01})
    assert (len(asked), response.fallback_reason) == (1, None)


def test_a_fallback_that_cannot_be_loaded() -> None:
    """Is what the response says."""
    response = ask(
        "sync",
        pipeline_of(Script(refused(503)), max_retries=0, load_preset={}.__getitem__),
        fallback={"preset": "x"},
    )
    assert isinstance(response.exception, KeyError)


def test_without_a_loader_there_is_no_fallback() -> None:
    """Presets are somebody else's to find."""
    response = ask("sync", pipeline_of(Script(refused(503)), max_retries=0), fallback={"preset": "x"})
    assert response.status_code == 503


# --------------------------------------------------------------------------------------- both faces

OUTCOMES = st.lists(st.sampled_from([None, 200, 400, 401, 403, 408, 429, 500, 503]), min_size=1, max_size=12)


def story(face: str, outcomes: list[int | None]) -> list[CallResponse]:
    """What three calls in a row give."""
    script = Script(*["Hi" if status == 200 else refused(status, retry_after="0") for status in outcomes])
    pipeline = pipeline_of(script, keys=["a", "b", "c"], max_retries=1, circuit_breaker_threshold=2)
    answers = [ask(face, pipeline) for _ in range(3)]
    return [replace(answer, latency_ms=0, exception=None) for answer in answers]


@settings(max_examples=30, deadline=None)
@given(OUTCOMES)
def test_both_faces_are_the_same(outcomes: list[int | None]) -> None:
    """Whatever a provider does."""
    assert story("sync", outcomes) == story("async", outcomes)


def test_many_threads_share_a_pipeline() -> None:
    """Equal calls of theirs become one too."""
    gate, script = threading.Event(), Script()

    def dispatch(asked: DispatchInput) -> ProviderResult:
        gate.wait(10)
        return script(asked)

    pipeline = pipeline_of(dispatch)
    answers: list[CallResponse] = []
    threads = [threading.Thread(target=lambda: answers.append(ask("sync", pipeline))) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert [answer.content for answer in answers] == ["Hi"] * 8
    assert 1 <= len(script.asked) <= 8
