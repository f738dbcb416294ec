"""What the harness tells: one small record for each thing that happened, to whoever listens.

No record holds a prompt, an answer or a key; keys appear by their fingerprint. Where a listener says
`capture_content = True`, the records of calls hold prompt and answer, apart from the facts. A listener
with a method `follow` is there while an attempt is under way, and not only told of it afterwards.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from muxi_llm.models import Report

Kind = Literal[
    "attempt",
    "retry",
    "cache hit",
    "cache miss",
    "breaker",
    "key resting",
    "key dead",
    "window",
    "call",
    "stream",
]

T = TypeVar("T")

log = logging.getLogger("muxi_llm.harness")


@dataclass(frozen=True, slots=True)
class HarnessEvent:
    """Something happened. provider, model: where; `""` where it concerns none. facts: the rest, by name.

    kind: `attempt` (facts: seconds, status, error's class), `retry` (number, before the try of that number
    after a failed one), `cache hit` (tier), `cache miss`, `breaker` (state, was), `key resting` and
    `key dead` (fingerprint), `window` (size, was), `call` (operation, seconds, error's class, tokens and
    more: see `telling`), `stream` (the same at a stream's end; whole: it was read to it).
    content: of a call, where a listener asks for it, the request's body and the answer (a stream's text);
    the body is as the server was asked it where the client talks to its own, else in the chat form.
    report: of a call and a stream, how it went; of an attempt, the same of it alone. Its `cost` is reckoned
    when it is read, and that is up to the listener.
    """

    kind: Kind
    provider: str = ""
    model: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    content: tuple[Mapping[str, Any], Any] | None = field(default=None, repr=False)
    report: Report | None = field(default=None, repr=False, compare=False)


class Telemetry(Protocol):
    """Listens. Called where the call runs: quickly, and without blocking; what it raises is logged.

    It may have a method `follow` too, of `Follower`.
    """

    def record(self, event: HarnessEvent) -> None:
        """Take note of *event*."""


class Followed(Protocol):
    """One attempt, while it is under way: it runs inside this as a context, and ends once."""

    def __enter__(self) -> object: ...

    def __exit__(self, kind: object, error: object, trace: object, /) -> object: ...

    def end(self, event: HarnessEvent) -> None:
        """It is over: answered, failed, given up; a stream, once it is read, broken or left.

        The event is an `attempt` with all the facts of a `call`, for this attempt alone.
        """


@runtime_checkable
class Follower(Protocol):
    """Listens, and is there while an attempt is under way."""

    def follow(self, event: HarnessEvent, before: Any) -> Followed:
        """An attempt begins. before: what followed the call's attempt before it, `None` for the first."""


class Listeners:
    """Those who listen to one harness; with nobody there nothing is even made up."""

    def __init__(self, listeners: Iterable[Telemetry] = ()) -> None:
        self._listeners = tuple(listeners)
        self._followers: tuple[Follower, ...] = tuple(
            listener for listener in self._listeners if isinstance(listener, Follower)
        )
        self.want_content = any(getattr(listener, "capture_content", False) for listener in self._listeners)

    def __bool__(self) -> bool:
        return bool(self._listeners) or log.isEnabledFor(logging.DEBUG)

    @property
    def follow_attempts(self) -> bool:
        """Whether anybody wants to be there while attempts are under way."""
        return bool(self._followers)

    def tell(
        self,
        kind: Kind,
        provider: str = "",
        model: str = "",
        content: tuple[Mapping[str, Any], Any] | None = None,
        *,
        report: Report | None = None,
        **facts: Any,
    ) -> None:
        """Tell everyone."""
        event = HarnessEvent(kind, provider, model, facts, content, report)
        if log.isEnabledFor(logging.DEBUG):
            shown = {**facts, "parameters": [*facts["parameters"]]} if "parameters" in facts else facts
            log.debug("%s %s %s %s", kind, provider, model, shown)  # without values: stop sequences are text
        for listener in self._listeners:
            _guarded(kind, listener.record, event)

    def follow(self, event: HarnessEvent, before: Following | None) -> Following:
        """An attempt begins: everyone who follows it."""
        earlier = before.each if before is not None else [None] * len(self._followers)
        return Following(
            [
                _guarded(event.kind, follower.follow, event, was)
                for follower, was in zip(self._followers, earlier, strict=True)
            ]
        )


class Following:
    """All who follow one attempt."""

    def __init__(self, each: Sequence[Followed | None]) -> None:
        self.each = each
        self._there = [one for one in each if one is not None]

    def __enter__(self) -> None:
        for one in self._there:
            _guarded("attempt", one.__enter__)

    def __exit__(self, *exc: object) -> None:
        for one in reversed(self._there):
            _guarded("attempt", one.__exit__, None, None, None)

    def end(self, event: HarnessEvent) -> None:
        """The attempt is over."""
        for one in self._there:
            _guarded(event.kind, one.end, event)


def _guarded(kind: Kind, work: Callable[..., T], *args: Any) -> T | None:
    """What *work* gives, `None` where it fails."""
    try:
        return work(*args)
    except Exception:  # reason: a broken listener must not break calls
        log.exception("a telemetry listener failed on %r", kind)
        return None
