"""The harness: what stands around every call and every attempt, in this order.

    kill switch → cache → singleflight { breaker → retry { permit → key → send } }

Theory: the core runs the plan; a `Harness` wraps it twice. `answer` stands around the whole call. A
`Passage` goes through one call with it and stands around each attempt: the breaker is asked once for each
candidate and told how the candidate's last attempt ended; a permit and a key are taken for each attempt,
and the permit is given back whatever happens. The stages themselves are pure; this file has their locks.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from muxi_llm.core.plan import Outcome, is_retryable
from muxi_llm.core.request import Candidate
from muxi_llm.errors import (
    LOCAL_URL,
    CircuitOpenError,
    InvalidRequestError,
    KeyPoolExhaustedError,
    MissingCredentialsError,
    connection_error,
)
from muxi_llm.harness.breaker import CircuitBreaker
from muxi_llm.harness.events import Listeners
from muxi_llm.harness.forks import outlives
from muxi_llm.harness.keys import KeyRing, fingerprint
from muxi_llm.harness.limiter import Permits, Window, requests_left
from muxi_llm.harness.telling import ToldPassage, told
from muxi_llm.utils.retry import RETRY_AFTER_CAP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence

    from muxi_llm.core.plan import Attempt
    from muxi_llm.core.port import IO, Event
    from muxi_llm.core.request import Request
    from muxi_llm.errors import MuxiLLMError
    from muxi_llm.harness.breaker import Ticket
    from muxi_llm.harness.cache import TwoTierCache
    from muxi_llm.harness.kill_switch import KillSwitch
    from muxi_llm.harness.replies import Replies
    from muxi_llm.harness.singleflight import Singleflight

    Work = Callable[[Candidate, float], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Stages:
    """What stands around an attempt; `None` leaves a stage out.

    breaker: failures in a row that open it; cooldown: seconds it stays open; probes: calls let through
    while half-open. window: attempts at once to begin with, and at most; minimum: at least.
    """

    breaker: int | None = None
    cooldown: float = 30.0
    probes: int = 1
    window: int | None = None
    minimum: int = 4


@dataclass(slots=True)
class Place:
    """One provider at one base URL: what its calls share, with one pool of keys. `lock` guards all of it."""

    provider: str
    breaker: CircuitBreaker | None
    permits: Permits[Event] | None
    ring: KeyRing | None
    lock: Lock = field(default_factory=Lock)


class Harness:
    """Stages that live as long as the process. Safe between threads and between event loops."""

    def __init__(
        self,
        stages: Stages | None = None,
        *,
        kill_switch: KillSwitch | None = None,
        replies: Replies | None = None,
        flights: Singleflight | None = None,
        listeners: Listeners | None = None,
    ) -> None:
        """flights: given along with *replies*, which know the keys."""
        self.listeners = listeners or Listeners()
        self._stages = stages or Stages()
        self._kill_switch = kill_switch
        self._replies = replies
        self._flights = flights
        self.after_fork()
        outlives(self)

    def after_fork(self) -> None:
        """Nothing is known of any place, and no attempt is under way."""
        self._places: dict[tuple[str, str, tuple[str, ...]], Place] = {}
        self._lock = Lock()

    def answer(
        self,
        io: IO,
        request: Request,
        candidates: Sequence[Candidate],
        work: Callable[[], Coroutine[Any, Any, Any]],
    ) -> Coroutine[Any, Any, Any]:
        """The value and the report of *work*, or of an equal call before or beside it."""
        if self.listeners:
            return told(self.listeners, self._answer, io, request, candidates, work)
        return self._answer(io, request, candidates, work)

    async def _answer(
        self,
        io: IO,
        request: Request,
        candidates: Sequence[Candidate],
        work: Callable[[], Coroutine[Any, Any, Any]],
    ) -> Any:
        if self._kill_switch is not None:
            self._kill_switch.check()
        replies = self._replies
        if replies is None or replies.is_turn(request):
            return await work()
        flights = None if request.stream else self._flights
        cache = replies.cache_of(request, candidates)
        if cache is None and flights is None:
            return await work()
        key = replies.key_of(request, candidates)
        if key is None:
            return await work()
        if cache is not None:
            kept = await replies.recall(io, cache, request, key)
            if self.listeners:
                self._tell_cache(candidates[0], kept)
            if kept is not None:
                return kept
        asked = work if cache is None else partial(_learning, replies, cache, key, io, work)
        if flights is None:
            return await asked()
        flight = replies.flight_key(request, candidates, key)
        return await flights.do(io, flight, asked, patience=patience_of(request, candidates))

    def passage(self, request: Request, candidates: Sequence[Candidate]) -> Passage | ToldPassage | None:
        """The way of one call through the stages around its attempts, if there are any."""
        stages = self._stages
        is_needed = stages.breaker or stages.window or self.listeners
        if not (is_needed or any(c.provider.keys for c in candidates)):
            return None
        passage, listeners = Passage(self), self.listeners
        return ToldPassage(passage, listeners, request) if listeners.follow_attempts else passage

    def place_of(self, candidate: Candidate) -> Place:
        """What the calls to *candidate*'s provider, base URL and keys share."""
        provider = candidate.provider
        key = (candidate.ref.provider, provider.base_url, provider.keys)
        place = self._places.get(key)
        if place is None:
            with self._lock:
                place = self._places.get(key) or self._add_place(key)
        return place

    def _add_place(self, key: tuple[str, str, tuple[str, ...]]) -> Place:
        place = self._new_place(key[0], key[2])
        for (*where, _), other in self._places.items():
            if where == [*key[:2]]:  # with other keys it is still the same server
                place.breaker, place.permits, place.lock = other.breaker, other.permits, other.lock
                break
        if len(self._places) == PLACES:
            del self._places[next(iter(self._places))]
        self._places[key] = place
        return place

    def _new_place(self, provider: str, keys: tuple[str, ...]) -> Place:
        stages = self._stages
        return Place(
            provider,
            CircuitBreaker(stages.breaker, stages.cooldown, stages.probes) if stages.breaker else None,
            Permits(Window(stages.window, stages.minimum)) if stages.window else None,
            KeyRing(keys) if keys else None,
        )

    def _tell_cache(self, candidate: Candidate, kept: Any) -> None:
        if kept is None:
            self.listeners.tell("cache miss", *_where(candidate))
        else:
            self.listeners.tell("cache hit", *_where(candidate), tier=kept[1].cache_hit)


