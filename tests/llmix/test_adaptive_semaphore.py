"""The adaptive semaphore, with waiters."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.llmix import AdaptiveSemaphore


async def settled() -> None:
    """Until whoever can run has run."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_the_defaults() -> None:
    """32 at once, 4 at least."""
    semaphore = AdaptiveSemaphore()
    assert (semaphore.window, semaphore.max_concurrency, semaphore.min_concurrency) == (32, 32, 4)
    semaphore.on_rate_limit()
    semaphore.rebind()
    assert semaphore.window == 16


@pytest.mark.parametrize("numbers", [(0, 1), (2, 4), (4, 0)])
def test_numbers_that_make_no_sense(numbers: tuple[int, int]) -> None:
    """Are refused."""
    with pytest.raises(ValueError, match="the window must start at"):
        AdaptiveSemaphore(*numbers)


def test_a_shrunken_window_takes_permits_as_they_come_back() -> None:
    """And wakes nobody before."""

    async def main() -> None:
        semaphore = AdaptiveSemaphore(4, 1)
        for _ in range(4):
            await semaphore.acquire()
        semaphore.on_rate_limit()
        waiter = asyncio.create_task(semaphore.acquire())
        for _ in range(2):
            semaphore.release()
            await settled()
            assert not waiter.done()
        semaphore.release()
        await waiter

    asyncio.run(main())


@pytest.mark.parametrize("grow", ["success", "headers"])
def test_a_growing_window_wakes_waiters(grow: str) -> None:
    """At once, whoever came first."""

    async def main() -> None:
        semaphore = AdaptiveSemaphore(4, 1)
        semaphore.on_rate_limit()
        semaphore.on_rate_limit()
        await semaphore.acquire()
        first, second = (asyncio.create_task(semaphore.acquire()) for _ in range(2))
        await settled()
        semaphore.on_success() if grow == "success" else semaphore.on_header_feedback(400, 500)
        await settled()
        assert (first.done(), second.done()) == (True, False)
        semaphore.release()
        await second

    asyncio.run(main())


@pytest.mark.parametrize("woken", [False, True])
def test_a_waiter_that_leaves_takes_no_permit_along(woken: bool) -> None:
    """Even when it has just been given one."""

    async def main() -> None:
        semaphore = AdaptiveSemaphore(1, 1)
        await semaphore.acquire()
        leaver, next_one = (asyncio.create_task(semaphore.acquire()) for _ in range(2))
        await settled()
        if woken:
            semaphore.release()
        leaver.cancel()
        await settled()
        if not woken:
            semaphore.release()
        await asyncio.wait_for(next_one, 5)

    asyncio.run(main())


def test_as_a_context() -> None:
    """The permit comes back, whatever happens inside."""

    async def main() -> None:
        semaphore = AdaptiveSemaphore(1, 1)
        with pytest.raises(ZeroDivisionError):
            async with semaphore:
                raise ZeroDivisionError
        async with semaphore as held:
            assert held is semaphore

    asyncio.run(main())


def test_closed() -> None:
    """Nobody gets a permit any more, nor waits for one."""

    async def main() -> None:
        semaphore = AdaptiveSemaphore(1, 1)
        await semaphore.acquire()
        waiter = asyncio.create_task(semaphore.acquire())
        await settled()
        semaphore.close()
        for late in (waiter, semaphore.acquire()):
            with pytest.raises(RuntimeError, match="AdaptiveSemaphore is closed"):
                await late
        semaphore.release()

    asyncio.run(main())


STEPS = st.lists(
    st.sampled_from(["acquire", "release", "cancel", "success", "limit", "low", "high"]), max_size=40
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_permits_are_neither_lost_nor_made_up(steps: list[str]) -> None:
    """However it goes, the window is within its bounds and in the end everyone who waits is served."""

    async def main() -> None:
        semaphore = AdaptiveSemaphore(6, 2)
        tasks: list[asyncio.Task[Any]] = []
        held = 0
        for step in steps:
            if step == "acquire":
                tasks.append(asyncio.create_task(semaphore.acquire()))
            elif step == "release" and any(task.done() for task in tasks):
                tasks.remove(next(task for task in tasks if task.done()))
                semaphore.release()
            elif step == "cancel" and tasks and not tasks[-1].done():
                tasks.pop().cancel()
            else:
                STEER.get(step, lambda _: None)(semaphore)
            await settled()
            held = sum(task.done() for task in tasks)
            assert 2 <= semaphore.window <= 6
            assert held <= 6
        while any(not task.done() for task in tasks):
            done = next(task for task in tasks if task.done())
            tasks.remove(done)
            semaphore.release()
            await settled()

    asyncio.run(main())


STEER = {
    "success": AdaptiveSemaphore.on_success,
    "limit": AdaptiveSemaphore.on_rate_limit,
    "low": lambda semaphore: semaphore.on_header_feedback(1, 500),
    "high": lambda semaphore: semaphore.on_header_feedback(400, 500),
}
