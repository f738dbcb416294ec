"""The circuit breaker: a provider that keeps failing is left alone for a while.

Rules: pure, the time is told. Failures *in a row* open it; calls begun before its state last changed no
longer count; a half-open breaker decides as soon as the outcome is certain, hands a cancelled probe's
place out again, and one that never came back after another cool-down: it cannot wedge. Each time probing
fails the cool-down doubles, up to `longest` seconds; a success starts it afresh.

    closed    -- too many failures in a row --> open
    open      -- the cool-down is over      --> half-open
    half-open -- most probes succeeded      --> closed
    half-open -- too many probes failed     --> open
"""

from __future__ import annotations

from typing import Literal, NamedTuple

State = Literal["closed", "open", "half-open"]

TRANSITIONS: dict[tuple[State, str], State] = {
    ("closed", "too many failures in a row"): "open",
    ("open", "the cool-down is over"): "half-open",
    ("half-open", "most probes succeeded"): "closed",
    ("half-open", "too many probes failed"): "open",
}


class Ticket(NamedTuple):
    """Leave to call: when it was given, and in which period of the breaker."""

    period: int
    given: float


class CircuitBreaker:
    """One breaker, for one provider and base URL.

    threshold: failures in a row that open it. cooldown, longest: seconds. probes: calls let through, at
    most, while half-open; more of them succeeding than failing closes it.
    """

    def __init__(
        self, threshold: int = 3, cooldown: float = 30.0, probes: int = 1, longest: float = 300.0
    ) -> None:
        if threshold < 1 or probes < 1 or not cooldown > 0:
            raise ValueError("a breaker needs a threshold and probes from 1, and a cool-down above 0 seconds")
        self._threshold = threshold
        self._base = cooldown
        self._probes = probes
        self._longest = longest
        self._state: State = "closed"
        self.reset()

    def reset(self) -> None:
        """Closed, as at the beginning."""
        self._period = getattr(self, "_period", -1) + 1
        self._state = "closed"
        self._failures = 0
        self._cooldown = self._base
        self._opened = 0.0
        self._out: list[Ticket] = []
        self._succeeded = 0
        self._failed = 0

    def state(self, now: float) -> State:
        """The state at *now*."""
        if self._state == "open" and now >= self._opened + self._cooldown:
            self._go("the cool-down is over")
        return self._state

    def admit(self, now: float) -> Ticket | None:
        """Leave for one call, `None` if there is none; each ticket is to be settled."""
        ticket = Ticket(self._period, now)
        if self._state == "closed":
            return ticket
        if self.state(now) == "open":
            return None
        ticket = Ticket(self._period, now)
        self._out = [probe for probe in self._out if now < probe.given + self._cooldown]
        if len(self._out) + self._succeeded + self._failed >= self._probes:
            return None
        self._out.append(ticket)
        return ticket

    def settle(self, ticket: Ticket, failed: bool | None, now: float) -> None:
        """How the call ended: *failed* or not, or `None` for one that was given up."""
        if ticket.period != self._period:
            return
        if self._state == "closed":
            self._count(failed, now)
        elif ticket in self._out:
            self._out.remove(ticket)
            self._weigh(failed, now)

    def _count(self, failed: bool | None, now: float) -> None:
        if failed is None:
            return
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= self._threshold:
            self._opened = now
            self._go("too many failures in a row")

    def _weigh(self, failed: bool | None, now: float) -> None:
        if failed is None:
            return
        self._failed += failed
        self._succeeded += not failed
        if 2 * self._succeeded > self._probes:
            self._go("most probes succeeded")
            self._cooldown = self._base
        elif 2 * self._failed >= self._probes:
            self._opened = now
            self._go("too many probes failed")
            self._cooldown = min(2 * self._cooldown, self._longest)

    def _go(self, event: str) -> None:
        self._state = TRANSITIONS[self._state, event]
        self._period += 1
        self._failures = self._succeeded = self._failed = 0
        self._out = []
