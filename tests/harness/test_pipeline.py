"""The harness around real calls: the faces, over scripted providers, on both faces."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import muxi_llm
from muxi_llm import ChatCompletion, Embedding, harness
from muxi_llm.core.call import call
from muxi_llm.core.port import TransportError
from muxi_llm.core.request import Candidate, Limits, ModelRef, Request
from muxi_llm.core.step import run_sync
from muxi_llm.errors import (
    AuthenticationError,
    BadRequestError,
    CircuitOpenError,
    InternalServerError,
    InvalidRequestError,
    KeyPoolExhaustedError,
    KillSwitchActiveError,
    MuxiLLMError,
    NoPermitError,
    PermissionDeniedError,
    RateLimitError,
)
from muxi_llm.harness.breaker import Breaker
from muxi_llm.harness.events import HarnessEvent, Listeners
from muxi_llm.harness.pipeline import Harness, Stages
from muxi_llm.harness.places import PLACES, REVIVE
from muxi_llm.providers.openai import OpenAIProvider
from muxi_llm.transport.ports import AsyncIO, BlockingIO
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.transport.waiting import BlockingEvent
from tests.conftest import Driver
from tests.support.bodies import CALL, HELLO, chat, chat_stream, embeddings


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two providers to call."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("GROQ_API_KEY", "gsk-1")


def said(text: str = "Hi", **wanted: Any) -> Answer:
    return Answer(json=chat(text), **wanted)


def failed(status: int, **headers: str) -> Answer:
    return Answer(status=status, json={"error": {"message": "no"}}, headers=headers)


def asked(driver: Driver, *answers: Answer, **params: Any) -> tuple[Any, Scripted]:
    return driver.scripted(ChatCompletion, *answers, **{"model": "openai/m", "messages": HELLO, **params})


def keys_of(script: Scripted) -> list[str]:
    return [call.headers["authorization"].removeprefix("Bearer ") for call in script.calls]


# ------------------------------------------------------------------------------------------- keys


def test_keys_of_a_pool_take_turns(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Picked up from the environment, without any setting."""
    monkeypatch.setenv("OPENAI_KEYS", "a, b,,c")
    used = [keys_of(asked(driver, said())[1])[0] for _ in range(4)]
    assert used == ["a", "b", "c", "a"]


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_bad_key_is_swapped_within_the_call(driver: Driver, status: int) -> None:
    """At once, beyond the retries, and the report has every attempt."""
    muxi_llm.openai_keys = ["a", "b", "c"]  # type: ignore[attr-defined]
    value, script = asked(driver, failed(status), failed(status), said(), retries=0)
    assert keys_of(script) == ["a", "b", "c"]
    assert [attempt.status for attempt in value.muxi.attempts] == [status, status, None]
    assert script.slept == []
    _, script = asked(driver, said())
    assert keys_of(script) == ["c"]


def test_with_all_keys_limited_the_plan_waits_as_ever(driver: Driver) -> None:
    muxi_llm.openai_keys = ["a", "b"]  # type: ignore[attr-defined]
    limits = [failed(429, **{"retry-after": "5"}), failed(429, **{"retry-after": "3"})]
    value, script = asked(driver, *limits, said(), retries=1)
    assert (keys_of(script), script.slept) == (["a", "b", "b"], [3.0])
    assert value.choices[0].message.content == "Hi"


