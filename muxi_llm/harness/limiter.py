"""Adaptive concurrency: how many attempts a place has under way at once, found out by what it answers.

Rules: pure, the time is told. Additive increase, multiplicative decrease (AIMD): a window's worth of
successes, a round trip of them, adds one permit up to the first window, and none is added that nobody
wanted; an overload (429, 503, 529, a time-out) halves the window, down to `minimum`; overloads of requests
that were sent before the last decrease tell nothing new. Rate-limit headers, once seen, steer it finer than
successes do: below a tenth of the limit left the window shrinks in proportion. A shrinking window takes
permits away as they come back, never from a request under way. Waiting is first come, first served.

    by outcomes -- overload                  --> by outcomes
    by outcomes -- success                   --> by outcomes
    by outcomes -- headers tell what is left --> by headers
    by headers  -- headers tell what is left --> by headers
    by headers  -- success                   --> by headers
    by headers  -- overload                  --> by outcomes
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

State = Literal["by outcomes", "by headers"]

TRANSITIONS: dict[tuple[State, str], State] = {
    ("by outcomes", "overload"): "by outcomes",
    ("by outcomes", "success"): "by outcomes",
    ("by outcomes", "headers tell what is left"): "by headers",
    ("by headers", "headers tell what is left"): "by headers",
    ("by headers", "success"): "by headers",
    ("by headers", "overload"): "by outcomes",
}

LOW = 0.10
"""The part of a rate limit below which the window shrinks before a 429 says so."""


class Window:
    """How many at once. initial: the first window and the largest. Raises `ValueError` if it is too small.

    eager: each success adds a permit by itself, wanted or not.
    """

    def __init__(self, initial: int = 32, minimum: int = 4, *, eager: bool = False) -> None:
        if initial < 1 or minimum < 1 or initial < minimum:
            raise ValueError(f"the window must start at {minimum} or more, and at 1 or more: {initial}")
        self._initial = initial
        self._minimum = minimum
        self._eager = eager
        self._state: State = "by outcomes"
        self._shrunk = float("-inf")
        self._successes = 0
        self.size = initial

    def succeeded(self, in_use: float = float("inf")) -> None:
        """An attempt succeeded and told nothing of limits; so many were under way, itself included."""
        if self._state == "by outcomes":
            self._grow(in_use)
        self._go("success")

    def overloaded(self, now: float = 0.0, *, sent: float = float("inf")) -> None:
        """An attempt that was *sent* then was too much."""
        if sent < self._shrunk:
            return
        self._go("overload")
        self._shrunk = now
        self._successes = 0
        self.size = max(self.size // 2, self._minimum)

    def told(self, remaining: int, limit: int, in_use: float = float("inf")) -> None:
        """A reply's headers: requests left, of how many."""
        if limit <= 0:
            return
        self._go("headers tell what is left")
        left = remaining / limit
        if left >= LOW:
            self._grow(in_use)
        else:
            room = self._initial - self._minimum
            self.size = max(self._minimum, min(int(self._minimum + left / LOW * room), self._initial))

    def _grow(self, in_use: float) -> None:
        if self.size == self._initial:
            return
        if not self._eager:
            self._successes += 2 * in_use >= self.size
            if self._successes < self.size:
                return
            self._successes = 0
        self.size += 1

    def _go(self, event: str) -> None:
        self._state = TRANSITIONS[self._state, event]


Waiter = TypeVar("Waiter")


class Permits(Generic[Waiter]):
    """A window's permits, who holds them and who waits for one.

    Holders are whatever has a hash; what they wait with is opaque, and what is returned of it is to be
    woken. Each change is one step on one set, so that an interrupt between two leaves nothing half done.
    """

    def __init__(self, window: Window) -> None:
        self.window = window
        self._out: set[Hashable] = set()
        self._waiting: OrderedDict[Hashable, Waiter] = OrderedDict()  # as a queue that can be left at once

    @property
    def out(self) -> int:
        """How many are held."""
        return len(self._out)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self, holder: Hashable) -> bool:
        """Whether there was a permit; *holder* has it then."""
        if self._waiting or len(self._out) >= self.window.size:
            return False
        self._out.add(holder)
        return True

    def overdraw(self, holder: Hashable) -> None:
        """Take one more than there are."""
        self._out.add(holder)

    def queue(self, holder: Hashable, waiter: Waiter) -> None:
        """*holder* wants the next one."""
        self._waiting[holder] = waiter

    def leave(self, holder: Hashable) -> None:
        """*holder* gives its permit back, or its place in the queue; then see who is `served`."""
        self._out.discard(holder)
        self._waiting.pop(holder, None)

    def served(self) -> list[Waiter]:
        """Who gets a permit now, as many as the window has room for."""
        woken = []
        while self._waiting and len(self._out) < self.window.size:
            holder = next(iter(self._waiting))
            self._out.add(holder)
            woken.append(self._waiting.pop(holder))
        return woken
