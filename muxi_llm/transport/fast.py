"""The fast transport, on pyreqwest (Rust's reqwest): a fraction of httpx2's CPU time a call.

Extra `muxi-llm[fast]`, chosen by name (`muxi_llm.config.transport = "fast"`). What to know of it:

- Its runtime does not survive `fork()`: an old client hangs and a new one raises, so `runtime` goes back
  to the default in a forked child.
- It dies with the thread that imported it, and the process with it; hence `import_for_good`.
- Mocks, cassettes and tracers of httpx2 do not see its calls.
- A cancelled call ends at once, but until its reply's head is there its request runs on, unseen, up to
  the call's timeout: cancelling does not reach that far into pyreqwest.
- A blocking call sees Ctrl-C when its reply (or a stream's next chunk) has come, not before, and a stream
  that drips ends by twice its time-out: a read of pyreqwest's cannot be cut short.
"""

from __future__ import annotations

import asyncio
import atexit
import math
import time
from contextlib import AsyncExitStack, ExitStack, suppress
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from muxi_llm.core.port import UnsendableError
from muxi_llm.core.step import run_sync
from muxi_llm.transport.bounded import ACCEPTED, Body, check_headers
from muxi_llm.transport.deadlines import Deadline
from muxi_llm.transport.faults import FAULTS
from muxi_llm.transport.ports import CONNECT_TIMEOUT
from muxi_llm.transport.readers import AsyncReader, BlockingReader
from muxi_llm.transport.staying import import_for_good
from muxi_llm.transport.uploads import aopened, opened
from muxi_llm.wire.base import Reply

import_for_good("pyreqwest.client")

from pyreqwest.client import ClientBuilder, SyncClientBuilder  # noqa: E402 - not before the line above

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator

    from muxi_llm.transport.uploads import Opened
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
        with FAULTS, ExitStack() as freed:
            deadline = Deadline.after(call.timeout, kept=False)
            response = freed.enter_context(self._requests.of(call, opened(call)))
            reply = _reply(response)
            raw, body = _pieces(response.body_reader), Body(reply.status, reply.headers)
            if call.stream:
                reply.reader = BlockingReader(raw, freed.pop_all().close, body, deadline)
            else:
                reply.content = BlockingReader(raw, freed.close, body, deadline).read_all()
            return reply


class AsyncFast:
    """Sends over shared clients, for all event loops: their sockets live on a runtime of their own."""

    def __init__(self) -> None:
        self._requests = _Requests(ClientBuilder)

    async def send(self, call: WireCall) -> Reply:
        with FAULTS:
            async with AsyncExitStack() as freed:
                ends = asyncio.get_running_loop().time() + call.timeout
                request = self._requests.of(call, await aopened(call))
                response = await _heeding(freed.enter_async_context(request))
                reply = _reply(response)
                raw, body = _apieces(response.body_reader), Body(reply.status, reply.headers)
                if call.stream:
                    reply.reader = _Reader(raw, freed.pop_all().aclose, body, ends, call.timeout)
                else:
                    reply.content = await _Reader(raw, freed.aclose, body, ends, 0.0).read_all()
                return reply


class _Reader(AsyncReader):
    """A response's body, pulled on an event loop; its socket needs none."""

    def abandon(self) -> None:
        run_sync(self.close())  # it waits for nothing but a `read` under way, and who reads does not abandon


def _pieces(reader: Any) -> Iterator[bytes]:
    while (piece := reader.read_chunk()) is not None:
        yield piece.to_bytes()


async def _apieces(reader: Any) -> AsyncIterator[bytes]:
    while (piece := await _heeding(reader.read_chunk())) is not None:
        yield piece.to_bytes()


async def _heeding(answer: Awaitable[Any]) -> Any:
    """*answer*, unless it is cancelled: pyreqwest loses a cancellation, a time-out's too, to an answer that
    comes at the same moment.
    """
    task = asyncio.current_task()
    assert task is not None  # who awaits is in one
    before = task.cancelling()
    value = await answer
    if task.cancelling() > before:
        raise asyncio.CancelledError
    return value


class _Requests:
    """Builds the requests of one colour, on shared clients."""

    def __init__(self, builder: Any) -> None:
        self._builder = builder
        self._client = self._configured().build()
        # How long a stream may pause is a setting of the client here, so there is one for each such time.
        self._streaming = lru_cache(maxsize=32)(self._streaming_client)

    def of(self, call: WireCall, body: Opened) -> Any:
        """A request whose reply comes within the call's timeout; of a stream, its head and each piece.

        Raises `UnsendableError`.
        """
        client = self._streaming(_two_digits(call.timeout)) if call.stream else self._client
        headers = {"accept-encoding": ACCEPTED, **call.headers}
        if not isinstance(body, bytes):
            headers.update(body.headers)
        try:
            # pyreqwest would send UTF-8, and a URL without its line ends.
            if not (call.url.isprintable() and "".join([*headers, *headers.values()]).isascii()):
                raise UnsendableError from None
            request = client.request(call.method, call.url).headers(headers)
            request = request.body_bytes(body) if isinstance(body, bytes) else request.body_stream(body)
            if not call.stream:
                request = request.timeout(timedelta(seconds=call.timeout))
            return request.streamed_read_buffer_limit(UNBUFFERED).build_streamed()
        except (ValueError, TypeError):
            raise UnsendableError from None

    def _streaming_client(self, pause: float) -> Any:
        return self._configured().read_timeout(timedelta(seconds=pause)).build()

    def _configured(self) -> Any:
        builder = self._builder().user_agent("muxi-llm").connect_timeout(timedelta(seconds=CONNECT_TIMEOUT))
        builder = (
            builder.gzip(False).deflate(False).brotli(False).zstd(False)
        )  # `Body` counts what comes of it
        # Redirects are not followed: reqwest would take every header but `authorization` along, keys too.
        return builder.follow_redirects(False)


def _two_digits(seconds: float) -> float:
    """Rounded up, so that the many values a deadline leaves over share a few clients."""
    step = 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return math.ceil(seconds / step) * step


def _reply(response: Any) -> Reply:
    headers = _headers(response.headers)
    check_headers(headers)
    return Reply(response.status, headers, received=time.time())


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
