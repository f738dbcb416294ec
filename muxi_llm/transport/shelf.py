"""Which connections are idle, and how many there are: the same work for one and for thousands. No I/O.

Connections of an origin lie on a stack, so the last used goes first and those nobody needs grow old; all of
them stand in one row by age besides, which is how the old are found. One that is in use is only counted.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.transport.requests import Target

MOST = 1000
"""Connections at once. This and the next two are the openai package's limits."""
MOST_IDLE = 100
IDLE_SECONDS = 5.0


class Shelf:
    """Not thread-safe."""

    def __init__(self, made: Callable[[Target], Any]) -> None:
        """made: a new connection, not connected. It tells `is_available`, and `has_expired` while idle."""
        self._made = made
        self._stacks: dict[tuple[bytes, bytes, int], list[Any]] = {}
        self._row: dict[Any, tuple[Target, float]] = {}
        self._old: list[Any] = []
        self._waiting: deque[Any] = deque()
        self._count = 0

    def take(self, target: Target) -> tuple[Any, bool]:
        """A connection to *target* and whether it was used before; `None` where there are too many."""
        stack = self._stacks.get(target.origin)
        while stack:
            connection = stack.pop()
            del self._row[connection]
            if connection.is_available() and not connection.has_expired():
                return connection, True
            self._dropped(connection)
        if self._count >= MOST and self._row:
            self._drop_oldest()
        if self._count >= MOST:
            return None, False
        self._count += 1
        try:
            return self._made(target), False
        except BaseException:
            self._count -= 1
            raise

    def give(self, target: Target, connection: Any) -> None:
        """It is not in use any more."""
        if connection.is_available():
            self._stacks.setdefault(target.origin, []).append(connection)
            self._row[connection] = target, time.monotonic()
        else:
            self._dropped(connection)
        self._wake()

    def stale(self, *, every: bool = False) -> list[Any]:
        """Connections that are to be closed, each once. every: also those that could be used again."""
        before = time.monotonic() - IDLE_SECONDS
        while self._row and (
            every or len(self._row) > MOST_IDLE or next(iter(self._row.values()))[1] < before
        ):
            self._drop_oldest()
        old, self._old = self._old, []
        return old

    def _drop_oldest(self) -> None:
        connection, (target, _) = next(iter(self._row.items()))
        del self._row[connection]
        stack = self._stacks[target.origin]
        stack.remove(connection)  # its first: found at once
        if not stack:
            del self._stacks[target.origin]
        self._dropped(connection)

    def _dropped(self, connection: Any) -> None:
        self._count -= 1
        self._old.append(connection)

    # -------------------------------------------------------------------------------- who waits

    def queue(self, event: Any) -> Any:
        """Wait in line until *event* is set, then try again."""
        self._waiting.append(event)
        return event

    def leave(self, event: Any) -> None:
        """Wait no more. Who was woken for nothing wakes the next."""
        try:
            self._waiting.remove(event)
        except ValueError:
            self._wake()

    def _wake(self) -> None:
        if self._waiting:
            self._waiting.popleft().set()