class Passage:
    """One call's way through. `close` it, however the call ends."""

    def __init__(self, harness: Harness) -> None:
        self._tell = harness.listeners.tell if harness.listeners else None
        self._place_of = harness.place_of
        self._place = NOWHERE
        self._ticket: Ticket | None = None
        self._outcome: Outcome | None = None

    async def attempt(self, io: IO, step: Attempt, work: Work) -> Outcome:
        """The outcome of *work*, or of the stage that did not let it through."""
        candidate = step.candidate
        if step.number == 1:
            self.close(io.now())
            self._place = self._place_of(candidate)
            if not self._is_admitted(io.now()):
                return _refused(
                    candidate, CircuitOpenError(candidate.ref.provider, candidate.provider.base_url)
                )
        elif self._tell is not None:
            self._tell("retry", *_where(candidate), number=step.number)
        self._outcome = None
        outcome = await self._with_permit(io, candidate, step.timeout, work)
        if self._tell is not None:
            self._tell("attempt", *_where(candidate), **_facts(step, outcome))
        return outcome

    # -------------------------------------------------------------------------------- the breaker

    def _is_admitted(self, now: float) -> bool:
        place = self._place
        if place.breaker is None:
            return True
        with place.lock:
            self._ticket = place.breaker.admit(now)
        return self._ticket is not None

    def close(self, now: float) -> None:
        """Tell the breaker how the candidate's last attempt ended, or that it was given up."""
        place, ticket, self._ticket = self._place, self._ticket, None
        if place.breaker is None or ticket is None:
            return
        with place.lock:
            was = place.breaker.state(now)
            place.breaker.settle(ticket, self._has_failed(now), now)
            state = place.breaker.state(now)
        if state != was and self._tell is not None:
            self._tell("breaker", place.provider, state=state, was=was)

    def _has_failed(self, now: float) -> bool | None:
        """Whether the provider did; `None` where the call never got an answer out of it."""
        outcome = self._outcome
        if outcome is None or isinstance(outcome.error, InvalidRequestError | MissingCredentialsError):
            return None
        if outcome.error is None or not is_retryable(outcome.error):
            return False  # it is there, and answers
        ring = self._place.ring
        return not (_status(outcome) == 429 and ring is not None and ring.living(now))

    # -------------------------------------------------------------------------------- the permits

    async def _with_permit(self, io: IO, candidate: Candidate, seconds: float, work: Work) -> Outcome:
        place = self._place
        if place.permits is None:
            return await self._with_key(io, candidate, seconds, work)
        ends = io.now() + seconds
        outcome, sent = None, ends
        try:
            if not await _permit(io, place, place.permits, self, seconds):
                url = candidate.provider.base_url or LOCAL_URL
                return _refused(candidate, connection_error(NO_PERMIT, url=url, timeout=True))
            sent = io.now()
            outcome = await self._with_key(io, candidate, max(ends - sent, 0.001), work)
        finally:
            self._give_back(place, place.permits, outcome, sent, io.now())
        return outcome

    def _give_back(
        self, place: Place, permits: Permits[Event], outcome: Outcome | None, sent: float, now: float
    ) -> None:
        with place.lock:
            permits.leave(self)  # first: whatever comes of steering, the permit is there again
            was = permits.window.size
            _steer(permits.window, outcome, sent, now)
            woken = permits.served()
            size = permits.window.size
        for event in woken:
            event.set()
        if size != was and self._tell is not None:
            self._tell("window", place.provider, size=size, was=was)

    # ----------------------------------------------------------------------------------- the keys

    async def _with_key(self, io: IO, candidate: Candidate, seconds: float, work: Work) -> Outcome:
        place, ring = self._place, self._place.ring
        if ring is None:
            self._outcome = await work(candidate, seconds)
            return self._outcome
        with place.lock:
            key = ring.select(io.now())
        if key is None:
            return _refused(candidate, KeyPoolExhaustedError(len(ring)))
        provider = copy(candidate.provider)
        provider.api_key = key
        outcome = self._outcome = await work(Candidate(candidate.ref, provider), seconds)
        status = _status(outcome)
        if status in KEY_EVENTS:
            with place.lock:
                KEY_EVENTS[status](ring, key, outcome, io.now())
                outcome.keys, outcome.another_key = len(ring), ring.living(io.now()) > 0
            if self._tell is not None:
                shown = fingerprint(key)
                self._tell("key resting" if status == 429 else "key dead", place.provider, fingerprint=shown)
        return outcome


