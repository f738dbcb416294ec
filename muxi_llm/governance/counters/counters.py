"""Whom the governor asks; and the answer of a process that counts by itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from muxi_llm.governance.limits import GRANTED, MINUTE, Counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.governance.limits import Demand, Verdict


class Counters(Protocol):
    """Takes of all limits at once, or of none. Each verdict that grants is settled or undone once."""

    @property
    def state(self) -> str:
        """`own`: this process counts alone; `shared`: with others; `local-only`: it should, and cannot."""

    def begin(self) -> None:
        """Get ready. Blocks."""

    def end(self) -> None:
        """No more. Blocks."""

    async def take(self, demand: Demand) -> Verdict:
        """Whether it may go on; refuses by waiting for nobody."""

    def settle(self, demand: Demand, verdict: Verdict, tokens: int) -> None:
        """It is over and took so many tokens."""

    def undo(self, demand: Demand, verdict: Verdict) -> None:
        """Nobody was asked after all: as if it had not been."""


class OwnCounters:
    """Counts of this process, on its event loop."""

    state = "own"

    def __init__(self, minute: int = MINUTE, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts, self._clock = Counts(minute), clock

    def begin(self) -> None:
        """Nothing is needed."""

    def end(self) -> None:
        """Nothing is kept."""

    async def take(self, demand: Demand) -> Verdict:
        """At once."""
        return self._counts.take(demand, self._clock()) if demand.limits else GRANTED

    def settle(self, demand: Demand, verdict: Verdict, tokens: int) -> None:
        """At once."""
        self._counts.settle(demand, verdict.part, tokens)

    def undo(self, demand: Demand, verdict: Verdict) -> None:
        """At once."""
        self._counts.undo(demand, verdict.part)
