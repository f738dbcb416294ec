"""Which rows a batch's output has and where, and which line of the input each of them is about.

A database that is a file without a name, gone with the run: however long the input, memory does not grow.
"""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def number_of(row: dict[str, Any]) -> int | None:
    """The number of a row's line, `None` for a line with a `custom_id`.

    Rows of earlier versions say of a line without one no more than `line-7`.
    """
    if "line" in row:
        return int(row["line"])
    unnamed = UNNAMED.fullmatch(row["custom_id"])
    return None if unnamed is None else int(unnamed[1])


class Index:
    """One run's. Raises `OSError` where there is no room for it."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """It is gone."""
        self._db.close()

    def add(self, at: int, row: dict[str, Any], *, answered: bool) -> None:
        """A row begins at byte *at* of the output."""
        number = number_of(row)
        name = row["custom_id"] if number is None else None
        self._ask("INSERT INTO row VALUES (?, ?, ?, ?, ?, NULL)", at, name, number, row["digest"], answered)

    def claim(self, name: str | None, digest: str) -> tuple[int, bool] | None:
        """Where the row about a line is, and whether it was answered; lines without a name have one each."""
        same = "name = ?2" if name is not None else "name IS ?2 AND line IS NULL"
        found = self._ask(f"{CLAIM} AND {same} ORDER BY answered DESC, at", digest, name).fetchone()
        return None if found is None else (found[0], bool(found[1]))

    def stands(self, at: int, number: int) -> None:
        """The row at *at* is about line *number*; one that is there twice stands where it was first."""
        self._ask("UPDATE row SET line = ? WHERE at = ? AND line IS NULL", number, at)

    def is_doubled(self, name: str, digest: str) -> bool:
        """Whether an earlier line of this name had another digest."""
        self._ask("INSERT OR IGNORE INTO named VALUES (?, ?)", name, digest)
        (first,) = self._ask("SELECT digest FROM named WHERE name = ?", name).fetchone()
        return bool(first != digest)

    def answered(self, digest: str) -> int | None:
        """Where a row is about a request like this that was answered."""
        found = self._ask("SELECT at FROM row WHERE digest = ? AND answered", digest).fetchone()
        return None if found is None else int(found[0])

    def have_moved(self) -> bool:
        """Whether lines without a name have other numbers now than their rows say."""
        return self._ask("SELECT 1 FROM row WHERE line != was LIMIT 1").fetchone() is not None

    def rows(self, *, in_order: bool) -> Iterator[tuple[int, int | None]]:
        """Where the rows begin, and their lines' present numbers; in the lines' order, or as they are."""
        order = "line IS NULL, line, at" if in_order else "at"
        yield from self._ask(f"SELECT at, line FROM row ORDER BY {order}")  # noqa: S608 - ours

    def answers(self) -> Iterator[tuple[int, int | None]]:
        """The same of those that were answered, as they are."""
        yield from self._ask("SELECT at, line FROM row WHERE answered ORDER BY at")

    def _ask(self, query: str, *values: Any) -> sqlite3.Cursor:
        try:
            return self._db.execute(query, values)
        except sqlite3.OperationalError as error:
            raise OSError(f"the index of the batch: {error}") from error


CLAIM = "SELECT at, answered FROM row WHERE digest = ?1"
UNNAMED = re.compile(r"line-(\d+)")

SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE row (
    at INTEGER PRIMARY KEY, name TEXT, was INTEGER, digest TEXT, answered INTEGER, line INTEGER
);
CREATE INDEX asked ON row (digest);
CREATE TABLE named (name TEXT PRIMARY KEY, digest TEXT) WITHOUT ROWID;
"""
