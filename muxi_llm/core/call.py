"""The call: the one loop every face runs.

Written as `async def` over the port and free of any event loop: the async face awaits it, the sync face
steps it (`step.run_sync`). Reading order: `call` → `_attempt` → `_exchange` → `_answer`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from openai import Omit

from muxi_llm import errors
from muxi_llm.core.adapt import adapt
from muxi_llm.core.media import with_media
from muxi_llm.core.plain import unsendable
from muxi_llm.core.plan import Outcome, Plan, Wait
from muxi_llm.core.port import TooLargeError, TransportError, UnreadableError, UnsendableError
from muxi_llm.core.stream import StreamFlow
from muxi_llm.core.tools import ABOUT_TOOLS, fitted
from muxi_llm.models import RawValue, Report
from muxi_llm.utils.retry import retry_after_seconds
from muxi_llm.utils.streaming import chunks_of, collect
from muxi_llm.wire.base import Fault, Ledger, WireError, overlaid
from muxi_llm.wire.reading import SENSELESS, senseless, usage_in
from muxi_llm.wire.upload import in_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from muxi_llm.core.port import IO, Harness
    from muxi_llm.core.request import Candidate, Request
    from muxi_llm.core.tools import Calls
    from muxi_llm.providers.base import Provider
    from muxi_llm.wire.base import BodyReader, Reply, Wire, WireCall


async def call(
    io: IO, request: Request, candidates: Sequence[Candidate], harness: Harness | None = None
) -> Any:
    """The answer of the first candidate that gives one: a typed value, or a `StreamFlow` already open.

    Raises the last candidate's error, a `FallbackExhaustedError` if several were tried.
    """
    if harness is None or harness.is_bare:
        value, report = await _run(io, request, candidates, harness, io.now())
    else:
        value, report = await harness.answer(
            io, request, candidates, partial(_run, io, request, candidates, harness, io.now())
        )
    if request.preset is not None:
        report = replace(report, preset=request.preset[0], preset_revision=request.preset[1])
    if isinstance(value, StreamFlow):
        value.report = report
    else:
        value.with_report(report)
    return value


async def _run(
    io: IO,
    request: Request,
    candidates: Sequence[Candidate],
    harness: Harness | None,
    started: float,
) -> tuple[Any, Report]:
    """Carry out the plan of a call that started then, and may have waited for another since."""
    passage = None if harness is None else harness.passage(request, candidates)

    def attempt(candidate: Candidate, timeout: float) -> Coroutine[Any, Any, Outcome]:
        return _attempt(io, request, candidate, timeout)

    plan = Plan(candidates, request.limits, started)
    try:
        while (step := plan.next(io.now())) is not None:
            if isinstance(step, Wait):
                seconds = step.seconds if passage is None else passage.pause(io, step.seconds)
                plan.pause(seconds)
                if seconds:
                    await io.sleep(seconds)
                continue
            if passage is not None:
                outcome = await passage.attempt(io, step, attempt)
            else:
                outcome = await attempt(step.candidate, step.timeout)
                if harness is not None and outcome.error is not None:
                    passage = harness.passage_after(io, candidates, step.candidate, outcome)
            plan.record(outcome, io.now())
            if request.limits.on_fallback is not None:
                await _tell(request.limits.on_fallback, plan)
    finally:
        if passage is not None:
            passage.close(io)
    return plan.result(io.now())


async def _tell(on_fallback: Callable[[str, str, Exception], Any], plan: Plan) -> None:
    if plan.fallback is not None:
        told = on_fallback(*plan.fallback)
        if isawaitable(told):
            await told


async def _attempt(io: IO, request: Request, candidate: Candidate, timeout: float) -> Outcome:  # noqa: ASYNC109
    """One try, and how it ended. Errors of ours are outcomes; anything else is a bug and passes."""
    started = io.now()
    ledger = Ledger(candidate.ref.provider, strict=request.mode == "strict")
    try:
        value, headers = await _exchange(io, request, candidate, timeout, ledger)
    except errors.MuxiLLMError as error:
        error.provider, error.model = candidate.ref.provider, str(candidate.ref)
        return Outcome(io.now() - started, error=error)
    is_whole = request.verbatim is not None and candidate.provider.verbatim
    adaptations = (*(() if is_whole else request.adaptations), *ledger.entries)
    return Outcome(io.now() - started, value, adaptations=adaptations, headers=headers)


async def _exchange(
    io: IO,
    request: Request,
    candidate: Candidate,
    timeout: float,  # noqa: ASYNC109 - the transport keeps it, there is no event loop here
    ledger: Ledger,
) -> Any:
    """Fetch media, adapt, encode, send, decode."""
    provider = candidate.provider
    ends = io.now() + timeout
    wire = provider.wire_for(request.endpoint, candidate.ref.name, ledger)
    if provider.key_required and not provider.api_key:
        raise missing_credentials(candidate)
    if request.needs:
        whole = await with_media(io, request, provider, ledger, ends)
        if whole is not request:
            request, timeout = whole, max(ends - io.now(), 0.001)  # fetching took its share
    calls = None
    if not request.needs.isdisjoint(ABOUT_TOOLS):
        request, calls = fitted(request, provider, ledger)
    body, stream = adapt(request, provider, wire.profile, ledger)
    extras = _extras_of(request, candidate.ref.provider)
    body = await _with_contents(io, body, wire)
    try:
        outgoing = provider.prepare(wire, body, stream=stream, extra=extras.body)
    except (KeyError, TypeError, AttributeError) as error:
        raise unsendable(request, error) from error
    outgoing.timeout = timeout if provider.timeout is None else min(timeout, provider.timeout)
    if extras.query or extras.headers:
        _address(outgoing, extras)

    def late() -> bool:
        return io.now() >= ends

    try:
        outgoing, reply = await _sent(io, provider, wire, outgoing, ends)
    except UnsendableError as error:
        hint = "look at the base URL, extra_query and extra_headers"
        raise errors.InvalidRequestError(f"{provider.name}: {error.message}; {hint}") from None
    except UnreadableError as error:
        raise errors.InvalidRequestError(error.message, param=error.param) from error
    except TransportError as error:
        raise _broken(error, outgoing) from error
    if reply.status >= 300:  # a redirect too: keys go to the provider's own base URL only
        raise await _refusal(candidate, wire, outgoing, reply, late)
    value = await _answer(request, candidate, wire, outgoing, reply, late, calls)
    return value, reply.headers


async def _sent(
    io: IO, provider: Provider, wire: Wire, outgoing: WireCall, ends: float
) -> tuple[WireCall, Reply]:
    """The request that was answered, the last one where it takes several, and its reply."""
    reply = await provider.send(io, outgoing)
    while reply.status < 300 and (then := _following(provider, wire, outgoing, reply)) is not None:
        outgoing = then
        outgoing.timeout = max(ends - io.now(), 0.001)
        reply = await provider.send(io, outgoing)
    return outgoing, reply


def _following(provider: Provider, wire: Wire, outgoing: WireCall, reply: Reply) -> WireCall | None:
    """What *wire* asks next. Raises an error of ours for a reply that makes no sense to it."""
    try:
        return wire.following(outgoing, reply)
    except WireError as error:
        raise provider.error_of(error, url=outgoing.url, reply=reply) from error
    except SENSELESS as error:
        found = senseless("a reply that makes no sense", error, reply.content)
        raise provider.error_of(found, url=outgoing.url, reply=reply) from error


async def _with_contents(io: IO, body: Mapping[str, Any], wire: Wire) -> Mapping[str, Any]:
    """*body* with its files in memory, for a wire that has them inside of JSON."""
    if not wire.inlines:
        return body
    try:
        return await io.run(partial(in_memory, body, wire.inlines))
    except UnreadableError as error:
        raise errors.InvalidRequestError(error.message, param=error.param) from error
    except ValueError as error:
        message = f"{wire.ledger.provider} takes files up to {wire.inlines:,} bytes; {error}"
        raise errors.InvalidRequestError(message, param=str(error).partition(" ")[0]) from None


def missing_credentials(candidate: Candidate) -> errors.MissingCredentialsError:
    """The error that says which variable to set."""
    provider = candidate.provider
    wanted = " or ".join(provider.key_env) or "its key variable"
    meant = candidate.ref.meant
    hint = f"; or did you mean {meant!r}?" if meant else ""
    return errors.MissingCredentialsError(
        f"no API key for {provider.name}: set {wanted}, muxi_llm.{provider.name}_api_key,"
        f" or pass api_key={hint}"
    )


class _Extras(NamedTuple):
    """What the caller wants on a request besides its parameters: fields of the body, query, headers."""

    body: Mapping[str, Any] = {}
    query: Mapping[str, Any] = {}
    headers: Mapping[str, Any] = {}


NO_EXTRAS = _Extras()


def _extras_of(request: Request, provider: str) -> _Extras:
    """The call's own are for its first model's provider; of them, others get what traces a request. To each
    goes what `provider_options` has for it, and that wins.
    """
    options = request.provider_options.get(provider)
    if options is None and not (request.headers or request.query or request.extra_body):
        return NO_EXTRAS
    if provider == request.home:
        extras = _Extras(request.extra_body, request.query, request.headers)
    else:
        extras = _Extras(headers={k: v for k, v in request.headers.items() if k.lower() in TRACING})
    if options is None:
        return extras
    fields = {name: value for name, value in options.items() if name not in ADDRESSED}
    return _Extras(
        overlaid(extras.body, fields),
        {**extras.query, **options.get("extra_query", {})},
        {**extras.headers, **options.get("extra_headers", {})},
    )


def _address(outgoing: WireCall, extras: _Extras) -> None:
    """Add the caller's own query and headers."""
    if extras.query:
        separator = "&" if "?" in outgoing.url else "?"
        outgoing.url += separator + urlencode(extras.query, doseq=True)
    for name, value in extras.headers.items():
        if value is None or isinstance(value, Omit):  # the openai package's way to leave one out
            outgoing.headers.pop(name.lower(), None)
        elif (
            not (text := str(value).strip(" \t")).isascii()
            or not text.isprintable()
            or not HEADER.fullmatch(name)
        ):
            # Not quoted: it may be a key. A transport would refuse it as well, and be asked again and again.
            raise errors.InvalidRequestError(
                f"extra_headers[{name!r}] holds what no HTTP header may", param="extra_headers"
            )
        else:
            outgoing.headers[name.lower()] = text


