"""Telling of calls: where they went, how long they took, what came of them.

    told            around a whole call     `call`, and for a stream `stream` at its end
      ToldPassage   around its attempts     each is followed while it is under way, and ends once
        ToldFlow    around a stream         tells both when it is read, broken, closed or left

Rules: each call is told once, as `call`, when its answer, its first chunk or its error is there; a stream
once more, as `stream`, when it is over. One that is merely dropped is over too: it is told where its last
reference goes. In the middle of a garbage collection nobody else's code may run (it might wait for a lock
that this very thread holds): what was dropped there is told along with whatever is told next, or when the
process ends.
"""

from __future__ import annotations

import atexit
import gc
from collections import deque
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from muxi_llm.core.stream import StreamFlow
from muxi_llm.errors import shown_url
from muxi_llm.harness.events import HarnessEvent
from muxi_llm.harness.facts import RawFacts, answer_facts, parameters_of
from muxi_llm.models import Meter, RawChunk, Report

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from muxi_llm.core.plan import Attempt, Outcome
    from muxi_llm.core.port import IO, Passage
    from muxi_llm.core.request import Candidate, Request
    from muxi_llm.harness.events import Following, Kind, Listeners
    from muxi_llm.models import AttemptRecord

    Work = Callable[[], Coroutine[Any, Any, Any]]
    Answer = Callable[[IO, Request, Sequence[Candidate], Work], Awaitable[Any]]
    Try = Callable[[Candidate, float], Coroutine[Any, Any, Outcome]]
    Over = Callable[[BaseException | None, Mapping[str, Any], str], None]
    """Told of a stream that is over: what broke it, the facts, the text."""


async def told(
    listeners: Listeners,
    answer: Answer,
    io: IO,
    request: Request,
    candidates: Sequence[Candidate],
    work: Work,
) -> Any:
    """What *answer* gives for the rest; *listeners* are told."""
    _tell_of_left()
    call = _Call(listeners, io, request, candidates)

    def flown() -> Coroutine[Any, Any, Any]:
        call.shared = False
        return work()

    try:
        value, report = await answer(io, request, candidates, flown)
    except BaseException as error:
        call.tell("call", None, error)
        raise
    if not isinstance(value, StreamFlow):
        call.tell("call", report, None, value)
        return value, report
    call.tell("call", report, None)
    flow = value if isinstance(value, ToldFlow) else ToldFlow(value, io)
    flow.when_over.append(partial(call.over, report))
    return flow, report


class _Call:
    """What there is to tell of one call."""

    def __init__(
        self, listeners: Listeners, io: IO, request: Request, candidates: Sequence[Candidate]
    ) -> None:
        self._listeners = listeners
        self._io = io
        self._request = request
        self._candidates = candidates
        self._started = io.now()
        self.shared = True  # by another call, or by the cache, until its own work begins

    def tell(
        self, kind: Kind, report: Report | None, error: BaseException | None, value: Any = None, **more: Any
    ) -> None:
        asked = report.model if report is not None else getattr(error, "model", None)
        candidate = next((c for c in self._candidates if str(c.ref) == asked), self._candidates[0])
        cache_hit = report.cache_hit if report is not None else None
        attempts = report.attempts if report is not None else getattr(error, "attempts", ())
        facts = {
            **_facts(self._request, candidate, self._io.now() - self._started, error),
            "cache": cache_hit,
            "shared": self.shared and cache_hit is None and error is None,
            "attempted": not self.shared,
            "attempts": tuple(map(_try, attempts)),
            **answer_facts(value),
            **more,
        }
        content = (_body(self._request, candidate), value) if self._listeners.want_content else None
        where = candidate.ref
        self._listeners.tell(kind, where.provider, where.name, content, report=report, **facts)

    def over(self, report: Report, error: BaseException | None, facts: Mapping[str, Any], text: str) -> None:
        """Its stream is over."""
        self.tell("stream", report, error, text, **{**facts, "first_chunk": report.latency})


# --------------------------------------------------------------------------------------- attempts


