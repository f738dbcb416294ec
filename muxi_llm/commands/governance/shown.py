"""Answers on a screen: tables of columns, records a line for each thing, or JSON as it came."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Row = Mapping[str, Any]


class Column(NamedTuple):
    """One of a table. told: how its value is; number: whether it stands at the right."""

    title: str
    field: str
    told: Callable[[Any], str] = lambda value: plain(value)  # noqa: PLW0108 - it is defined below
    number: bool = False


def as_json(value: object) -> int:
    """For programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
    return 0


def as_table(columns: Sequence[Column], rows: Iterable[Row], nothing: str) -> int:
    """For people. nothing: what is told where there are none. Columns that are empty are left out."""
    cells = [[column.told(row.get(column.field)) for column in columns] for row in rows]
    if not cells:
        print(nothing)
        return 0
    kept = [index for index in range(len(columns)) if any(row[index] for row in cells)]
    lines = [[columns[index].title for index in kept], *([row[index] for index in kept] for row in cells)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        told = (
            cell.rjust(width) if columns[index].number else cell.ljust(width)
            for index, cell, width in zip(kept, line, widths, strict=True)
        )
        print("  ".join(told).rstrip())
    return 0


def as_record(record: Row, names: Mapping[str, str] | None = None) -> int:
    """For people: what there is of one thing. names: of fields, where they are not told as they are."""
    told = {(names or {}).get(name, name): plain(value) for name, value in record.items()}
    width = max((len(name) for name, value in told.items() if value), default=0)
    for name, value in told.items():
        if value:
            print(f"{name.ljust(width)}  {value}")
    return 0


def plain(value: object) -> str:
    """A value in a few words; nothing for what is not set."""
    if value is None or value is False or value in ("", [], {}):
        return ""
    if value is True:
        return "yes"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return clean(", ".join(value))
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def usd(value: object) -> str:
    """An amount; a tenth of a cent counts."""
    if not isinstance(value, int | float):
        return ""
    return f"${value:,.2f}" if round(value, 2) == value else f"${value:,.6f}".rstrip("0")


def count(value: object) -> str:
    """A number; 0 is one."""
    return f"{value:,}" if isinstance(value, int | float) else ""


def moment(value: object) -> str:
    """An instant, to the minute."""
    return value[:16].replace("T", " ") if isinstance(value, str) else ""


def short(value: object) -> str:
    """Its beginning."""
    told = plain(value)
    return told if len(told) <= SHORT else f"{told[: SHORT - 1]}…"


def clean(text: str) -> str:
    """*text* without what a terminal would obey: others have written it."""
    return "".join(each if each.isprintable() else "?" for each in text)


SHORT = 32
"""Characters of what may be long."""
