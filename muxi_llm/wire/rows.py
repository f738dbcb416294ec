"""The bytes of a file, and the rows of a batch's results: another vendor's, as OpenAI has them.

Source: https://platform.openai.com/docs/guides/batch#5-retrieve-the-results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.models import RawChunk
from muxi_llm.wire.base import WireError, dumps_answer, loads
from muxi_llm.wire.reading import SENSELESS

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.models import ChatCompletion
    from muxi_llm.wire.base import Json


class Bytes:
    """Bytes in, the same bytes out. A file may be empty."""

    over = False
    counted: Any = None

    def __init__(self) -> None:
        self._said = False

    def feed(self, data: bytes) -> list[Any]:
        """They are handed on as they come."""
        self._said = self._said or bool(data)
        return [RawChunk(data, commits=True)] if data else []

    def finish(self) -> list[Any]:
        """An empty file is a file as well."""
        return [] if self._said else [RawChunk(b"", commits=True)]


class Rows(Bytes):
    """A vendor's lines in, OpenAI's rows out. wanted: whether of those that failed, or of the others."""

    def __init__(self, row_of: Callable[[Json], Json], *, failed: bool) -> None:
        super().__init__()
        self._row_of = row_of
        self._failed = failed
        self._begun: list[bytes] = []

    def feed(self, data: bytes) -> list[Any]:
        *lines, rest = data.split(b"\n")
        if not lines:
            self._begun.append(data)
            return []
        lines[0] = b"".join((*self._begun, lines[0]))
        self._begun = [rest] if rest else []
        return super().feed(b"".join(map(self._told, lines)))

    def finish(self) -> list[Any]:
        return [*super().feed(self._told(b"".join(self._begun))), *super().finish()]

    def _told(self, line: bytes) -> bytes:
        if not line.strip():
            return b""
        try:
            row = self._row_of(loads(line))
        except (*SENSELESS, WireError) as error:
            raise WireError("malformed", f"a row of the results makes no sense: {error}") from error
        return dumps_answer(row) + b"\n" if (row["error"] is not None) is self._failed else b""


def answered(custom_id: str, read: Callable[[], ChatCompletion]) -> Json:
    """The row of a request that was answered. What its codec says is a failure is one here as well."""
    try:
        body = read().model_dump(mode="json", exclude_unset=True, warnings=False)
    except WireError as error:
        return failed(custom_id, "invalid_answer", error.message)
    return {
        "id": f"batch_req_{custom_id}",
        "custom_id": custom_id,
        "response": {"status_code": 200, "request_id": str(body.get("id") or ""), "body": body},
        "error": None,
    }


def failed(custom_id: str, code: Any, message: Any) -> Json:
    """The row of a request that was not."""
    error = {"code": str(code), "message": str(message)}
    return {"id": f"batch_req_{custom_id}", "custom_id": custom_id, "response": None, "error": error}
