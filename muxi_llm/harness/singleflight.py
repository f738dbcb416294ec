"""Singleflight: identical calls that are under way at the same time become one.

Rules: the flight belongs to nobody: on the async face it is a task of its own, which ends early only when
the last waiter has left; on the sync face it is the first caller's thread, which cannot be cancelled from
outside. A flight that was given up all the same (its loop closed, Ctrl-C in its thread) is flown again by
whoever still waits. Each waiter gets a copy of its own of the answer or of the error. A sync call inside a
running event loop joins nobody: it would hold up the loop that may be flying. Nothing is remembered once a
flight has landed: that is the cache's work.

    none    -- the first caller       --> flying
    flying  -- another caller         --> flying
    flying  -- it answered or failed  --> landed
    flying  -- the last waiter left   --> none
    flying  -- it was given up        --> none
"""

from __future__ import annotations

from copy import copy, deepcopy
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from muxi_llm.errors import MuxiLLMError
from muxi_llm.harness.forks import outlives

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from muxi_llm.core.port import IO, Event

State = Literal["none", "flying", "landed"]

TRANSITIONS: dict[tuple[State, str], State] = {
    ("none", "the first caller"): "flying",
    ("flying", "another caller"): "flying",
    ("flying", "it answered or failed"): "landed",
    ("flying", "the last waiter left"): "none",
    ("flying", "it was given up"): "none",
}


class _Flight:
    """One call under way, and the seats of those who wait for it."""

    __slots__ = ("begun", "cancel", "error", "seats", "state", "value")

    def __init__(self) -> None:
        self.state: State = "none"
        self.seats: list[Event] = []
        self.cancel: Callable[[], object] = bool
        self.begun = False
        self.value: Any = None
        self.error: BaseException | None = None

    def go(self, event: str) -> None:
        self.state = TRANSITIONS[self.state, event]


class Singleflight:
    """The flights under way. Safe between threads, and between event loops."""

    def __init__(self) -> None:
        self.after_fork()
        outlives(self)

    def after_fork(self) -> None:
        """Nothing is under way."""
        self._lock = Lock()
        self._flights: dict[str, _Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def do(self, io: IO, key: str, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """What *work* returns, or raises, for everyone who asks for *key* meanwhile."""
        while True:
            flight, seat, leads = self._board(io, key)
            if flight is None:
                return await work()
            try:
                if leads:
                    flight.cancel = io.spawn(self._fly(key, flight, work))
                await seat.wait()
            except BaseException:
                if leads and not flight.begun:  # a task cancelled before its first step never gets to land
                    self._land(key, flight, "it was given up")
                    flight.cancel()
                self._leave(key, flight, seat)
                raise
            if flight.state == "landed":
                return _landed(flight, own=leads and len(flight.seats) == 1)

    def _board(self, io: IO, key: str) -> tuple[_Flight | None, Event, bool]:
        """The flight, a seat on it, and whether it is the first; `None` for one that must fly alone."""
        seat = io.event()
        with self._lock:
            flight = self._flights.get(key)
            leads = flight is None
            if flight is None:
                flight = self._flights[key] = _Flight()
            elif seat.holds_up_a_loop:
                return None, seat, False
            flight.go("the first caller" if leads else "another caller")
            flight.seats.append(seat)
        return flight, seat, leads

    def _leave(self, key: str, flight: _Flight, seat: Event) -> None:
        with self._lock:
            flight.seats.remove(seat)
            if flight.seats or flight.state != "flying":
                return
            flight.go("the last waiter left")
            del self._flights[key]
        flight.cancel()

    async def _fly(self, key: str, flight: _Flight, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        flight.begun = True
        event = "it was given up"
        try:
            flight.value = await work()
            event = "it answered or failed"
        except Exception as error:  # noqa: BLE001 - reason: whatever went wrong is the waiters' to see, a bug of ours too
            flight.error = error
            event = "it answered or failed"
        finally:
            self._land(key, flight, event)

    def _land(self, key: str, flight: _Flight, event: str) -> None:
        with self._lock:
            if flight.state != "flying":  # everybody left already
                return
            flight.go(event)
            del self._flights[key]
            seats = list(flight.seats)
        for seat in seats:
            seat.set()


def _landed(flight: _Flight, *, own: bool) -> Any:
    if flight.error is None:
        return flight.value if own else deepcopy(flight.value)
    if own or not isinstance(flight.error, MuxiLLMError):
        raise flight.error
    error = copy(flight.error)
    error.__cause__ = flight.error.__cause__  # no part of what is copied
    raise error
