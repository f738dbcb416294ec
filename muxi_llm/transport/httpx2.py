"""The default transport, on httpx2: system proxies, the system's TLS store, or the caller's own client.

Legacy httpx clients work as well: both libraries share the names used here.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import httpx2

from muxi_llm.core.port import TransportError, UnsendableError
from muxi_llm.transport.ports import CONNECT_TIMEOUT, LINGER
from muxi_llm.wire.base import Reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from muxi_llm.wire.base import WireCall

OPTIONS: dict[str, Any] = {
    # The openai package's limits; callers that queue inside the pool wait for a slot instead of failing.
    "limits": httpx2.Limits(max_connections=1000, max_keepalive_connections=100),
    "timeout": None,  # each request has its own
    "headers": {"user-agent": "muxi-llm"},
    # Nothing of one call may travel with the next: that may be another key's.
    "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=())),
}


class BlockingHttpx2:
    """Sends over one shared `httpx2.Client` (thread-safe)."""

    def __init__(self, client: Any = None) -> None:
        self._client = client or httpx2.Client(**OPTIONS)

    def send(self, call: WireCall) -> Reply:
        with _transport_errors():
            ends = time.monotonic() + call.timeout
            response = self._client.send(_request(self._client, call), stream=True, follow_redirects=False)
            reader = BlockingReader(response)
            if call.stream:
                return _reply(response, reader=reader)
            return _reply(response, content=reader.read_all(ends))

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()


class AsyncHttpx2:
    """Sends over one `httpx2.AsyncClient` for each event loop: connections cannot change loops."""

    def __init__(self, client: Any = None) -> None:
        self._given = client
        self._clients: dict[asyncio.AbstractEventLoop, tuple[Any, object]] = {}

    async def send(self, call: WireCall) -> Reply:
        client = self._given or await self._client()
        with _transport_errors():
            async with asyncio.timeout(call.timeout):  # for a stream: until its head is there
                response = await client.send(_request(client, call), stream=True, follow_redirects=False)
                reader = AsyncReader(response)
                if call.stream:
                    return _reply(response, reader=reader)
                return _reply(response, content=await reader.read_all())

    async def _client(self) -> Any:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            for closed in [other for other in list(self._clients) if other.is_closed()]:
                self._clients.pop(closed, None)
            lifetime = self._lifetime(loop)
            self._clients[loop] = await anext(lifetime), lifetime
        return self._clients[loop][0]

    async def _lifetime(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[Any, None]:
        """The loop's client. Being an async generator it is ended by the loop before that closes."""
        client = httpx2.AsyncClient(**OPTIONS)
        try:
            yield client
        finally:
            self._clients.pop(loop, None)
            await client.aclose()


class BlockingReader:
    """A response's body, pulled."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._pieces: Iterator[bytes] = response.iter_bytes()

    def read_all(self, ends: float) -> bytes:
        """All of it, by the monotonic time *ends*: a server that drips must not hold a call for ever."""
        pieces = []
        try:
            for piece in self._pieces:
                pieces.append(piece)
                if time.monotonic() > ends:
                    raise TransportError("the reply took too long", timeout=True)
        finally:
            self._response.close()
        return b"".join(pieces)

    async def read(self) -> bytes:
        with _transport_errors():
            return next(self._pieces, b"")

    async def finish(self) -> None:
        # A blocking read cannot be given up: a server that never ends its body is waited for, up to the
        # call's timeout. That is rare; dropping the connection would cost every stream a handshake.
        with suppress(TransportError):
            while await self.read():
                pass
        self._response.close()

    async def close(self) -> None:
        self._response.close()

    def abandon(self) -> None:
        self._response.close()


class AsyncReader:
    """A response's body, pulled on its event loop."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._pieces: AsyncIterator[bytes] = response.aiter_bytes()
        self._loop = asyncio.get_running_loop()

    async def read_all(self) -> bytes:
        """All of it."""
        try:
            return await self._response.aread()
        finally:
            await self._response.aclose()

    async def read(self) -> bytes:
        with _transport_errors():
            return await anext(self._pieces, b"")

    async def finish(self) -> None:
        with suppress(TransportError, TimeoutError):
            async with asyncio.timeout(LINGER):
                while await self.read():
                    pass
        await self.close()

    async def close(self) -> None:
        await self._response.aclose()

    def abandon(self) -> None:
        # A finalizer may run on any thread, and after the loop is gone: then its sockets are gone too.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_close_in_task, self._response)


def _close_in_task(response: httpx2.Response) -> None:
    task = asyncio.get_running_loop().create_task(response.aclose())
    _closing.add(task)
    task.add_done_callback(_closing.discard)


_closing: set[asyncio.Task[None]] = set()  # the loop itself holds its tasks weakly


def _request(client: Any, call: WireCall) -> Any:
    timeout = {
        "connect": min(CONNECT_TIMEOUT, call.timeout),
        "read": call.timeout,
        "write": call.timeout,
        "pool": call.timeout,
    }
    return client.build_request(
        call.method, call.url, content=call.body, headers=call.headers, extensions={"timeout": timeout}
    )


def _reply(response: httpx2.Response, *, content: bytes = b"", reader: Any = None) -> Reply:
    headers = {name: value for name, value in response.headers.items() if value.isascii()}
    return Reply(response.status_code, headers, content, reader, time.time())


@contextmanager
def _transport_errors() -> Iterator[None]:
    try:
        yield
    except TransportError:
        raise
    except Exception as error:  # reason: httpx2's and legacy httpx's errors share no base class but this
        names = {kind.__name__ for kind in type(error).__mro__}
        if names & {"TimeoutException", "TimeoutError"}:  # the second is asyncio's
            raise TransportError("the request timed out", timeout=True) from error
        if names & {"LocalProtocolError", "InvalidURL", "UnicodeEncodeError"}:
            raise UnsendableError from None
        if names & {"RequestError", "StreamError", "OSError"}:
            raise TransportError(_story(error)) from error
        raise


def _story(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
