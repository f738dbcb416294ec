"""The circuit breaker: a place that fails too often is left alone for a while.

Rules: pure, the time is told. It opens where, of the calls of a while, too large a part failed; too few
calls say nothing, and neither do those begun before its state last changed. A half-open breaker decides as
soon as the outcome is certain, hands a cancelled probe's place out again, and that of one that has been out
for long as well: no probe, slow or lost, can wedge it. Each time probing fails the cool-down doubles, up to
`longest` seconds; a success starts it afresh. Cool-downs differ a little, so that not all who wait for one
come at once.

    closed    -- too many failures      --> open
    open      -- the cool-down is over  --> half-open
    half-open -- most probes succeeded  --> closed
    half-open -- too many probes failed --> open
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf
from typing import Literal, NamedTuple

State = Literal["closed", "open", "half-open"]

TRANSITIONS: dict[tuple[State, str], State] = {
    ("closed", "too many failures"): "open",
    ("open", "the cool-down is over"): "half-open",
    ("half-open", "most probes succeeded"): "closed",
    ("half-open", "too many probes failed"): "open",
}

MEMORY = 1000
"""Calls that are looked back on, at most."""

JITTER = 0.2
"""The part by which a cool-down may be shorter or longer."""

SLOW_PROBE = 3.0
"""Seconds after which a probe that is still out holds up no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """When a breaker opens, and for how long. Raises `ValueError` for what cannot be.

    rate: the part of the calls that must fail. calls: how many there must be at least. window: seconds that
    are looked back; last: calls that are looked back, at most 1,000. slow: seconds from which a call counts
    as failed, `None` for none. cooldown: seconds it stays open, at first; longest: at most. probes: calls
    let through while half-open, at most; more of them succeeding than failing closes it. in_a_row: opens on
    so many failures in a row instead, whatever the rate; 429s count then too.
    """

    rate: float = 0.5
    calls: int = 20
    window: float = 60.0
    last: int = MEMORY
    slow: float | None = None
    cooldown: float = 30.0
    longest: float = 300.0
    probes: int = 1
    in_a_row: int | None = None

    def __hash__(self) -> int:
        """Of a part of it: breakers are looked up for every attempt."""
        return hash((self.rate, self.calls, self.cooldown))

    def __post_init__(self) -> None:
        for name in ("calls", "last", "probes", "in_a_row"):
            value = getattr(self, name)
            if value is None and name == "in_a_row":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"Breaker({name}=...) must be a whole number above 0, not {value!r}")
        for name, most in (
            ("rate", 1.0),
            ("window", inf),
            ("cooldown", inf),
            ("longest", inf),
            ("slow", inf),
        ):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and 0 < value <= most):
                raise ValueError(f"Breaker({name}=...) must be a number above 0, not {value!r}")


class Ticket(NamedTuple):
    """Leave to call: when it was given, and in which period of the breaker."""

    period: int
    given: float


class CircuitBreaker:
    """One breaker, for one place."""

    def __init__(self, rule: Breaker | None = None) -> None:
        self.rule = rule or Breaker()
        self._period = -1
        self.reset()

    def reset(self) -> None:
        """Closed, as at the beginning."""
        self._state: State = "closed"
        self._cooldown = self._base = self.rule.cooldown
        self._until = 0.0
        self._begin()

    @property
    def is_closed(self) -> bool:
        """Whether everybody is let through; time alone never ends that."""
        return self._state == "closed"

    @property
    def _patience(self) -> float:
        """Seconds a probe may be out before another may go."""
        return self._cooldown if self.rule.in_a_row is not None else min(SLOW_PROBE, self._cooldown)

    def _begin(self) -> None:
        """A new period, of which nothing is known."""
        self._period += 1
        self._seen: deque[tuple[float, bool]] = deque(maxlen=min(self.rule.last, MEMORY))
        self._failures = 0
        self._out: list[Ticket] = []
        self._succeeded = self._failed = 0

    def state(self, now: float) -> State:
        """The state at *now*."""
        if self._state == "open" and now >= self._until:
            self._go("the cool-down is over")
        return self._state

    def wait(self, now: float) -> float:
        """Seconds until somebody may be let through again, 0 if it may be now."""
        state = self.state(now)
        if state == "open":
            return self._until - now
        if state == "half-open" and self._is_full(now):
            return max(min((probe.given for probe in self._out), default=now) + self._patience - now, 0.001)
        return 0.0

    def admit(self, now: float) -> Ticket | None:
        """Leave for one call, `None` if there is none; each ticket is to be settled."""
        if self._state == "closed":
            return Ticket(self._period, now)
        if self.state(now) == "open" or self._is_full(now):
            return None
        ticket = Ticket(self._period, now)
        self._out.append(ticket)
        return ticket

    def force(self, now: float) -> Ticket:
        """Leave for one call that is to be made whatever the state; it is told like any other."""
        ticket = Ticket(self._period, now)
        if self.state(now) == "half-open":
            self._out.append(ticket)
        return ticket

    def _is_full(self, now: float) -> bool:
        """Whether as many probes are out, or back, as there may be; those out for long do not count."""
        out = sum(now < probe.given + self._patience for probe in self._out)
        return out + self._succeeded + self._failed >= self.rule.probes

    def settle(self, ticket: Ticket, failed: bool | None, now: float, chance: float = 0.5) -> None:
        """How the call ended: *failed* or not, or `None` for one that was given up.

        chance: from 0 to 1, where in its range a cool-down is that begins now.
        """
        if ticket.period != self._period or failed is None:
            if ticket in self._out:
                self._out.remove(ticket)
            return
        if self._state == "closed":
            self._count(failed, now, chance)
        elif ticket in self._out:
            self._out.remove(ticket)
            self._weigh(failed, now, chance)

    def _count(self, failed: bool, now: float, chance: float) -> None:
        seen, rule = self._seen, self.rule
        if rule.in_a_row is not None:
            self._failures = self._failures + 1 if failed else 0
            is_too_much = self._failures >= rule.in_a_row
        else:
            if seen and len(seen) == seen.maxlen:
                self._failures -= seen.popleft()[1]
            seen.append((now, failed))
            self._failures += failed
            while seen[0][0] <= now - rule.window:
                self._failures -= seen.popleft()[1]
            is_too_much = failed and len(seen) >= rule.calls and self._failures >= rule.rate * len(seen)
        if is_too_much:
            self._rest(now, chance)
            self._go("too many failures")

    def _weigh(self, failed: bool, now: float, chance: float) -> None:
        self._failed += failed
        self._succeeded += not failed
        if 2 * self._succeeded > self.rule.probes:
            self._go("most probes succeeded")
            self._cooldown = self._base
        elif 2 * self._failed >= self.rule.probes:
            self._cooldown = min(2 * self._cooldown, max(self.rule.longest, self._base))
            self._rest(now, chance)
            self._go("too many probes failed")

    def _rest(self, now: float, chance: float) -> None:
        jitter = 0.0 if self.rule.in_a_row is not None else JITTER
        self._until = now + self._cooldown * (1 + jitter * (2 * chance - 1))

    def open_until(self, until: float) -> None:
        """Somebody else has found out what this one has not yet: it is open until then."""
        if self._state == "closed":
            self._until = until
            self._go("too many failures")

    def _go(self, event: str) -> None:
        self._state = TRANSITIONS[self._state, event]
        self._begin()
