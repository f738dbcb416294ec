"""The transport on httpx2: system proxies, the system's TLS store, or the caller's own client.

Legacy httpx clients work as well: both libraries share the names used here. A blocking client of the
caller's own keeps to the time-out between two reads, where ours cuts each of them short: httpx2 lets nobody
else near its sockets.
"""

from __future__ import annotations

import asyncio
import time
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import httpx2

from muxi_llm.core.port import UnsendableError
from muxi_llm.transport.bounded import ACCEPTED, Body, check_headers, not_asked_for
from muxi_llm.transport.deadlines import Backend, Deadline
from muxi_llm.transport.faults import FAULTS
from muxi_llm.transport.loops import PerLoop
from muxi_llm.transport.ports import CONNECT_TIMEOUT
from muxi_llm.transport.readers import AsyncReader, BlockingReader
from muxi_llm.transport.uploads import aopened, opened
from muxi_llm.wire.base import Reply

if TYPE_CHECKING:
    from muxi_llm.transport.uploads import Opened
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
        self._is_own = client is None
        self._client = _own_client() if client is None else client

    def send(self, call: WireCall) -> Reply:
        with FAULTS:
            deadline = Deadline.after(call.timeout, kept=self._is_own)
            request = _request(self._client, call, deadline, opened(call))
            response = self._client.send(request, stream=True, follow_redirects=False)
            try:
                reply, body = _opened(response)
            except BaseException:
                response.close()
                raise
            raw = response.iter_bytes() if body.is_decoded else response.iter_raw()
            reader = BlockingReader(raw, response.close, body, deadline)
            if call.stream:
                reply.reader = reader
            else:
                reply.content = reader.read_all()
            return reply

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()


def _own_client() -> httpx2.Client:
    """A client whose sockets keep deadlines. httpx2 has no argument for that; a test fails should it move."""
    client = httpx2.Client(**OPTIONS)
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001 - see above
        if isinstance(transport, httpx2.HTTPTransport):
            transport._pool._network_backend = Backend()  # noqa: SLF001
    return client


class AsyncHttpx2:
    """Sends over one `httpx2.AsyncClient` for each event loop: connections cannot change loops."""

    def __init__(self, client: Any = None) -> None:
        self._given = client
        self._loops = PerLoop(lambda: httpx2.AsyncClient(**OPTIONS), httpx2.AsyncClient.aclose)

    async def send(self, call: WireCall) -> Reply:
        client = self._given or await self._loops.own()
        ends = asyncio.get_running_loop().time() + call.timeout
        with FAULTS:
            async with asyncio.timeout_at(ends):  # for a stream: until its head is there
                request = _request(client, call, call.timeout, await aopened(call))
                response = await client.send(request, stream=True, follow_redirects=False)
                try:
                    reply, body = _opened(response)
                except BaseException:
                    await response.aclose()
                    raise
                raw = response.aiter_bytes() if body.is_decoded else response.aiter_raw()
                reader = AsyncReader(raw, response.aclose, body, ends, call.timeout)
                if call.stream:
                    reply.reader = reader
                else:
                    reply.content = await reader.read_all()
                return reply


def _request(client: Any, call: WireCall, timeout: float, body: Opened) -> Any:
    extensions = {
        "timeout": {
            "connect": min(CONNECT_TIMEOUT, call.timeout),
            "read": timeout,
            "write": timeout,
            "pool": call.timeout,
        }
    }
    headers = {"accept-encoding": ACCEPTED, **call.headers}
    if not isinstance(body, bytes):
        headers.update(body.headers)
    try:
        return client.build_request(
            call.method, call.url, content=body, headers=headers, extensions=extensions
        )
    except (TypeError, AttributeError, ValueError, httpx2.InvalidURL):
        raise UnsendableError from None


def _opened(response: httpx2.Response) -> tuple[Reply, Body]:
    """What the head says, and how to read the body. Raises `TransportError`."""
    headers = {name: value for name, value in response.headers.items() if value.isascii()}
    check_headers(headers)
    # Read already by a hook or a mock of the caller's; or recorded in an encoding that httpx2 knows.
    decoded = response.is_stream_consumed or (
        isinstance(response, httpx2.Response) and not_asked_for(headers) is not None
    )
    body = Body(response.status_code, headers, decoded=decoded)
    return Reply(response.status_code, headers, received=time.time()), body
