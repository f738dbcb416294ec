"""Options of a command line → fields of the API: what is not given is not said."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NONE = "none"
"""What takes a bound back."""


class Option(NamedTuple):
    """One of them. kind: what its text means; raises `ValueError`. many: whether it may be given again."""

    flag: str
    field: str
    about: str
    kind: Callable[[str], Any] = str
    many: bool = False


def add(command: argparse.ArgumentParser, options: Iterable[Option]) -> None:
    """Give *command* those options."""
    for one in options:
        metavar = one.flag.lstrip("-").upper().replace("-", "_")
        how: dict[str, Any] = {"action": "append"} if one.many else {}
        command.add_argument(
            one.flag, dest=one.field, type=_typed(one.kind), metavar=METAVARS.get(one.kind, metavar),
            help=one.about, default=argparse.SUPPRESS, **how,
        )  # fmt: skip


def said(given: argparse.Namespace, options: Iterable[Option]) -> dict[str, Any]:
    """What was given of them; what was given again is one table."""
    out: dict[str, Any] = {}
    for one in options:
        if hasattr(given, one.field):
            value = getattr(given, one.field)
            out[one.field] = dict(value) if one.many else value
    return out


def _typed(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return kind(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


# ----------------------------------------------------------------------------- what texts mean


def amount(text: str) -> float | None:
    """USD."""
    if text == NONE:
        return None
    try:
        return float(text.removeprefix("$"))
    except ValueError:
        raise ValueError("an amount in USD, or none") from None


def number(text: str) -> int | None:
    """A whole number."""
    if text == NONE:
        return None
    if not text.isdecimal():
        raise ValueError("a whole number, or none")
    return int(text)


def time(text: str) -> str | None:
    """A time, `90d`; the API knows which there are."""
    return None if text == NONE else text


def names(text: str) -> list[str]:
    """Names, with commas between them; none for all."""
    return [] if text == NONE else [name.strip() for name in text.split(",") if name.strip()]


def numbers_of(text: str) -> tuple[str, int]:
    """`MODEL=N`."""
    model, _, found = text.rpartition("=")
    if not model or not found.isdecimal():
        raise ValueError("MODEL=NUMBER")
    return model, int(found)


def amounts_of(text: str) -> tuple[str, float]:
    """`MODEL=USD`."""
    model, _, found = text.rpartition("=")
    told = amount(found) if model and found else None
    if told is None:
        raise ValueError("MODEL=USD")
    return model, told


def table(text: str) -> dict[str, Any]:
    """An object of JSON."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError('JSON such as {"team": "search"}')  # noqa: TRY004 - argparse's word for it
    return found


METAVARS: dict[Callable[[str], Any], str] = {
    amount: "USD",
    number: "N",
    time: "TIME",
    names: "A,B",
    numbers_of: "MODEL=N",
    amounts_of: "MODEL=USD",
    table: "JSON",
}

BOUNDS = (
    Option("--models", "models", "patterns of the models that may be asked for; none: all", names),
    Option("--budget", "max_budget", "that may be spent, then requests are refused", amount),
    Option("--soft-budget", "soft_budget", "that is told of when it is spent", amount),
    Option("--period", "budget_duration", "of the budget: day, week, month, or the last 30d", time),
    Option("--rpm", "rpm_limit", "requests a minute", number),
    Option("--tpm", "tpm_limit", "tokens a minute", number),
    Option("--parallel", "max_parallel_requests", "requests at once", number),
    Option("--model-budget", "model_max_budget", "likewise for models of a pattern", amounts_of, many=True),
    Option("--model-rpm", "model_rpm_limit", "likewise", numbers_of, many=True),
    Option("--model-tpm", "model_tpm_limit", "likewise", numbers_of, many=True),
    Option("--metadata", "metadata", "of your own", table),
)
"""What every record may have."""
