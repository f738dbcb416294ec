"""Singleflight: one request for many equal calls, whoever is cancelled meanwhile."""

from __future__ import annotations

import asyncio
import linecache
import sys
import threading
import time
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.core.step import run_sync
from muxi_llm.errors import InvalidRequestError
from muxi_llm.harness import singleflight
from muxi_llm.harness.singleflight import NOT_SHARED, Singleflight
from muxi_llm.transport.ports import AsyncIO, BlockingIO

ASYNC: Any = AsyncIO(None)  # type: ignore[arg-type]  # nothing is sent here
BLOCKING: Any = BlockingIO(None)  # type: ignore[arg-type]


class Upstream:
    """Counts how often it was asked; answers, or fails, once it is let go."""

    def __init__(self, answer: Any = None) -> None:
        self.asked = self.cancelled = 0
        self.answer = answer if answer is not None else {"text": ["hi"]}
        self.go = asyncio.Event()

    async def __call__(self) -> Any:
        self.asked += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def joined(flights: Singleflight, upstream: Upstream, count: int) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.create_task(flights.do(ASYNC, "k", upstream)) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


def test_many_are_one_and_each_has_a_copy() -> None:
    async def scenario() -> None:
        flights, upstream = Singleflight(), Upstream()
        tasks = await joined(flights, upstream, 5)
        upstream.go.set()
        answers = await asyncio.gather(*tasks)
        assert (upstream.asked, answers) == (1, [{"text": ["hi"]}] * 5)
        answers[1]["text"].append("mine")
        assert answers[0] == answers[2] == {"text": ["hi"]}
        assert len(flights) == 0

    asyncio.run(scenario())


def test_nothing_is_remembered() -> None:
    async def scenario() -> None:
        flights, upstream = Singleflight(), Upstream()
        upstream.go.set()
        for _ in range(2):
            await flights.do(ASYNC, "k", upstream)
        assert upstream.asked == 2

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "left", [[0], [0, 1, 2, 3], [3]], ids=["the first", "all but the last", "a follower"]
)
def test_who_leaves_harms_nobody(left: list[int]) -> None:
    async def scenario() -> None:
        flights, upstream = Singleflight(), Upstream()
        tasks = await joined(flights, upstream, 5)
        for index in left:
            tasks[index].cancel()
        await asyncio.sleep(0)
        upstream.go.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(a, asyncio.CancelledError) for a in answers] == [i in left for i in range(5)]
        assert (upstream.asked, upstream.cancelled) == (1, 0)

    asyncio.run(scenario())


def test_the_flight_ends_when_the_last_waiter_has_left() -> None:
    """And the next caller flies anew."""

    async def scenario() -> None:
        flights, upstream = Singleflight(), Upstream()
        tasks = await joined(flights, upstream, 3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
        assert (upstream.cancelled, len(flights)) == (1, 0)
        upstream.go.set()
        assert await flights.do(ASYNC, "k", upstream) == {"text": ["hi"]}
        assert upstream.asked == 2

    asyncio.run(scenario())


@pytest.mark.parametrize("error", [InvalidRequestError("no"), ValueError("no")], ids=["ours", "another's"])
def test_an_error_is_everyones(error: Exception) -> None:
    async def scenario() -> None:
        flights, upstream = Singleflight(), Upstream(error)
        tasks = await joined(flights, upstream, 3)
        upstream.go.set()
        raised = await asyncio.gather(*tasks, return_exceptions=True)
        assert [(type(e), str(e)) for e in raised] == [(type(error), "no")] * 3
        assert upstream.asked == 1
        assert (len({id(e) for e in raised}) == 3) == isinstance(error, InvalidRequestError)

    asyncio.run(scenario())


def test_an_error_keeps_its_cause() -> None:
    async def scenario() -> None:
        error = InvalidRequestError("no")
        error.__cause__ = KeyError("why")
        flights, upstream = Singleflight(), Upstream(error)
        tasks = await joined(flights, upstream, 2)
        upstream.go.set()
        raised = await asyncio.gather(*tasks, return_exceptions=True)
        assert [e.__cause__ for e in raised if isinstance(e, Exception)] == [error.__cause__] * 2

    asyncio.run(scenario())


def test_what_is_copied_is_nobodys() -> None:
    """The first one may change its answer before the others have theirs."""

    async def scenario() -> None:
        flights, upstream = Singleflight(), Upstream()
        tasks = await joined(flights, upstream, 2)
        tasks[0].add_done_callback(lambda task: task.result()["text"].clear())
        upstream.go.set()
        await asyncio.wait(tasks[:1])
        assert upstream.answer == {"text": ["hi"]}
        assert await tasks[1] == {"text": ["hi"]}

    asyncio.run(scenario())


@pytest.mark.parametrize("everything", [True, False], ids=["its loop cancels everything", "it is cancelled"])
def test_a_flight_that_never_began_is_flown_by_who_waits(*, everything: bool) -> None:
    """Whether the first caller goes alone just then, or with all else on its loop."""
    flights, upstream = Singleflight(), Upstream()
    upstream.go.set()

    async def scenario() -> Any:
        leader, follower = (asyncio.create_task(flights.do(ASYNC, "k", upstream)) for _ in range(2))
        await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task(), follower} if everything else {leader}:
            task.cancel()
        async with asyncio.timeout(5):
            answer = await follower
        assert leader.cancelled()
        return answer

    assert asyncio.run(scenario()) == {"text": ["hi"]}
    assert (upstream.asked, len(flights)) == (1, 0)


