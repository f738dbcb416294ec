"""What the cache keeps of a call, and how an answer is made of it again.

Rules: the key is everything that shapes the answer (endpoint, model, settings, headers, body, options), and
whose it is: a tenant's where one is named, else whoever has those credentials. A flight's key has the
credentials in any case, for an error is of one key alone. Kept is what answered whole: no tool calls (their
ids are one conversation's), nothing cut off, nothing empty. A streamed answer is kept as its chunks and
comes back as a stream. What cannot be written is not kept, what cannot be read back is a miss, whatever is
in it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

import orjson

from muxi_llm.core.stream import StreamFlow
from muxi_llm.models import (
    Adaptation,
    ChatCompletion,
    ChatCompletionChunk,
    Completion,
    CompletionChoice,
    CreateEmbeddingResponse,
    RawChunk,
    RawValue,
    Report,
)
from muxi_llm.wire.base import WireError, plain, read_value

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from pydantic import BaseModel

    from muxi_llm.core.port import IO
    from muxi_llm.core.request import Candidate, Request
    from muxi_llm.harness.cache import TwoTierCache
    from muxi_llm.wire.base import Endpoint

PREFIX = "muxi-llm:1:"
KEY_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
VALUES: dict[Endpoint, type[BaseModel]] = {
    "chat": ChatCompletion,
    "completion": Completion,
    "embedding": CreateEmbeddingResponse,
}
CHUNKS: dict[Endpoint, type[BaseModel]] = {"chat": ChatCompletionChunk, "completion": Completion}
MERGED = {*VALUES, "models", "moderation", "rerank"}
"""Endpoints whose answer to equal calls is the same."""

KEPT = (*VALUES.values(), *CHUNKS.values())

PASSING = re.compile(
    r"x-stainless-.*|user-agent|accept|content-type|idempotency-key|x-(client-)?request-id"
    r"|traceparent|tracestate|baggage|b3|x-b3-.*|sentry-trace|x-amzn-trace-id"
)
"""Headers that say with what program somebody calls, or which call it is: none of them shapes an answer.
Any other may, whoever it is for."""

CREDENTIALS = {"authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "proxy-authorization"}
"""Headers that say whose call it is."""

UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, WireError)
"""What reading something of any shape can come to."""

SECRET = re.compile("key|secret|token|credential|password")
"""In the names of settings that say who calls, not what is asked."""

REMEMBERED = {"container", "conversation", "thread"}
"""Fields of the Responses and the Messages wire that name something on the server which changes."""

NOT_KEPT = re.compile(
    rb'"stop_reason"\s*:\s*"(tool_use|max_tokens|pause_turn|refusal|model_context_window_exceeded)"'
    rb'|"status"\s*:\s*"(incomplete|failed|cancelled|queued)"|"type"\s*:\s*"[a-z_]*_call"'
)
"""Marks of an answer that is not to be kept, in the bytes of the Messages and the Responses wire."""

SAYS_SOMETHING = re.compile(rb'"text"\s*:\s*"[^"]')
"""The mark of one that says anything, in the same bytes."""

TOOL_CALL = re.compile(rb'"type"\s*:\s*"([a-z_]*_call|[a-z_]*tool_use)"')
"""The mark of one that calls a tool."""


def request_key(request: Request, candidate: Candidate, tenant: str = "") -> str:
    """One key for requests of one caller that ask the same of the same place first.

    Raises `TypeError` for what is not JSON.
    """
    asked = (
        [tenant] if tenant else whose(request, [candidate]),
        request.endpoint,
        request.stream,
        _place(candidate),
        request.body if request.verbatim is None else request.verbatim,
        request.mode,
        request.extra_body,
        request.provider_options.get(candidate.ref.provider),
        request.query,
        request.fetch is not None,
        _shaping(request.headers),
    )
    return PREFIX + sha256(orjson.dumps(asked, default=plain, option=KEY_OPTIONS)).hexdigest()


def whose(request: Request, candidates: Sequence[Candidate]) -> tuple[Any, ...]:
    """The credentials the call is made with, of all its candidates."""
    return (*_secrets(request.headers), *map(_credentials, candidates))


def _credentials(candidate: Candidate) -> tuple[Any, ...]:
    provider = candidate.provider
    secret = [(name, str(value)) for name, value in provider.settings.items() if SECRET.search(name)]
    return provider.api_key or "", provider.keys, *secret, *_secrets(provider.headers)


def _secrets(headers: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in headers.items() if _part_of(name.lower()) == "whose"]


def _place(candidate: Candidate) -> tuple[Any, ...]:
    provider = candidate.provider
    settings = {name: value for name, value in provider.settings.items() if not SECRET.search(name)}
    return str(candidate.ref), provider.base_url, settings, _shaping(provider.headers)


def _shaping(headers: Mapping[str, Any]) -> dict[str, Any]:
    named = ((name.lower(), value) for name, value in headers.items())
    return {name: value for name, value in named if _part_of(name) == "what"}


@lru_cache(4096)  # a client sends the same two dozen with every call
def _part_of(header: str) -> Literal["whose", "what", "how"]:
    """What a header of that name says: whose call it is, what is asked, or only how it comes."""
    if header in CREDENTIALS:
        return "whose"
    return "how" if PASSING.fullmatch(header) else "what"


class Replies:
    """The answers of calls, kept in the cache each of them wants.

    LLMix keeps the same in another form: a subclass says what the key is, and what is written and read.
    """

    def __init__(
        self, cache: TwoTierCache | None = None, *, tenant: str = "", merges: bool | None = None
    ) -> None:
        """tenant: part of every key, in the place of credentials.

        merges: whether calls that sample share a flight as well; `None`: those that do not.
        """
        self._cache = cache
        self._tenant = tenant
        self._merges = merges

    def is_turn(self, request: Request) -> bool:
        """Whether *request* goes on with what its server remembers: then no other is equal to it."""
        return request.verbatim is not None and not REMEMBERED.isdisjoint(request.verbatim)

    def is_mergeable(self, request: Request) -> bool:
        """Whether equal calls at once may be one: no streams, and no samples that were meant to differ."""
        if request.stream or request.endpoint not in MERGED:
            return False
        body = request.body if request.verbatim is None else request.verbatim
        if self._merges or not body.get("temperature"):
            return True
        samples = body.get("n")
        return body.get("seed") is not None or (isinstance(samples, int) and samples > 1)

    def is_shareable(self, value: Any) -> bool:
        """Whether an answer may be several callers': a tool's call is of one conversation."""
        if isinstance(value, RawValue):
            return TOOL_CALL.search(value.wire_bytes or b"") is None
        return not any(map(_calls_tools, _choices(value)))

    def cache_of(self, request: Request, candidates: Sequence[Candidate]) -> TwoTierCache | None:  # noqa: ARG002
        """The cache for *request*, `None` for none: what an endpoint makes anew each time is not kept."""
        return self._cache if request.endpoint in VALUES else None

    def key_of(self, request: Request, candidates: Sequence[Candidate]) -> str | None:
        """The key its answer is kept under; `None` where what is asked is no JSON, and equal to nothing."""
        try:
            return request_key(request, candidates[0], self._tenant)
        except TypeError:
            return None

    def flight_key(self, request: Request, candidates: Sequence[Candidate], key: str) -> Hashable:
        """What equal calls at the same time have in common: their chain, and their credentials in any case.

        None waits longer than it would alone.
        """
        limits = request.limits
        bounds = limits.retries, limits.timeout, limits.deadline, limits.retriable
        if len(candidates) == 1 and not self._tenant:  # the key says the rest
            return key, *bounds
        credentials = whose(request, candidates)
        chain = [(str(candidate.ref), candidate.provider.base_url) for candidate in candidates]
        return key, *bounds, *chain, repr(request.provider_options), *credentials

    def written(self, value: Any, report: Report) -> str | None:
        """*value* (of a stream: its chunks) as text; `None` for what is not to be kept."""
        parts = value if isinstance(value, list) else [value]
        if not parts:
            return None
        raw = _bytes_of(parts)
        if raw is not None:
            if NOT_KEPT.search(raw) or not SAYS_SOMETHING.search(raw):
                return None
            kind, body = "raw", raw
        elif isinstance(parts[0], KEPT) and _is_keepable(parts):
            kind, body = "parts", b"\n".join(map(_dumped, parts))
        else:
            return None
        adaptations = [(a.param, a.action, a.detail, a.loss) for a in report.adaptations]
        # A line about the answer, then the answer, which is read by pydantic alone.
        return (orjson.dumps((kind, report.model, adaptations)) + b"\n" + body).decode()

    def read(self, text: str, request: Request) -> tuple[Any, str, tuple[Adaptation, ...]]:
        """The value, the model that answered and the adaptations. Raises `ValueError` or a kin of it."""
        head, body = text.split("\n", 1)
        kind, model, adaptations = orjson.loads(head)
        value = READERS[kind](request, body)
        return value, str(model), tuple(_adaptation(*entry) for entry in adaptations)

    async def recall(self, io: IO, cache: TwoTierCache, request: Request, key: str) -> Any:
        """The value kept under *key* and a report that says so, `None` where there is none."""
        started = io.now()
        hit = await cache.find(io, key)
        if hit is None:
            return None
        try:
            value, model, adaptations = self.read(hit.text, request)
        except UNREADABLE:
            return None
        took = io.now() - started
        return value, Report(model, (), adaptations, took, cache_hit=hit.tier, stale=hit.over)

    def learn(self, cache: TwoTierCache, key: str, value: Any, report: Report, io: IO) -> None:
        """Keep *value*; a stream, once it has been read to its end."""
        if isinstance(value, StreamFlow):
            value.on_end = lambda chunks: self.learn(cache, key, chunks, report, io)
            return
        with suppress(*UNREADABLE):  # an answer off the schema may be anything, a vendor's own bytes too
            text = self.written(value, report)
            if text is not None:
                cache.keep(key, text, io.now(), chance=io.random())


def _adaptation(param: str, action: Any, detail: str, loss: bool) -> Adaptation:
    return Adaptation(str(param), action, str(detail), bool(loss))


def _bytes_of(parts: Sequence[Any]) -> bytes | None:
    """What a vendor's own server said to its own client, handed on as it came; `None` for other answers."""
    if isinstance(parts[0], RawChunk):
        return b"".join(part.data for part in parts)
    return parts[0].wire_bytes if isinstance(parts[0], RawValue) else None


