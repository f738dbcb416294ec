"""The gateway's transport: asyncio's sockets and httptools' parser, with no HTTP library in between.

A tenth of the default pool's CPU a call. For event loops alone, and chosen by the gateway or by name
(`muxi_llm.config.transport = "direct"`): mocks, cassettes and tracers of httpx2 do not see its calls. What
goes by a proxy, uploads, and URLs with a user's name in them take the default pool; so does the sync face.

    idle ── ask ──► waits for a head ── on_headers_complete ──► body ── on_message_complete ──► idle
              └──────────── late · hung up · not HTTP · left early ────────────┴──► lost
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

try:
    import httptools
except ImportError as error:  # pragma: no cover - tests have every extra
    raise ImportError("the direct transport needs httptools: pip install 'muxi-llm[gateway]'") from error

from muxi_llm import config
from muxi_llm.core.port import TransportError, UnsendableError
from muxi_llm.transport.asyncio_sockets import ENOUGH, has_news, racing
from muxi_llm.transport.bounded import too_large
from muxi_llm.transport.faults import FAULTS
from muxi_llm.transport.loops import PerLoop
from muxi_llm.transport.pool import AsyncPool
from muxi_llm.transport.ports import CONNECT_TIMEOUT
from muxi_llm.transport.readers import LATE, AsyncReader
from muxi_llm.transport.requests import DEFAULTS, REPEATABLE, WITH_BODY, Surroundings, reply_of, target_of
from muxi_llm.transport.shelf import Shelf
from muxi_llm.transport.waiting import AsyncEvent

if TYPE_CHECKING:
    from muxi_llm.transport.requests import Target
    from muxi_llm.wire.base import Reply, WireCall


class AsyncDirect:
    """Sends over the connections of the running event loop."""

    def __init__(self) -> None:
        self._loops = PerLoop(_Lines, _Lines.aclose)
        self._pool = AsyncPool()

    async def send(self, call: WireCall) -> Reply:
        with FAULTS:
            lines = await self._loops.own()
            target = target_of(call.url)
            if target is None or not isinstance(call.body, bytes) or lines.proxy_for(target):
                return await self._pool.send(call)
            ends = asyncio.get_running_loop().time() + call.timeout
            line = await lines.asked(target, request_of(call, target), call, ends)

            async def close(open_: list[Line] = [line]) -> None:  # noqa: B006 - once for each call of `send`
                while open_:
                    lines.give(target, open_.pop())

            try:
                reply, body = reply_of(line.status, line.headers)
            except BaseException:
                await close()
                raise
            reader = Reader(line, close, body, ends, call.timeout)
            if call.stream:
                reply.reader = reader
            else:
                reply.content = await reader.read_all()
            return reply


def request_of(call: WireCall, target: Target) -> bytes:
    """The request as it is sent. Raises `UnsendableError`."""
    try:
        headers = {"host": target.host.decode("ascii"), **SAID}
        headers.update((name.lower(), value) for name, value in call.headers.items())
        body = call.whole
        if body or call.method in WITH_BODY:
            headers["content-length"] = str(len(body))
        lines = [name + ": " + value + "\r\n" for name, value in headers.items()]  # what is no text is none
        said = "".join(lines)
        if said.count("\n") != len(lines) or not HEADERS.fullmatch(said):
            raise UnsendableError from None
        asked = f"{call.method} {target.url.target.decode('ascii')} HTTP/1.1\r\n{said}\r\n"
        return asked.encode("ascii") + body
    except (AttributeError, TypeError, UnicodeError):
        raise UnsendableError from None


class _Lines(Surroundings):
    """One event loop's connections."""

    def __init__(self) -> None:
        super().__init__()
        self._shelf = Shelf(self.connection)

    def connection(self, target: Target) -> Line:
        """A new one, not connected yet."""
        return Line(target, self.certificates if target.origin[0] == b"https" else None)

    async def asked(self, target: Target, request: bytes, call: WireCall, ends: float) -> Line:
        """A connection over which the reply's head has come. One that was used before may have been closed
        while it was idle: the request goes over another where it was not sent yet, or where not a byte came
        and it may be sent twice.
        """
        while True:
            line, is_used = await self._taken(target, ends)
            try:
                await line.ask(request, call, ends)
            except BaseException as error:
                self.give(target, line)
                if not (is_used and isinstance(error, HungUpError)) or line.has_spoken:
                    raise
                if line.has_asked and call.method not in REPEATABLE:
                    raise
            else:
                return line

    async def _taken(self, target: Target, ends: float) -> tuple[Line, bool]:
        """A connection, and whether it was used before."""
        while True:
            line, is_used = self._shelf.take(target)
            self._close_stale()
            if line is not None:
                return line, is_used
            event = self._shelf.queue(AsyncEvent())
            try:
                async with asyncio.timeout_at(ends):
                    await event.wait()
            except BaseException:
                self._shelf.leave(event)
                raise

    def give(self, target: Target, line: Line) -> None:
        """Back, for the next call if it can be used again."""
        line.rest()
        self._shelf.give(target, line)
        self._close_stale()

    def _close_stale(self, *, every: bool = False) -> None:
        for line in self._shelf.stale(every=every):
            line.abort()

    async def aclose(self) -> None:
        """Close what is idle."""
        self._close_stale(every=True)
        await asyncio.sleep(0)  # a socket is closed as its loop turns


class HungUpError(TransportError):
    """The connection was closed where an answer was to come, or its rest."""


