"""llama.cpp in this process: model files answer as its HTTP server would, without the HTTP.

Extra `muxi-llm[llama_cpp]` (xllamacpp). Each answer is made on a thread of its own, token by token, and stops
at the next token once its reader is closed. The models are in `llama_cpp_models`.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from muxi_llm.core.port import TransportError
from muxi_llm.transport.llama_cpp_models import file_of, server_of
from muxi_llm.wire.base import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.wire.base import WireCall


def send(call: WireCall) -> Reply:
    """The reply; blocks until its first token (or its error) is there."""
    pieces: SimpleQueue[Piece] = SimpleQueue()
    answer = _Answer(call, pieces.put)
    reader = BlockingReader(answer, pieces)
    try:
        return _reply(answer, reader.next(), reader)
    except BaseException:  # Ctrl-C too must end the work
        answer.stop()
        raise


async def asend(call: WireCall) -> Reply:
    """The reply; waits on the running event loop until its first token (or its error) is there."""
    pieces: asyncio.Queue[Piece] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    answer = _Answer(call, lambda piece: loop.call_soon_threadsafe(pieces.put_nowait, piece))
    reader = AsyncReader(answer, pieces)
    try:
        return _reply(answer, await reader.next(), reader)
    except BaseException:  # a cancelled task too must end the work
        answer.stop()
        raise


def _reply(answer: _Answer, first: bytes, reader: BlockingReader | AsyncReader) -> Reply:
    """A head like the HTTP server's: an error that comes first is told by the status."""
    told, now = first.removeprefix(DATA), time.time()
    if told.startswith(ERROR):
        answer.stop()
        return Reply(_status(told), {"content-type": "application/json"}, told, received=now)
    if answer.endpoint == EMBEDDINGS:
        return Reply(200, {"content-type": "application/json"}, told, received=now)
    reader.first = first
    return Reply(200, {"content-type": "text/event-stream"}, reader=reader, received=now)


def _status(error: bytes) -> int:
    code = orjson.loads(error)["error"].get("code")
    return code if isinstance(code, int) and 400 <= code < 600 else 500


class _Answer:
    """One answer being made. put: hands over its bytes, then `b""`, or the exception that ended it."""

    def __init__(self, call: WireCall, put: Callable[[Piece], Any]) -> None:
        url = urlsplit(call.url)
        self.endpoint = url.path
        self.timeout = min(call.timeout, threading.TIMEOUT_MAX)
        named = dict(parse_qsl(url.query))
        self._file = file_of(named["model"], named.get("model_dir"))
        self._body = call.whole
        self._put = put
        self._stopped = False
        self.thread = threading.Thread(target=self._make, name=THREAD, daemon=True)
        _answers.add(self)
        self.thread.start()

    def stop(self) -> None:
        """Nothing more is wanted. Does not wait."""
        self._stopped = True

    def late(self) -> TransportError:
        """`stop`, and what to raise for it."""
        self.stop()
        return TransportError("llama.cpp said nothing in time", timeout=True)

    def _make(self) -> None:
        try:
            self._run(server_of(self._file, embedding=self.endpoint == EMBEDDINGS))
            self._tell(b"")
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._tell(error)
        finally:
            _answers.discard(self)

    def _run(self, server: Any) -> None:
        try:
            if self.endpoint == EMBEDDINGS:
                self._tell(server.handle_embeddings(self._body))
            else:
                getattr(server, HANDLERS[self.endpoint])(self._body, self._event)
                self._event(b"[DONE]")
        except (ValueError, RuntimeError) as error:  # the HTTP server's 400 and 500
            code = 400 if isinstance(error, ValueError) else 500
            self._event(orjson.dumps({"error": {"code": code, "message": str(error)}}))

    def _event(self, data: bytes) -> bool:
        """Hand over a server-sent event; whether to stop."""
        if data == b"null":  # said before several answers
            return self._stopped
        return self._tell(DATA + data + b"\n\n")

    def _tell(self, piece: Piece) -> bool:
        if not self._stopped:
            try:
                self._put(piece)
            except RuntimeError:  # the reader's event loop is closed
                self._stopped = True
        return self._stopped


class _Reader:
    """What both readers share. first: the bytes that came with the head."""

    def __init__(self, answer: _Answer, pieces: Any) -> None:
        self._answer = answer
        self._pieces = pieces
        self.first = b""

    def renew(self) -> None:
        """Nothing: the time-out counts anew for each piece, and each is an event."""

    async def finish(self) -> None:
        self.abandon()

    async def close(self) -> None:
        self.abandon()

    def abandon(self) -> None:
        self._answer.stop()


class BlockingReader(_Reader):
    """An answer's bytes, pulled."""

    def next(self) -> bytes:
        """The next bytes, `b""` at the end."""
        try:
            return _bytes(self._pieces.get(timeout=self._answer.timeout))
        except Empty:
            raise self._answer.late() from None

    async def read(self) -> bytes:
        first, self.first = self.first, b""
        return first or self.next()


class AsyncReader(_Reader):
    """An answer's bytes, pulled on an event loop."""

    async def next(self) -> bytes:
        """The next bytes, `b""` at the end."""
        try:
            async with asyncio.timeout(self._answer.timeout):
                return _bytes(await self._pieces.get())
        except TimeoutError:
            raise self._answer.late() from None

    async def read(self) -> bytes:
        first, self.first = self.first, b""
        return first or await self.next()


def _bytes(piece: Piece) -> bytes:
    if isinstance(piece, BaseException):
        raise piece
    return piece


def stop_all() -> None:
    """Before the interpreter ends: a thread that comes back to it from C++ after that ends in an abort."""
    for answer in list(_answers):
        answer.stop()
        answer.thread.join()


_answers: set[_Answer] = set()
atexit.register(stop_all)

# ------------------------------------------------------------------------------------------ tables

Piece = bytes | BaseException

DATA, ERROR = b"data: ", b'{"error":'

THREAD = "muxi-llm-llama-cpp"

EMBEDDINGS = "/embeddings"
HANDLERS = {"/chat/completions": "handle_chat_completions", "/completions": "handle_completions"}
