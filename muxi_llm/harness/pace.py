"""What a refusal teaches: a place that said 429 is left alone, then asked no faster than it stood.

Rules: pure, the time is told. One pace is of one key at one place (its model, its base URL). A 429 rests it
for as long as the provider asks, else for a while that doubles; nothing is sent meanwhile. Then requests go
out one after another, in turn, at nine tenths of the rate at which they were answered before; each answer
raises the rate a little, the more the longer no refusal came. 429s of requests sent before the last rest
began prolong it at most: they tell nothing new of the rate. Rate-limit headers rest it before a 429 has to.

    free    -- refused                    --> resting
    resting -- refused                    --> resting
    resting -- the rest is over           --> paced
    paced   -- refused                    --> resting
    paced   -- nobody came for a while    --> free
"""

from __future__ import annotations

from collections import deque
from typing import Literal

State = Literal["free", "resting", "paced"]

TRANSITIONS: dict[tuple[State, str], State] = {
    ("free", "refused"): "resting",
    ("resting", "refused"): "resting",
    ("resting", "the rest is over"): "paced",
    ("paced", "refused"): "resting",
    ("paced", "nobody came for a while"): "free",
}

LONGEST = 900.0
"""Seconds of a rest, at most: who asks for more is asked again all the same."""

UNSAID = 0.5
"""Seconds of a rest where the provider does not say; doubled with each refusal that follows."""

LONGEST_UNSAID = 60.0
"""Seconds up to which it is doubled."""

CAUTION = 0.9
"""The part of the rate a place has stood that it is asked afterwards."""

GROWTH = 0.01
"""The part by which the rate grows in a second, for each second since the last refusal."""

IDLE = 30.0
"""Seconds without anybody after which a place is taken as unknown again."""

SLOWEST = 1 / 60
"""Requests a second, at least."""

ANSWERS = 512
"""Answers whose times are remembered, at most."""


class Pace:
    """When the next request may go out."""

    def __init__(self) -> None:
        self._state: State = "free"
        self._until = 0.0
        self._next = 0.0
        self._refused = float("-inf")
        self._unsaid = UNSAID
        self._answers: deque[float] = deque(maxlen=ANSWERS)
        self.rate = float("inf")
        """Requests a second."""
        self.lessons = 0
        """How often there was something to learn: whoever waits for a turn given before needs another."""

    def state(self, now: float) -> State:
        """The state at *now*."""
        if self._state == "resting" and now >= self._until:
            self._go("the rest is over")
            if self.rate == float("inf") and self._answers:  # to what was under way when it began
                self.rate = CAUTION * len(self._answers) / max(self._until - self._refused, 1.0)
                self.lessons += 1
        if self._state == "paced" and now >= self._next + IDLE:
            self._go("nobody came for a while")
            self.rate, self._unsaid = float("inf"), UNSAID
        return self._state

    def rest(self, now: float) -> float:
        """Seconds during which nothing is sent, 0 for none."""
        return self._until - now if self.state(now) == "resting" else 0.0

    def turn(self, now: float) -> float:
        """Seconds until one more request may go out; who asks has taken that turn."""
        if self.state(now) == "free":
            return 0.0
        at = max(now, self._until, self._next)
        self._next = at + 1 / self.rate
        return at - now

    def answered(self, now: float) -> None:
        """A request was answered."""
        self._answers.append(now)
        if self._state == "paced":
            self.rate *= 1 + GROWTH * max(now - self._refused, 0.0) / max(self.rate, 1.0)
            self._unsaid = UNSAID

    def refused(self, now: float, seconds: float | None = None, *, sent: float = float("inf")) -> None:
        """A request that was *sent* then met a 429 that asks for a pause of *seconds*."""
        if sent < self._refused:  # it was under way when another one met the same
            if seconds is not None:
                self._put_off(now + min(seconds, LONGEST))
            return
        pause = self._unsaid if seconds is None else seconds
        self._unsaid = min(2 * self._unsaid, LONGEST_UNSAID)
        span = max(pause, 1.0)
        seen = sum(then > now - span for then in self._answers)
        if self._answers and seen == ANSWERS:
            span = max(now - self._answers[0], 0.001)
        known = seen / span if seen else self.rate / 2  # for ever fast, where nothing is known at all
        self.rate = max(CAUTION * min(known, self.rate), SLOWEST)
        self._answers.clear()
        self._refused = now
        self.lessons += 1
        self.state(now)
        self._go("refused")
        self._until = max(self._until, now + min(pause, LONGEST))
        self._next = 0.0

    def spent(self, now: float, seconds: float) -> None:
        """Headers say that nothing more may be asked for so long."""
        if self.state(now) == "free":
            self._go("refused")
            self._refused = now
            self.lessons += 1
        self._put_off(now + min(seconds, LONGEST))

    def _put_off(self, until: float) -> None:
        if self._state == "resting":
            self._until = max(self._until, until)
        else:
            self._next = max(self._next, until)

    def _go(self, event: str) -> None:
        self._state = TRANSITIONS[self._state, event]
