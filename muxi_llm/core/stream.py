"""Streams: a pull object over a reader and a decoder, and the two iterators callers see.

Rules: a stream is committed once its first chunk with something in it is there; until then its failure
is an attempt's failure like any other. After that an error is raised with the text so far on it, and
nothing more is sent. There are no async generators here: a dropped one keeps its socket until the event
loop happens to turn.
"""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from muxi_llm.core.port import TransportError
from muxi_llm.core.step import run_sync
from muxi_llm.models import ChatCompletionChunk, Meter, RawChunk
from muxi_llm.wire.base import WireError
from muxi_llm.wire.reading import SENSELESS, senseless

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from muxi_llm.errors import MuxiLLMError
    from muxi_llm.models import Report
    from muxi_llm.wire.base import BodyReader, StreamDecoder

Chunk = TypeVar("Chunk")


class StreamFlow:
    """Chunks, pulled. `error_of` turns what went wrong below into the error callers see."""

    report: Report

    def __init__(
        self,
        reader: BodyReader | None,
        decoder: StreamDecoder | None,
        error_of: Callable[[WireError | TransportError], MuxiLLMError],
    ) -> None:
        self._reader = reader
        self._decoder = decoder
        self._error_of = error_of
        self._texts: list[str] = []
        self._failure: MuxiLLMError | None = None
        self._taken: list[Any] = []
        self.meter = Meter(streamed=True)
        self.on_end: Callable[[list[Any]], None] | None = None
        """Told every chunk, once the stream was read to a proper end."""
        self.on_over: Callable[[MuxiLLMError | None, bool], None] | None = None
        """Told once that nothing more comes of the connection: what broke it; whether in a finalizer."""
        self.ready: deque[Any] = deque()
        """Chunks already decoded."""

    @classmethod
    def of(cls, chunks: list[Any]) -> StreamFlow:
        """A stream of chunks that are all there already."""
        flow = cls(None, None, _unreachable)
        flow.ready.extend(chunks)
        return flow

    @property
    def text(self) -> str:
        """What the first answer has said so far."""
        return "".join(self._texts)

    async def open(self, late: Callable[[], bool]) -> None:
        """Pull until there is something worth handing out. Raises what broke before that.

        late: whether the attempt's time is up; a server that only sends signs of life is one that hangs.
        """
        while not any(_has_content(chunk) for chunk in self.ready):
            if late():
                await self._end(
                    self._error_of(TransportError("the stream said nothing in time", timeout=True))
                )
            if not await self._pull():
                if self._failure is not None:
                    self._failure.partial_text = "".join(map(_text_of, self.ready))
                    self._failure.usage = self._count()
                    raise self._failure
                if not self.ready:
                    raise self._error_of(WireError("incomplete", "the stream ended without an answer"))
                return

    async def next(self) -> Any:
        """The next chunk, `None` at the end. Raises what broke, with the text so far on it."""
        if self._reader is not None and not self.ready:
            self._reader.renew()
        while not self.ready:
            if await self._pull() or self.ready:  # the last bytes may hold chunks too
                continue
            if self._failure is None:
                return self._ended()
            failure, self._failure = self._failure, None
            failure.partial_text = self.text
            failure.usage = self._count()
            *earlier, last = self.report.attempts
            failure.attempts = (*earlier, replace(last, error=failure))
            raise failure
        return self.take()

    def take(self) -> Any:
        """The next chunk of those that are `ready`."""
        chunk = self.ready.popleft()
        if self.on_end is not None:
            self._taken.append(chunk)
        if getattr(chunk, "usage", None) is not None:  # an image and a sound have none
            self.meter.read(chunk)
        text = _text_of(chunk)
        if text:
            self._texts.append(text)
        return chunk

    def _ended(self) -> None:
        self._count()
        if self.on_end is not None:
            self.on_end(self._taken)
            self.on_end = None

    def _count(self) -> Any:
        """What was used; nothing more will be told."""
        meter = self.meter
        meter.is_over = True
        if meter.usage is None and self._decoder is not None:
            meter.hear(self._decoder)
        return meter.usage

    async def _pull(self) -> bool:
        """Read once; whether more may come."""
        if self._reader is None or self._decoder is None:
            return False
        if self._decoder.over:  # a server that leaves the connection open has answered all the same
            reader, self._reader = self._reader, None
            await reader.finish()
            return False
        try:
            data = await self._reader.read()
        except TransportError as error:
            return await self._end(self._error_of(error))
        try:
            items = self._decoder.feed(data) if data else self._decoder.finish()
        except WireError as error:
            items = [error]
        except SENSELESS as error:  # no server's bytes may end in an error of Python's
            items = [senseless("a stream that makes no sense", error, data)]
        failure = items.pop() if items and isinstance(items[-1], WireError) else None
        self.ready.extend(items)
        if failure is not None:
            return await self._end(self._error_of(failure))
        if not data:
            return await self._end(None)
        decoder = self._decoder
        if decoder.over:  # the rest is between the connection and its next call
            self._freed(None)
        return True

    async def _end(self, failure: MuxiLLMError | None) -> bool:
        self._failure = failure
        self._freed(failure)
        await self.close()
        return False

    @property
    def is_open(self) -> bool:
        """Whether more may come of the connection."""
        return self._reader is not None

    def _freed(self, failure: MuxiLLMError | None, *, quietly: bool = False) -> None:
        over, self.on_over = self.on_over, None
        if over is not None:
            over(failure, quietly)

    async def close(self) -> None:
        """Free the connection."""
        reader, self._reader = self._reader, None
        self._freed(None)
        if not self.ready:
            self._count()
        if reader is not None:
            await reader.close()

    def abandon(self) -> None:
        """Free the connection from a finalizer."""
        reader, self._reader = self._reader, None
        self._freed(None, quietly=True)
        self.meter.is_over = True
        if reader is not None:
            reader.abandon()


