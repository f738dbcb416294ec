"""Singleflight: identical calls that are under way at the same time become one.

Rules: the flight belongs to nobody: on the async face it is a task of its own, which ends early only when
the last waiter has left; on the sync face it is the first caller's thread, which cannot be cancelled from
outside. A flight that was given up all the same (Ctrl-C in its thread, its loop closed or merely stopped)
is flown again by whoever still waits, and nobody waits for another's flight longer than its own call might
take. Each waiter gets a copy of its own of the answer or of the error; an answer that is not to be shared
is the first caller's alone, and the others ask for themselves. A sync call inside a running event loop
joins nobody: it would hold up the loop that may be flying. Nothing is remembered once a flight has landed:
that is the cache's work.

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
    from collections.abc import Callable, Coroutine, Hashable

    from muxi_llm.core.port import IO, Event

    Work = Callable[[], Coroutine[Any, Any, Any]]

State = Literal["none", "flying", "landed"]

TRANSITIONS: dict[tuple[State, str], State] = {
    ("none", "the first caller"): "flying",
    ("flying", "another caller"): "flying",
    ("flying", "it answered or failed"): "landed",
    ("flying", "the last waiter left"): "none",
    ("flying", "it was given up"): "none",
}

NOT_SHARED: Any = object()
"""In place of a value: it is the first caller's alone."""

LOOK = 1.0
"""Seconds after which a waiter looks whether the flight it waits for is still one."""

PATIENCE = 3600.0
"""Seconds somebody waits for another's flight at most, where the caller does not say."""


class _Flight:
    """One call under way, and the seats of those who wait for it; the first caller's is the first."""

    __slots__ = ("begun", "cancel", "error", "leader", "seats", "state", "value")

    def __init__(self, leader: Event) -> None:
        self.state: State = TRANSITIONS["none", "the first caller"]
        self.leader = leader
        self.seats: list[Event] = [leader]
        self.cancel: Callable[[], object] | None = None
        """Once it flies by itself; on the sync face it is over then."""
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
        self._flights: dict[Hashable, _Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def do(
        self,
        io: IO,
        key: Hashable,
        work: Work,
        *,
        patience: float = PATIENCE,
        shared: Callable[[Any, bool], Any] | None = None,
    ) -> Any:
        """What *work* returns, or raises, for everyone who asks for *key* meanwhile.

        patience: seconds to wait for another's flight; who has waited so long asks for itself. shared: of a
        value, and whether it is for the first caller, what those get of it who share it: a copy, by default;
        `NOT_SHARED` if all others are to ask for themselves.
        """
        ends = io.now() + patience
        while io.now() < ends:
            seat = io.event()
            flight = None
            try:
                flight = self._board(key, seat)
                if flight is None:
                    break
                if flight.leader is seat:
                    flight.cancel = io.spawn(self._fly(key, flight, work))
                await self._landing(io, key, flight, seat, ends)
            except BaseException:
                self._leave(key, flight or self._flights.get(key), seat)
                raise
            if flight.state == "landed":
                value = _landed(flight, shared, own=flight.leader is seat)
                if value is NOT_SHARED:
                    break
                return value
        return await work()

    def _board(self, key: Hashable, seat: Event) -> _Flight | None:
        """The flight with *seat* on it, a new one if there is none; `None` where it must fly alone.

        A flight is whole before anybody can see it.
        """
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                flight = _Flight(seat)
                self._flights[key] = flight
                return flight
            if seat.holds_up_a_loop:
                return None
            flight.go("another caller")
            flight.seats.append(seat)
        return flight

    async def _landing(self, io: IO, key: Hashable, flight: _Flight, seat: Event, ends: float) -> None:
        """Wait until *flight* is over one way or the other."""
        if flight.leader is seat:
            await seat.wait()  # the flight is this very call's own, and has its limits
            return
        while not await seat.wait(LOOK) and flight.state == "flying":
            if flight.leader.is_lost():
                self._land(key, flight, "it was given up")
            elif io.now() >= ends:
                self._leave(key, flight, seat)
                return

    def _leave(self, key: Hashable, flight: _Flight | None, seat: Event) -> None:
        """*seat* waits no more, however far it had come."""
        if flight is None:
            return
        is_dead = flight.leader is seat and (flight.cancel is None or not flight.begun)
        if is_dead:  # it is not under way, and never will be
            self._land(key, flight, "it was given up")
        with self._lock:
            if seat in flight.seats:
                flight.seats.remove(seat)
            if not flight.seats and flight.state == "flying":
                flight.go("the last waiter left")
                self._forget(key, flight)
                is_dead = True
        if is_dead and flight.cancel is not None:
            flight.cancel()

    async def _fly(self, key: Hashable, flight: _Flight, work: Work) -> None:
        event = "it was given up"
        try:
            flight.begun = True
            flight.value = await work()
            event = "it answered or failed"
        except Exception as error:  # noqa: BLE001 - reason: whatever went wrong is the waiters' to see, a bug of ours too
            flight.error = error
            event = "it answered or failed"
        finally:
            self._land(key, flight, event)

    def _land(self, key: Hashable, flight: _Flight, event: str) -> None:
        """Every step may be taken twice: one of them may have been interrupted."""
        with self._lock:
            if flight.state == "flying":  # else everybody left already, or gave it up
                flight.go(event)
            self._forget(key, flight)
            seats = list(flight.seats)
        for seat in seats:
            seat.set()

    def _forget(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


def _landed(flight: _Flight, shared: Callable[[Any, bool], Any] | None, *, own: bool) -> Any:
    """What a waiter gets of what there is. Nobody changes under another's eyes what both have."""
    is_alone = own and len(flight.seats) == 1
    if flight.error is None:
        if is_alone:
            return flight.value
        value = deepcopy(flight.value) if shared is None else shared(flight.value, own)
        return flight.value if own and value is NOT_SHARED else value
    if is_alone or not isinstance(flight.error, MuxiLLMError):
        raise flight.error
    error = copy(flight.error)
    error.__cause__ = flight.error.__cause__  # no part of what is copied
    raise error
