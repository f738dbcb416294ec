"""What the harness tells: one small record for each thing that happened, to whoever listens.

No record holds a prompt, an answer or a key; keys appear by their fingerprint. Where a listener says
`capture_content = True`, the records of calls hold prompt and answer, apart from the facts.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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

log = logging.getLogger("muxi_llm.harness")


@dataclass(frozen=True, slots=True)
class HarnessEvent:
    """Something happened. provider, model: where; `""` where it concerns none. facts: the rest, by name.

    kind: `attempt` (facts: seconds, status, error's class), `retry` (number, before the try of that number
    after a failed one), `cache hit` (tier), `cache miss`, `breaker` (state, was), `key resting` and
    `key dead` (fingerprint), `window` (size, was), `call` (operation, seconds, error's class, tokens and
    more: see `telling`), `stream` (the same at a stream's end; whole: it was read to it).
    content: of a call, where a listener asks for it, the request's body and the answer (a stream's text).
    """

    kind: Kind
    provider: str = ""
    model: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    content: tuple[Mapping[str, Any], Any] | None = field(default=None, repr=False)


class Telemetry(Protocol):
    """Listens. Called where the call runs: quickly, and without blocking; what it raises is logged."""

    def record(self, event: HarnessEvent) -> None:
        """Take note of *event*."""


class Listeners:
    """Those who listen to one harness; with nobody there nothing is even made up."""

    def __init__(self, listeners: Iterable[Telemetry] = ()) -> None:
        self._listeners = tuple(listeners)
        self.want_content = any(getattr(listener, "capture_content", False) for listener in self._listeners)

    def __bool__(self) -> bool:
        return bool(self._listeners) or log.isEnabledFor(logging.DEBUG)

    def tell(
        self,
        kind: Kind,
        provider: str = "",
        model: str = "",
        content: tuple[Mapping[str, Any], Any] | None = None,
        **facts: Any,
    ) -> None:
        """Tell everyone."""
        event = HarnessEvent(kind, provider, model, facts, content)
        log.debug("%s %s %s %s", kind, provider, model, facts)
        for listener in self._listeners:
            try:
                listener.record(event)
            except Exception:  # reason: a broken listener must not break calls
                log.exception("a telemetry listener failed on %r", kind)
