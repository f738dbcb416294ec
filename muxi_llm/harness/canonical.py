"""Cache keys, the same in every language: canonical JSON and its SHA-256.

The form is JavaScript's `JSON.stringify` with sorted keys: whole floats have no point (`1.0` is `1`), keys
that are array indices come first and in numeric order, the others by UTF-16 code units, text stays text,
nested NaN and infinities are null. Source: ECMA-262 §7.1.12.1 (Number::toString) and §10.1.11.1 (key order).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

PREFIX = "llmix:resp:"

FIELDS = (
    "baseUrl",
    "enableThinking",
    "frequencyPenalty",
    "maxOutputTokens",
    "messages",
    "model",
    "presencePenalty",
    "provider",
    "providerOptions",
    "responseFormat",
    "seed",
    "stopSequences",
    "temperature",
    "topK",
    "topP",
)
"""What a key is made of; everything else of a call is not in it."""

LARGEST_INDEX = 2**32 - 2


def cache_key(given: Mapping[str, Any]) -> str:
    """The key of a call described by `FIELDS` (others are ignored, `None` and NaN are left out)."""
    known = {name: given[name] for name in FIELDS if _is_there(given.get(name))}
    return PREFIX + sha256(canonical(known).encode("utf-8", "surrogatepass")).hexdigest()


def _is_there(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def canonical(value: Any) -> str:
    """*value* as canonical JSON. Raises `TypeError` for what JSON cannot say."""
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool | int | float):
        return _number(value) if isinstance(value, float) else json.dumps(value)
    if isinstance(value, Mapping):
        items = sorted(value.items(), key=_place)
        return "{" + ",".join(f"{_text(str(key))}:{canonical(item)}" for key, item in items) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(canonical, value)) + "]"
    raise TypeError(f"{type(value).__name__} is not JSON")


def _text(value: str) -> str:
    """Text as it is; lone surrogates, which UTF-8 cannot say, are escaped (well-formed JSON.stringify)."""
    quoted = json.dumps(value, ensure_ascii=False)
    if value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value):
        return quoted
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in quoted)


def _number(value: float) -> str:
    """Number::toString: the shortest digits that mean *value*, the point where ECMA-262 puts it."""
    if not math.isfinite(value):
        return "null"
    if value == 0:
        return "0"
    sign, found, exponent = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, found))
    point = len(digits) + int(exponent)  # how many digits stand before it
    if 0 < point <= 21:
        text = digits.ljust(point, "0")
        text = text[:point] + ("." + text[point:] if len(text) > point else "")
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + f"e{point - 1:+d}"
    return "-" * sign + text


def _place(item: tuple[Any, Any]) -> tuple[bool, int, bytes]:
    key = str(item[0])
    if key.isascii() and key.isdecimal() and (key == "0" or key[0] != "0") and int(key) <= LARGEST_INDEX:
        return False, int(key), b""
    return True, 0, key.encode("utf-16-be", "surrogatepass")
