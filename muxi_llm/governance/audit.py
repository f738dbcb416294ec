"""The audit log's chain: each entry is sealed with the one before it, so that none can be changed, left out
or put in without breaking all seals after it. The last seal is kept beside the log, so that none can be cut
off its end either.

    seal(n) = SHA-256(seal(n - 1) ‖ entry n, as JSON with sorted keys)
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BEGINNING = "0" * 64
"""What the first entry is sealed with."""


class Head(NamedTuple):
    """The end of a chain: how many entries there were, and the last one's seal."""

    number: int = 0
    seal: str = BEGINNING


class Break(NamedTuple):
    """Where a chain does not hold, and why."""

    number: int
    why: str


def seal_of(before: str, entry: Mapping[str, Any]) -> str:
    """The seal of *entry*, which comes after the one that is sealed *before*."""
    return sha256(before.encode() + orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)).hexdigest()


def broken(
    sealed: Iterable[tuple[int, str, Mapping[str, Any]]], head: Head, start: Head | None = None
) -> Break | None:
    """The first place where the chain does not hold; `None` where all of it does.

    sealed: number, seal and entry of each, in order. head: how it should end. start: what comes before the
    first of them, where the oldest are kept elsewhere.
    """
    at = start or Head()
    for number, seal, entry in sealed:
        if number != at.number + 1:
            return Break(at.number + 1, "the entry is missing")
        if seal_of(at.seal, entry) != seal:
            return Break(number, "the entry, or one before it, was changed")
        at = Head(number, seal)
    if at.number < head.number:
        return Break(at.number + 1, "the entry is missing: the end was cut off")
    return None if at == head else Break(at.number, "the chain ends with another entry than it should")


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What differs: name → [before, after]."""
    names = sorted({*before, *after})
    return {
        name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)
    }