def _broken(error: TransportError, outgoing: WireCall) -> errors.MuxiLLMError:
    """The error for a reply that did not come, or not whole."""
    if isinstance(error, TooLargeError):
        return errors.reply_too_large(error.message, url=outgoing.url)
    message = f"{error.message} (timeout: {outgoing.timeout:g} s)" if error.timeout else error.message
    return errors.connection_error(message, url=outgoing.url, timeout=error.timeout)


async def _refusal(
    candidate: Candidate, wire: Wire, outgoing: WireCall, reply: Reply, late: Callable[[], bool]
) -> errors.MuxiLLMError:
    if reply.reader is not None:
        reply.content = await _read_all(reply.reader, outgoing, late)
    try:
        fault = wire.decode_fault(reply.status, reply.content)
    except SENSELESS as nonsense:
        fault = Fault(reply.status, f"HTTP {reply.status}, and a body that makes no sense ({nonsense!r})")
    if reply.status < 400 and "location" in reply.headers:
        fault = replace(
            fault, message=f"redirected to {reply.headers['location']}; set base_url to where it leads"
        )
    error = candidate.provider.classify(fault, url=outgoing.url, reply=reply)
    error.retry_after = retry_after_seconds(reply.headers, reply.received)
    return error


async def _answer(
    request: Request,
    candidate: Candidate,
    wire: Wire,
    outgoing: WireCall,
    reply: Reply,
    late: Callable[[], bool],
    calls: Calls | None,
) -> Any:
    def error_of(error: WireError | TransportError) -> errors.MuxiLLMError:
        if isinstance(error, TransportError):
            built = _broken(error, outgoing)
        else:
            built = candidate.provider.error_of(error, url=outgoing.url, reply=reply)
            built.partial_text = error.partial
        # A stream may break long after its attempt was over.
        built.provider, built.model = candidate.ref.provider, str(candidate.ref)
        return built

    is_json = reply.headers.get("content-type", "").startswith("application/json")
    if outgoing.stream and (wire.binary or not is_json):
        decoder = wire.stream_decoder(created=int(reply.received))
        flow = StreamFlow(reply.reader, decoder if calls is None else calls.decoder(decoder), error_of)
        try:
            await flow.open(late)
        except BaseException:  # a cancellation too must free the connection
            flow.abandon()
            raise
        return flow
    # No stream was asked for, or one was and the server answers in one piece all the same.
    if reply.reader is not None:
        reply.content = await _read_all(reply.reader, outgoing, late)
    try:
        value = _read(request, candidate, wire, reply)
    except WireError as error:
        raise _billed(error_of(error), reply) from error
    except SENSELESS as error:  # no server's bytes may end in an error of Python's
        failure = error_of(senseless("a reply that makes no sense", error, reply.content))
        raise _billed(failure, reply) from error
    if calls is not None:
        calls.restore(value)
    _set_request_id(value, reply)
    if request.verbatim is not None and candidate.provider.verbatim:
        value.with_wire_bytes(reply.content)
    if not request.stream or isinstance(value, RawValue):  # bytes that pass are no stream to be made of
        return value
    usage = (request.body.get("stream_options") or {}).get("include_usage", False)
    flow = StreamFlow.of(chunks_of(value, usage=usage))
    flow.meter.read(value)
    return flow


