"""Who is told of a call, and what."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from muxi_llm.harness.events import HarnessEvent
from muxi_llm.llmix import CallInput, LLMCallEventData, ProviderResult, TwoTierCache
from tests.llmix.support import CONFIG, HELLO, USAGE, Script, ask, ask_for, pipeline_of, refused


class Tracker:
    """LLMix's own kind."""

    def __init__(self) -> None:
        self.events: list[LLMCallEventData] = []

    def track_llm_call(self, event: LLMCallEventData) -> None:
        self.events.append(event)


class AsyncTracker(Tracker):
    """With a coroutine."""

    async def track_llm_call(self, event: LLMCallEventData) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        self.events.append(event)


class Listener:
    """The harness' kind."""

    def __init__(self) -> None:
        self.events: list[HarnessEvent] = []

    def record(self, event: HarnessEvent) -> None:
        self.events.append(event)


def test_an_event(face: str) -> None:
    """All there is to say, but what was said."""
    tracker = Tracker()
    pipeline = pipeline_of(Script(ProviderResult("Hi", "gpt-4o-mini-2024-07-18", USAGE)), telemetry=tracker)
    context = {"user_id": "u", "config_id": "c", "preset": "p"}
    ask_for(face, pipeline, CallInput({**CONFIG, "module": "m"}, HELLO, context=context))
    [event] = tracker.events
    assert event.pop("latency_ms") >= 0  # type: ignore[misc]
    assert event == {
        "config_id": "c", "module": "m", "preset": "p",
        "provider": "openai", "model": "gpt-4o-mini-2024-07-18",
        "input_tokens": 5, "output_tokens": 2, "total_tokens": 7, "cost_usd": 0.000002,
        "success": True, "attempts": 1, "context": {"user_id": "u"},
    }  # fmt: skip


@pytest.mark.parametrize("value", ["1", "TRUE"])
def test_payloads_are_told_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """By a variable."""
    monkeypatch.setenv("LLMIX_CAPTURE_TELEMETRY_PAYLOAD", value)
    tracker = Tracker()
    ask("sync", pipeline_of(Script("<think>a</think>b"), telemetry=[tracker]))
    assert (tracker.events[0]["messages"], tracker.events[0]["output"]) == (HELLO, "b")


def test_a_failure_and_a_hit() -> None:
    """Are events too."""
    tracker = Tracker()
    pipeline = pipeline_of(
        Script("Hi", refused(400, "bad")), telemetry=(tracker,), response_cache=TwoTierCache()
    )
    for caching in ({"strategy": "memory"}, {"strategy": "memory"}, None):
        ask("sync", pipeline, caching=caching)
    first, hit, failure = tracker.events
    assert "cache_hit" not in first
    assert (hit["cache_hit"], hit["total_tokens"], hit["cost_usd"]) == ("l1", 0, 0)
    assert (failure["success"], failure["error_message"]) == (False, "bad")


def test_a_fallback_is_told() -> None:
    """Why, and that it was one."""
    tracker = Tracker()
    pipeline = pipeline_of(
        Script(refused(503, "busy"), "Hi"),
        telemetry=tracker,
        max_retries=0,
        load_preset=lambda _: {"provider": "openai", "model": "other"},
    )
    ask("sync", pipeline, fallback={"preset": "p"})
    [event] = tracker.events
    assert event["model"] == "other"
    assert event["context"] == {"fallback_used": True, "fallback_reason": "busy"}


def test_prices_of_ones_own() -> None:
    """`calculate_cost` of the provider."""

    class Pricer(Tracker):
        def calculate_cost(self, model: str, input_tokens: int, output_tokens: int) -> float:
            return 100.0 * input_tokens + output_tokens

    pricer = Pricer()
    ask("sync", pipeline_of(Script(), telemetry=pricer))
    assert pricer.events[0]["cost_usd"] == 502


def test_a_coroutine_is_run(face: str) -> None:
    """To its end, at the latest when the pipeline is closed."""
    tracker = AsyncTracker()
    pipeline = pipeline_of(Script(), telemetry=tracker)

    async def main() -> None:
        await pipeline.call(CallInput(CONFIG, HELLO))
        await pipeline.close()

    ask(face, pipeline) if face == "sync" else asyncio.run(main())
    assert len(tracker.events) == 1


class Broken:
    def track_llm_call(self, event: LLMCallEventData) -> None:
        raise RuntimeError("no telemetry today")


class AsyncBroken:
    async def track_llm_call(self, event: LLMCallEventData) -> None:
        raise RuntimeError("no telemetry today")


@pytest.mark.parametrize("broken", [Broken(), AsyncBroken()], ids=["sync", "async"])
def test_a_broken_provider_breaks_no_call(face: str, broken: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged."""

    async def main() -> Any:
        response = await pipeline.call(CallInput(CONFIG, HELLO))
        await pipeline.close()
        return response

    pipeline = pipeline_of(Script(), telemetry=broken)
    with caplog.at_level(logging.ERROR):
        response = ask(face, pipeline) if face == "sync" else asyncio.run(main())
    assert response.success
    assert "no telemetry today" in caplog.text


def test_ctrl_c_in_a_provider_is_not_swallowed() -> None:
    """It is meant for the program."""

    class Interrupted:
        def track_llm_call(self, event: LLMCallEventData) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask("sync", pipeline_of(Script(), telemetry=Interrupted()))


def test_the_harness_listeners_hear_everything(face: str) -> None:
    """Each attempt, keys, the breaker, the call; no word of the prompt."""
    listener = Listener()
    pipeline = pipeline_of(
        Script(refused(429), refused(500)),
        telemetry=[listener],
        keys=["a", "b"],
        max_retries=0,
        circuit_breaker_threshold=1,
    )
    ask(face, pipeline)
    kinds = [event.kind for event in listener.events]
    assert kinds == ["key resting", "window", "attempt", "retry", "attempt", "breaker", "call"]
    assert listener.events[-1].facts["error"] == "InternalServerError"
    ask(face, pipeline_of(Script(), telemetry=[listener]))
    facts = listener.events[-1].facts
    assert (facts["response_model"], facts["input_tokens"], facts["output_tokens"]) == ("gpt-4o-mini", 5, 2)
    assert "Hello" not in str(listener.events)


def test_nobody_listens() -> None:
    """The default."""
    assert ask("sync", pipeline_of(Script(), telemetry=None)).success
