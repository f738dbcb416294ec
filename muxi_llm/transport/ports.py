"""The two ports: the same verbs over blocking and over asyncio.

`BlockingIO` is the one place where an `async def` may block: it never suspends, which is what lets the
sync face step the core as a plain function call.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.wire.base import Reply, WireCall

T = TypeVar("T")

UNSENDABLE = "the URL or a header of the request is not valid HTTP"
"""What transports say of such a request: the libraries' own words quote the header, which may be a key."""


CONNECT_TIMEOUT = 5.0
"""Seconds for a connection to come about, as with the openai package."""

LINGER = 0.1
"""Seconds to wait for the last bytes behind a complete answer, so that its connection can be used again."""


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
        return self._transport.send(call)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - see the module's docstring

    def now(self) -> float:
        return time.monotonic()

    async def run(self, work: Callable[[], T]) -> T:
        return work()


class AsyncIO:
    """The port of the async face."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def send(self, call: WireCall) -> Reply:
        return await self._transport.send(call)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def now(self) -> float:
        return time.monotonic()

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)
