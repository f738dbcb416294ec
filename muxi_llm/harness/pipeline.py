"""The harness: what stands around every call and every attempt, in this order.

    kill switch → cache → singleflight { retry { breaker → quota → permit → key → pace } }

Theory: the core runs the plan; a `Harness` wraps it twice. `answer` stands around the whole call; a
`Passage` (`harness.passage`) goes through one call with it and stands around each attempt. The stages
themselves are pure; what they know is of places (`harness.places`), and outlives any settings.
"""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from muxi_llm.core.plan import is_retryable
from muxi_llm.errors import MuxiLLMError
from muxi_llm.harness.events import Listeners
from muxi_llm.harness.facts import tokens_of
from muxi_llm.harness.passage import Passage, credential_of
from muxi_llm.harness.places import Places
from muxi_llm.harness.quota import guessed
from muxi_llm.harness.rate_limits import pause_of
from muxi_llm.harness.singleflight import NOT_SHARED
from muxi_llm.harness.telling import ToldPassage, told
from muxi_llm.harness.turns import in_turn
from muxi_llm.utils.retry import RETRY_AFTER_CAP

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from muxi_llm.core.plan import Outcome
    from muxi_llm.core.port import IO
    from muxi_llm.core.request import Candidate, Request
    from muxi_llm.harness.board import Board
    from muxi_llm.harness.breaker import Breaker
    from muxi_llm.harness.cache import TwoTierCache
    from muxi_llm.harness.kill_switch import KillSwitch
    from muxi_llm.harness.places import Place, Pool
    from muxi_llm.harness.replies import Replies
    from muxi_llm.harness.singleflight import Singleflight
    from muxi_llm.models import Report

    Work = Callable[[], Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True)
class Stages:
    """What stands around an attempt; `None` leaves a stage out.

    breaker: when one opens. window: attempts at once to begin with, and at most; minimum: at least; wait:
    seconds to wait for a permit, `None` for as long as an attempt may take. paced: whether a place that said
    429 is left alone. retry_budget: retries for each call. requests_per_minute, tokens_per_minute: that a
    place is asked. by_model: whether a place is one model; LLMix
    counts all of a provider's together, with windows that grow with each success and shrink on a 429 alone.
    """

    breaker: Breaker | None = None
    window: int | None = None
    minimum: int = 4
    wait: float | None = None
    paced: bool = True
    retry_budget: float | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    by_model: bool = True


