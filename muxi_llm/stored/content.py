"""What a file holds, as it comes: nothing is read that nobody asks for, and nothing is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from anyio import to_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import TracebackType
    from typing import Self

    from muxi_llm.models import Report


class _Content:
    def __init__(self, stream: Any) -> None:
        """stream: of pieces, to be read once."""
        self._stream = stream

    @property
    def muxi(self) -> Report:
        """How the call went; of a file that is kept here there is nothing to tell."""
        return self._stream.muxi  # type: ignore[no-any-return]


class FileContent(_Content):
    """A file's bytes, to be read once. `with` or `close` frees the connection of one that is left early."""

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            if data := bytes_of(piece):
                yield data

    iter_bytes = __iter__

    def iter_lines(self) -> Iterator[bytes]:
        """The lines with something in them, without their ends."""
        cut = Cut()
        for piece in self:
            yield from cut.said(piece)
        yield from cut.rest()

    def read(self) -> bytes:
        """All of it, in memory."""
        return b"".join(self)

    @property
    def text(self) -> str:
        """All of it, as UTF-8."""
        return self.read().decode()

    def stream_to_file(self, path: str | os.PathLike[str]) -> None:
        """Write it to *path*, whole or not at all."""
        held = _Held(path)
        try:
            for piece in self:
                held.file.write(piece)
            held.put()
        finally:
            held.drop()

    write_to_file = stream_to_file

    def close(self) -> None:
        """Free the connection."""
        if hasattr(self._stream, "close"):
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()


class AsyncFileContent(_Content):
    """`FileContent`, async."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            if data := bytes_of(piece):
                yield data

    iter_bytes = __aiter__

    async def iter_lines(self) -> AsyncIterator[bytes]:
        """The lines with something in them, without their ends."""
        cut = Cut()
        async for piece in self:
            for line in cut.said(piece):
                yield line
        for line in cut.rest():
            yield line

    async def read(self) -> bytes:
        """All of it, in memory."""
        return b"".join([piece async for piece in self])

    async def stream_to_file(self, path: str | os.PathLike[str]) -> None:
        """Write it to *path*, whole or not at all; the writing is done in a thread."""
        held = await to_thread.run_sync(_Held, path)
        try:
            async for piece in self:
                await to_thread.run_sync(held.file.write, piece)
            await to_thread.run_sync(held.put)
        finally:
            held.drop()

    write_to_file = stream_to_file

    async def close(self) -> None:
        """Free the connection."""
        if hasattr(self._stream, "close"):
            await self._stream.close()

    aclose = close

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()


class _Held:
    """A file on its way to its place."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._begun = self._path.with_name(f".{os.urandom(6).hex()}.part")
        self.file: IO[bytes] = self._begun.open("xb")  # as the caller would have made it

    def put(self) -> None:
        """It is whole."""
        self.file.close()
        self._begun.replace(self._path)

    def drop(self) -> None:
        """No more of it, unless it is in its place."""
        self.file.close()
        self._begun.unlink(missing_ok=True)


class Cut:
    """Lines out of pieces, however many a line is in."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that end in *piece*, without their ends."""
        first, *others = piece.split(b"\n")
        self._begun.append(first)
        if not others:
            return []
        lines = [b"".join(self._begun), *others[:-1]]
        self._begun = others[-1:]
        return lines

    def end(self) -> bytes:
        """The last one."""
        return b"".join(self._begun)

    def said(self, piece: bytes) -> list[bytes]:
        """Of the lines that end in *piece*, those with something in them."""
        return [line for line in self.feed(piece) if line.strip()]

    def rest(self) -> list[bytes]:
        """The last one, if there is something in it."""
        return [last] if (last := self.end()).strip() else []


def bytes_of(piece: Any) -> bytes:
    """A piece of a stream as bytes."""
    data: bytes = piece if isinstance(piece, bytes) else piece.data
    return data
