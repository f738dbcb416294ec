"""The default transport: httpcore2's connections (TLS, proxies, HTTP/1.1 are its) in a pool of our own.

httpcore2's pool looks at every connection it has for every request: with 1,000 concurrent calls that takes
ten times as long as the call itself. Here idle connections lie on a stack for each origin, and nothing is
looked through. Where somebody put something in the place of httpx2's or httpcore2's functions (`untouched`),
and for URLs with a user's name in them, calls go through httpx2.
"""

from __future__ import annotations

import asyncio
import threading
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpcore2

from muxi_llm.core.port import TransportError
from muxi_llm.core.step import run_sync
from muxi_llm.transport import asyncio_sockets, deadlines
from muxi_llm.transport.deadlines import Deadline
from muxi_llm.transport.faults import FAULTS
from muxi_llm.transport.httpx2 import AsyncHttpx2, BlockingHttpx2
from muxi_llm.transport.loops import PerLoop
from muxi_llm.transport.readers import LATE, AsyncReader, BlockingReader
from muxi_llm.transport.requests import REPEATABLE, Makers, Target, reply_of, request_of, target_of
from muxi_llm.transport.shelf import Shelf
from muxi_llm.transport.untouched import is_untouched
from muxi_llm.transport.uploads import aopened, opened
from muxi_llm.transport.waiting import AsyncEvent, BlockingEvent

if TYPE_CHECKING:
    from muxi_llm.wire.base import Reply, WireCall

STALE = (httpcore2.ReadError, httpcore2.WriteError, httpcore2.RemoteProtocolError)
"""How a connection fails that its server closed while it was idle. Where it had not said a byte, a request
that may be sent twice goes over another one (RFC 9112 §9.3.1): nobody knows whether the server had read it.
"""


def _goes_again(error: BaseException, request: httpcore2.Request, deadline: Deadline) -> bool:
    return isinstance(error, STALE) and not deadline.heard and request.method.decode() in REPEATABLE


class BlockingPool:
    """Sends over shared connections (thread-safe)."""

    def __init__(self) -> None:
        self._shelf = Shelf(Makers(httpcore2.ConnectionPool, deadlines.Backend()).connection)
        self._lock = threading.Lock()

    @cached_property
    def _plain(self) -> BlockingHttpx2:
        return BlockingHttpx2()

    def send(self, call: WireCall) -> Reply:
        with FAULTS:
            target = target_of(call.url)
            if target is None or not is_untouched():
                return self._plain.send(call)
            deadline = Deadline.after(call.timeout)
            request = request_of(call, target, deadline, opened(call))
            connection, response = self._sent(target, request, deadline)

            def close(open_: list[Any] = [connection]) -> None:  # noqa: B006 - once for each call of `send`
                while open_:
                    response.close()
                    self._give(target, open_.pop())

            try:
                reply, body = reply_of(response.status, response.headers)
            except BaseException:
                close()
                raise
            reader = BlockingReader(iter(response.stream), close, body, deadline)
            if call.stream:
                reply.reader = reader
            else:
                reply.content = reader.read_all()
            return reply

    def _sent(self, target: Target, request: httpcore2.Request, deadline: Deadline) -> tuple[Any, Any]:
        while True:
            connection, is_used = self._taken(target, deadline)
            try:
                return connection, connection.handle_request(request)
            except BaseException as error:
                self._give(target, connection)
                if not (is_used and _goes_again(error, request, deadline)):
                    raise

    def _taken(self, target: Target, deadline: Deadline) -> tuple[Any, bool]:
        """A connection, and whether it was used before."""
        while True:
            with self._lock:
                connection, is_used = self._shelf.take(target)
                stale = self._shelf.stale()
                event = self._shelf.queue(BlockingEvent()) if connection is None else None
            for old in stale:
                old.close()
            if event is None:
                return connection, is_used
            if not run_sync(event.wait(max(deadline.ends - time.monotonic(), 0))):
                with self._lock:
                    self._shelf.leave(event)
                raise TransportError(LATE, timeout=True)

    def _give(self, target: Target, connection: Any) -> None:
        with self._lock:
            self._shelf.give(target, connection)
            stale = self._shelf.stale()
        for old in stale:
            old.close()

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            stale = self._shelf.stale(every=True)
        for old in stale:
            old.close()
        if "_plain" in vars(self):
            self._plain.close()


class AsyncPool:
    """Sends over the connections of the running event loop: they cannot change loops."""

    def __init__(self) -> None:
        self._loops = PerLoop(_LoopsPool, _LoopsPool.aclose)

    @cached_property
    def _plain(self) -> AsyncHttpx2:
        return AsyncHttpx2()

    async def send(self, call: WireCall) -> Reply:
        with FAULTS:
            target = target_of(call.url)
            if target is None or not is_untouched():
                return await self._plain.send(call)
            pool = await self._loops.own()
            deadline = Deadline.after(call.timeout)
            ends = asyncio.get_running_loop().time() + call.timeout
            async with asyncio.timeout_at(ends):  # for a stream: until its head is there
                request = request_of(call, target, deadline, await aopened(call))
                connection, response = await pool.sent(target, request, deadline)

                async def close(open_: list[Any] = [connection]) -> None:  # noqa: B006 - see above
                    while open_:
                        given = open_.pop()
                        try:
                            await response.aclose()
                        finally:
                            await pool.give(target, given)

                try:
                    reply, body = reply_of(response.status, response.headers)
                except BaseException:
                    await close()
                    raise
                reader = AsyncReader(aiter(response.stream), close, body, ends, call.timeout)
                if call.stream:
                    reply.reader = reader
                else:
                    reply.content = await reader.read_all()
                return reply


class _LoopsPool:
    """One event loop's connections."""

    def __init__(self) -> None:
        self._shelf = Shelf(Makers(httpcore2.AsyncConnectionPool, asyncio_sockets.Backend()).connection)

    async def sent(self, target: Target, request: httpcore2.Request, deadline: Deadline) -> tuple[Any, Any]:
        while True:
            connection, is_used = await self._taken(target)
            try:
                return connection, await connection.handle_async_request(request)
            except BaseException as error:
                await self.give(target, connection)
                if not (is_used and _goes_again(error, request, deadline)):
                    raise

    async def _taken(self, target: Target) -> tuple[Any, bool]:
        """A connection, and whether it was used before."""
        while True:
            connection, is_used = self._shelf.take(target)
            await _aclose(self._shelf.stale())
            if connection is not None:
                return connection, is_used
            event = self._shelf.queue(AsyncEvent())
            try:
                await event.wait()
            except BaseException:
                self._shelf.leave(event)
                raise

    async def give(self, target: Target, connection: Any) -> None:
        """Back, for the next call if it can be used again."""
        self._shelf.give(target, connection)
        await _aclose(self._shelf.stale())

    async def aclose(self) -> None:
        """Close what is idle."""
        await _aclose(self._shelf.stale(every=True))


async def _aclose(connections: list[Any]) -> None:
    for connection in connections:
        await connection.aclose()
