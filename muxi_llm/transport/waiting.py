"""Waiting for another call, in both colours. An event made on one face may be set from the other."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from muxi_llm.core.step import run_sync

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class BlockingEvent:
    """A lock that is held until it happens: a tenth of what `threading.Event` costs.

    holds_up_a_loop: whether to wait here stops an event loop, and with it whoever may be waited for.
    """

    def __init__(self) -> None:
        self.holds_up_a_loop = asyncio._get_running_loop() is not None  # noqa: SLF001 - see `soon`
        self._lock = Lock()
        self._lock.acquire()

    def set(self) -> None:
        with suppress(RuntimeError):  # already set
            self._lock.release()

    def is_lost(self) -> bool:
        """Never: a thread ends only by way of what it is doing."""
        return False

    async def wait(self, seconds: float | None = None) -> bool:
        happened = self._lock.acquire(timeout=-1 if seconds is None else seconds)
        if happened:
            self.set()  # whoever waits wakes the next; `set` may have come twice meanwhile
        return happened


class AsyncEvent:
    """A future of the loop it was made on."""

    holds_up_a_loop = False

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[None] = self._loop.create_future()

    def set(self) -> None:
        soon(self._loop, self._happen)

    def is_lost(self) -> bool:
        """Whether the loop is over, or stands still."""
        return not self._loop.is_running()

    def _happen(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self, seconds: float | None = None) -> bool:
        await (self._future if seconds is None else asyncio.wait([self._future], timeout=seconds))
        return self._future.done()


def soon(loop: asyncio.AbstractEventLoop, what: Callable[[], object]) -> None:
    """Call *what* on *loop*'s thread: now, if this is it. A loop that is over needs nothing any more."""
    if asyncio._get_running_loop() is loop:  # noqa: SLF001 - the public one raises where there is none
        what()
    else:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(what)


def run_here(work: Coroutine[Any, Any, None]) -> Callable[[], object]:
    """Run *work* to its end; there is nothing left to cancel then."""
    run_sync(work)
    return bool


def run_beside(work: Coroutine[Any, Any, None]) -> Callable[[], object]:
    """Run *work* in a task of its own; the function returned cancels it, from any thread."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return lambda: soon(loop, task.cancel)


_tasks: set[asyncio.Task[None]] = set()  # the loop itself holds its tasks weakly
