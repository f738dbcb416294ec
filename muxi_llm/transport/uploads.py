"""An upload on its way: one attempt's boundary, its length, and its bytes in pieces, in both colours."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from muxi_llm.core.port import UnreadableError
from muxi_llm.wire.upload import Upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import Self

    from muxi_llm.wire.base import WireCall
    from muxi_llm.wire.upload import Source


PIECE = 262_144
"""Bytes read at a time."""


class Outgoing:
    """An `Upload` opened: iterate as often as need be.

    The boundary is 128 random bits, so no content can have it in it but by an accident that never happens.
    """

    def __init__(self, upload: Upload) -> None:
        """Blocks where its files are not in memory. Raises `UnreadableError`."""
        boundary = os.urandom(16).hex()
        self._layout = upload.layout(boundary)
        self.is_in_memory = upload.is_in_memory
        self._sizes = [len(part) if isinstance(part, bytes) else part.size for part in self._layout]
        self.headers = {"content-type": upload.type(boundary), "content-length": str(sum(self._sizes))}
        """What a request with it says of it."""

    def __iter__(self) -> Iterator[bytes]:
        for part, size in zip(self._layout, self._sizes, strict=True):
            if isinstance(part, bytes):
                for start in range(0, size, PIECE):
                    yield part[start : start + PIECE]
            else:
                yield from _exactly(size, part)


def _exactly(size: int, source: Source) -> Iterator[bytes]:
    """The length is told already: what a file grows by meanwhile is not sent, and it may not shrink."""
    for piece in source.pieces():
        if size <= 0:
            return
        yield piece[:size]
        size -= len(piece)
    if size > 0:
        raise UnreadableError("a file became shorter while it was sent", None)


class AsyncOutgoing:
    """The same on an event loop; httpx2 takes what can be iterated plainly for what must be."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self.headers = outgoing.headers

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Aside(iter(self._outgoing), threaded=not self._outgoing.is_in_memory)


class _Aside:
    """The pieces on an event loop, each read in a thread."""

    def __init__(self, pieces: Iterator[bytes], *, threaded: bool) -> None:
        self._pieces = pieces
        self._threaded = threaded

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._threaded:
            piece = await asyncio.to_thread(next, self._pieces, b"")
        else:
            piece = next(self._pieces, b"")
        if not piece:
            raise StopAsyncIteration
        return piece


def opened(call: WireCall) -> bytes | Outgoing:
    """The body of *call* for one attempt. Raises `UnreadableError`."""
    return Outgoing(call.body) if isinstance(call.body, Upload) else call.body


async def aopened(call: WireCall) -> bytes | AsyncOutgoing:
    """`opened`, on an event loop."""
    if isinstance(call.body, bytes):
        return call.body
    if call.body.is_in_memory:
        return AsyncOutgoing(Outgoing(call.body))
    return AsyncOutgoing(await asyncio.to_thread(Outgoing, call.body))


Opened = bytes | Outgoing | AsyncOutgoing