class ToldPassage:
    """A call's way through the stages, each attempt of it followed."""

    def __init__(self, passage: Passage, listeners: Listeners, request: Request) -> None:
        self._passage = passage
        self._listeners = listeners
        self._request = request
        self._before: Following | None = None

    async def attempt(self, io: IO, step: Attempt, work: Try) -> Outcome:
        """The outcome of *work*, or of what did not let it through."""
        attempt = _Attempt(self._listeners, self._request, io, step)
        outcome = await self._passage.attempt(io, step, partial(attempt.run, self._before, work))
        if attempt.following is None:  # it was not let through: begun and over at once
            attempt.begin(self._before)
            attempt.over(outcome.error, {}, None)
        self._before = attempt.following
        return outcome

    def pause(self, io: IO, seconds: float) -> float | None:
        """How long to wait before the candidate just tried is tried once more; `None`: it is not to be."""
        return self._passage.pause(io, seconds)

    def close(self, io: IO) -> None:
        """The call is over, however it ended."""
        self._passage.close(io)


class _Attempt:
    """One attempt, and what there is to tell of it."""

    def __init__(self, listeners: Listeners, request: Request, io: IO, step: Attempt) -> None:
        self._listeners = listeners
        self._request = request
        self._io = io
        self._step = step
        self._started = 0.0
        self._meter = Meter()
        self.following: Following | None = None

    def begin(self, before: Following | None) -> Following:
        self._started = self._io.now()
        self.following = self._listeners.follow(self._event(None, {}, None), before)
        return self.following

    async def run(self, before: Following | None, work: Try, candidate: Candidate, seconds: float) -> Outcome:
        following = self.begin(before)
        try:
            with following:
                outcome = await work(candidate, seconds)
        except BaseException as error:
            self.over(error, {}, None)
            raise
        if isinstance(outcome.value, StreamFlow):
            outcome.value = flow = ToldFlow(outcome.value, self._io)
            self._meter = flow.meter
            first_chunk = {"first_chunk": self._io.now() - self._started}
            flow.when_over.append(lambda error, facts, text: self.over(error, {**facts, **first_chunk}, text))
        else:
            self._meter.read(outcome.value)
            self.over(outcome.error, answer_facts(outcome.value), outcome.value)
        return outcome

    def over(self, error: BaseException | None, facts: Mapping[str, Any], value: Any) -> None:
        assert self.following is not None
        self.following.end(self._event(error, facts, value))

    def _event(self, error: BaseException | None, facts: Mapping[str, Any], value: Any) -> HarnessEvent:
        candidate = self._step.candidate
        seconds = self._io.now() - self._started
        told = {**_facts(self._request, candidate, seconds, error), "number": self._step.number, **facts}
        content = (_body(self._request, candidate), value) if self._listeners.want_content else None
        self._meter.usage = getattr(error, "usage", None) or self._meter.usage
        report = Report(str(candidate.ref), (), (), seconds, meter=self._meter)
        return HarnessEvent("attempt", candidate.ref.provider, candidate.ref.name, told, content, report)


def _facts(
    request: Request, candidate: Candidate, seconds: float, error: BaseException | None
) -> dict[str, Any]:
    return {
        "operation": request.endpoint,
        "seconds": seconds,
        "stream": request.stream,
        "error": None if error is None else type(error).__name__,
        "status": getattr(error, "status_code", None),
        "base_url": shown_url(candidate.provider.base_url),
        "parameters": parameters_of(_body(request, candidate)),
    }


def _body(request: Request, candidate: Candidate) -> Mapping[str, Any]:
    """What the candidate is asked, as the caller said it."""
    is_own = request.verbatim is not None and candidate.provider.verbatim
    return (request.verbatim if is_own else request.body) or {}


def _try(record: AttemptRecord) -> tuple[str, int, float, float, str | None]:
    """Model, number, seconds waited before it, seconds it took, its error's class."""
    error = None if record.error is None else type(record.error).__name__
    return record.model, record.number, record.waited, record.seconds, error


# ---------------------------------------------------------------------------------------- streams