def test_a_sync_call_inside_a_loop_does_not_wait_for_that_loop() -> None:
    async def scenario() -> Any:
        flights, upstream = Singleflight(), Upstream()
        (task,) = await joined(flights, upstream, 1)

        async def alone() -> str:
            return "alone"

        answer = run_sync(flights.do(BLOCKING, "k", alone))
        upstream.go.set()
        return answer, await task

    assert asyncio.run(scenario()) == ("alone", {"text": ["hi"]})


def in_thread(work: Any) -> tuple[threading.Thread, list[Any]]:
    out: list[Any] = []

    def run() -> None:
        try:
            out.append(work())
        except BaseException as error:
            out.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, out


def test_threads_share_a_flight() -> None:
    """The first one's thread is the flight."""
    flights, go, asked = Singleflight(), threading.Event(), []

    async def upstream() -> Any:
        asked.append(threading.get_ident())
        go.wait()
        return ["hi"]

    runs = [in_thread(lambda: run_sync(flights.do(BLOCKING, "k", upstream))) for _ in range(4)]
    while len(flights._flights.get("k").seats if "k" in flights._flights else []) < 4:
        time.sleep(0.001)
    go.set()
    for thread, _ in runs:
        thread.join()
    assert [out for _, out in runs] == [[["hi"]]] * 4
    assert len(asked) == 1


def test_a_flight_given_up_is_flown_again_by_who_waits() -> None:
    """Ctrl-C in the leader's thread, or its event loop gone."""
    flights, boarded, asked = Singleflight(), threading.Event(), []

    async def interrupted() -> Any:
        asked.append("first")
        boarded.wait()
        raise KeyboardInterrupt

    async def upstream() -> Any:
        asked.append("second")
        return "hi"

    leader, raised = in_thread(lambda: run_sync(flights.do(BLOCKING, "k", interrupted)))
    while not asked:
        time.sleep(0.001)
    follower, answer = in_thread(lambda: run_sync(flights.do(BLOCKING, "k", upstream)))
    while len(flights._flights["k"].seats) < 2:
        time.sleep(0.001)
    boarded.set()
    leader.join()
    follower.join()
    assert [type(raised[0]), answer, asked] == [KeyboardInterrupt, ["hi"], ["first", "second"]]


def test_a_thread_and_a_loop_share_a_flight() -> None:
    async def scenario() -> tuple[Any, Any, int]:
        flights, upstream = Singleflight(), Upstream()
        (task,) = await joined(flights, upstream, 1)
        waiting = asyncio.create_task(
            asyncio.to_thread(lambda: run_sync(flights.do(BLOCKING, "k", upstream)))
        )
        while len(flights._flights["k"].seats) < 2:  # noqa: ASYNC110 - a thread's doing
            await asyncio.sleep(0.001)
        upstream.go.set()
        return await task, await waiting, upstream.asked

    assert asyncio.run(scenario()) == ({"text": ["hi"]}, {"text": ["hi"]}, 1)


