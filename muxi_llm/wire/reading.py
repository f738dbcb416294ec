"""What a codec stumbles over in a provider's bytes, told as what it is: a `WireError`.

A codec reads a reply as its documentation promises it; whatever Python says of one that is otherwise (a key
that is missing, a number that is a string) ends up here.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from muxi_llm.wire.base import WireError

if TYPE_CHECKING:
    from collections.abc import Iterator

SENSELESS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What Python raises for data of another shape than was expected."""


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