def patience_of(request: Request, candidates: Sequence[Candidate]) -> float:
    """Seconds the call might take by itself, with every try and every pause at its longest."""
    limits = request.limits
    tries = (limits.retries + 1) * len(candidates)
    longest = tries * (limits.timeout + RETRY_AFTER_CAP)
    return longest if limits.deadline is None else min(longest, limits.deadline)


async def _learning(
    replies: Replies, cache: TwoTierCache, key: str, io: IO, work: Callable[[], Coroutine[Any, Any, Any]]
) -> Any:
    """What *work* gives, kept: once, however many wait for it."""
    value, report = await work()
    replies.learn(cache, key, value, report, io.now())
    return value, report


PLACES = 1000
"""Remembered at most: callers may come with any number of base URLs. The oldest begins anew then."""

NO_PERMIT = "no permit in time: as many calls as the provider stands are under way"
NOWHERE = Place("", None, None, None)

KEY_EVENTS: dict[int | None, Callable[[KeyRing, str, Outcome, float], None]] = {
    429: lambda ring, key, outcome, now: ring.rate_limited(key, now, _pause_of(outcome)),
    401: lambda ring, key, _, now: ring.refused(key, now),
    403: lambda ring, key, _, now: ring.refused(key, now),
}


async def _permit(io: IO, place: Place, permits: Permits[Event], holder: Hashable, seconds: float) -> bool:
    """Wait for a permit; whether there was one in time. *holder* leaves afterwards, however this ends."""
    with place.lock:
        if permits.take(holder):
            return True
        event = io.event()
        if event.holds_up_a_loop:  # those who have the permits may be on that very loop
            permits.overdraw(holder)
            return True
        permits.queue(holder, event)
    return await event.wait(seconds)


def _steer(window: Window, outcome: Outcome | None, sent: float, now: float) -> None:
    """What an attempt that came back says of the window; a cancelled one says nothing."""
    if outcome is None:
        return
    if _status(outcome) == 429:
        window.rate_limited(now, sent=sent)
    elif outcome.error is None:
        left = requests_left(outcome.headers)
        if left is None:
            window.succeeded()
        else:
            window.told(*left)


def _status(outcome: Outcome) -> int | None:
    return getattr(outcome.error, "status_code", None)


def _pause_of(outcome: Outcome) -> float | None:
    return outcome.error.retry_after if outcome.error is not None else None


def _refused(candidate: Candidate, error: MuxiLLMError) -> Outcome:
    error.provider, error.model = candidate.ref.provider, str(candidate.ref)
    return Outcome(0.0, error=error)


def _where(candidate: Candidate) -> tuple[str, str]:
    return candidate.ref.provider, candidate.ref.name


def _facts(step: Attempt, outcome: Outcome) -> dict[str, Any]:
    error = outcome.error
    return {
        "number": step.number,
        "seconds": outcome.seconds,
        "status": _status(outcome),
        "error": None if error is None else type(error).__name__,
    }