class Interrupted(BaseException):
    """As Ctrl-C, wherever it comes."""


@pytest.mark.parametrize("line", range(1, 40))
def test_an_interrupt_between_any_two_lines_leaves_no_flight(line: int) -> None:
    """Of the first caller, at every line in turn; the next one is not kept waiting."""
    flights, lines = Singleflight(), count(1)

    def trace(frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename != singleflight.__file__:
            return None
        text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        # Where a `with` ends no interrupt can come: to let go of a lock is one step.
        if event == "line" and not text.startswith("with ") and next(lines) == line:
            sys.settrace(None)
            raise Interrupted
        return trace

    async def upstream() -> str:
        return "hi"

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run_sync(flights.do(BLOCKING, "k", upstream))
    except Interrupted:
        pass
    finally:
        sys.settrace(before)
    _, answer = in_thread(lambda: run_sync(flights.do(BLOCKING, "k", upstream)))
    until(lambda: answer)
    assert (answer, len(flights)) == (["hi"], 0)


def until(what: Any, seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it never happened"
        time.sleep(0.005)


@pytest.mark.parametrize("how", ["stopped", "closed"])
def test_a_loop_that_stands_still_keeps_nobody_waiting(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(singleflight, "LOOK", 0.01)
    flights, upstream, loop = Singleflight(), Upstream(), asyncio.new_event_loop()

    async def other() -> str:
        return "hi"

    leader = loop.create_task(flights.do(ASYNC, "k", upstream))
    while not upstream.asked:
        loop.run_until_complete(asyncio.sleep(0))
    if how == "closed":
        loop.close()
    _, answer = in_thread(lambda: run_sync(flights.do(BLOCKING, "k", other)))
    until(lambda: answer)
    assert answer == ["hi"]
    if how == "stopped":
        upstream.go.set()
        loop.run_until_complete(asyncio.wait_for(leader, 5))
        loop.close()


def test_nobody_waits_longer_than_it_would_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """And whoever comes then need not wait at all."""
    monkeypatch.setattr(singleflight, "LOOK", 0.01)
    flights, go, asked = Singleflight(), threading.Event(), []

    async def slow() -> str:
        asked.append("slow")
        go.wait()
        return "slow"

    async def quick() -> str:
        return "quick"

    leader, late = in_thread(lambda: run_sync(flights.do(BLOCKING, "k", slow)))
    until(lambda: asked)
    assert run_sync(flights.do(BLOCKING, "k", quick, patience=0.05)) == "quick"
    go.set()
    leader.join()
    assert (late, len(flights)) == (["slow"], 0)


def test_what_is_not_shared_is_the_first_callers_alone() -> None:
    async def scenario() -> None:
        flights, upstream = Singleflight(), Upstream()
        tasks = [
            asyncio.create_task(flights.do(ASYNC, "k", upstream, shared=lambda *_: NOT_SHARED)) for _ in "abc"
        ]
        await asyncio.sleep(0)
        upstream.go.set()
        assert await asyncio.gather(*tasks) == [{"text": ["hi"]}] * 3
        assert (upstream.asked, len(flights)) == (3, 0)

    asyncio.run(scenario())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["join", "leave", "turn"]), st.integers(0, 9)), max_size=25))
def test_whoever_stays_is_answered_once_and_nothing_is_left(events: list[tuple[str, int]]) -> None:
    """Under every order of joining and leaving."""

    async def scenario() -> None:
        flights, upstream = Singleflight(), Upstream()
        staying: list[asyncio.Task[Any]] = []
        for event, index in events:
            if event == "join":
                staying.append(asyncio.create_task(flights.do(ASYNC, "k", upstream)))
            elif event == "leave" and staying:
                staying.pop(index % len(staying)).cancel()
            else:
                await asyncio.sleep(0)
        upstream.go.set()
        answers = await asyncio.gather(*staying)
        assert answers == [{"text": ["hi"]}] * len(staying)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(flights) == 0
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(scenario())