class _BaseStream(Generic[Chunk]):
    def __init__(self, flow: StreamFlow) -> None:
        self._flow = flow

    @property
    def muxi(self) -> Report:
        """Who answers, after which attempts, with which adaptations."""
        return self._flow.report

    def abandon(self) -> None:
        """Free the connection at once, from anywhere, without waiting."""
        self._flow.abandon()

    def __del__(self) -> None:
        # A loop left early drops its iterator; the socket must not wait for a garbage collection. With the
        # interpreter it ends anyway.
        if not sys.is_finalizing():  # pragma: no branch - the other one is nobody's to see
            self._flow.abandon()


class Stream(_BaseStream[Chunk]):
    """Chunks as they come. Iterate once; leaving early (or `close`, or `with`) frees the connection."""

    def __iter__(self) -> Stream[Chunk]:
        return self

    def __next__(self) -> Chunk:
        if self._flow.ready:
            return self._flow.take()  # type: ignore[no-any-return]
        chunk = run_sync(self._flow.next())
        if chunk is None:
            raise StopIteration
        return chunk  # type: ignore[no-any-return]

    def close(self) -> None:
        """Free the connection; the stream is over."""
        self._flow.ready.clear()
        run_sync(self._flow.close())

    def __enter__(self) -> Stream[Chunk]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()


class AsyncStream(_BaseStream[Chunk]):
    """Chunks as they come. Iterate once; leaving early (or `close`, or `async with`) frees the connection."""

    def __aiter__(self) -> AsyncStream[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        if self._flow.ready:
            return self._flow.take()  # type: ignore[no-any-return]
        chunk = await self._flow.next()
        if chunk is None:
            raise StopAsyncIteration
        return chunk  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Free the connection; the stream is over."""
        self._flow.ready.clear()
        await self._flow.close()

    aclose = close
    """The name that `contextlib.aclosing` wants."""

    async def __aenter__(self) -> AsyncStream[Chunk]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()


def _has_content(chunk: Any) -> bool:
    """More than a role: something that commits the stream to this answer."""
    if isinstance(chunk, RawChunk):
        return chunk.commits
    if not hasattr(chunk, "choices"):  # a piece of something other than text
        return True
    for choice in chunk.choices:
        fields = getattr(choice, "__dict__", {})  # off the schema, anything may be missing
        if fields.get("finish_reason") is not None or fields.get("text"):
            return True
        delta = fields.get("delta")
        if isinstance(delta, BaseModel) and any(value for name, value in delta if name != "role"):
            return True
    return False


def _text_of(chunk: Any) -> str:
    """What a chunk adds to the first answer's text."""
    if type(chunk) is ChatCompletionChunk and len(chunk.choices) == 1:  # nearly every chunk
        choice = chunk.choices[0]
        if not choice.index and type(text := choice.delta.content) is str:
            return text
    if isinstance(chunk, RawChunk):
        return chunk.text
    for choice in getattr(chunk, "choices", ()):
        fields = getattr(choice, "__dict__", {})
        if not fields.get("index"):
            delta = fields.get("delta")
            text = fields.get("text") if delta is None else getattr(delta, "content", None)
            return text if isinstance(text, str) else ""
    return ""


def _unreachable(error: WireError | TransportError) -> MuxiLLMError:  # pragma: no cover
    raise AssertionError("a stream without a reader cannot fail") from error