def _raw(request: Request, text: str) -> Any:
    data = text.encode()
    return StreamFlow.of([RawChunk(data, commits=True)]) if request.stream else RawValue(data)


def _revived(request: Request, body: str) -> Any:
    if request.stream:
        kind = CHUNKS[request.endpoint]
        return StreamFlow.of([kind.model_validate_json(part) for part in body.split("\n")])
    if request.endpoint == "embedding":  # off the schema in base64, and where a server counts no tokens
        return read_value(CreateEmbeddingResponse, body.encode())
    return VALUES[request.endpoint].model_validate_json(body)


def _dumped(part: BaseModel) -> bytes:
    return part.__pydantic_serializer__.to_json(part, by_alias=True, exclude_unset=True, warnings=False)


def _is_keepable(parts: Sequence[Any]) -> bool:
    """Whether there is something in it, and nothing that belongs to one conversation only, or was cut off."""
    if isinstance(parts[0], CreateEmbeddingResponse):
        return bool(parts[0].data)
    says_something = False
    for choice in (choice for part in parts for choice in _choices(part)):
        if _calls_tools(choice) or choice.finish_reason in {"length", "content_filter"}:
            return False
        said = choice.text if isinstance(choice, CompletionChoice) else _message(choice)
        says_something = says_something or bool(
            said if isinstance(said, str) else said and (said.content or getattr(said, "audio", None))
        )
    return says_something


def _choices(value: Any) -> Sequence[Any]:
    choices = getattr(value, "choices", None)
    return choices if isinstance(choices, list | tuple) else ()


def _message(choice: Any) -> Any:
    return getattr(choice, "message", None) or getattr(choice, "delta", None)


def _calls_tools(choice: Any) -> bool:
    message = _message(choice)
    return bool(getattr(message, "tool_calls", None) or getattr(message, "function_call", None))


READERS: dict[str, Callable[[Request, str], Any]] = {"raw": _raw, "parts": _revived}
"""How what is kept becomes a value again, by what was written."""