class ToldFlow(StreamFlow):
    """A stream that tells how it ended; all else is the stream's it stands around."""

    def __init__(self, flow: StreamFlow, io: IO) -> None:
        _watch_collections()
        self._flow = flow
        self._io = io
        self._facts: dict[str, Any] = {}
        self._reasons: dict[int, str] = {}
        self._raw = RawFacts()
        self._last: float | None = None
        self._chunks: list[float] = []
        self._is_over = False
        self.when_over: list[Over] = []

    def take(self) -> Any:
        """The next chunk of those that are `ready`."""
        return self._noted(self._flow.take())

    async def next(self) -> Any:
        """The next chunk, `None` at the end."""
        try:
            chunk = await self._flow.next()
        except BaseException as error:
            self._over(error)
            raise
        if chunk is None:
            self._over(None, whole=True)
            return None
        return self._noted(chunk)

    async def close(self) -> None:
        """Free the connection."""
        self._over(None)
        await self._flow.close()

    def abandon(self) -> None:
        """Free the connection from a finalizer."""
        self._flow.abandon()
        if not self._is_over:
            LEFT.append(self._over)
            if not _Collector.runs:
                _tell_of_left()

    def _noted(self, chunk: Any) -> Any:
        now = self._io.now()
        if self._last is not None:
            self._chunks.append(now - self._last)
        self._last = now
        if isinstance(chunk, RawChunk):
            self._facts.update(self._raw.of(chunk.data))
            return chunk
        for choice in getattr(chunk, "choices", None) or ():
            if reason := getattr(choice, "finish_reason", None):
                self._reasons[getattr(choice, "index", None) or 0] = reason
        self._facts.update(answer_facts(chunk))
        return chunk

    def _over(self, error: BaseException | None = None, *, whole: bool = False) -> None:
        if self._is_over:
            return
        self._is_over = True
        facts = {**self._facts, "whole": whole, "chunk_seconds": tuple(self._chunks)}
        if self._reasons:
            facts["finish_reasons"] = [self._reasons[index] for index in sorted(self._reasons)]
        text = self._flow.text
        for tell in self.when_over:
            tell(error, facts, text)

    # The rest is the stream's own.

    @property
    def text(self) -> str:
        """What the first answer has said so far."""
        return self._flow.text

    @property
    def meter(self) -> Meter:  # type: ignore[override]
        """What was used."""
        return self._flow.meter

    @property
    def report(self) -> Report:
        """How the call went."""
        return self._flow.report

    @report.setter
    def report(self, report: Report) -> None:
        """How the call went is known now."""
        self._flow.report = report

    @property
    def ready(self) -> deque[Any]:  # type: ignore[override]
        """Chunks already decoded."""
        return self._flow.ready

    @property
    def is_open(self) -> bool:
        """Whether more may come of the connection."""
        return self._flow.is_open

    @property
    def on_over(self) -> Callable[[Any, bool], None] | None:
        """Told once that nothing more comes of the connection."""
        return self._flow.on_over

    @on_over.setter
    def on_over(self, on_over: Callable[[Any, bool], None] | None) -> None:
        """Somebody is to be told."""
        self._flow.on_over = on_over

    @property
    def on_end(self) -> Callable[[list[Any]], None] | None:
        """Told every chunk, once the stream was read to a proper end."""
        return self._flow.on_end

    @on_end.setter
    def on_end(self, on_end: Callable[[list[Any]], None] | None) -> None:
        """Somebody else is to be told, or nobody any more."""
        self._flow.on_end = on_end


LEFT: deque[Callable[[], None]] = deque()
"""Streams that were dropped and not told of yet."""


def _tell_of_left() -> None:
    while LEFT:
        try:
            tell = LEFT.popleft()
        except IndexError:  # another thread was quicker
            return
        tell()


class _Collector:
    """Whether a garbage collection is going on; in any thread, to be on the safe side."""

    runs = False

    @classmethod
    def phase(cls, phase: str, info: object) -> None:  # noqa: ARG003 - the collector's signature
        cls.runs = phase == "start"


@cache
def _watch_collections() -> None:
    gc.callbacks.append(_Collector.phase)
    atexit.register(_tell_of_left)
