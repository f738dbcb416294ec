"""LLMix's adaptive semaphore: the harness' window and permits, on an event loop."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from muxi_llm.harness.limiter import Permits, Window
from muxi_llm.harness.rate_limits import left_of
from muxi_llm.transport.waiting import AsyncEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class AdaptiveSemaphore:
    """How many at once is found out by how it goes (`muxi_llm.harness.limiter`). `async with semaphore:`.

    initial: at once to begin with and at most; min_concurrency: at least. Raises `ValueError` if they make
    no sense.
    """

    def __init__(self, initial: int = 32, min_concurrency: int = 4) -> None:
        self.max_concurrency = initial
        self.min_concurrency = min_concurrency
        self._permits: Permits[AsyncEvent] = Permits(Window(initial, min_concurrency, eager=True))
        self._waiting: set[AsyncEvent] = set()
        self._holders: list[AsyncEvent] = []
        """Of the permits that are out: whoever gives one back gives any of them."""
        self._lock = Lock()
        self._closed = False

    @property
    def window(self) -> int:
        """How many at once now."""
        return self._permits.window.size

    async def acquire(self) -> None:
        """Wait for a permit. Raises `RuntimeError` once the semaphore is closed."""
        with self._lock:
            self._check_open()
            event = AsyncEvent()
            if self._permits.take(event):
                self._holders.append(event)
                return
            self._permits.queue(event, event)
            self._waiting.add(event)
        try:
            await event.wait()
            self._check_open()
        except BaseException:
            self._change(lambda: self._permits.leave(event))
            raise
        finally:
            self._waiting.discard(event)
        self._holders.append(event)

    def release(self) -> None:
        """Give a permit back."""
        self._change(lambda: self._permits.leave(self._holders.pop() if self._holders else None))

    def on_success(self) -> None:
        """A call went well: one more at once."""
        self._change(self._permits.window.succeeded)

    def on_rate_limit(self) -> None:
        """A 429: half as many at once."""
        self._change(self._permits.window.overloaded)

    def on_header_feedback(self, remaining: int, limit: int) -> None:
        """So many requests are left, of how many."""
        self._change(lambda: self._permits.window.told(remaining, limit))

    def close(self) -> None:
        """No more permits; whoever waits is told."""
        with self._lock:
            self._closed = True
            waiting = list(self._waiting)
        for event in waiting:
            event.set()

    def rebind(self) -> None:
        """Nothing to do: a semaphore serves any event loop."""

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("AdaptiveSemaphore is closed")

    def _change(self, what: Callable[[], Any]) -> None:
        with self._lock:
            what()
            woken = self._permits.served()
        for event in woken:
            event.set()

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.release()


def parse_openai_ratelimit_headers(headers: Mapping[str, str]) -> dict[str, int] | None:
    """Requests `remaining` and their `limit`; `None` where the headers (lower-case names) do not say."""
    left = left_of({name: value for name, value in headers.items() if name.startswith("x-")})
    return None if left is None else {"remaining": left[0], "limit": left[1]}
