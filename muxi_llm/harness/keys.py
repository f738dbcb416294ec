"""The key pool: several keys of one provider, the rate-limited ones resting, the refused ones out.

Rules: pure, the time is told. Round robin among the living; a key that met a 429 rests for as long as the
provider asked (60 s where it did not say), one that met a 401 or 403 is dead until it is revived. With all
of the living resting the one that wakes first is handed out: the plan has waited, or is told to.

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
    from collections.abc import Iterable

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


class KeyRing:
    """The keys of one provider. Raises `ValueError` if there is none among *keys*.

    cooldown: seconds. revive_after: seconds after which a dead key is tried again, `None` for never.
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
        self._states: dict[str, State] = dict.fromkeys(self._keys, "living")
        self._until: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def select(self, now: float) -> str | None:
        """The next key in turn, `None` if all are dead."""
        self._wake(now)
        for turn in range(len(self._keys)):
            index = (self._next + turn) % len(self._keys)
            if self._states[self._keys[index]] == "living":
                self._next = index + 1
                return self._keys[index]
        resting = [key for key in self._keys if self._states[key] == "resting"]
        return min(resting, key=self._until.__getitem__, default=None)

    def living(self, now: float) -> int:
        """How many may be used at once."""
        self._wake(now)
        return sum(state == "living" for state in self._states.values())

    @property
    def dead(self) -> int:
        """How many are out."""
        return sum(state == "dead" for state in self._states.values())

    def rate_limited(self, key: str, now: float, seconds: float | None = None) -> None:
        """*key* met a 429 that asks for a pause of *seconds*."""
        if self._states.get(key, "dead") != "dead":
            self._go(key, "rate limited")
            pause = self._cooldown if seconds is None else max(seconds, SHORTEST)
            self._until[key] = max(now + pause, self._until.get(key, now))

    def refused(self, key: str, now: float) -> None:
        """*key* met a 401 or a 403."""
        if self._states.get(key, "dead") != "dead":
            self._go(key, "refused")
            self._until[key] = float("inf") if self._revive_after is None else now + self._revive_after

    def revive(self, key: str) -> None:
        """*key* was put right."""
        if self._states.get(key) == "dead":
            self._go(key, "revived")

    def _wake(self, now: float) -> None:
        for key in [key for key, until in self._until.items() if now >= until]:
            self._go(key, "the cool-down is over" if self._states[key] == "resting" else "revived")

    def _go(self, key: str, event: str) -> None:
        self._states[key] = TRANSITIONS[self._states[key], event]
        self._until.pop(key, None) if self._states[key] == "living" else None


def fingerprint(key: str) -> str:
    """What may be shown of a key: the last 8 hex digits of its SHA-256."""
    return sha256(key.encode()).hexdigest()[-8:]