class Line(asyncio.Protocol):
    """One connection: a request, its reply, and the next."""

    _transport: Any = None
    _parser: httptools.HttpResponseParser

    def __init__(self, target: Target, certificates: Any) -> None:
        self._target = target
        self._certificates = certificates
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        """When the timer goes off: often sooner than it must, since it is armed anew only then."""
        self._is_lost = self._is_paused = False
        self._pieces: list[bytes] = []
        self._begin("")
        self._is_resting = True

    def _begin(self, method: str) -> None:
        self._method = method
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.ends = 0.0
        self.has_spoken = False
        """Whether a byte of the reply came."""
        self.has_asked = False
        self._is_resting = self._has_head = self.is_whole = self._stays = False
        self._failure: TransportError | None = None
        self._size = 0
        """Bytes that nobody has read yet."""
        self._beside = 0
        """Bytes since the last one of a body: heads, sizes of chunks, what is written beside them."""

    # --------------------------------------------------------------------------- what is asked of it

    async def ask(self, request: bytes, call: WireCall, ends: float) -> None:
        """Send *request* and wait for the reply's head."""
        if self._transport is None:
            await self._connect(call.timeout)
        self._begin(call.method)
        self.ends = ends
        self.has_asked = not self._is_lost
        self._transport.write(request)
        while not self._has_head:
            await self._more()

    async def _connect(self, seconds: float) -> None:
        _, host, port = self._target.origin
        name = host.decode("ascii")
        self._parser = httptools.HttpResponseParser(self)
        async with asyncio.timeout(min(CONNECT_TIMEOUT, seconds)):
            await self._loop.create_connection(
                lambda: self, name, port, ssl=self._certificates, **racing(self._loop, name)
            )

    def __aiter__(self) -> Line:
        return self

    async def __anext__(self) -> bytes:
        """All that has come of the body since the last time."""
        while not (self._pieces or self.is_whole):
            await self._more()
        if not self._pieces:
            raise StopAsyncIteration
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._is_paused:
            self._is_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        return data

    async def _more(self) -> None:
        """Wait until something has come, or fail."""
        if self._failure is not None:
            raise self._failure
        if self._is_lost:  # before anything was asked
            raise HungUpError("the server hung up")
        if self._timer is None or self._due > self.ends:
            self._arm()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def rest(self) -> None:
        """Whoever asked is done with it."""
        self._is_resting = True
        self._pieces.clear()
        if not (self.is_whole and self._stays):
            self.abort()

    def is_available(self) -> bool:
        """Whether it may be used (again). A request that is not all sent yet may have been answered."""
        return not self._is_lost and (self._transport is None or not self._transport.get_write_buffer_size())

    def has_expired(self) -> bool:
        """Whether it was closed, as far as this machine knows: the loop may hear of it too late."""
        return self._is_lost or has_news(self._transport)

    def abort(self) -> None:
        """Close it now."""
        self._is_lost = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()

    # ----------------------------------------------------------------------------- what happens to it

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = self.ends
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None:  # nobody waits; the next who does arms it anew
            return
        if self._loop.time() < self.ends:
            self._arm()
        else:
            self._fail(TransportError(LATE, timeout=True))

    def _is_endless(self) -> bool:
        """Whether the reply's body goes to the connection's end."""
        return FRAMED.isdisjoint(name.lower() for name, _ in self.headers)

    def _fail(self, error: TransportError) -> None:
        if not self.is_whole and self._failure is None:
            self._failure = error
        self.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None and self._has_head and not self._is_lost and self._is_endless():
            self.is_whole = True
        self._fail(HungUpError(f"the server hung up: {exc}" if exc else "the server hung up"))

    def data_received(self, data: bytes) -> None:
        if self._is_resting:  # what nobody asked for
            self.abort()
            return
        self.has_spoken = True
        self._beside += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(TransportError(f"the server's answer is not HTTP/1.1: {type(error).__name__}"))
            return
        if self._beside > config.bounds.headers and not self.is_whole:
            self._fail(too_large("headers"))
        elif self._size > ENOUGH and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    # ------------------------------------------------------------------------- what httptools tells

    def on_message_begin(self) -> None:
        if self.is_whole:
            raise ValueError("a second answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_head:  # else it is a trailer
            self.headers.append((name, value.rstrip(b" \t")))  # llhttp strips what stands before it alone

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self.headers = []
            return
        self._has_head = True
        self.is_whole = self._method == "HEAD"

    def on_body(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        self._beside = 0

    def on_message_complete(self) -> None:
        self._stays = self._parser.should_keep_alive() and self._method != "HEAD"
        self.is_whole = self._has_head


class Reader(AsyncReader):
    """A reply's body, pulled; the connection itself keeps the time."""

    _raw: Line

    async def read(self) -> bytes:
        return await self._next()

    def renew(self) -> None:
        self._raw.ends = self._loop.time() + self._timeout

    async def finish(self) -> None:
        if self._raw.is_whole:
            await self._aclose()
        else:
            await super().finish()


HEADERS = re.compile(r"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e]*\r\n)*")
"""https://www.rfc-editor.org/rfc/rfc9110#section-5: as many lines as there are headers, and nothing else."""
SAID = {name.decode(): value.decode() for name, value in DEFAULTS.items()}
FRAMED = {b"content-length", b"transfer-encoding"}
"""What says where a body ends; else the connection's end does."""