def test_with_all_keys_dead_nothing_is_sent(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no other one beside the pool."""
    monkeypatch.delenv("OPENAI_API_KEY")
    muxi_llm.openai_keys = ["a", "b"]  # type: ignore[attr-defined]
    raised, _ = asked(driver, failed(401), failed(401))
    assert isinstance(raised, AuthenticationError)
    raised, script = asked(driver)
    assert isinstance(raised, KeyPoolExhaustedError)
    assert str(raised).startswith("All 2 keys are dead (401/403).")
    assert script.calls == []


def test_a_pools_last_resort_is_the_single_key(driver: Driver) -> None:
    """Within the call that used the pool up, and afterwards."""
    muxi_llm.openai_keys = ["a", "b"]  # type: ignore[attr-defined]
    _, script = asked(driver, failed(401), failed(401), said(), retries=0)
    assert keys_of(script) == ["a", "b", "sk-1"]
    assert keys_of(asked(driver, said())[1]) == ["sk-1"]


def test_a_refusal_of_one_model_is_no_refusal_of_another(driver: Driver) -> None:
    """A 403 is of a key and a model, a 401 of a key; neither is for ever."""
    muxi_llm.openai_keys = ["a", "b"]  # type: ignore[attr-defined]
    script = Scripted(failed(403), failed(403), said(), failed(403), said())

    def once(model: str) -> Any:
        try:
            return driver.create(ChatCompletion, model=model, messages=HELLO, retries=0)
        except MuxiLLMError as error:
            return error

    with muxi_llm.runtime.using(script):
        assert isinstance(once("openai/big"), PermissionDeniedError)
        assert once("openai/small").choices
        assert isinstance(once("openai/big"), PermissionDeniedError)
        script._clock += REVIVE
        assert once("openai/big").choices
    assert keys_of(script)[:3] == ["a", "b", "a"]


def test_the_calls_own_key_is_no_pools(driver: Driver) -> None:
    muxi_llm.openai_keys = ["a", "b"]  # type: ignore[attr-defined]
    raised, script = asked(driver, failed(401), api_key="mine")
    assert isinstance(raised, AuthenticationError)
    assert keys_of(script) == ["mine"]


def test_keys_must_be_keys() -> None:
    """And the message does not quote them."""
    muxi_llm.openai_keys = 5  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match=r"muxi_llm\.openai_keys must be a list of keys$"):
        ChatCompletion.create("openai/m", HELLO)


# ---------------------------------------------------------------------------------------- breaker


def test_an_open_breaker_sends_nothing_until_its_cooldown_is_over(driver: Driver) -> None:
    """It is asked before every attempt; other providers and other models are not concerned."""
    harness.configure(breaker=4, breaker_cooldown=30)
    script = Scripted(*[failed(503)] * 4, said("Groq"), said("Small"), said("Back"))

    def once(model: str = "openai/m", **params: Any) -> Any:
        try:
            return driver.create(ChatCompletion, model=model, messages=HELLO, retries=1, **params)
        except MuxiLLMError as error:
            return error

    with muxi_llm.runtime.using(script):
        assert [type(once()).__name__ for _ in range(2)] == ["InternalServerError"] * 2
        raised = once()
        assert isinstance(raised, CircuitOpenError)
        assert str(raised).startswith("Circuit breaker OPEN for (openai, https://api.openai.com/v1)")
        assert len(script.calls) == 4
        assert 20 < (raised.retry_after or 0) < 40
        value = once(fallback_models=["groq/m"])
        assert value.muxi.model == "groq/m"
        assert [(a.model, a.skipped) for a in value.muxi.attempts] == [("openai/m", True), ("groq/m", False)]
        assert once("openai/small").choices[0].message.content == "Small"
        script._clock += 40
        assert once().choices[0].message.content == "Back"


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_errors_of_the_request_do_not_open_it(driver: Driver, status: int) -> None:
    harness.configure(breaker=1)
    for _ in range(3):
        raised, script = asked(driver, failed(status), retries=0)
        assert (getattr(raised, "status_code", None), len(script.calls)) == (status, 1)


@pytest.mark.parametrize(
    "answer",
    [failed(500), Answer(error=TransportError("reset")), Answer(content=b"<html>")],
    ids=["500", "network", "malformed"],
)
def test_what_opens_it(driver: Driver, answer: Answer) -> None:
    harness.configure(breaker=1)
    asked(driver, answer, retries=0)
    assert isinstance(asked(driver)[0], CircuitOpenError)


def test_it_is_the_places_whosever_key_is_used(driver: Driver) -> None:
    harness.configure(breaker=1)
    asked(driver, failed(500), retries=0)
    muxi_llm.openai_keys = ["a", "b"]  # type: ignore[attr-defined]
    assert isinstance(asked(driver)[0], CircuitOpenError)


@pytest.mark.parametrize("keys", [["a"], ["a", "b"]], ids=["one key", "two keys"])
def test_a_429_does_not_open_it(driver: Driver, keys: list[str]) -> None:
    """It is the key's at that place, which rests."""
    muxi_llm.openai_keys = keys  # type: ignore[attr-defined]
    harness.configure(breaker=1)
    asked(driver, failed(429), said())
    value, _ = asked(driver, said())
    assert value.choices[0].message.content == "Hi"


def test_a_cancelled_probe_is_released() -> None:
    """The next call is the probe then."""
    harness.configure(breaker=1, breaker_cooldown=30)

    async def scenario() -> str:
        with muxi_llm.runtime.using(Hanging(failed(500))) as script:
            with pytest.raises(InternalServerError):
                await ChatCompletion.acreate("openai/m", HELLO, retries=0)
            script.later += 31
            probe = asyncio.create_task(ChatCompletion.acreate("openai/m", HELLO))
            await asyncio.sleep(0.01)
            with pytest.raises(CircuitOpenError):
                await ChatCompletion.acreate("openai/m", HELLO)
            probe.cancel()
            await asyncio.gather(probe, return_exceptions=True)
        with muxi_llm.runtime.using(Hanging(said("Back"))) as script:
            script.later += 31
            value = await ChatCompletion.acreate("openai/m", HELLO)
        return value.choices[0].message.content or ""

    assert asyncio.run(scenario()) == "Back"


class Hanging(Scripted):
    """A script on the real clock, after whose end calls hang. later: seconds that clock is ahead."""

    later = 0.0

    def now(self) -> float:
        return asyncio.get_running_loop().time() + self.later

    async def send(self, call: Any) -> Any:
        if not self._answers:
            await asyncio.Event().wait()
        return await super().send(call)


# ---------------------------------------------------------------------------------------- permits


def test_no_more_attempts_at_once_than_permits() -> None:
    harness.configure(concurrency=4, concurrency_minimum=2)
    at_once: list[int] = []

    class Counting(Hanging):
        busy = 0

        async def send(self, call: Any) -> Any:
            self.busy += 1
            at_once.append(self.busy)
            await asyncio.sleep(0.001)
            self.busy -= 1
            return await super().send(call)

    async def scenario() -> None:
        with muxi_llm.runtime.using(Counting(*[said() for _ in range(30)])):
            await asyncio.gather(*[ChatCompletion.acreate("openai/m", HELLO) for _ in range(30)])

    asyncio.run(scenario())
    assert max(at_once) == 4


def test_a_permit_is_waited_for_no_longer_than_the_attempt_may_take(driver: Driver) -> None:
    """A time-out, which says nothing against the provider; whoever has the permit keeps it."""
    around = Harness(Stages(breaker=Breaker(calls=1), window=1, minimum=1))
    request = Request("chat", {"messages": HELLO}, limits=Limits(retries=0, timeout=0.05))
    candidates = [Candidate(ModelRef("openai", "m"), OpenAIProvider(api_key="k"))]
    permits = around.place_of(candidates[0]).window(1, 1)
    assert permits.take("another")
    io: Any = BlockingIO(None) if driver.kind == "sync" else AsyncIO(None)  # type: ignore[arg-type]
    with pytest.raises(NoPermitError, match=r"^no permit in 0\.05 s: as many calls as .* are under way"):
        driver.run(call(io, request, candidates, around))
    assert (permits.out, permits.waiting) == (1, 0)
    permits.leave("another")
    assert driver.run(call(Scripted(said()), request, candidates, around)).choices[0].message.content == "Hi"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["start", "cancel", "turn"]), st.integers(0, 20)), max_size=40))
