"""So many requests and tokens a minute, where the caller says so: whoever is beyond that waits for its turn.

Rules: pure, the time is told. In no minute, wherever it begins, does more go out than the quota; up to that
nothing waits. Turns are given in order and kept. How many tokens a call will take is a guess until its answer
says it: a character in four, and as many as it may be answered with at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE = 60.0

CHARACTERS = 4
"""Of a token, about."""

TEXTS = ("messages", "prompt", "input", "system", "content", "text")
"""Where a body has text; pictures and the like are not to be measured by their letters."""


class Turn:
    """What one request takes, and when it goes out."""

    __slots__ = ("amount", "at", "counts")

    def __init__(self, at: float, amount: int) -> None:
        self.at = at
        self.amount = amount
        self.counts = True
        """Until its minute is over."""


class Sliding:
    """At most *most* in any minute."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._turns: deque[Turn] = deque()
        self._total = 0

    def next(self, at: float, amount: int) -> float:
        """When so much more may go out, at *at* or later."""
        return self._reached(at, amount)[0]

    def take(self, at: float, amount: int) -> Turn:
        """Take that turn; *at* is when `next` says, or later."""
        for _ in range(self._reached(at, amount)[1]):
            gone = self._turns.popleft()
            gone.counts = False
            self._total -= gone.amount
        turn = Turn(at, amount)
        self._turns.append(turn)
        self._total += amount
        return turn

    def correct(self, turn: Turn, amount: int) -> None:
        """It was so much after all."""
        if turn.counts:
            self._total += amount - turn.amount
            turn.amount = amount

    def _reached(self, at: float, amount: int) -> tuple[float, int]:
        """When, and how many of the oldest turns do not count by then."""
        held, gone = self._total, 0
        if self._turns:
            at = max(at, self._turns[-1].at)
        for turn in self._turns:
            if turn.at > at - MINUTE and held + amount <= self._most:
                break
            at = max(at, turn.at + MINUTE)
            held -= turn.amount
            gone += 1
        return at, gone


class Quota:
    """Of one place; `None`: as many as may be."""

    def __init__(self, requests: int | None, tokens: int | None) -> None:
        self._most = tokens or 0
        self._requests = Sliding(requests) if requests else None
        self._tokens = Sliding(tokens) if tokens else None

    def wait(self, now: float, tokens: int) -> float:
        """Seconds until a request of so many tokens may go out."""
        at = self._requests.next(now, 1) if self._requests else now
        if self._tokens:
            at = self._tokens.next(at, min(tokens, self._most))
        return at - now

    def take(self, at: float, tokens: int) -> Turn | None:
        """Take that turn; to be corrected once it is known what it took."""
        if self._requests:
            self._requests.take(at, 1)
        return self._tokens.take(at, min(tokens, self._most)) if self._tokens else None

    def correct(self, turn: Turn, tokens: int) -> None:
        """The request of that turn took so many."""
        if self._tokens:
            self._tokens.correct(turn, min(tokens, self._most))


def guessed(body: Mapping[str, Any]) -> int:
    """Tokens a request with that body will take, about."""
    most = body.get("max_completion_tokens") or body.get("max_tokens") or body.get("max_output_tokens")
    said = sum(map(len, _texts(body))) // CHARACTERS
    return said + (most if isinstance(most, int) else 0)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name in TEXTS:
            if name in value:
                yield from _texts(value[name])
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
