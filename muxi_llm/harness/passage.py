"""One call's way through the stages around its attempts.

    breaker → quota → permit → key → pace → breaker → the attempt → what it taught

Rules: each attempt is a stay at its place, which ends once, however it ends: with the answer, with the
error, with a cancellation, and a stream's with the stream. What an attempt teaches is told when it leaves:
the breaker whether the place failed, the window whether it was too much, the pace and the pool what became
of the key. A chain goes on to its next model rather than wait for a rest; its last one is asked whatever
its breaker says, for there is nobody else. One model alone is refused at once where nothing may be sent,
and its error says for how long.
"""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from muxi_llm.core.plan import Outcome, is_retryable
from muxi_llm.core.stream import StreamFlow
from muxi_llm.errors import (
    LOCAL_URL,
    APITimeoutError,
    CircuitOpenError,
    InvalidRequestError,
    KeyPoolExhaustedError,
    MissingCredentialsError,
    NoPermitError,
    PlaceRestingError,
)
from muxi_llm.harness.facts import tokens_of
from muxi_llm.harness.keys import fingerprint
from muxi_llm.harness.rate_limits import left_of
from muxi_llm.utils.retry import RETRY_AFTER_CAP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from muxi_llm.core.plan import Attempt
    from muxi_llm.core.port import IO, Event, Watch
    from muxi_llm.core.request import Candidate
    from muxi_llm.errors import MuxiLLMError
    from muxi_llm.harness.breaker import CircuitBreaker, Ticket
    from muxi_llm.harness.limiter import Permits, Window
    from muxi_llm.harness.pipeline import Harness
    from muxi_llm.harness.places import Pool
    from muxi_llm.harness.quota import Turn

    Work = Callable[[Candidate, float], Awaitable[Outcome]]
    Then = Callable[[], object]

PATIENCE = 1.0
"""Seconds a chain waits for a place that rests, before it goes on to the next."""

OVERLOAD = {408, 429, 503, 504, 529}
"""Statuses that say a place has too much to do."""

NOT_ITS_FAULT = (InvalidRequestError, MissingCredentialsError)


class Passage:
    """One call's way. `close` it, however the call ends."""

    tokens = 0
    """That each attempt will take, about."""

    def __init__(
        self, harness: Harness, candidates: Sequence[Candidate], limited: Candidate | None = None
    ) -> None:
        """limited: where the call met a 429 before it had a way."""
        self._harness = harness
        self._tell = harness.listeners.tell if harness.listeners else None
        self._is_chain = len(candidates) > 1
        self._last = candidates[-1]
        self._stay = None if limited is None else Stay(harness, limited, is_alone=not self._is_chain)
        self._was_limited = limited is not None
        self._before: tuple[Stay, Outcome | None] | None = None
        """Of LLMix's breakers, which count calls: the attempt that may not have been the last."""

    async def attempt(self, io: IO, step: Attempt, work: Work) -> Outcome:
        """The outcome of *work*, or of the stage that did not let it through."""
        stay = Stay(self._harness, step.candidate, is_alone=not self._is_chain, earns=step.number == 1)
        stay.is_last, stay.tokens = self._is_chain and step.candidate is self._last, self.tokens
        self._stay = stay
        if step.number == 1:
            self.close(io)
        elif self._before is not None:
            stay.ticket = self._before[0].ticket
        if step.number > 1 and self._tell is not None:
            self._tell("retry", *_where(step.candidate), number=step.number)
        outcome = None
        try:
            outcome = await stay.barred(io, step) or await stay.sent(io, step, work)
        finally:
            if outcome is None or not stay.goes_on(io, outcome):
                stay.leave(io, outcome)
            if not self._harness.stages.by_model:
                self._before = stay, outcome
        self._was_limited = _status(outcome) == 429
        if self._tell is not None:
            self._tell("attempt", *_where(step.candidate), **_facts(step, outcome))
        return outcome

    def pause(self, io: IO, seconds: float) -> float | None:
        """How long to wait before the candidate just tried is tried once more; `None`: it is not to be.

        After a 429 that is the place's business, and after anything else the budget's whether at all.
        """
        stay, share = self._stay, self._harness.stages.retry_budget
        if stay is None:
            return seconds
        if self._was_limited:
            return max(seconds, stay.rest(io)) if self._harness.is_paced else seconds
        if share is None:
            return seconds
        with stay.place.lock:
            return seconds if stay.place.budget(share).take() else None

    def close(self, io: IO) -> None:
        """The call is over, or over at one candidate."""
        before, self._before = self._before, None
        if before is not None:
            before[0].settle(io, before[1])


