"""What callers give, made plain JSON data: once, before the first attempt.

Programs give tuples, generators, pydantic objects with one-pass iterators inside, numpy's numbers. Whoever
reads an iterator first spends it, and the retry would ask for something else; so nothing but dicts, lists,
strings and numbers goes further than this. What is plain already, nearly every request, is only looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time
from enum import Enum
from types import NoneType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel

from muxi_llm.errors import InvalidRequestError, shown_error
from muxi_llm.wire.base import plain
from muxi_llm.wire.json_text import UnsendableTextError
from muxi_llm.wire.upload import File

if TYPE_CHECKING:
    from muxi_llm.core.request import Request
    from muxi_llm.wire.base import Json


def made_plain(given: Json) -> Json:
    """*given* itself if it is plain all through, else a copy that is.

    Raises `InvalidRequestError`, by the field's name, for what JSON has no form for: `nan`, bytes, functions.
    """
    try:
        return given if _is_plain(given.values()) else {k: _plain(v, str(k)) for k, v in given.items()}
    except RecursionError:
        raise InvalidRequestError("a parameter is nested too deep, or holds itself") from None


def _is_plain(values: Iterable[Any]) -> bool:
    for value in values:
        kind = value.__class__
        if kind in SCALARS:
            continue
        if kind is dict:
            if not _is_plain(value.values()):
                return False
        elif kind is list:
            if not _is_plain(value):
                return False
        elif kind is not float or value - value != 0:  # nan and infinity
            return False
    return True


def _plain(value: Any, where: str) -> Any:
    if value.__class__ in SCALARS or isinstance(value, date | time | UUID | File):
        return value  # a form has a form for files, and JSON for the others
    if isinstance(value, Mapping) or (hasattr(value, "keys") and not isinstance(value, type)):
        return {_key(key): _plain(value[key], f"{where}.{key}") for key in value.keys()}  # noqa: SIM118 - only `keys` is promised
    if isinstance(value, BaseModel):
        return _plain(plain(value), where)
    if isinstance(value, Enum):
        return _plain(value.value, where)
    if hasattr(value, "tolist"):  # numpy's arrays and numbers, and their kin
        return _plain(value.tolist(), where)
    if isinstance(value, str | int | float) or not isinstance(value, Iterable):
        return _scalar(value, where)
    if isinstance(value, UNFIT):
        raise _no_json(value, where)
    return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]


def _scalar(value: Any, where: str) -> Any:
    if isinstance(value, str):
        return str.__str__(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name), where) for field in fields(value)}
    if isinstance(value, type) and where == "response_format":
        return value
    if not isinstance(value, type) and hasattr(value, "__index__"):
        return int(value)
    if isinstance(value, type) or not hasattr(value, "__float__"):
        raise _no_json(value, where)
    number = float(value)
    if number - number != 0:
        raise InvalidRequestError(f"{where} is {number}, which JSON has no form for", param=where)
    return number


def _key(key: Any) -> Any:
    return str.__str__(key) if isinstance(key, str) else key


def _no_json(value: Any, where: str) -> InvalidRequestError:
    what = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
    if isinstance(value, type) and issubclass(value, BaseModel):
        form = "openai.pydantic_function_tool(it)" if where.startswith("tools[") and "." not in where else ""
        hint = f"; give {form or 'its model_json_schema()'}"
    elif callable(value):
        hint = "; describe it: {'type': 'function', 'function': {'name': ..., 'parameters': {...}}}"
    else:
        hint = ""
    return InvalidRequestError(f"{where} must be JSON data, not {what}{hint}", param=where)


# ---------------------------------------------------------------------------------------- text


def unsendable(request: Request, error: Exception) -> InvalidRequestError:
    """What of *request* is no text (half of a surrogate pair, which UTF-8 has no form for), or that it is of
    a shape which nobody looked at on its way.
    """
    if not isinstance(error, UnsendableTextError):
        return InvalidRequestError(f"the request makes no sense: {shown_error(error)}")
    given: Mapping[str, Any] = {
        **(request.verbatim or request.body),
        "extra_body": request.extra_body,
        "provider_options": request.provider_options,
    }
    return unsendable_in(given) or _no_text("a parameter")


def unsendable_in(given: Any) -> InvalidRequestError | None:
    """What of *given*, a request's body, is no text, if anything."""
    if not isinstance(given, Mapping):
        return None
    found = (where for name, value in given.items() if (where := _broken_text(value, name)) is not None)
    where = next(found, None)
    return None if where is None else _no_text(where)


def _no_text(where: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{where} holds half of a surrogate pair: a cut through an emoji, or bytes read as text", param=where
    )


def _broken_text(value: Any, where: str) -> str | None:
    if isinstance(value, str):
        return where if SURROGATES.intersection(map(ord, value)) else None
    if isinstance(value, Mapping):
        inner: Iterable[tuple[str, Any]] = (
            pair for key, item in value.items() for pair in ((where, str(key)), (f"{where}.{key}", item))
        )
    elif isinstance(value, list):
        inner = ((f"{where}[{index}]", item) for index, item in enumerate(value))
    else:
        return None
    return next((found for at, item in inner if (found := _broken_text(item, at)) is not None), None)


# ------------------------------------------------------------------------------------------ tables

SCALARS = frozenset({str, int, bool, NoneType})
UNFIT = (bytes, bytearray, memoryview, type)
SURROGATES = frozenset(range(0xD800, 0xE000))
