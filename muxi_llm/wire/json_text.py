"""JSON as servers write it, which is more than the standard has.

What Python's `json` reads is read as well, since the openai package does: half a surrogate pair, `NaN`,
numbers beyond 64 bits. Nothing is nested deeper than 200 levels, so that whatever goes through a value
afterwards comes to an end.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson
from pydantic_core import from_json

if TYPE_CHECKING:
    from collections.abc import Callable

LEVELS = 200
"""What `from_json` itself goes down to."""


class UnsendableTextError(TypeError):
    """Half of a surrogate pair, which UTF-8 has no form for."""


def parsed(data: bytes) -> Any:
    """The value of *data*. Raises `ValueError`."""
    try:
        return from_json(data)
    except ValueError:
        try:
            raw = json.loads(data)
        except (ValueError, RecursionError):
            raw = None
        if raw is None or _is_deep(raw):
            raise
        return raw


def _is_deep(raw: Any) -> bool:
    level = [raw]
    for _ in range(LEVELS):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        ]
        if not level:
            return False
    return True


def written(value: object, default: Callable[[Any], Any] | None = None) -> bytes:
    """JSON of *value*: what orjson refuses of it as `json` writes it. default: makes other objects plain."""
    try:
        return orjson.dumps(value, default=default, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:  # half a surrogate pair, a number beyond 64 bits
        return json.dumps(value, default=default).encode()