def test_permits_never_leak_whatever_is_cancelled(events: list[tuple[str, int]]) -> None:
    """However calls start, wait, run and are given up: at the end every permit is there again."""
    around = Harness(Stages(window=3, minimum=1))
    request = Request("chat", {"messages": HELLO}, limits=Limits(retries=0))
    candidates = [Candidate(ModelRef("openai", "m"), OpenAIProvider(api_key="k"))]

    async def scenario() -> None:
        io = Turning(*[said() for _ in range(50)])
        tasks: list[asyncio.Task[Any]] = []
        for event, index in events:
            if event == "start":
                tasks.append(asyncio.create_task(call(io, request, candidates, around)))
            elif event == "cancel" and tasks:
                tasks[index % len(tasks)].cancel()
            else:
                await asyncio.sleep(0)
        await asyncio.gather(*tasks, return_exceptions=True)
        permits = around.place_of(candidates[0]).window(3, 1)
        assert (permits.out, permits.waiting) == (0, 0)

    asyncio.run(scenario())


class Turning(Scripted):
    """A script whose answers take a few turns of the loop."""

    async def send(self, call: Any) -> Any:
        for _ in range(3):
            await asyncio.sleep(0)
        return await super().send(call)


def test_a_sync_call_inside_a_loop_does_not_wait_for_that_loop() -> None:
    """Those who have the permits may be on it: there is one more, for as long as the loop is held up."""
    around = Harness(Stages(window=1, minimum=1))
    candidates = [Candidate(ModelRef("openai", "m"), OpenAIProvider(api_key="k"))]
    permits = around.place_of(candidates[0]).window(1, 1)
    assert permits.take("another")

    class Blocking(Scripted):
        def event(self) -> Any:
            return BlockingEvent()

    async def scenario() -> str:
        request = Request("chat", {"messages": HELLO})
        return run_sync(call(Blocking(said()), request, candidates, around)).choices[0].message.content

    assert (asyncio.run(scenario()), permits.out) == ("Hi", 1)


