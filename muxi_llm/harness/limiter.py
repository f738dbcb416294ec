"""Adaptive concurrency: how many attempts a provider has under way at once, found out by what it answers.

Rules: pure, the time is told. Additive increase, multiplicative decrease (AIMD): each success adds one
permit up to the first window, a 429 halves the window, down to `minimum`; 429s of requests that were sent
before the last decrease tell nothing new. Rate-limit headers, once seen, steer it finer than successes do:
below a tenth of the limit left the window shrinks in proportion. A shrinking window takes permits away as
they come back, never from a request under way. Waiting is first come, first served.

    by outcomes -- rate limit              --> by outcomes
    by outcomes -- success                 --> by outcomes
    by outcomes -- headers tell what is left --> by headers
    by headers  -- headers tell what is left --> by headers
    by headers  -- success                 --> by headers
    by headers  -- rate limit              --> by outcomes
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

State = Literal["by outcomes", "by headers"]

TRANSITIONS: dict[tuple[State, str], State] = {
    ("by outcomes", "rate limit"): "by outcomes",
    ("by outcomes", "success"): "by outcomes",
    ("by outcomes", "headers tell what is left"): "by headers",
    ("by headers", "headers tell what is left"): "by headers",
    ("by headers", "success"): "by headers",
    ("by headers", "rate limit"): "by outcomes",
}

DIGITS = 15
"""Of a count that makes sense, at most."""

LOW = 0.10
"""The part of a rate limit below which the window shrinks before a 429 says so."""


class Window:
    """How many at once. initial: the first window and the largest. Raises `ValueError` if it is too small."""

    def __init__(self, initial: int = 32, minimum: int = 4) -> None:
        if initial < 1 or minimum < 1 or initial < minimum:
            raise ValueError(f"the window must start at {minimum} or more, and at 1 or more: {initial}")
        self._initial = initial
        self._minimum = minimum
        self._state: State = "by outcomes"
        self._shrunk = float("-inf")
        self.size = initial

    def succeeded(self) -> None:
        """An attempt succeeded and told nothing of limits."""
        if self._state == "by outcomes":
            self._grow()
        self._go("success")

    def rate_limited(self, now: float = 0.0, *, sent: float = float("inf")) -> None:
        """An attempt that was *sent* then met a 429."""
        if sent < self._shrunk:
            return
        self._go("rate limit")
        self._shrunk = now
        self.size = max(self.size // 2, self._minimum)

    def told(self, remaining: int, limit: int) -> None:
        """A reply's headers: requests left, of how many."""
        if limit <= 0:
            return
        self._go("headers tell what is left")
        left = remaining / limit
        if left >= LOW:
            self._grow()
        else:
            room = self._initial - self._minimum
            self.size = max(self._minimum, min(int(self._minimum + left / LOW * room), self._initial))

    def _grow(self) -> None:
        self.size = min(self.size + 1, self._initial)

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


def requests_left(headers: Mapping[str, str]) -> tuple[int, int] | None:
    """Requests left and their limit, by OpenAI's headers (lower-case names); `None` where they do not say.

    Source: https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
    """
    if "x-ratelimit-remaining-requests" not in headers:  # most do not say, and raising takes longer
        return None
    remaining = _count(headers["x-ratelimit-remaining-requests"])
    limit = _count(headers.get("x-ratelimit-limit-requests", ""))
    return (remaining, limit) if remaining is not None and limit else None


def _count(text: str) -> int | None:
    """A header's number, `None` for what is no count of anything: a server may say whatever it likes."""
    return int(text) if len(text) <= DIGITS and text.isascii() and text.isdecimal() else None
