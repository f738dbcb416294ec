"""The plan: outcomes in, verdicts out. A pure state machine; it owns every retry and fallback there is.

Theory: candidates are tried in order. A failed attempt gets one of four verdicts::

    again     retryable, and tries are left       → Wait(pause), then the same candidate
    next      retryable but tried enough, or the server says `x-should-retry: false`; or named in
              `retriable`; or its breaker is open; or its reply is too large, as it would be again; or a
              fallback that cannot serve this request at all (no key, no such endpoint, a parameter it must
              refuse)
    give up   any other 4xx: another provider would be asked the same wrong question
    done      it answered

Rules: never more than `candidates x (retries + 1)` attempts, and one more for each further key of a pool
that is tried because another was refused or limited; never a wait that ends past the deadline;
a pause the provider asks for wins over our back-off up to a minute, beyond that the next candidate is
better.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from openai import APIConnectionError, APIResponseValidationError, APIStatusError

from muxi_llm.errors import (
    CircuitOpenError,
    InvalidRequestError,
    MissingCredentialsError,
    MuxiLLMError,
    NoPermitError,
    PlaceRestingError,
    ReplyTooLargeError,
    exhausted,
)
from muxi_llm.models import Adaptation, AttemptRecord, Meter, Report
from muxi_llm.utils.retry import RETRY_AFTER_CAP, backoff_seconds, is_retryable_status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.core.request import Candidate, Limits


class Wait(NamedTuple):
    """Verdict: pause, in seconds from 0, then the same candidate again."""

    seconds: float


class Attempt(NamedTuple):
    """Verdict: try *candidate*, for the *number*-th time (from 1), for at most *timeout* seconds.

    ends: when the call's deadline is; infinite where it has none.
    """

    candidate: Candidate
    number: int
    timeout: float
    ends: float = float("inf")


@dataclass(slots=True)
class Outcome:
    """How an attempt ended: with a *value*, or with an *error*."""

    seconds: float
    value: Any = None
    error: MuxiLLMError | None = None
    adaptations: tuple[Adaptation, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    keys: int = 0
    """Of a pool: how many keys there are."""
    another_key: bool = False
    """The error is one key's, and another may be used at once."""