def test_places_are_bounded() -> None:
    """However many base URLs callers come with."""
    around = Harness(Stages(breaker=Breaker()))
    for number in range(PLACES + 5):
        around.place_of(
            Candidate(ModelRef("openai", "m"), OpenAIProvider(base_url=f"http://{number}.invalid"))
        )
    assert len(list(around.places)) == PLACES


# ------------------------------------------------------------------------------------------ cache


def test_an_equal_call_is_answered_from_memory(driver: Driver) -> None:
    """With a value of its own, which says where it comes from."""
    harness.configure(cache="memory")
    first, _ = asked(driver, said())
    second, script = asked(driver)
    assert (second, script.calls) == (first, [])
    assert second is not first
    assert (first.muxi.cache_hit, second.muxi.cache_hit, second.muxi.model) == (None, "l1", "openai/m")
    assert second.usage.total_tokens == first.usage.total_tokens


@pytest.mark.parametrize(
    "other",
    [
        {"temperature": 0.5},
        {"model": "openai/other"},
        {"messages": [{"role": "user", "content": "Bye"}]},
        {"extra_body": {"top_k": 1}},
        {"provider_options": {"openai": {"top_k": 1}}},
        {"base_url": "http://127.0.0.1:9/v1"},
        {"extra_headers": {"anthropic-beta": "x"}},
        {"tenant": "b"},
        {"cache": False},
    ],
    ids=repr,
)
def test_another_call_is_another(driver: Driver, other: dict[str, Any]) -> None:
    harness.configure(cache="memory")
    asked(driver, said("One"))
    value, _ = asked(driver, said("Two"), **other)
    assert value.choices[0].message.content == "Two"


@pytest.mark.parametrize("mine", [{"api_key": "sk-2"}, {"extra_headers": {"Authorization": "Bearer x"}}])
def test_an_answer_is_of_one_key(driver: Driver, mine: dict[str, Any]) -> None:
    """Unless a tenant is named: then it is the tenant's."""
    harness.configure(cache="memory")
    asked(driver, said("One"))
    assert asked(driver, said("Two"), **mine)[0].choices[0].message.content == "Two"
    assert asked(driver)[0].choices[0].message.content == "One"
    harness.configure(cache="memory", tenant="b")
    assert asked(driver, said("Three"))[0].choices[0].message.content == "Three"
    assert asked(driver, **mine)[0].choices[0].message.content == "Three"


def test_an_error_is_of_one_key() -> None:
    """Callers with other keys share no flight, nor with a tenant named, whatever they ask."""
    for tenant in ("", "both"):
        harness.configure(singleflight=True, tenant=tenant)

        async def scenario() -> list[Any]:
            with muxi_llm.runtime.using(Turning(failed(401), said("Hi"))):
                calls = [ChatCompletion.acreate("openai/m", HELLO, api_key=key, retries=0) for key in "ab"]
                return await asyncio.gather(*calls, return_exceptions=True)

        refused, value = asyncio.run(scenario())
        assert isinstance(refused, AuthenticationError)
        assert value.choices[0].message.content == "Hi"


