"""Telling of whole calls: where they went, how long they took, what came of them.

Rules: each call is told once, as `call`, when its answer, its first chunk or its error is there; a stream
once more, as `stream`, when it ends: read to its end, broken, or closed. One that is merely dropped ends
in a finalizer, where nobody else's code may run, and is not told of again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.core.stream import StreamFlow
from muxi_llm.models import RawChunk, RawValue
from muxi_llm.wire.sse import SSEDecoder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from muxi_llm.core.port import IO
    from muxi_llm.core.request import Candidate, Request
    from muxi_llm.harness.events import Kind, Listeners
    from muxi_llm.models import AttemptRecord, Report

    Work = Callable[[], Coroutine[Any, Any, Any]]
    Answer = Callable[[IO, Request, Sequence[Candidate], Work], Awaitable[Any]]


async def told(
    listeners: Listeners,
    answer: Answer,
    io: IO,
    request: Request,
    candidates: Sequence[Candidate],
    work: Work,
) -> Any:
    """What *answer* gives for the rest; *listeners* are told."""
    call = _Call(listeners, io, request, candidates)

    def flown() -> Coroutine[Any, Any, Any]:
        call.shared = False
        return work()

    try:
        value, report = await answer(io, request, candidates, flown)
    except BaseException as error:
        call.tell("call", None, error)
        raise
    call.tell("call", report, None, None if isinstance(value, StreamFlow) else value)
    return (ToldFlow(value, call) if isinstance(value, StreamFlow) else value), report


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
        seconds = self._io.now() - self._started
        where = report.model if report is not None else getattr(error, "model", None)
        candidate = next((c for c in self._candidates if str(c.ref) == where), self._candidates[0])
        cache = report.cache_hit if report is not None else None
        attempts = report.attempts if report is not None else getattr(error, "attempts", ())
        facts = {
            "operation": self._request.endpoint,
            "seconds": seconds,
            "stream": self._request.stream,
            "cache": cache,
            "shared": self.shared and cache is None and error is None,
            "attempts": tuple(map(_try, attempts)),
            "error": None if error is None else type(error).__name__,
            "status": getattr(error, "status_code", None),
            "base_url": candidate.provider.base_url,
            "parameters": {n: self._request.body[n] for n in PARAMETERS if n in self._request.body},
            **answer_facts(value),
            **more,
        }
        content = (self._request.body, value) if self._listeners.want_content else None
        self._listeners.tell(kind, candidate.ref.provider, candidate.ref.name, content, **facts)


class ToldFlow(StreamFlow):
    """A stream that tells how it ended."""

    def __init__(self, flow: StreamFlow, call: _Call) -> None:
        self.__dict__ = flow.__dict__  # it is the same stream; nobody else has it yet
        self._call: _Call | None = call
        self._facts: dict[str, Any] = {}
        self._events = SSEDecoder()
        self._pulls = False

    def take(self) -> Any:
        """The next chunk of those that are `ready`."""
        chunk = super().take()
        if isinstance(chunk, RawChunk):
            for _, payload in self._events.feed(chunk.data):
                if b'"usage"' in payload:
                    self._facts.update(_raw_facts(payload))
        else:
            self._facts.update(answer_facts(chunk))
        return chunk

    async def next(self) -> Any:
        """The next chunk, `None` at the end."""
        self._pulls = True
        try:
            chunk = await super().next()
        except BaseException as error:
            self._over(error)
            raise
        finally:
            self._pulls = False
        if chunk is None:
            self._over(None, whole=True)
        return chunk

    async def close(self) -> None:
        """Free the connection. From inside `next` that is not its end yet: chunks may be waiting."""
        if not self._pulls:
            self._over(None)
        await super().close()

    def _over(self, error: BaseException | None, *, whole: bool = False) -> None:
        call, self._call = self._call, None
        if call is not None:
            facts = {**self._facts, "first_chunk": self.report.latency, "whole": whole}
            call.tell("stream", self.report, error, "".join(self._texts), **facts)


def answer_facts(value: Any) -> dict[str, Any]:
    """Of an answer or a chunk what describes it: no text of it."""
    if isinstance(value, RawValue):
        return _raw_facts(value.wire_bytes or b"")
    usage = getattr(value, "usage", None)
    reasons = [getattr(choice, "finish_reason", None) for choice in getattr(value, "choices", None) or ()]
    return _there(
        response_id=getattr(value, "id", None),
        response_model=getattr(value, "model", None),
        input_tokens=getattr(usage, "prompt_tokens", None),
        output_tokens=getattr(usage, "completion_tokens", None),
        finish_reasons=[reason for reason in reasons if reason],
    )


def _raw_facts(data: bytes) -> dict[str, Any]:
    """The same of an answer in its vendor's own form, or of an event that holds one."""
    try:
        found = orjson.loads(data)
        found = found.get("message") or found.get("response") or found
        usage = found.get("usage") or {}
        counts = [usage[name] for name in INPUT_TOKENS if usage.get(name) is not None]
        reason = found.get("stop_reason") or (found.get("delta") or {}).get("stop_reason")
        return _there(
            response_id=found.get("id"),
            response_model=found.get("model"),
            input_tokens=sum(counts) if counts else None,
            output_tokens=usage.get("output_tokens"),
            finish_reasons=[reason] if reason else [],
        )
    except (AttributeError, TypeError, ValueError):  # it was for the client to understand, not for us
        return {}


def _there(**facts: Any) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if fact or fact == 0}


def _try(record: AttemptRecord) -> tuple[str, int, float, float, str | None]:
    """Model, number, seconds waited before it, seconds it took, its error's class."""
    error = None if record.error is None else type(record.error).__name__
    return record.model, record.number, record.waited, record.seconds, error


INPUT_TOKENS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
"""Anthropic counts what came from its cache, or went there, apart."""

PARAMETERS = (
    "frequency_penalty",
    "max_completion_tokens",
    "max_tokens",
    "n",
    "presence_penalty",
    "seed",
    "temperature",
    "top_k",
    "top_p",
)
"""Of a request's body what is told; none of it is text."""
