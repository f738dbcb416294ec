"""Counts in a small SQLite file, for the workers of one machine and for the next start."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from muxi_llm.gateway.sharing import Key

if TYPE_CHECKING:
    from muxi_llm.gateway.sharing import Cooled, Counts, Kept


class FileStore:
    """A file. Raises `OSError` where there can be none."""

    pace = 0.1

    def __init__(self, path: str) -> None:
        try:
            self._base = sqlite3.connect(path, timeout=5.0, check_same_thread=False, isolation_level=None)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._base.execute(TABLE)
        except sqlite3.Error as error:
            raise OSError(f"{path}: {error}") from error

    def exchange(self, added: Counts, kept: Kept, cooled: Cooled) -> tuple[Counts, Cooled]:  # noqa: ARG002
        """In one transaction. Who is left alone is each worker's own: a few requests teach it."""
        now, base = time.time(), self._base
        rows = [(*key, count, kept[key[:2]].ends(key.part)) for key, count in added.items()]
        try:
            if rows:
                base.execute("BEGIN IMMEDIATE")
                base.executemany(ADD, rows)
                base.execute("DELETE FROM counts WHERE ends < ?", (now,))
                base.execute("COMMIT")
            found = base.execute("SELECT deployment, kind, part, count FROM counts WHERE ends >= ?", (now,))
            return {Key(*row[:3]): row[3] for row in found}, {}
        except sqlite3.Error as error:
            if base.in_transaction:
                base.execute("ROLLBACK")
            raise OSError(str(error)) from error

    def close(self) -> None:
        """No more."""
        self._base.close()


TABLE = """CREATE TABLE IF NOT EXISTS counts (
    deployment TEXT, kind TEXT, part INTEGER, count INTEGER, ends REAL,
    PRIMARY KEY (deployment, kind, part)
) WITHOUT ROWID"""
ADD = """INSERT INTO counts VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET count = count + excluded.count"""