@pytest.mark.parametrize(
    "left",
    ["9" * 400, "9" * 5000, "-5", "1e400", "nan", "", "٣", "0x10"],
    ids=["400 digits", "5000 digits", "below zero", "float", "nan", "nothing", "other digits", "hex"],
)
def test_no_header_holds_a_permit_back(driver: Driver, left: str) -> None:
    harness.configure(concurrency=4, concurrency_minimum=1)
    headers = {"x-ratelimit-remaining-requests": left, "x-ratelimit-limit-requests": "1"}
    for _ in range(6):
        value, _ = asked(driver, said(headers=headers), timeout=2)
        assert value.choices[0].message.content == "Hi"


@pytest.mark.parametrize(
    "off",
    [
        {"choices": 5},
        {"choices": [5]},
        {"choices": [{"message": 5}]},
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": {}}]},
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": {"a": 1}}}]},
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "\ud800"}}]},
        {"usage": {"prompt_tokens": {"a": []}}},
    ],
    ids=lambda off: str(off)[:30].encode("ascii", "replace").decode(),
)
def test_no_answer_is_too_odd_for_the_cache(driver: Driver, off: dict[str, Any]) -> None:
    """A call with the cache on ends as it would without."""
    content = json.dumps({**chat("Hi"), **off}).encode()
    answers = [Answer(content=content), Answer(content=content)]
    plain, _ = asked(driver, answers[0], retries=0)
    for _ in range(2):
        kept, _ = asked(driver, answers[1], retries=0, cache="memory")
        assert type(kept) is type(plain)
        if isinstance(plain, Exception):
            assert isinstance(plain, MuxiLLMError)


@pytest.mark.parametrize("odd", ["\ud800", float("nan"), 2**80], ids=["surrogate", "nan", "large"])
def test_no_question_is_too_odd_for_the_cache(driver: Driver, odd: Any) -> None:
    plain, _ = asked(driver, said(), messages=[{"role": "user", "content": "x", "odd": odd}])
    harness.configure(cache="memory", singleflight=True)
    kept, _ = asked(driver, said(), messages=[{"role": "user", "content": "x", "odd": odd}])
    assert type(kept) is type(plain)


def test_a_call_may_ask_for_the_cache_itself(driver: Driver) -> None:
    asked(driver, said("One"), cache="memory")
    assert asked(driver, cache="memory")[0].choices[0].message.content == "One"
    assert asked(driver, said("Two"))[0].choices[0].message.content == "Two"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(json=chat(None, tool_calls=[CALL], finish="tool_calls")),
        Answer(json=chat("cut", finish="length")),
        failed(400),
    ],
    ids=["tool calls", "cut off", "an error"],
)
def test_what_is_not_kept(driver: Driver, answer: Answer) -> None:
    harness.configure(cache="memory")
    asked(driver, answer)
    assert asked(driver, said("New"))[0].choices[0].message.content == "New"


def test_streams_are_kept_once_they_were_read_to_the_end(driver: Driver) -> None:
    """And come back as streams; one that was left early is not kept."""
    harness.configure(cache="memory")
    chunks = chat_stream("Hel", "lo")
    script = Scripted(Answer(chunks=chunks), Answer(chunks=chunks))
    with muxi_llm.runtime.using(script):
        left = ChatCompletion.create("openai/m", HELLO, stream=True)
        next(left)
        left.close()
        first = driver.create(ChatCompletion, model="openai/m", messages=HELLO, stream=True)
        again = driver.create(ChatCompletion, model="openai/m", messages=HELLO, stream=True)
    assert (again, len(script.calls)) == (first, 2)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in again) == "Hello"


@pytest.mark.parametrize("lacking", ["", "usage", "object"])
def test_embeddings_are_kept(driver: Driver, lacking: str) -> None:
    """Those of a server too that counts no tokens."""
    harness.configure(cache="memory")
    reply = {name: value for name, value in embeddings().items() if name != lacking}
    first, _ = driver.scripted(Embedding, Answer(json=reply), model="openai/e", input="x")
    second, script = driver.scripted(Embedding, model="openai/e", input="x")
    assert (second, script.calls) == (first, [])


