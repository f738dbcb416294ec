"""What a file holds, as it comes: nothing is read that nobody asks for, and nothing is kept."""

from __future__ import annotations

import os
import tempfile
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
        lines = _Lines()
        for piece in self:
            yield from lines.feed(piece)
        yield from lines.end()

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
        lines = _Lines()
        async for piece in self:
            for line in lines.feed(piece):
                yield line
        for line in lines.end():
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
        handle, begun = tempfile.mkstemp(dir=self._path.parent, prefix=".", suffix=".part")
        self._begun = Path(begun)
        self.file: IO[bytes] = os.fdopen(handle, "wb")

    def put(self) -> None:
        """It is whole."""
        self.file.close()
        self._begun.chmod(0o666 & ~_umask())  # as `open` would have made it
        self._begun.replace(self._path)

    def drop(self) -> None:
        """No more of it, unless it is in its place."""
        self.file.close()
        self._begun.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


class _Lines:
    """Lines out of pieces."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that end in *piece*."""
        *lines, self._begun = (self._begun + piece).split(b"\n")
        return [line for line in lines if line.strip()]

    def end(self) -> list[bytes]:
        """The last one."""
        return [self._begun] if self._begun.strip() else []


def bytes_of(piece: Any) -> bytes:
    """A piece of a stream as bytes."""
    data: bytes = piece if isinstance(piece, bytes) else piece.data
    return data
