"""The retry budget: retries are a share of the calls, so that they cannot multiply an outage.

Rules: pure. Each call puts a share of a retry into the budget, each retry takes a whole one out; the budget
holds a few from the beginning, and never more than that many. A retry of a 429 takes nothing: when it goes
out is the pace's business. Source: gRPC A6 (retry throttling), Envoy's retry budgets.

    open   -- a retry took the last --> spent
    spent  -- calls earned one      --> open
"""

from __future__ import annotations

from typing import Literal

State = Literal["open", "spent"]

TRANSITIONS: dict[tuple[State, str], State] = {
    ("open", "a retry took the last"): "spent",
    ("spent", "calls earned one"): "open",
}

RESERVE = 10.0
"""Retries there are at first, and at most."""


class RetryBudget:
    """One place's. share: retries for each call."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._tokens = RESERVE
        self._state: State = "open"

    @property
    def state(self) -> State:
        """Whether there is a retry left."""
        return self._state

    def earn(self) -> None:
        """A call is made."""
        self._tokens = min(self._tokens + self._share, RESERVE)
        if self._state == "spent" and self._tokens >= 1:
            self._state = TRANSITIONS[self._state, "calls earned one"]

    def take(self) -> bool:
        """Whether one more try may be made."""
        if self._state == "spent":
            return False
        self._tokens -= 1
        if self._tokens < 1:
            self._state = TRANSITIONS[self._state, "a retry took the last"]
        return True