@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
def test_what_was_lost_is_told_again(driver: Driver) -> None:
    """The answer of an adapted request is one from the cache too."""
    harness.configure(cache="memory")
    first, _ = asked(driver, said(), model="groq/m", logit_bias={"1": 1})
    second, _ = asked(driver, model="groq/m", logit_bias={"1": 1})
    assert second.muxi.adaptations == first.muxi.adaptations != ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "5\n5",
        '["parts","m"]',
        '["parts","m",[]]\n{"choices":3}',
        '["parts","m",[5]]\n{}',
        '["parts","m",5]\n{}',
        '["raw",[]]\n{}',
        "[" * 5000 + "\n",
        '["parts","m",[]]\n' + "[" * 100_000,
    ],
    ids=range(10),
)
def test_what_cannot_be_read_back_is_a_miss(driver: Driver, text: str) -> None:
    harness.configure(cache="memory")
    asked(driver, said("One"))
    (around,) = muxi_llm.runtime._runtime._harnesses.values()
    memory: Any = around._replies._cache.memory  # type: ignore[attr-defined]
    (key,) = memory._entries
    memory.keep(key, text, float("inf"))
    assert asked(driver, said("Two"))[0].choices[0].message.content == "Two"


# ----------------------------------------------------------------------------- the rest, together


def test_equal_calls_at_once_are_one_request() -> None:
    harness.configure(singleflight=True)

    async def scenario() -> tuple[list[Any], int]:
        script = Turning(said())
        with muxi_llm.runtime.using(script):
            values = await asyncio.gather(*[ChatCompletion.acreate("openai/m", HELLO) for _ in range(20)])
        return values, len(script.calls)

    values, sent = asyncio.run(scenario())
    assert sent == 1
    assert len({id(value) for value in values}) == 20
    assert all(value == values[0] and value.muxi.model == "openai/m" for value in values)


def test_the_kill_switch_comes_first(driver: Driver, tmp_path: Path) -> None:
    """Before the cache too, and before any key is looked at."""
    harness.configure(cache="memory", kill_switch=tmp_path)
    asked(driver, said())
    (tmp_path / "killswitch").touch()
    raised, script = asked(driver)
    assert isinstance(raised, KillSwitchActiveError)
    assert str(raised) == f"Kill switch active: {tmp_path}/killswitch exists. All LLMix calls are blocked."
    assert script.calls == []
    (tmp_path / "killswitch").unlink()
    assert asked(driver)[0].muxi.cache_hit == "l1"


def test_a_link_that_leads_nowhere_is_a_switch_all_the_same(driver: Driver, tmp_path: Path) -> None:
    (tmp_path / "killswitch").symlink_to(tmp_path / "gone")
    harness.configure(kill_switch=tmp_path)
    assert isinstance(asked(driver)[0], KillSwitchActiveError)