class Harness:
    """Stages over what is known of places. Safe between threads and between event loops."""

    def __init__(
        self,
        stages: Stages | None = None,
        *,
        places: Places | None = None,
        kill_switch: KillSwitch | None = None,
        replies: Replies | None = None,
        flights: Singleflight | None = None,
        listeners: Listeners | None = None,
        board: Board | None = None,
    ) -> None:
        """flights: given along with *replies*, which know the keys. board: where breakers are shared."""
        self.board = board
        self.listeners = listeners or Listeners()
        self.stages = stages or Stages()
        self.places = places or Places()
        self.is_paced = self.stages.paced
        self._kill_switch = kill_switch
        self._replies = replies
        self._flights = flights
        self.is_bare = not (kill_switch or replies or flights or listeners)
        asks = self.stages
        self.has_quota = bool(asks.requests_per_minute or asks.tokens_per_minute)
        self._always = bool(asks.breaker or asks.window or asks.retry_budget or self.has_quota)

    # ------------------------------------------------------------------------- around the whole call

    def answer(
        self, io: IO, request: Request, candidates: Sequence[Candidate], work: Work
    ) -> Coroutine[Any, Any, Any]:
        """The value and the report of *work*, or of an equal call before or beside it."""
        if self.listeners:
            return told(self.listeners, self._answer, io, request, candidates, work)
        return self._answer(io, request, candidates, work)

    async def _answer(self, io: IO, request: Request, candidates: Sequence[Candidate], work: Work) -> Any:
        if self._kill_switch is not None:
            self._kill_switch.check()
        replies = self._replies
        if replies is None or replies.is_turn(request):
            return await work()
        cache = replies.cache_of(request, candidates)
        flights = self._flights if replies.is_mergeable(request) else None
        if cache is None and flights is None:
            return await work()
        key = replies.key_of(request, candidates)
        if key is None:
            return await work()
        kept = None
        if cache is not None:
            kept = await replies.recall(io, cache, request, key) if cache.reads else None
            if self.listeners:
                self._tell_cache(candidates[0], kept)
            if kept is not None and not kept[1].stale:
                return kept
            if cache.writes:
                work = partial(_learning, replies, cache, key, candidates, io, work)
        if flights is not None:
            flight, patience = replies.flight_key(request, candidates, key), patience_of(request, candidates)
            if cache is not None and cache.redis is not None and self._asks_in_turn(cache):
                recall = partial(_fresh, replies, io, cache, request, key)
                longest = min(request.limits.timeout, patience)
                work = partial(in_turn, io, cache.redis, key, longest, recall, work)
            share = partial(_shared, replies)
            work = partial(flights.do, io, flight, work, patience=patience, shared=share)
        return await (work() if kept is None or cache is None else _instead(io, cache, kept, work))

    def _asks_in_turn(self, cache: TwoTierCache) -> bool:
        """Whether one process asks for all that share that Redis; LLMix's contract knows nothing of it."""
        return cache.reads and cache.writes and self.stages.by_model

    def forget_answer(self, request: Request, candidates: Sequence[Candidate]) -> bool:
        """Forget the answer that is kept for such a call; whether there was one."""
        replies = self._replies
        if replies is None or replies.is_turn(request):
            return False
        cache, key = replies.cache_of(request, candidates), replies.key_of(request, candidates)
        return cache is not None and key is not None and cache.delete(key)

    def _tell_cache(self, candidate: Candidate, kept: Any) -> None:
        where = candidate.ref.provider, candidate.ref.name
        if kept is None:
            self.listeners.tell("cache miss", *where)
        else:
            self.listeners.tell("cache hit", *where, tier=kept[1].cache_hit)

    # --------------------------------------------------------------------------- around the attempts

    def passage(self, request: Request, candidates: Sequence[Candidate]) -> Passage | ToldPassage | None:
        """The way of one call through the stages around its attempts, if there are any."""
        is_needed = self._always or (self.is_paced and self.places.have_refused) or self.listeners
        if not (is_needed or any(c.provider.keys or c.watch for c in candidates)):
            return None
        passage, listeners = Passage(self, candidates), self.listeners
        if self.stages.tokens_per_minute:
            passage.tokens = guessed(request.body if request.verbatim is None else request.verbatim)
        return ToldPassage(passage, listeners, request) if listeners.follow_attempts else passage

    def passage_after(
        self, io: IO, candidates: Sequence[Candidate], candidate: Candidate, outcome: Outcome
    ) -> Passage | None:
        """The way from here on of a call that had none, after an attempt that failed."""
        if not self.is_paced or getattr(outcome.error, "status_code", None) != 429:
            return None
        self.teach(
            io, self.place_of(candidate), credential_of(candidate), outcome, io.now() - outcome.seconds
        )
        return Passage(self, candidates, candidate)

    def teach(self, io: IO, place: Place, key: str, outcome: Outcome, sent: float) -> None:
        """What an attempt says of how fast *key* may be used at *place*."""
        error, clock, now = outcome.error, io.now, io.now()
        if error is None:
            pause = pause_of(outcome.headers, tokens_of(outcome.value) or 0)
            with place.lock:
                pace = place.pace(key, clock)
                pace.answered(now)
                if pause:
                    pace.spent(now, pause)
                    place.has_refused = True
        elif getattr(error, "status_code", None) == 429:
            with place.lock:
                place.pace(key, clock).refused(now, error.retry_after, sent=sent)
            self.places.have_refused = place.has_refused = True
        else:
            return
        place.catch_up()

    def place_of(self, candidate: Candidate) -> Place:
        """What the calls to *candidate*'s provider, base URL and model share."""
        model = candidate.ref.name if self.stages.by_model else ""
        return self.places.of(candidate.ref.provider, candidate.provider.base_url, model)

    def pool_of(self, candidate: Candidate) -> Pool | None:
        """The keys that take turns there, if there are several."""
        provider = candidate.provider
        if not provider.keys:
            return None
        return self.places.pool(candidate.ref.provider, provider.base_url, provider.keys)


def patience_of(request: Request, candidates: Sequence[Candidate]) -> float:
    """Seconds the call might take by itself, with every try and every pause at its longest."""
    limits = request.limits
    tries = (limits.retries + 1) * len(candidates)
    longest = tries * (limits.timeout + RETRY_AFTER_CAP)
    return longest if limits.deadline is None else min(longest, limits.deadline)


async def _instead(io: IO, cache: TwoTierCache, kept: Any, work: Work) -> Any:
    """What is kept and stale, if that is good enough while a new answer is fetched, or where none is had."""
    if kept[1].stale < cache.while_fetched:
        io.aside(_fetched(work))
        return kept
    try:
        return await work()
    except MuxiLLMError as error:
        if kept[1].stale < cache.if_error and is_retryable(error):
            return kept
        raise


async def _fetched(work: Work) -> None:
    """*work*, for what is kept of it; where it fails the next call will see."""
    with suppress(MuxiLLMError):
        await work()


async def _fresh(replies: Replies, io: IO, cache: TwoTierCache, request: Request, key: str) -> Any:
    """What is kept by now, if it is good."""
    kept = await replies.recall(io, cache, request, key)
    return None if kept is None or kept[1].stale else kept


async def _learning(
    replies: Replies,
    cache: TwoTierCache,
    key: str,
    candidates: Sequence[Candidate],
    io: IO,
    work: Work,
) -> Any:
    """What *work* gives, kept: once, however many wait for it."""
    value, report = await work()
    if report.model == str(candidates[0].ref):  # a fallback's answer is not what the next call would get
        replies.learn(cache, key, value, report, io)
    return value, report


def _shared(replies: Replies, answer: tuple[Any, Report], own: bool) -> Any:
    """What each gets of a flight's answer: a copy; the others' says so."""
    value, report = answer
    if not replies.is_shareable(value):
        return NOT_SHARED
    return deepcopy(value), report if own else replace(report, shared=True)
