"""Answers on their way back to a vendor's client: as HTTP responses, or as its own stream objects."""

from __future__ import annotations

import copyreg
from datetime import timedelta
from functools import cache, partial, wraps
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, get_args

import httpx2
import openai
import orjson
from openai._legacy_response import LegacyAPIResponse
from openai._models import FinalRequestOptions
from pydantic import BaseModel

from muxi_llm.clients.options import FORM
from muxi_llm.core.stream import AsyncStream, Stream
from muxi_llm.errors import MuxiLLMError
from muxi_llm.models import AttemptRecord, Meter, Report, Reported

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from muxi_llm.inbound import Exchange
    from muxi_llm.models import RawValue

    Raised = Callable[[MuxiLLMError], Exception]

REPORT = "muxi_llm.report"
"""The response extension that carries the call's `Report` to the value made of the response."""

FINALS = ("get_final_completion", "get_final_response", "get_final_message")
"""How the vendors' streams call what gives the whole answer."""


def response(
    request: Any, exchange: Exchange, answer: Any, *, stream: bool, raised: Raised | None = None
) -> httpx2.Response:
    """The answer as the HTTP response the vendor's own code goes on with.

    stream: whether that code reads it by itself; else it is read already. raised: what the vendor's
    callers expect to catch for an error in the middle of a stream, where that is not OpenAI's class.
    """
    streamed = isinstance(answer, Stream | AsyncStream)
    if streamed:
        kind = SyncBody if isinstance(answer, Stream) else AsyncBody
        body: dict[str, Any] = {"stream": kind(exchange, answer, raised)}
    else:
        content = exchange.body(answer)
        body = {"stream": httpx2.ByteStream(content)} if stream else {"content": content}
    headers = httpx2.Headers(exchange.headers(answer.muxi, stream=streamed), encoding="utf-8")
    report = exchange.report(answer.muxi)
    return httpx2.Response(200, headers=headers, request=request, extensions={REPORT: report}, **body)


def local(request: Any, content: bytes, *, stream: bool) -> httpx2.Response:
    """An answer nobody was asked for, and so without a report."""
    body: dict[str, Any] = {"stream": httpx2.ByteStream(content)} if stream else {"content": content}
    headers = {"content-type": "application/json"}
    return httpx2.Response(200, headers=headers, request=request, extensions={REPORT: None}, **body)


def judged(client: Any, exchange: Exchange, answer: RawValue, kind: type) -> Any:
    """A success that is no answer, as OpenAI's client sees it: an object with what there is, or a text."""
    reply = response(httpx2.Request("POST", exchange.url), exchange, answer, stream=False)
    reply.headers["content-type"] = answer.muxi.headers.get("content-type", "*")
    options = FinalRequestOptions.construct(method="post", url=exchange.url)
    return LegacyAPIResponse(
        raw=reply, cast_to=kind, client=client, stream=False, stream_cls=None, options=options
    ).parse()


def own_report(value: Any, response: Any, provider: str = "openai") -> Report:
    """The report of a call that went the original's own way: of the try that answered, all that is known."""
    name = getattr(value, "model", None) or _asked_for(response)
    model, seconds = f"{provider}/{name}", getattr(response, "_elapsed", timedelta()).total_seconds()
    attempt = AttemptRecord(model, 1, seconds)
    return Report(model, (attempt,), (), seconds, dict(response.headers), meter=Meter())


def _asked_for(response: Any) -> str:
    """The model that was asked for, where the answer tells none; `*` where nothing does."""
    said = response.request.extensions.get(FORM)
    if said is not None:
        return str(said.get("model") or "*")
    try:
        return str(orjson.loads(response.request.content)["model"])
    except (httpx2.RequestNotRead, KeyError, TypeError, ValueError):
        return "*"


def tell(value: Any, report: Report) -> None:
    """Attach *report* to a value, beside its fields: no dump or comparison shows it."""
    if report.meter is not None and report.meter.usage is None and report.meter.is_over:
        report.meter.read(value)  # nobody here had to understand what was used
    if isinstance(value, Reported):
        value.with_report(report)
    else:
        object.__setattr__(value, "muxi", report)


@cache
def picklable(kind: type[BaseModel]) -> None:
    """Have values of *kind* pickled, and those in them: no name leads to a generic class with its arguments.

    Sources: https://github.com/openai/openai-python/issues/1776,
    https://docs.python.org/3/library/copyreg.html.
    """
    made = kind.__pydantic_generic_metadata__
    if made["origin"]:
        copyreg.pickle(kind, partial(_parts, made["origin"], made["args"]))
    for field in kind.model_fields.values():
        for inner in _models_in(field.annotation):
            if inner is not kind:
                picklable(inner)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _parts(origin: Any, arguments: Any, value: Any) -> tuple[Any, ...]:
    return _blank, (origin, arguments), value.__getstate__()