def test_a_switch_that_cannot_be_read_is_on(driver: Driver, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    harness.configure(kill_switch=tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        driver.create(ChatCompletion, model="openai/m", messages=HELLO)


def test_the_switch_is_in_the_state_folder(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMIX_STATE_DIR", str(tmp_path))
    harness.configure(kill_switch=True)
    (tmp_path / "killswitch").touch()
    assert isinstance(asked(driver)[0], KillSwitchActiveError)


class Heard:
    """Listens."""

    def __init__(self) -> None:
        self.events: list[HarnessEvent] = []

    def record(self, event: HarnessEvent) -> None:
        self.events.append(event)


def test_what_happens_is_told_without_prompts_and_keys(driver: Driver) -> None:
    heard = Heard()
    muxi_llm.openai_keys = ["sk-secret-a", "sk-secret-b"]  # type: ignore[attr-defined]
    harness.configure(cache="memory", breaker=1, concurrency=8, telemetry=[heard])
    asked(driver, failed(429), said(), messages=[{"role": "user", "content": "a secret prompt"}])
    asked(driver, messages=[{"role": "user", "content": "a secret prompt"}])
    asked(driver, failed(500), retries=0)
    assert [(e.kind, e.provider) for e in heard.events] == [
        (kind, "openai")
        for kind in (
            "cache miss",
            "key resting",
            "window",
            "attempt",
            "retry",
            "attempt",
            "call",
            "cache hit",
            "call",
            "cache miss",
            "breaker",
            "attempt",
            "call",
        )
    ]
    assert "secret" not in repr(heard.events)
    assert heard.events[-3].facts == {"state": "open", "was": "closed"}
    assert (heard.events[3].facts["status"], heard.events[3].facts["error"]) == (429, "RateLimitError")


def test_a_broken_listener_breaks_nothing(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def record(self, event: HarnessEvent) -> None:
            raise RuntimeError("oops")

    harness.configure(breaker=3, telemetry=[Broken()])
    assert asked(driver, said())[0].choices[0].message.content == "Hi"
    assert "a telemetry listener failed on 'attempt'" in caplog.text


def test_nobody_listens() -> None:
    assert not Listeners()


# --------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        ({"breakers": 3}, TypeError, "no 'breakers'; did you mean 'breaker'"),
        ({"zzz": 3}, TypeError, "known: cache, cache_ttl"),
        (
            {"cache": "disk"},
            ValueError,
            "cache must be memory, redis, redis-or-memory, a Cache or False, not 'disk'",
        ),
        ({"breaker": 0}, ValueError, "breaker must be True, a number of calls from 1, .* not 0"),
        ({"cache_ttl": "1h"}, ValueError, "cache_ttl must be a number above 0, not '1h'"),
        ({"concurrency": 2, "concurrency_minimum": 4}, ValueError, "concurrency must be 4"),
        ({"breaker": 1.5}, ValueError, "breaker must be True, a number of calls from 1, .* not 1.5"),
        ({"cache_items": 1.5}, ValueError, "cache_items must be a whole number above 0, not 1.5"),
        ({"cache_ttl": float("inf")}, ValueError, "cache_ttl must be a number above 0, not inf"),
    ],
    ids=["unknown", "far off", "strategy", "zero", "text", "window", "switch", "half", "endless"],
)
def test_settings_that_cannot_be(wanted: dict[str, Any], error: type[Exception], message: str) -> None:
    """Refused at once, and nothing changes."""
    before = harness.configure(breaker=7)
    with pytest.raises(error, match=message):
        harness.configure(**wanted)
    assert harness.settings() is before


def test_equal_settings_share_their_state(driver: Driver) -> None:
    harness.configure(breaker=1)
    asked(driver, failed(500), retries=0)
    harness.configure(breaker=1)
    assert isinstance(asked(driver)[0], CircuitOpenError)


def test_settings_do_not_show_the_password_of_redis() -> None:
    assert "secret" not in repr(harness.configure(redis_url="redis://:secret@localhost"))


@dataclass
class Equal:
    """A listener like any other of its kind, and without a hash."""

    heard: list[HarnessEvent] = field(default_factory=list, compare=False)

    def record(self, event: HarnessEvent) -> None:
        self.heard.append(event)


def test_a_listener_is_itself_alone(driver: Driver) -> None:
    """However equal another one is; what they listen to is the same."""
    one, other = Equal(), Equal()
    for listener in (one, other, one):
        harness.configure(telemetry=[listener])
        asked(driver, said())
    assert ([len(heard) for heard in (one.heard, other.heard)], one) == ([4, 2], other)


def test_a_calls_cache_is_checked() -> None:
    with pytest.raises(
        InvalidRequestError, match="cache must be memory, redis, redis-or-memory, a Cache or False"
    ):
        ChatCompletion.create("openai/m", HELLO, cache="disk")  # type: ignore[call-overload]


def test_redis_without_a_url(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is refused where Redis is wanted, and is memory where it may be."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    with pytest.raises(ValueError, match="redis_url"):
        driver.create(ChatCompletion, model="openai/m", messages=HELLO, cache="redis")
    asked(driver, said(), cache="redis-or-memory")
    assert asked(driver, cache="redis-or-memory")[0].muxi.cache_hit == "l1"


# ---------------------------------------------------------------------------------- the plan's law


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([200, 400, 401, 403, 429, 500]), min_size=1, max_size=40),
    st.integers(0, 3),
    st.integers(1, 4),
)
def test_no_schedule_of_outcomes_makes_more_attempts_than_planned(
    statuses: list[int], retries: int, keys: int
) -> None:
    """For each candidate: its tries, and one for each further key."""
    provider = OpenAIProvider(api_key="k0")
    provider.keys = tuple(f"k{number}" for number in range(keys))
    around = Harness(Stages(breaker=Breaker(in_a_row=3), window=4))
    script = Scripted(*[said() if status == 200 else failed(status) for status in statuses * 40])
    request = Request("chat", {"messages": HELLO}, limits=Limits(retries=retries))
    candidates = [Candidate(ModelRef("openai", name), provider) for name in "ab"]
    for _ in range(3):
        sent = len(script.calls)
        try:
            muxi_llm.core.step.run_sync(call(script, request, candidates, around))
        except (RateLimitError, AuthenticationError, BadRequestError, MuxiLLMError):
            pass
        assert len(script.calls) - sent <= 2 * (retries + 1 + keys - 1)


def test_configuring_again_and_again_does_not_pile_up() -> None:
    for number in range(20):
        harness.configure(breaker=number + 1)
        muxi_llm.runtime._runtime.harness(harness.own())
    assert len(muxi_llm.runtime._runtime._harnesses) == 8


def test_an_open_breaker_does_not_tell_the_urls_password() -> None:
    assert "secret" not in str(CircuitOpenError("acme", "https://me:secret@llm.acme.test/v1"))


def test_equal_calls_of_a_vendors_client_at_once_are_one_request() -> None:
    """Whose answers are the vendor's own bytes."""
    harness.configure(singleflight=True)

    async def scenario() -> tuple[list[str], int]:
        client = muxi_llm.AsyncOpenAI()
        with muxi_llm.runtime.using(script := Turning(Answer(json=RESPONSE), Answer(json=RESPONSE))):
            await client.responses.create(
                model="m", input="first"
            )  # which looks at the platform, in a thread
            asked = [client.responses.create(model="m", input="x") for _ in range(3)]
            return [answer.output_text for answer in await asyncio.gather(*asked)], len(script.calls) - 1

    assert asyncio.run(scenario()) == (["Hi"] * 3, 1)


RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "status": "completed",
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}


