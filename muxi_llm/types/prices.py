"""Prices of one's own: what `muxi_llm.config.prices` takes, and the check of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

Number = int | float | str | Decimal


class ModelPrice(TypedDict, total=False):
    """What one model costs, in USD, whole: what is not in it has no price.

    Of tokens, for a million of them: `input` (what came from a cache, went there, is sound or a picture
    costs the same unless its own price is given: `cached`, `cache_write`, `cache_write_1h`, `input_audio`,
    `input_image`), `output` (likewise `reasoning`, `output_audio`, `output_image`). `characters`: for a
    million. `minute`, `output_minute`: of sound heard and made. One each: `image`, `search` (of a
    reranker), `web_search`, `page`, `request`.

    over: prices instead where the prompt has more tokens than the key says. batch: prices instead in a
    batch. source: where it is from, for the reader.
    """

    input: Number
    cached: Number
    cache_write: Number
    cache_write_1h: Number
    input_audio: Number
    input_image: Number
    output: Number
    reasoning: Number
    output_audio: Number
    output_image: Number
    characters: Number
    minute: Number
    output_minute: Number
    image: Number
    search: Number
    web_search: Number
    page: Number
    request: Number
    over: Mapping[Any, Mapping[str, Number]]
    batch: Mapping[str, Number]
    source: str


class FixedPrice(NamedTuple):
    """A `ModelPrice`, checked. over: by least tokens, ascending."""

    fields: Mapping[str, Decimal]
    over: tuple[tuple[int, Mapping[str, Decimal]], ...] = ()
    batch: Mapping[str, Decimal] | None = None


Prices = Mapping[str, ModelPrice]
"""By `provider/model`; `provider/*` is for all models of a provider that are not there by name."""

MORE = ("over", "batch", "source")
FIELDS = tuple(name for name in ModelPrice.__annotations__ if name not in MORE)


def price_book(given: object, what: str) -> dict[str, FixedPrice]:
    """*given* (a mapping, or a `.json` or `.toml` file of one) checked, by lower-case id.

    Raises `TypeError` or `ValueError` that says what of *what* is at fault, `OSError` for a file that
    cannot be read.
    """
    if given is None:
        return {}
    if isinstance(given, str | PathLike):
        what, given = f"{what} ({Path(given).name})", _read(Path(given))
    if not isinstance(given, Mapping):
        raise TypeError(f"{what} must be a mapping or a file, not {type(given).__name__}")
    return {_id(model, what).lower(): fixed(price, f"{what}[{model!r}]") for model, price in given.items()}


def fixed(given: object, what: str) -> FixedPrice:
    """One model's price, checked, if it is not yet; raises as `price_book` does."""
    if isinstance(given, FixedPrice):
        return given
    fields = _fields(given, what, (*FIELDS, *MORE))
    assert isinstance(given, Mapping)  # checked there
    tiers = given.get("over") or {}
    if not isinstance(tiers, Mapping):
        raise TypeError(f"{what}['over'] must be a mapping, not {type(tiers).__name__}")
    over = [
        (_tokens(start, what), _fields(tier, f"{what}['over'][{start!r}]")) for start, tier in tiers.items()
    ]
    batch = None if given.get("batch") is None else _fields(given["batch"], f"{what}['batch']")
    if not fields and not batch:
        raise ValueError(f"{what} has no price in it; known: {', '.join(FIELDS)}")
    return FixedPrice(fields, tuple(sorted(over, key=lambda tier: tier[0])), batch)


def _fields(given: object, what: str, known: tuple[str, ...] = FIELDS) -> dict[str, Decimal]:
    if not isinstance(given, Mapping):
        raise TypeError(f"{what} must be a mapping, not {type(given).__name__}")
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise TypeError(f"{what} has no field {name!r}; {hint}")
    return {name: _usd(given[name], f"{what}[{name!r}]") for name in given if name in FIELDS}


def _usd(value: object, what: str) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            raise InvalidOperation
        usd = Decimal(str(value))
        if not usd.is_finite() or usd < 0:
            raise InvalidOperation
    except InvalidOperation:
        raise ValueError(f"{what} must be USD, a number from 0, not {value!r}") from None
    return usd


def _tokens(start: object, what: str) -> int:
    if str(start).isdecimal():  # a file's keys are strings
        return int(str(start))
    raise ValueError(f"{what}['over'] has tokens as keys, whole numbers from 0, not {start!r}")


def _id(model: object, what: str) -> str:
    if isinstance(model, str) and all(model.partition("/")):
        return model
    raise ValueError(f"{what} has 'provider/model' as keys, not {model!r}")


def _read(path: Path) -> object:
    if path.suffix not in READERS:
        raise ValueError(f"a file of prices is .json or .toml, not {path.name!r}")
    try:
        reader = import_module(READERS[path.suffix])
        return reader.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except ValueError as error:  # both formats' own errors are
        raise ValueError(f"{path.name}: {error}") from error


READERS = {".json": "json", ".toml": "tomllib"}