def _blank(origin: Any, arguments: Any) -> Any:
    kind = origin[arguments]
    return kind.__new__(kind)


def telling(parser: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """OpenAI's *parser* of an answer, which makes a new value of it: that tells of the same call."""

    def parsed(answer: Any) -> Any:
        value = parser(answer)
        if value is not answer and hasattr(answer, "muxi"):
            tell(value, answer.muxi)
        if isinstance(value, BaseModel):
            picklable(type(value))
        return value

    return parsed


def telling_in_the_end(vendor: str, made: Callable[[Any, str], Any], theirs: Any, name: str) -> Any:
    """A vendor's `stream` helper as *made* makes it, what it comes to in the end telling of its call as well.

    The managers it returns are the vendor's own; what they yield when entered has no other way in.
    """
    original = made(theirs, name)

    @wraps(original)
    def method(self: Any, *args: Any, **params: Any) -> Any:
        manager: Any = original(self, *args, **params)
        manager.__class__ = _manager(manager.__class__, vendor)
        return manager

    return method


@cache
def _manager(kind: Any, vendor: str) -> Any:
    """*kind*, whose streams tell in the end."""
    name = "__enter__" if hasattr(kind, "__enter__") else "__aenter__"
    enter, then = getattr(kind, name), partial(_listening, vendor)
    methods = {name: lambda self: _after(enter(self), then), "__module__": kind.__module__}
    return type(kind.__name__, (kind,), methods)


def _listening(vendor: str, stream: Any) -> Any:
    name = next(name for name in FINALS if hasattr(stream, name))
    original, raw = getattr(stream, name), stream._raw_stream  # the vendor's own, it has no other name

    def told(value: Any) -> Any:
        report = getattr(raw, "muxi", None) or raw.response.extensions.get(REPORT)
        tell(value, report or own_report(value, raw.response, vendor))
        return value

    setattr(stream, name, lambda: _after(original(), told))
    return stream


def _after(value: Any, then: Callable[[Any], Any]) -> Any:
    """What *then* makes of *value*; of one that is still to come, once it has."""

    async def later() -> Any:
        return then(await value)

    return later() if isawaitable(value) else then(value)


class SyncBody(httpx2.SyncByteStream):
    """A stream's events as a response's body."""

    def __init__(self, exchange: Exchange, stream: Stream[Any], raised: Raised | None = None) -> None:
        self._exchange = exchange
        self._stream = stream
        self._raised = raised

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._exchange.events(self._stream)
        except MuxiLLMError as error:
            if self._raised is None:
                raise
            raise self._raised(error) from error

    def close(self) -> None:
        self._stream.close()


class AsyncBody(httpx2.AsyncByteStream):
    """`SyncBody`, async."""

    def __init__(self, exchange: Exchange, stream: AsyncStream[Any], raised: Raised | None = None) -> None:
        self._exchange = exchange
        self._stream = stream
        self._raised = raised

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for event in self._exchange.aevents(self._stream):
                yield event
        except MuxiLLMError as error:
            if self._raised is None:
                raise
            raise self._raised(error) from error

    async def aclose(self) -> None:
        await self._stream.close()


class _Quick:
    """What OpenAI's stream objects have besides chunks, where no HTTP response was ever made."""

    _exchange: Exchange
    _stream: Any

    @property
    def muxi(self) -> Report:
        """Who answers, after which attempts, with which adaptations."""
        return self._stream.muxi  # type: ignore[no-any-return]

    @property
    def response(self) -> httpx2.Response:
        """The response's head; its body is being read as this very stream."""
        headers = httpx2.Headers(self._exchange.headers(self.muxi, stream=True), encoding="utf-8")
        request = httpx2.Request("POST", self._exchange.url)
        return httpx2.Response(200, headers=headers, request=request, content=b"")


class QuickStream(_Quick, openai.Stream[Any]):  # type: ignore[override]  # `response` is made when asked for
    """`openai.Stream` without the detour through bytes."""

    def __init__(self, exchange: Exchange, stream: Stream[Any]) -> None:
        self._exchange = exchange
        self._stream = stream
        self._iterator = iter(stream)

    def close(self) -> None:
        self._stream.close()


class QuickAsyncStream(_Quick, openai.AsyncStream[Any]):  # type: ignore[override]
    """`openai.AsyncStream` without the detour through bytes."""

    def __init__(self, exchange: Exchange, stream: AsyncStream[Any]) -> None:
        self._exchange = exchange
        self._stream = stream
        self._iterator = aiter(stream)

    async def close(self) -> None:
        await self._stream.close()
