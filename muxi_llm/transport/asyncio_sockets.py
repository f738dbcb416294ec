"""Sockets of an asyncio loop for httpcore2, whose own go through anyio: a third of a call's time with it.

Time is kept around the whole call (`asyncio.timeout`), not by each operation.
"""

from __future__ import annotations

import asyncio
import os
import re
import select
from collections import deque
from typing import TYPE_CHECKING, Any

import httpcore2

from muxi_llm.transport.deadlines import PIECE, Deadline

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

ADDRESS = re.compile(r"[0-9.]+|.*:.*")
"""A host that is no name."""

ENOUGH = 262_144
"""Bytes waiting to be read at which the server is made to wait."""


class Stream(asyncio.Protocol, httpcore2.AsyncNetworkStream):
    """One connection: what the loop tells of it, and what httpcore2 asks of it."""

    _transport: Any

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._failure: Exception | None = None
        self._reading: asyncio.Future[None] | None = None
        self._writing: asyncio.Future[None] | None = None
        self._is_full = False
        self._held = b""

    # ------------------------------------------------------------------------ what the loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size > ENOUGH:
            self._transport.pause_reading()
        _wake(self._reading)

    def eof_received(self) -> None:
        self._ended = True
        _wake(self._reading)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended, self._failure = True, exc
        _wake(self._reading)
        _wake(self._writing)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        _wake(self._writing)

    # ----------------------------------------------------------------------- what httpcore2 asks

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        if self._held:
            self._transport.write(self._held)
            self._held = b""
        if not (self._pieces or self._ended):
            self._reading = self._loop.create_future()
            await self._reading
        if not self._pieces:
            if self._failure is not None:
                raise httpcore2.ReadError(str(self._failure)) from self._failure
            return b""
        if isinstance(timeout, Deadline):
            timeout.heard = True
        piece = self._pieces.popleft()
        if len(piece) > max_bytes:
            self._pieces.appendleft(piece[max_bytes:])
            piece = piece[:max_bytes]
        before, self._size = self._size, self._size - len(piece)
        if before > ENOUGH >= self._size and not self._ended:
            self._transport.resume_reading()
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        if (
            len(self._held) + len(buffer) <= PIECE
        ):  # a head and its body leave in one packet, before the next read
            self._held += buffer
            return
        self._transport.writelines((self._held, buffer))
        self._held = b""
        if self._is_full and not self._ended:
            self._writing = self._loop.create_future()
            await self._writing
        if self._failure is not None:
            raise httpcore2.WriteError(str(self._failure)) from self._failure

    async def aclose(self) -> None:
        self._transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        try:
            names: Any = {"server_hostname": server_hostname, "ssl_handshake_timeout": timeout}
            self._transport = await self._loop.start_tls(self._transport, self, ssl_context, **names)
        except BaseException as error:
            self._transport.abort()
            if isinstance(error, OSError):
                raise httpcore2.ConnectError(str(error)) from error
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return bool(self._pieces) or self._ended or has_news(self._transport)
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info))


def has_news(transport: asyncio.BaseTransport) -> bool:
    """Whether something has come that the loop has not read yet: to a connection nobody asks, its end."""
    handle: int = transport.get_extra_info("socket").fileno()
    if handle < 0 or not hasattr(select, "poll"):  # Windows: what the loop has read is all there is to know
        return handle < 0
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(0))


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


class Backend(httpcore2.AsyncNetworkBackend):
    """Connects."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore2.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                connected = await loop.create_connection(Stream, host, port, **racing(loop, host))
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout from error
        except OSError as error:  # asyncio says of every refusal that the connect call failed
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise httpcore2.ConnectError(why) from error
        stream: Stream = connected[1]
        return stream


def racing(loop: asyncio.AbstractEventLoop, host: str) -> Any:
    """What `create_connection` is told so that, where the first address says nothing, the second is tried
    after that time (RFC 8305); not in uvloop. A race cancelled as it is won drops the socket unclosed, and an
    address has nothing to race.
    """
    races = isinstance(loop, asyncio.BaseEventLoop) and not ADDRESS.fullmatch(host)
    return {"happy_eyeballs_delay": 0.25} if races else {}
