"""Whole crowds of calls against servers with limits and outages, on a clock of their own: what it costs them."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from muxi_llm.core.call import call
from muxi_llm.core.request import Candidate, Limits, ModelRef, Request
from muxi_llm.errors import CircuitOpenError, MuxiLLMError
from muxi_llm.harness.breaker import Breaker
from muxi_llm.harness.pipeline import Harness, Stages
from muxi_llm.providers.openai import OpenAIProvider
from muxi_llm.transport.scripted import Answer, Scripted
from tests.support.bodies import HELLO, chat


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time is what is waited for, and passes at once."""

    def __init__(self) -> None:
        super().__init__(Skipping(self))
        self.passed = 0.0

    def time(self) -> float:
        return self.passed


class Skipping(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        self._loop.passed += timeout or 0.0
        return super().select(0)


class Server(Scripted):
    """A port to a server that is a function of the time: what it says, and after how long."""

    def __init__(self, answer: Callable[[float], Answer]) -> None:
        super().__init__()
        self._answer = answer
        self._chance = random.Random(7)
        self.said: Counter[int] = Counter()

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def random(self) -> float:
        return self._chance.random()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def send(self, wire_call: Any) -> Any:
        answer = self._answer(self.now())
        self.said[answer.status] += 1
        await asyncio.sleep(answer.delay)
        self._answers = [Answer(answer.status, answer.json, headers=answer.headers)]
        return await super().send(wire_call)


def limited(rate: int, latency: float = 0.3) -> Callable[[float], Answer]:
    """So many a second, the rest refused with `Retry-After: 1`, and quickly."""
    taken: deque[float] = deque()

    def answer(now: float) -> Answer:
        while taken and taken[0] <= now - 1:
            taken.popleft()
        if len(taken) >= rate:
            refusal = {"error": {"message": "slow down"}}
            return Answer(429, refusal, headers={"retry-after": "1"}, delay=latency / 10)
        taken.append(now)
        return Answer(json=chat("Hi"), delay=latency)

    return answer


def simulated(scenario: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(asyncio.wait_for(scenario(), 36_000))
    finally:
        loop.close()


def asked(
    server: Server, around: Harness, retries: int = 2, model: str = "m", timeout: float = 600.0
) -> Coroutine[Any, Any, Any]:
    request = Request("chat", {"messages": HELLO}, limits=Limits(retries=retries, timeout=timeout))
    return call(server, request, [Candidate(ModelRef("openai", model), OpenAIProvider(api_key="k"))], around)


async def crowd(server: Server, around: Harness, count: int, **wanted: Any) -> list[Any]:
    return await asyncio.gather(
        *(asked(server, around, **wanted) for _ in range(count)), return_exceptions=True
    )


@pytest.mark.parametrize("latency", [0.001, 0.3, 3.0])
def test_a_crowd_at_a_rate_limit_loses_nobody(latency: float) -> None:
    """150 at once, 20 a second: and few of the requests are refused."""
    server, around = Server(limited(20, latency)), Harness(Stages(window=32, retry_budget=0.2))
    answers = simulated(lambda: crowd(server, around, 150))
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert server.said[429] < 0.15 * server.said.total(), server.said


def test_without_any_setting_nobody_is_lost_either() -> None:
    """The first burst is refused, that is all."""
    server, around = Server(limited(20)), Harness()
    answers = simulated(lambda: crowd(server, around, 150))
    assert [answer for answer in answers if isinstance(answer, Exception)] == []


@pytest.mark.parametrize("capacity", [8, 20])
def test_a_window_finds_what_a_server_stands(capacity: int) -> None:
    """A server that takes so many at once: of a steady crowd few are refused, and it is kept busy."""
    busy = [0]

    class Narrow(Server):
        async def send(self, wire_call: Any) -> Any:
            busy[0] += 1
            try:
                return await super().send(wire_call)
            finally:
                busy[0] -= 1

    def answer(now: float) -> Answer:
        full = busy[0] > capacity
        return Answer(503, {}, delay=0.01) if full else Answer(json=chat("Hi"), delay=1.0)

    server = Narrow(answer)
    around = Harness(Stages(window=32, minimum=1))

    async def steady() -> float:
        tickets = iter(range(2000))

        async def worker() -> None:
            for _ in tickets:
                await asyncio.gather(asked(server, around, retries=5), return_exceptions=True)

        await asyncio.gather(*(worker() for _ in range(40)))
        return server.now()

    seconds = simulated(steady)
    assert server.said[503] < 0.1 * server.said.total(), server.said
    assert seconds < 2 * 2000 / capacity


def test_a_place_that_fails_now_and_then_is_never_left_alone() -> None:
    """One in twenty, for hours."""
    chance = random.Random(3)

    def answer(now: float) -> Answer:
        return Answer(500, {}) if chance.random() < 0.05 else Answer(json=chat("Hi"), delay=0.1)

    server, around = Server(answer), Harness(Stages(breaker=Breaker()))

    async def steady() -> list[Any]:
        return [await asyncio.gather(asked(server, around, 0), return_exceptions=True) for _ in range(5000)]

    outcomes = simulated(steady)
    assert not any(isinstance(outcome, CircuitOpenError) for (outcome,) in outcomes)


def test_a_place_that_is_down_is_left_alone_and_found_again() -> None:
    """Down from the 10th to the 310th second: asked now and then, and used again soon after."""

    def answer(now: float) -> Answer:
        return Answer(500, {}) if 10 <= now < 310 else Answer(json=chat("Hi"), delay=0.05)

    server, around = Server(answer), Harness(Stages(breaker=Breaker(cooldown=5.0, longest=30.0)))

    async def steady() -> float:
        back = 0.0
        while server.now() < 400:
            (outcome,) = await asyncio.gather(asked(server, around, 0), return_exceptions=True)
            if server.now() > 310 and not back and not isinstance(outcome, Exception):
                back = server.now()
            await asyncio.sleep(0.1)
        return back

    back = simulated(steady)
    assert server.said[500] < 200
    assert 310 < back < 350


def test_retries_do_not_multiply_an_outage() -> None:
    """All fail for a while: a fifth more than there are calls, and the few of the reserve."""
    server = Server(lambda now: Answer(500, {}, delay=0.1))
    around = Harness(Stages(retry_budget=0.2))

    async def steady() -> int:
        failed = 0
        for _ in range(100):
            failed += sum(isinstance(one, MuxiLLMError) for one in await crowd(server, around, 10, retries=5))
        return failed

    assert simulated(steady) == 1000
    assert server.said.total() <= 1.2 * 1000 + 11
