"""The two ports: the same verbs over blocking and over asyncio.

`BlockingIO` is the one place where an `async def` may block: it never suspends, which is what lets the
sync face step the core as a plain function call.
"""

from __future__ import annotations

import asyncio
import random
import time
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from muxi_llm.transport.waiting import AsyncEvent, BlockingEvent, run_beside, run_here

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from muxi_llm.wire.base import Reply, WireCall

T = TypeVar("T")

CONNECT_TIMEOUT = 5.0
"""Seconds for a connection to come about, as with the openai package."""

LINGER = 0.1
"""Seconds that nobody waits for, in which the end of a body behind a complete answer may still come, so that
its connection can be used again."""


class BlockingTransport(Protocol):
    """Sends and waits. Safe to share between threads."""

    def send(self, call: WireCall) -> Reply:
        """The reply; raises `TransportError`."""


class AsyncTransport(Protocol):
    """Sends and awaits, on the running event loop."""

    async def send(self, call: WireCall) -> Reply:
        """The reply; raises `TransportError`."""


class BlockingIO:
    """The port of the sync face."""

    def __init__(self, transport: BlockingTransport) -> None:
        self._transport = transport

    async def send(self, call: WireCall) -> Reply:
        engine = engine_for(call)
        return self._transport.send(call) if engine is None else engine.send(call)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - see the module's docstring

    now = staticmethod(time.monotonic)  # no frame of ours around it: a call asks a dozen times
    random = staticmethod(random.random)

    async def run(self, work: Callable[[], T]) -> T:
        return work()

    def event(self) -> BlockingEvent:
        return BlockingEvent()

    def spawn(self, work: Coroutine[Any, Any, None]) -> Callable[[], object]:
        return run_here(work)

    def aside(self, work: Coroutine[Any, Any, None]) -> None:
        Thread(target=run_here, args=(work,), name="muxi-llm-aside", daemon=True).start()


class AsyncIO:
    """The port of the async face."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def send(self, call: WireCall) -> Reply:
        engine = engine_for(call)
        return await (self._transport.send(call) if engine is None else engine.asend(call))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    now = staticmethod(time.monotonic)  # no frame of ours around it: a call asks a dozen times
    random = staticmethod(random.random)

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)

    def event(self) -> AsyncEvent:
        return AsyncEvent()

    def spawn(self, work: Coroutine[Any, Any, None]) -> Callable[[], object]:
        return run_beside(work)

    def aside(self, work: Coroutine[Any, Any, None]) -> None:
        run_beside(work)


def engine_for(call: WireCall) -> Any:
    """The module that answers calls of this scheme inside this process (`send`, `asend`), if one does."""
    name = ENGINES.get(call.url.partition(":")[0])
    return import_module(name) if name is not None else None


ENGINES = {"llama-cpp": "muxi_llm.transport.llama_cpp"}
