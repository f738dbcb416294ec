"""Counts in a small SQLite file, for the workers of one machine. It need not outlive them."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

from muxi_llm.governance.counters.shared import LEASE, Reply
from muxi_llm.governance.limits import MINUTE, Counts, key_of
from muxi_llm.routing.windows import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from muxi_llm.governance.counters.shared import Exchange
    from muxi_llm.governance.limits import Verdict, Whose


class SqliteStore:
    """A file. Raises `OSError` where there can be none. An exchange is a transaction; the clock is the
    machine's own since it was started, which all of its processes share and nobody can move.
    """

    def __init__(self, path: str, minute: int = MINUTE) -> None:
        self._minute, self._span = minute, minute / PARTS
        self._swept = 0.0
        try:
            self._base = sqlite3.connect(path, timeout=5.0, check_same_thread=False, isolation_level=None)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=OFF")
            for table in TABLES:
                self._base.execute(table)
        except sqlite3.Error as error:
            raise OSError(f"{path}: {error}") from error

    def exchange(self, exchange: Exchange) -> Reply:
        """In one transaction."""
        base = self._base
        try:
            base.execute("BEGIN IMMEDIATE")
            now = time.monotonic()
            is_known = self._met(exchange.process, now)
            rows = [(exchange.process, key_of(whose), *rest) for whose, *rest in exchange.told]
            base.executemany(TELL, rows)
            verdicts = self._decided(exchange, now)
            self._sweep(now)
            base.execute("COMMIT")
        except sqlite3.Error as error:
            if base.in_transaction:
                base.execute("ROLLBACK")
            raise OSError(str(error)) from error
        return Reply(verdicts, now, is_known)

    def close(self) -> None:
        """No more."""
        self._base.close()

    def _met(self, process: str, now: float) -> bool:
        """Whether it was alive until now; it is for a while from now on."""
        found = self._base.execute("SELECT 1 FROM processes WHERE process = ? AND until >= ?", (process, now))
        with closing(found):
            is_known = found.fetchone() is not None
        self._base.execute("INSERT OR REPLACE INTO processes VALUES (?, ?)", (process, now + LEASE))
        return is_known

    def _decided(self, exchange: Exchange, now: float) -> list[Verdict]:
        """By everybody's numbers."""
        counts = self._read({limit[:4] for one in exchange.asked for limit in one.limits}, now)
        verdicts, taken = [], []
        for one in exchange.asked:
            verdict = counts.take(one, now)
            verdicts.append(verdict)
            if verdict.is_granted:
                numbers = one.numbers(verdict.part)
                taken += [(exchange.process, key_of(whose), *rest) for whose, *rest in numbers]
        self._base.executemany(TAKE, taken)
        return verdicts

    def _read(self, whose: Iterable[Whose], now: float) -> Counts:
        counts, first = Counts(self._minute), int(now // self._span) - PARTS
        for one in whose:
            for part, number in self._base.execute(READ, (key_of(one), first, now)):
                counts.add(one, part, number)
        return counts

    def _sweep(self, now: float) -> None:
        if now >= self._swept + LEASE:
            self._swept = now
            self._base.execute(FORGET, (int(now // self._span) - PARTS,))
            self._base.execute(BURY, (now,))


TABLES = (
    """CREATE TABLE IF NOT EXISTS counts (
        process TEXT, name TEXT, part INTEGER, number INTEGER, PRIMARY KEY (name, part, process)
    ) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS processes (process TEXT PRIMARY KEY, until REAL) WITHOUT ROWID",
)
TELL = "INSERT OR REPLACE INTO counts VALUES (?, ?, ?, ?)"
TAKE = "INSERT INTO counts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET number = number + excluded.number"
READ = """SELECT part, SUM(number) FROM counts WHERE name = ? AND (
        part >= ? OR part = 0 AND process IN (SELECT process FROM processes WHERE until >= ?)
    ) GROUP BY part"""
FORGET = "DELETE FROM counts WHERE number = 0 OR part > 0 AND part < ?"
BURY = """DELETE FROM counts WHERE part = 0
    AND process NOT IN (SELECT process FROM processes WHERE until >= ?)"""