class Stay:
    """One attempt's stay at its place: what it holds there until it leaves."""

    is_last = False
    tokens = 0
    _taken: Turn | None = None
    """Of the place's tokens."""
    _watch: Watch | None = None
    """Who is to be told that it is over."""

    def __init__(
        self, harness: Harness, candidate: Candidate, *, is_alone: bool, earns: bool = False
    ) -> None:
        stages = harness.stages
        self._harness = harness
        self._candidate = candidate
        self._is_alone = is_alone
        self.place = place = harness.place_of(candidate)
        self._pool: Pool | None = harness.pool_of(candidate)
        self._model = candidate.ref.name if stages.by_model else ""
        self._breaker: CircuitBreaker | None = None
        self._permits: Permits[Event] | None = None
        if stages.breaker is not None or stages.window is not None or stages.retry_budget is not None:
            with place.lock:
                if stages.breaker is not None:
                    self._breaker = place.breaker(stages.breaker)
                if stages.window is not None:
                    self._permits = place.window(stages.window, stages.minimum, eager=not stages.by_model)
                if earns and place.budgets and stages.retry_budget is not None:  # a new one is full
                    place.budget(stages.retry_budget).earn()
        self.ticket: Ticket | None = None
        self._key: str | None = None
        self._sent: float | None = None

    # ------------------------------------------------------------------------------- being let in

    async def barred(self, io: IO, step: Attempt) -> Outcome | None:
        """Why nothing may be sent; `None` once everything is held that an attempt needs."""
        board = self._harness.board
        if (
            board is not None
            and self._breaker is not None
            and await board.look(io, self.place, self._breaker)
        ):
            self._tell("breaker", state="open", was="closed")
        now = io.now()
        error = self._shut(now) or self._rests(io, step) or await self._quota(io, step)
        error = error or await self._permit(io, step)
        if error is None:
            error = await self._turn(io, step) or self._admitted(io.now()) or self._entered()
        return None if error is None else _refused(self._candidate, error)

    def _entered(self) -> MuxiLLMError | None:
        """Last of all: who watches counts what is sent."""
        watch = self._candidate.watch
        if watch is None or (error := watch.enter()) is None:
            self._watch = watch
            return None
        return error

    def _shut(self, now: float) -> MuxiLLMError | None:
        """Looked at before anything is waited for."""
        if self._breaker is None or self._breaker.is_closed or self.is_last or self.ticket is not None:
            return None
        with self.place.lock:
            seconds = self._breaker.wait(now)
        return self._open(seconds) if seconds else None

    def _admitted(self, now: float) -> MuxiLLMError | None:
        if self._breaker is None or self.ticket is not None:
            return None
        with self.place.lock:
            self.ticket = self._breaker.admit(now)
            if self.ticket is None and self.is_last:
                self.ticket = self._breaker.force(now)
            seconds = 0.0 if self.ticket is not None else self._breaker.wait(now)
        return None if self.ticket is not None else self._open(max(seconds, 0.001))

    def _open(self, seconds: float) -> MuxiLLMError:
        provider = self._candidate.provider
        self._tell("refused", retry_after=seconds)
        return CircuitOpenError(self._candidate.ref.provider, provider.base_url, seconds)

    def _rests(self, io: IO, step: Attempt) -> MuxiLLMError | None:
        """Whether to wait for the place is out of the question."""
        if not (self.place.has_refused and self._harness.is_paced):
            return None
        now, seconds = io.now(), self.rest(io)
        longest = PATIENCE if not (self._is_alone or self.is_last) else min(RETRY_AFTER_CAP, step.ends - now)
        return PlaceRestingError(str(self._candidate.ref), seconds) if seconds > longest else None

    def rest(self, io: IO) -> float:
        """Seconds until some key may be used again."""
        clock, now = io.now, io.now()
        with self.place.lock:
            if self._pool is None:
                pace = self.place.paces.get((credential_of(self._candidate), clock))
                return 0.0 if pace is None else pace.rest(now)
            rests = self.place.rests(clock, now)
        with self._pool.lock:
            free = self._pool.ring.living(now, self._model)
        return 0.0 if free or not rests else min(rests)

    async def _permit(self, io: IO, step: Attempt) -> MuxiLLMError | None:
        """Wait for a permit. Whatever becomes of that, `leave` gives back what there is."""
        permits, place = self._permits, self.place
        if permits is None:
            return None
        with place.lock:
            if permits.take(self):
                return None
            event = io.event()
            if event.holds_up_a_loop:  # those who have the permits may be on that very loop
                permits.overdraw(self)
                return None
            permits.queue(self, event)
        place.catch_up()
        seconds = min(self._harness.stages.wait or step.timeout, step.ends - io.now())
        if await event.wait(max(seconds, 0.001)):
            return None
        return NoPermitError(seconds, self._candidate.provider.base_url or LOCAL_URL)

    async def _quota(self, io: IO, step: Attempt) -> MuxiLLMError | None:
        """Wait until it is within the quota."""
        if not self._harness.has_quota:
            return None
        stages, now = self._harness.stages, io.now()
        goes_on = not (self._is_alone or self.is_last)
        longest = min(PATIENCE, step.ends - now) if goes_on else step.ends - now
        with self.place.lock:
            quota = self.place.quota(stages.requests_per_minute, stages.tokens_per_minute, io.now)
            seconds = quota.wait(now, self.tokens)
            if seconds <= longest:
                self._taken = quota.take(now + seconds, self.tokens)
        if seconds > longest:
            return PlaceRestingError(str(self._candidate.ref), seconds)
        if seconds > 0:
            await io.sleep(seconds)
        return None

    def _used(self, io: IO, outcome: Outcome) -> None:
        """Tell the quota how many tokens it took, if the answer says so."""
        stages, used = self._harness.stages, tokens_of(outcome.value)
        if self._taken is not None and used is not None:
            with self.place.lock:
                quota = self.place.quota(stages.requests_per_minute, stages.tokens_per_minute, io.now)
                quota.correct(self._taken, used)
            self.place.catch_up()

    async def _turn(self, io: IO, step: Attempt) -> MuxiLLMError | None:
        """Take a key, and wait for its turn."""
        if self._pool is not None:
            with self._pool.lock:
                ring, now = self._pool.ring, io.now()
                # Refused at this model alone: whoever asks is to see what its server says.
                self._key = ring.select(now, self._model) or ring.select(now)
            if self._key is None and not self._spare():
                return KeyPoolExhaustedError(len(self._pool.ring))
        if not (self.place.has_refused and self._harness.is_paced):
            return None
        with self.place.lock:
            pace = self.place.paces.get((self._key or credential_of(self._candidate), io.now))
            seconds = 0.0 if pace is None else pace.turn(io.now())
        while pace is not None and seconds > 0:
            if seconds > step.ends - io.now():
                return PlaceRestingError(str(self._candidate.ref), seconds)
            known = pace.lessons
            await io.sleep(seconds)
            with self.place.lock:
                now = io.now()
                seconds = pace.rest(now)
                if pace.lessons != known:
                    seconds = pace.turn(now)
        return None

    def _spare(self) -> bool:
        """Whether there is a key beside the pool's, for when all of those are refused."""
        provider = self._candidate.provider
        if provider.verbatim:
            return credential_of(self._candidate) not in {"", *provider.keys}
        return bool(provider.api_key) and provider.api_key not in provider.keys

    # -------------------------------------------------------------------------------- being there

    async def sent(self, io: IO, step: Attempt, work: Work) -> Outcome:
        """The outcome of *work*, with the key it is to use."""
        candidate = self._candidate
        if self._key is not None:
            provider = copy(candidate.provider)
            provider.api_key = self._key
            candidate = candidate._replace(provider=provider)
        self._sent = now = io.now()
        outcome = await work(candidate, max(min(step.timeout, step.ends - now), 0.001))
        if self._watch is not None and isinstance(outcome.value, StreamFlow):
            self._watch.began(io.now() - now)
        return outcome

    def goes_on(self, io: IO, outcome: Outcome) -> bool:
        """Whether it is a stream that has only begun: then the stay ends when it does."""
        flow = outcome.value
        if not isinstance(flow, StreamFlow) or not flow.is_open:
            return False

        def over(error: MuxiLLMError | None, quietly: bool) -> None:
            self.leave(io, Outcome(0.0, error=error, headers=outcome.headers), quietly=quietly)

        flow.on_over = over
        return True

    def leave(self, io: IO, outcome: Outcome | None, *, quietly: bool = False) -> None:
        """Give back what is held, and tell what was learnt; `None`: it was given up. quietly: no listener."""
        now = io.now()
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.leave(now - (now if self._sent is None else self._sent), outcome, quietly=quietly)
        if self._sent is not None and outcome is not None:
            self._teach_key(io, outcome, now)
            self._used(io, outcome)
        if not self._harness.stages.by_model:
            if self._permits is not None:
                self.place.soon(lambda: self._left(outcome, now, quietly=quietly))
        elif self._permits is not None or self.ticket is not None:
            chance = io.random()
            self.place.soon(
                lambda: [
                    *self._left(outcome, now, quietly=quietly),
                    *self._settled(outcome, now, chance, quietly=quietly),
                ]
            )

    def settle(self, io: IO, outcome: Outcome | None) -> None:
        """Tell LLMix's breaker how it ended."""
        if self.ticket is not None:
            now, chance = io.now(), io.random()
            self.place.soon(lambda: self._settled(outcome, now, chance, quietly=False))

    def _left(self, outcome: Outcome | None, now: float, *, quietly: bool) -> list[Then]:
        """Under the lock; what is to be done after it is returned."""
        permits = self._permits
        if permits is None:
            return []
        then: list[Then] = []
        in_use, was = permits.out, permits.window.size
        permits.leave(self)  # first: whatever comes of the rest, the permit is there again
        if self._sent is not None and outcome is not None:
            self._steer(permits.window, outcome, in_use, now)
            size = permits.window.size
            if size != was and not quietly:
                then.append(partial(self._tell, "window", size=size, was=was))
        return [*then, *(event.set for event in permits.served())] if permits.waiting else then

    def _settled(self, outcome: Outcome | None, now: float, chance: float, *, quietly: bool) -> list[Then]:
        then: list[Then] = []
        if self._breaker is not None and self.ticket is not None:
            ticket, self.ticket = self.ticket, None
            before = self._breaker.state(now)
            self._breaker.settle(ticket, self._has_failed(outcome, now), now, chance)
            state = self._breaker.state(now)
            if state != before and not quietly:
                board = self._harness.board
                if board is not None and state == "open":
                    then.append(partial(board.tell, self.place, self._breaker.wait(now)))
                elif board is not None and state == "closed":
                    then.append(partial(board.take_back, self.place))
                then.append(partial(self._tell, "breaker", state=state, was=before))
        return then

    def _steer(self, window: Window, outcome: Outcome, in_use: int, now: float) -> None:
        """What an attempt that came back says of the window."""
        sent = now if self._sent is None else self._sent
        if self._is_overload(outcome):
            window.overloaded(now, sent=sent)
        elif outcome.error is None:
            left = left_of(outcome.headers)
            window.succeeded(in_use) if left is None else window.told(*left, in_use)

    def _is_overload(self, outcome: Outcome) -> bool:
        status = _status(outcome)
        if not self._harness.stages.by_model:  # LLMix's own rule
            return status == 429
        return status in OVERLOAD or isinstance(outcome.error, APITimeoutError)

    def _has_failed(self, outcome: Outcome | None, now: float) -> bool | None:
        """Whether the place did; `None` where the call never got an answer out of it."""
        breaker = self._breaker
        if (
            outcome is None
            or breaker is None
            or self._sent is None
            or isinstance(outcome.error, NOT_ITS_FAULT)
        ):
            return None
        if outcome.error is None or not is_retryable(outcome.error):  # it is there, and answers
            return breaker.rule.slow is not None and now - self._sent >= breaker.rule.slow
        if _status(outcome) != 429:
            return True
        if breaker.rule.in_a_row is None:  # of that the pace takes care
            return None
        return not (self._pool is not None and self._pool.ring.living(now))

    def _teach_key(self, io: IO, outcome: Outcome, now: float) -> None:
        """What became of the key: it rests after a 429, is out for a while after a 401 or a 403."""
        status, model, pool = _status(outcome), self._model, self._pool
        seconds = outcome.error.retry_after if outcome.error is not None else None
        if self._harness.is_paced and self._sent is not None:
            self._harness.teach(
                io, self.place, self._key or credential_of(self._candidate), outcome, self._sent
            )
        if pool is None or self._key is None or status not in {401, 403, 429}:
            return
        with pool.lock:
            if status == 429:
                pool.ring.rate_limited(self._key, now, seconds, model)
            else:
                pool.ring.refused(self._key, now, model if status == 403 else "")
            outcome.keys = len(pool.ring) + self._spare()
            is_used_up = pool.ring.dead == len(pool.ring)
            outcome.another_key = pool.ring.living(now, model) > 0 or (is_used_up and self._spare())
        self._tell("key resting" if status == 429 else "key dead", fingerprint=fingerprint(self._key))

    def _tell(self, kind: Any, **facts: Any) -> None:
        if self._harness.listeners:
            model = self._candidate.ref.name
            self._harness.listeners.tell(kind, self.place.provider, model, **facts)


def credential_of(candidate: Candidate) -> str:
    """The key a candidate's own requests carry; a client's own server is sent the client's headers."""
    provider = candidate.provider
    return (
        provider.api_key or provider.headers.get("authorization") or provider.headers.get("x-api-key") or ""
    )


def _status(outcome: Outcome) -> int | None:
    return getattr(outcome.error, "status_code", None)


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
