"""The fast transport, on pyreqwest (Rust's reqwest): a fraction of httpx2's CPU time a call.

Extra `muxi-llm[fast]`, chosen by name (`muxi_llm.config.transport = "fast"`). What to know of it:

- Its runtime does not survive `fork()`: an old client hangs and a new one raises, so `runtime` goes back
  to the default in a forked child.
- It dies with the thread that imported it, and the process with it; hence `import_for_good`.
- Mocks, cassettes and tracers of httpx2 do not see its calls.
- A cancelled call ends at once, but until its reply's head is there its request runs on, unseen, up to
  the call's timeout: cancelling does not reach that far into pyreqwest.
- A blocking call sees Ctrl-C when its reply (or a stream's next chunk) has come, not before.
"""

from __future__ import annotations

import asyncio
import atexit
import math
import time
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from muxi_llm.core.port import TransportError, UnsendableError
from muxi_llm.core.step import run_sync
from muxi_llm.transport.ports import CONNECT_TIMEOUT, LINGER
from muxi_llm.transport.staying import import_for_good
from muxi_llm.wire.base import Reply

import_for_good("pyreqwest.client")

from pyreqwest.client import ClientBuilder, SyncClientBuilder  # noqa: E402 - not before the line above
from pyreqwest.exceptions import DetailedPyreqwestError, PyreqwestError, RequestTimeoutError  # noqa: E402

if TYPE_CHECKING:
    from muxi_llm.wire.base import WireCall

# Having woken an event loop, pyreqwest's thread still needs the GIL for a moment; if the interpreter ends
# in that moment it aborts ("PyGILState_Release", one in six runs of a script that makes one async call).
atexit.register(time.sleep, 0.01)

UNBUFFERED = 0
"""pyreqwest holds a stream's first chunk back to fill a buffer unless told not to (58 ms seen)."""


class BlockingFast:
    """Sends over shared clients (thread-safe)."""

    def __init__(self) -> None:
        self._requests = _Requests(SyncClientBuilder)

    def send(self, call: WireCall) -> Reply:
        try:
            if call.stream:
                streamed = self._requests.streamed(call)
                response = streamed.__enter__()
                return _reply(response, reader=BlockingReader(streamed, response))
            response = self._requests.whole(call).send()
            return _reply(response, content=response.bytes().to_bytes())
        except PyreqwestError as error:
            raise _failure(error) from error
        except ValueError:
            raise UnsendableError from None


class AsyncFast:
    """Sends over shared clients, for all event loops: their sockets live on a runtime of their own."""

    def __init__(self) -> None:
        self._requests = _Requests(ClientBuilder)

    async def send(self, call: WireCall) -> Reply:
        try:
            if call.stream:
                streamed = self._requests.streamed(call)
                response = await streamed.__aenter__()
                return _reply(response, reader=AsyncReader(streamed, response))
            response = await self._requests.whole(call).send()
            return _reply(response, content=(await response.bytes()).to_bytes())
        except PyreqwestError as error:
            raise _failure(error) from error
        except ValueError:
            raise UnsendableError from None


class BlockingReader:
    """A response's body, pulled."""

    def __init__(self, streamed: Any, response: Any) -> None:
        self._streamed = streamed
        self._body = response.body_reader

    async def read(self) -> bytes:
        try:
            piece = self._body.read_chunk()
        except PyreqwestError as error:
            raise _failure(error) from error
        return b"" if piece is None else piece.to_bytes()

    async def finish(self) -> None:
        with suppress(TransportError):  # see `transport.httpx2`: a blocking read cannot be given up
            while await self.read():
                pass
        self.abandon()

    async def close(self) -> None:
        self.abandon()

    def abandon(self) -> None:
        streamed, self._streamed = self._streamed, None
        if streamed is not None:
            streamed.__exit__(None, None, None)


class AsyncReader:
    """A response's body, pulled on an event loop."""

    def __init__(self, streamed: Any, response: Any) -> None:
        self._streamed = streamed
        self._body = response.body_reader

    async def read(self) -> bytes:
        try:
            piece = await self._body.read_chunk()
        except PyreqwestError as error:
            raise _failure(error) from error
        return b"" if piece is None else piece.to_bytes()

    async def finish(self) -> None:
        with suppress(TransportError, TimeoutError):
            async with asyncio.timeout(LINGER):
                while await self.read():
                    pass
        await self.close()

    async def close(self) -> None:
        streamed, self._streamed = self._streamed, None
        if streamed is not None:  # dropping the response alone would leave its connection open
            await streamed.__aexit__(None, None, None)

    def abandon(self) -> None:
        run_sync(self.close())  # it waits for nothing but a `read` under way, and who reads does not abandon


class _Requests:
    """Builds the requests of one colour, on shared clients."""

    def __init__(self, builder: Any) -> None:
        self._builder = builder
        self._client = self._configured().build()
        # How long a stream may pause is a setting of the client here, so there is one for each such time.
        self._streaming = lru_cache(maxsize=32)(self._streaming_client)

    def whole(self, call: WireCall) -> Any:
        """A request whose reply is read to its end, within the call's timeout."""
        return _build(self._client, call).timeout(timedelta(seconds=call.timeout)).build()

    def streamed(self, call: WireCall) -> Any:
        """A request whose reply may take up to the call's timeout for its head and between two chunks."""
        client = self._streaming(_two_digits(call.timeout))
        return _build(client, call).streamed_read_buffer_limit(UNBUFFERED).build_streamed()

    def _streaming_client(self, pause: float) -> Any:
        return self._configured().read_timeout(timedelta(seconds=pause)).build()

    def _configured(self) -> Any:
        builder = self._builder().user_agent("muxi-llm").connect_timeout(timedelta(seconds=CONNECT_TIMEOUT))
        # Redirects are not followed: reqwest would take every header but `authorization` along, keys too.
        return builder.follow_redirects(False)


def _two_digits(seconds: float) -> float:
    """Rounded up, so that the many values a deadline leaves over share a few clients."""
    step = 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return math.ceil(seconds / step) * step


def _build(client: Any, call: WireCall) -> Any:
    return client.request(call.method, call.url).headers(call.headers).body_bytes(call.body)


def _reply(response: Any, *, content: bytes = b"", reader: Any = None) -> Reply:
    return Reply(response.status, _headers(response.headers), content, reader, time.time())


def _headers(found: Any) -> dict[str, str]:
    try:
        headers = found.dict_multi_value()  # in two thirds of the time of `dict(found)`
    except ValueError:  # pyreqwest gives out no header that is not ASCII; the others are worth having
        headers = {}
        for name in found:
            with suppress(ValueError):
                headers[name] = found[name]
    if list in map(type, headers.values()):  # one that came twice
        headers = {
            name: value if isinstance(value, str) else ", ".join(value) for name, value in headers.items()
        }
    return headers  # type: ignore[no-any-return]


def _failure(error: PyreqwestError) -> TransportError:
    if isinstance(error, RequestTimeoutError):
        return TransportError("the request timed out", timeout=True)
    causes = (error.details.get("causes") or []) if isinstance(error, DetailedPyreqwestError) else []
    # The cause furthest down is the one that says `Connection refused`.
    return TransportError(f"{error.message}: {causes[-1]['message']}" if causes else error.message)