class Plan:
    """One call's plan."""

    def __init__(self, candidates: Sequence[Candidate], limits: Limits, now: float) -> None:
        self._candidates = candidates
        self._limits = limits
        self._started = now
        self._ends = float("inf") if limits.deadline is None else now + limits.deadline
        self._index = 0
        self._tries = 0
        self._swaps = 0
        self._pause: float | None = None
        self._waited = 0.0
        self._over = False
        self._records: list[AttemptRecord] = []
        self._answer: Outcome | None = None
        self._last: MuxiLLMError | None = None

    def next(self, now: float) -> Wait | Attempt | None:
        """What to do now; `None` when there is nothing left to do."""
        if self._over or self._index >= len(self._candidates) or (self._records and now >= self._ends):
            return None
        if self._pause is not None:
            pause, self._pause = self._pause, None
            self._waited = pause
            return Wait(pause)
        self._tries += 1
        timeout = max(0.001, min(self._limits.timeout, self._ends - now))
        return Attempt(self._candidates[self._index], self._tries, timeout, self._ends)

    def record(self, outcome: Outcome, now: float) -> None:
        """Take note of how the attempt of the last verdict ended."""
        error = outcome.error
        skipped = isinstance(error, NOT_SENT)
        model = str(self._candidates[self._index].ref)
        self._records.append(AttemptRecord(model, self._tries, outcome.seconds, error, skipped, self._waited))
        self._waited = 0.0
        if error is None:
            self._answer = outcome
            self._over = True
        elif skipped and self._last is not None:
            self._move_on()  # not worth being the call's error: the ones before it say more
        elif outcome.another_key and self._swaps < outcome.keys - 1:
            self._swaps += 1  # the same try, with another key
            self._last = error
        else:
            self._last = error
            self._judge(error, now)
        if now >= self._ends:
            self._over = True  # no fallback may be announced that would never be tried

    def _judge(self, error: MuxiLLMError, now: float) -> None:
        if isinstance(error, (*NOT_LET_IN, ReplyTooLargeError)):
            self._move_on()
        elif is_retryable(error):
            self._pause = None if told_to_retry(error) is False else self._pause_before_retry(error, now)
            if self._pause is None:
                self._move_on()
        elif is_named(error, self._limits.retriable):
            self._move_on()
        else:
            self._over = True

    def _pause_before_retry(self, error: MuxiLLMError, now: float) -> float | None:
        """Seconds until the same candidate may be tried again, `None` if it may not."""
        tries = self._tries - self._swaps
        if tries > self._limits.retries:
            return None
        pause = error.retry_after
        if pause is None:
            chosen = self._limits.pause
            pause = chosen(tries) if chosen else backoff_seconds(tries, self._limits.retry_delay)
        return None if pause > RETRY_AFTER_CAP or now + pause >= self._ends else pause

    def pause(self, seconds: float | None) -> None:
        """How long the wait is that was the last verdict; `None`: none, but on to the next candidate."""
        self._waited = seconds or 0.0
        if seconds is None:
            self._move_on()

    def _move_on(self) -> None:
        self._index += 1
        self._tries = self._swaps = 0

    @property
    def fallback(self) -> tuple[str, str, MuxiLLMError] | None:
        """After a failed attempt: `(failed model, next model, error)` if another candidate follows."""
        failed = self._records[-1] if self._records else None
        if (
            failed is None
            or failed.error is None
            or self._over
            or self._tries
            or self._index >= len(self._candidates)
        ):
            return None
        return failed.model, str(self._candidates[self._index].ref), failed.error  # type: ignore[return-value]

    def result(self, now: float) -> tuple[Any, Report]:
        """The answer and how it came about, or the plan's error with every attempt on it."""
        attempts = tuple(self._records)
        if self._answer is not None:
            answer = self._answer
            latency = now - self._started
            meter = _meter_of(answer.value)
            report = Report(
                attempts[-1].model, attempts, answer.adaptations, latency, answer.headers, meter=meter
            )
            return answer.value, report
        if self._last is None:
            raise MuxiLLMError("nothing was tried: no candidates")
        if len({record.model for record in attempts}) > 1:
            raise exhausted(self._last, attempts)
        self._last.attempts = attempts
        raise self._last


def _meter_of(value: Any) -> Meter:
    """What was used of the model that answered; a stream's own says so in the end."""
    meter: Meter | None = getattr(value, "meter", None)
    if meter is None:
        meter = Meter()
        meter.read(value)
    return meter


NOT_LET_IN = (CircuitOpenError, PlaceRestingError, NoPermitError)
NOT_SENT = (MissingCredentialsError, InvalidRequestError, *NOT_LET_IN)


def is_retryable(error: MuxiLLMError) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, APIStatusError):
        if told_to_retry(error):
            return True
        return is_retryable_status(error.status_code)
    return isinstance(error, APIConnectionError | APIResponseValidationError)


def told_to_retry(error: MuxiLLMError) -> bool | None:
    """What a server that knows better than its status says of trying again, `None` if it says nothing.

    OpenAI's own clients obey the same header: `openai._base_client`, `_should_retry`.
    """
    told = error.response.headers.get("x-should-retry") if isinstance(error, APIStatusError) else None
    return {"true": True, "false": False}.get(str(told))


def is_named(error: MuxiLLMError, named: tuple[type[BaseException] | str | int, ...]) -> bool:
    """Whether *error* is one of those a caller named by class, class name or status."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return any(
        isinstance(error, kind)
        if isinstance(kind, type)
        else kind in names or kind == getattr(error, "status_code", None)
        for kind in named
    )