def _read(request: Request, candidate: Candidate, wire: Wire, reply: Reply) -> Any:
    """The value of a reply that came in one piece. Some servers stream whatever they were asked."""
    streamed = reply.headers.get("content-type", "").startswith("text/event-stream")
    if not streamed or request.endpoint != "chat" or request.verbatim is not None:
        return candidate.provider.read(wire, reply)
    decoder = wire.stream_decoder(created=int(reply.received))
    items = [*decoder.feed(reply.content), *decoder.finish()]
    if items and isinstance(items[-1], WireError):
        raise items[-1]
    return collect(items)


def _billed(failure: errors.MuxiLLMError, reply: Reply) -> errors.MuxiLLMError:
    """*failure*, with what the provider says was used for an answer that is none: that is billed too."""
    failure.usage = usage_in(reply.content)
    return failure


def _set_request_id(value: Any, reply: Reply) -> None:
    request_id = reply.headers.get("x-request-id") or reply.headers.get("request-id")
    object.__setattr__(value, "_request_id", request_id)


async def _read_all(reader: BodyReader, outgoing: WireCall, late: Callable[[], bool]) -> bytes:
    """The whole body of a reply that came as a stream, if it comes in time."""
    pieces = []
    try:
        while piece := await reader.read():
            pieces.append(piece)
            if late():
                raise TransportError("the reply took too long", timeout=True)
    except TransportError as error:
        raise _broken(error, outgoing) from error
    finally:
        await reader.close()
    return b"".join(pieces)


TRACING = {"traceparent", "tracestate", "x-request-id", "x-correlation-id", "x-client-request-id"}
"""Headers of the caller's own that every provider gets: they say which request this is, and nothing else.
`traceparent` and `tracestate`: https://www.w3.org/TR/trace-context/. Not `baggage`: it carries what the
program put into it (https://www.w3.org/TR/baggage/#privacy-of-the-baggage-header).
"""

CREDENTIALS = {"authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie"}
"""Headers that say who calls and nothing of what is asked."""

ADDRESSED = {"extra_headers", "extra_query"}
"""Keys of `provider_options` that are no fields of the body."""

HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2."""
