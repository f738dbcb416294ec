"""Receipts on their way to the store: appended to a file of this process's own before anything else is done
with them, and gone from it once they are booked. What a killed process left is taken over by the next that
looks.

A write is in the system's hands when `append` returns: it survives any end of this process. `sync`, called
while the store is away, has it survive a loss of power too.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from muxi_llm.governance.budgets import Hold, Row
from muxi_llm.governance.store.money import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST = 4 * 2**20
"""Bytes after which another file is begun: one is gone when all of its receipts are booked."""
ENOUGH = 2**18
"""Bytes of booked receipts that may stay: whoever finds them after a kill books none of them again."""
ENDING = ".receipts"


class Segment:
    """A file of receipts, locked as long as its process lives. waiting: how many are not booked yet."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self.size = os.fstat(file).st_size
        self.waiting = 0
        self._file = file

    def append(self, line: bytes) -> None:
        """All of *line*, or nothing: then it raises `OSError`."""
        try:
            rest = line
            while rest:  # a disk that is full takes a part first
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            os.ftruncate(self._file, self.size)
            raise
        self.size += len(line)
        self.waiting += 1

    def clear(self) -> None:
        """It begins anew."""
        os.ftruncate(self._file, 0)
        self.size = 0

    def sync(self) -> None:
        """Onto the disk."""
        os.fdatasync(self._file)

    def close(self, *, remove: bool) -> None:
        """Let go of it."""
        if remove:
            self.path.unlink(missing_ok=True)
        os.close(self._file)


class Spool:
    """The receipts of this process. Safe between threads."""

    def __init__(self, folder: Path) -> None:
        """Raises `OSError` where nothing can be written there."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._own: list[Segment] = [self._another()]
        self._aside: Segment | None = None
        """What nobody has in memory."""

    def append(self, receipt: Receipt) -> Segment:
        """Keep it; the file it is in. Raises `OSError`: the disk is full, and nothing is kept."""
        line = orjson.dumps(receipt, default=list, option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            if self._own[-1].size > LONGEST:
                self._own.append(self._another())
            self._own[-1].append(line)
            return self._own[-1]

    def put_by(self, receipt: Receipt) -> None:
        """Keep it for whoever looks for what was left behind. Raises `OSError`."""
        line = orjson.dumps(receipt, default=list, option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            if self._aside is not None and self._aside.size > LONGEST:
                self._let_go()
            if self._aside is None:
                self._aside = self._another()
            self._aside.append(line)

    def _let_go(self) -> None:
        if self._aside is not None:
            self._aside.close(remove=False)
            self._aside = None

    def booked(self, segment: Segment) -> None:
        """One of its receipts is."""
        with self._lock:
            segment.waiting -= 1
            if segment.waiting:
                return
            if segment is self._own[-1]:
                if segment.size > ENOUGH:
                    segment.clear()
            else:
                segment.close(remove=True)
                self._own = [one for one in self._own if one is not segment]

    def orphans(self) -> Iterator[tuple[list[Receipt], Segment]]:
        """What processes left that are no more, and what was put by, a file after another: whoever finds it
        has it. Told off by `booked`, one by one.
        """
        with self._lock:
            self._let_go()
        for path in sorted(self._folder.glob(f"*{ENDING}")):
            if (segment := _taken(path)) is None:
                continue
            receipts = list(_read(path))
            segment.waiting = len(receipts)
            if not receipts:
                segment.close(remove=True)
            yield receipts, segment

    @property
    def waiting(self) -> int:
        """Receipts of this process that are not booked yet."""
        return sum(one.waiting for one in self._own)

    def sync(self) -> None:
        """Onto the disk, as far as that goes."""
        with self._lock, suppress(OSError):
            self._own[-1].sync()

    def close(self) -> None:
        """What is not booked is left for the next one."""
        with self._lock:
            for one in self._own:
                one.close(remove=not one.waiting)
            self._own = []
            self._let_go()

    def _another(self) -> Segment:
        while True:
            path = self._folder / f"{uuid4().hex}{ENDING}"
            path.touch(mode=0o600)
            if (segment := _taken(path)) is not None:  # by us, and not by who thought it left behind
                return segment


def _taken(path: Path) -> Segment | None:
    """That file, if nobody else has it."""
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    if not os.fstat(file).st_nlink:  # its last owner was done with it meanwhile
        os.close(file)
        return None
    return Segment(path, file)


def _read(path: Path) -> Iterator[Receipt]:
    """The receipts of a file. A line that its writer did not live to finish is none."""
    for line in path.read_bytes().split(b"\n"):
        with suppress(ValueError, TypeError):
            yield _receipt(orjson.loads(line))


def _receipt(line: Any) -> Receipt:
    name, at, created_at, holds, facts, rows = line
    return Receipt(
        name, at, created_at, tuple(Hold(*one) for one in holds), facts, tuple(Row(*one) for one in rows)
    )
