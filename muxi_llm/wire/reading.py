"""What a codec stumbles over in a provider's bytes, told as what it is: a `WireError`.

A codec reads a reply as its documentation promises it; whatever Python says of one that is otherwise (a key
that is missing, a number that is a string) ends up here.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from muxi_llm.wire.base import Fault, WireError
from muxi_llm.wire.json_text import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SENSELESS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What Python raises for data of another shape than was expected."""

CUT_SHORT = ("length", "content_filter")
"""Finish reasons that also hold for an answer with tool calls; behind any other they are the reason."""


@contextmanager
def reading(otherwise: str, data: bytes) -> Iterator[None]:
    """Read *data* and raise nothing but a `WireError`, which says what it is *otherwise*."""
    try:
        yield
    except SENSELESS as error:
        raise senseless(otherwise, error, data) from error


def senseless(what: str, error: Exception, data: bytes) -> WireError:
    """*error*, as what it tells of *data*."""
    start = data[:200].decode("utf-8", "replace")
    return WireError("malformed", f"{what} ({error!r}): {start}")


def usage_in(data: bytes) -> Any:
    """What a whole reply says was used, in its provider's own form; `None` where nothing is to be found."""
    try:
        raw = parsed(data)
    except ValueError:
        return None
    return (raw.get("usage") or raw.get("usageMetadata") or None) if isinstance(raw, dict) else None


def finish_word(reason: object, table: Mapping[str, str]) -> str:
    """OpenAI's word for why an answer ended, by a wire's *table*. A reason that nobody here knows stays what
    it is, so that nobody takes the answer for a finished one; where none is told, all was said.
    """
    return table.get(str(reason), str(reason)) if reason else "stop"


def broken(message: str, status: int, reason: str, *, said: str | None = None) -> WireError:
    """An answer that the server says failed for that *reason*, with what it had *said*."""
    return WireError("fault", message, Fault(status, message, type=reason, code=reason), partial=said)
