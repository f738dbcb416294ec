"""The key pool: several keys of one provider, the rate-limited ones resting, the refused ones out.

Rules: pure, the time is told. Round robin among the living; a key that met a 429 rests for as long as the
provider asked (60 s where it did not say), one that met a 401 or 403 is dead until it is revived, which
comes by itself after a while where the ring is told so. Each is of the key at all models, or at one: a 401
is the key's, a 403 may be that model's alone. With all of the living resting the one that wakes first is
handed out: the plan has waited, or is told to.

    living  -- rate limited           --> resting
    resting -- rate limited           --> resting
    resting -- the cool-down is over  --> living
    living  -- refused                --> dead
    resting -- refused                --> dead
    dead    -- revived                --> living
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

State = Literal["living", "resting", "dead"]

TRANSITIONS: dict[tuple[State, str], State] = {
    ("living", "rate limited"): "resting",
    ("resting", "rate limited"): "resting",
    ("resting", "the cool-down is over"): "living",
    ("living", "refused"): "dead",
    ("resting", "refused"): "dead",
    ("dead", "revived"): "living",
}

COOLDOWN = 60.0
"""Seconds a rate-limited key rests where the provider does not say."""

SHORTEST = 1.0
"""Seconds a rate-limited key rests at least: a `Retry-After` of 0 must not spin."""


MARKS = 1000
"""Keys and models that are remembered, at most."""


class KeyRing:
    """The keys of one provider. Raises `ValueError` if there is none among *keys*.

    cooldown: seconds. revive_after: seconds after which a dead key is tried again, `None` for never.
    A *model* of `""` stands for all of them.
    """

    def __init__(
        self, keys: Iterable[str], *, cooldown: float = COOLDOWN, revive_after: float | None = None
    ) -> None:
        self._keys = list(dict.fromkeys(key.strip() for key in keys if key.strip()))
        if not self._keys:
            raise ValueError("KeyPool requires at least one non-empty key")
        self._cooldown = cooldown
        self._revive_after = revive_after
        self._next = 0
        self._marks: dict[tuple[str, str], tuple[State, float]] = {}
        """Of those that are not living: how they are, and until when."""

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def select(self, now: float, model: str = "") -> str | None:
        """The next key in turn for *model*, `None` if all are dead."""
        if not self._marks:
            self._next = self._next % len(self._keys) + 1
            return self._keys[self._next - 1]
        resting = []
        for turn in range(len(self._keys)):
            index = (self._next + turn) % len(self._keys)
            state, until = self.state(self._keys[index], now, model)
            if state == "living":
                self._next = index + 1
                return self._keys[index]
            if state == "resting":
                resting.append((until, self._keys[index]))
        return min(resting)[1] if resting else None

    def state(self, key: str, now: float, model: str = "") -> tuple[State, float]:
        """How *key* is at *model*, and until when."""
        self._wake(now)
        found = (self._marks.get((key, "")), self._marks.get((key, model)))
        marks = [mark for mark in found if mark is not None]
        return max(marks, key=lambda mark: (mark[0] == "dead", mark[1]), default=("living", now))

    def living(self, now: float, model: str = "") -> int:
        """How many may be used at once at *model*."""
        return sum(self.state(key, now, model)[0] == "living" for key in self._keys)

    @property
    def dead(self) -> int:
        """How many are out, at all models."""
        return sum(self._marks.get((key, ""), ("",))[0] == "dead" for key in self._keys)

    def rate_limited(self, key: str, now: float, seconds: float | None = None, model: str = "") -> None:
        """*key* met a 429 that asks for a pause of *seconds*."""
        pause = self._cooldown if seconds is None else max(seconds, SHORTEST)
        state, until = self._marks.get((key, model), ("living", now))
        if state != "dead":
            self._mark(key, model, "rate limited", max(now + pause, until))

    def refused(self, key: str, now: float, model: str = "") -> None:
        """*key* met a 401 or a 403."""
        if self._marks.get((key, model), ("",))[0] != "dead":
            after = float("inf") if self._revive_after is None else self._revive_after
            self._mark(key, model, "refused", now + after)

    def revive(self, key: str) -> None:
        """*key* was put right."""
        for mark in [mark for mark in self._marks if mark[0] == key and self._marks[mark][0] == "dead"]:
            self._mark(*mark, "revived", 0.0)

    def _wake(self, now: float) -> None:
        for mark in [mark for mark, (_, until) in self._marks.items() if now >= until]:
            resting = self._marks[mark][0] == "resting"
            self._mark(*mark, "the cool-down is over" if resting else "revived", 0.0)

    def _mark(self, key: str, model: str, event: str, until: float) -> None:
        if key not in self._keys:
            return
        was = self._marks.pop((key, model), ("living", 0.0))[0]
        state = TRANSITIONS[was, event]
        if state != "living":
            self._marks[key, model] = state, until
            if len(self._marks) > MARKS:
                del self._marks[next(iter(self._marks))]


def fingerprint(key: str) -> str:
    """What may be shown of a key: the last 8 hex digits of its SHA-256."""
    return sha256(key.encode()).hexdigest()[-8:]
