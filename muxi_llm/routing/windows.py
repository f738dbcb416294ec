"""Requests, or tokens, within the last minute, hour, day: counted in sixtieths of the window.

A sixtieth counts whole until all of it is past, so there are never more than the limit within any span of the
window's length; the price is that up to a sixtieth of the window is waited for too long.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from muxi_llm.routing.deployments import Window

PARTS = 60


class Count:
    """What one window has seen. Times are seconds of the wall clock: they outlive the process."""

    def __init__(self, window: Window, kept: Iterable[tuple[int, int]] = ()) -> None:
        """kept: (number of the sixtieth, requests in it), as `parts` told them."""
        self.window = window
        self._span = window.seconds / PARTS
        self._parts: deque[list[int]] = deque(list(part) for part in sorted(kept))
        self._total = sum(part[1] for part in self._parts)

    def taken(self, now: float) -> int:
        """Requests that count still."""
        self._forget(now)
        return self._total

    def is_empty(self, now: float) -> bool:
        """Whether there is nothing in it that counts, nor could be put right."""
        self._forget(now)
        return not self._parts

    def left(self, now: float) -> int:
        """Requests that may still be made."""
        return max(self.window.limit - self.taken(now), 0)

    def take(self, now: float) -> None:
        """One is made."""
        self._forget(now)
        part = int(now // self._span)
        if self._parts and self._parts[-1][0] >= part:  # a clock that was put back takes nothing back
            self._parts[-1][1] += 1
        else:
            self._parts.append([part, 1])
        self._total += 1

    def add(self, part: int, requests: int) -> None:
        """So many more were made in that sixtieth; below 0: so many fewer than was thought."""
        self._total += requests
        for found in reversed(self._parts):
            if found[0] == part:
                found[1] += requests
                return
            if found[0] < part:
                break
        self._parts = deque(sorted([*self._parts, [part, requests]]))

    def wait(self, now: float, requests: int = 1) -> float:
        """Seconds until so many may be made: 0 where they may be now, and where they never may."""
        over = self.taken(now) + requests - self.window.limit
        for part, made in self._parts if over > 0 else ():
            over -= made
            if over <= 0:
                return max((part + 1 + PARTS) * self._span - now, 0.0)
        return 0.0

    def parts(self) -> list[tuple[int, int]]:
        """What to keep of it."""
        return [(part, requests) for part, requests in self._parts]

    def _forget(self, now: float) -> None:
        first = int(now // self._span) - PARTS
        while self._parts and self._parts[0][0] < first:
            self._total -= self._parts.popleft()[1]
