"""The rows of a batch's results, out of its files, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.errors import InvalidRequestError, malformed_reply
from muxi_llm.wire.base import WireError, loads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from typing import Self

    from muxi_llm.stored.content import AsyncFileContent, FileContent
    from muxi_llm.types.stored import Batch
    from muxi_llm.wire.base import Json


def parts_of(batch: Batch) -> list[str]:
    """The files of a batch's results. Raises `InvalidRequestError` for one that is not over."""
    if batch.status in UNDER_WAY:
        raise InvalidRequestError(
            f"batch_id: the batch is {batch.status}; its results are there once it is over", param="batch_id"
        )
    return list(filter(None, (batch.output_file_id, batch.error_file_id)))


class Results:
    """Rows, to be read once. `close` frees the connection of those that are left early."""

    def __init__(self, parts: list[str], opened: Callable[[str], FileContent]) -> None:
        """parts: the ids of the files."""
        self._parts = parts
        self._opened = opened
        self._content: FileContent | None = None
        self._rows = self._all()

    def _all(self) -> Iterator[Json]:
        for part in self._parts:
            self._content = self._opened(part)
            yield from map(row_of, self._content.iter_lines())

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Json:
        return next(self._rows)

    def close(self) -> None:
        """Free the connection."""
        if self._content is not None:
            self._content.close()


class AsyncResults:
    """`Results`, async."""

    def __init__(self, parts: list[str], opened: Callable[[str], Awaitable[AsyncFileContent]]) -> None:
        """parts: the ids of the files."""
        self._parts = parts
        self._opened = opened
        self._content: AsyncFileContent | None = None
        self._rows = self._all()

    async def _all(self) -> AsyncIterator[Json]:
        for part in self._parts:
            content = self._content = await self._opened(part)
            async for line in content.iter_lines():
                yield row_of(line)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Json:
        return await anext(self._rows)

    async def close(self) -> None:
        """Free the connection."""
        if self._content is not None:
            await self._content.close()

    aclose = close


def row_of(line: bytes) -> Json:
    """A row, read. Raises `MalformedReplyError` for what is none."""
    try:
        row: Any = loads(line)
    except WireError as error:
        raise malformed_reply(f"results: {error}", url="", headers={}, content=line) from error
    if not isinstance(row, dict):
        raise malformed_reply(
            f"results: a row is no object: {line[:200]!r}", url="", headers={}, content=line
        )
    return row


UNDER_WAY = {"validating", "in_progress", "finalizing", "cancelling"}