# ------------------------------------------------------------------------------------ looking inside


def test_what_is_known_can_be_looked_at_and_forgotten(driver: Driver) -> None:
    """Of the cache, of places and of keys; those by their fingerprint."""
    muxi_llm.openai_keys = ["sk-secret-a", "sk-secret-b"]  # type: ignore[attr-defined]
    harness.configure(cache="memory", breaker=1, concurrency=4)
    asked(driver, failed(401), said())
    asked(driver)
    asked(driver, failed(500), retries=0, model="openai/other")
    places, keys = harness.state()
    assert [(p.model, p.window, p.under_way) for p in places] == [("m", 4, 0), ("other", 4, 0)]
    assert (places[0].breaker, places[1].breaker) != ("closed", "closed")  # by the machine's own clock
    assert [len(key.key) for key in keys] == [8, 8]
    assert "secret" not in repr(keys)
    stats = harness.stats()
    assert (stats.items, stats.hits, stats.misses) == (1, 1, 2)
    harness.clear()
    assert harness.stats().items == 0
    harness.reset()
    assert harness.state() == ([], [])


def test_a_client_is_told_where_an_answer_is_from() -> None:
    harness.configure(cache="memory")
    client = muxi_llm.OpenAI()
    with muxi_llm.runtime.using(Scripted(said(), Answer(chunks=chat_stream("Hi")))):
        for expected in (None, "l1"):
            raw = client.chat.completions.with_raw_response.create(model="m", messages=HELLO)
            assert raw.headers.get("x-muxi-cache") == expected
        for expected in (None, "l1"):
            stream = client.chat.completions.with_raw_response.create(model="m", messages=HELLO, stream=True)
            assert stream.headers.get("x-muxi-cache") == expected
            list(stream.parse())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["k1", "k2"]), st.integers(0, 3))))
def test_two_tenants_never_share_an_answer(calls: list[tuple[str, str, int]]) -> None:
    """Nor two keys without a tenant, whatever the schedule."""
    harness.configure()

    class Telling(Scripted):
        async def send(self, call: Any) -> Any:
            await asyncio.sleep(0)
            self._answers.append(said(call.headers["x-request-id"]))
            return await super().send(call)

    async def one(tenant: str, key: str, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        whose = tenant if tenant != "c" else key
        value = await ChatCompletion.acreate(
            "openai/m",
            HELLO,
            api_key=key,
            tenant=None if tenant == "c" else tenant,
            cache="memory",
            singleflight=True,
            extra_headers={"x-request-id": whose},  # no part of what is asked
        )
        assert value.choices[0].message.content == whose

    async def scenario() -> None:
        await asyncio.gather(*(one(*each) for each in calls))

    with muxi_llm.runtime.using(Telling()):
        asyncio.run(scenario())
