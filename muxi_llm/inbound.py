"""One endpoint, inwards: a client's HTTP request → the call → what the client expects to read.

Used by the drop-in clients, which hand their requests over inside the process, and by the gateway. Who may
be asked comes from them: a client's own server, which gets the request as it came (`OwnServer`), any other
provider, or whom the gateway's router names (`Own.choose`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

from anyio import to_thread

from muxi_llm import config, harness
from muxi_llm.candidates import candidate_of, is_meant
from muxi_llm.core.body import body_of
from muxi_llm.core.call import TRACING
from muxi_llm.core.options import KEYWORDS, limits_of, models_of, present
from muxi_llm.core.request import Candidate, ModelRef, Request
from muxi_llm.errors import (
    LOCAL_URL,
    InvalidRequestError,
    MalformedReplyError,
    MissingCredentialsError,
    malformed_reply,
)
from muxi_llm.groups import choose, is_group
from muxi_llm.kept.responses import KeptResponses
from muxi_llm.models import RawChunk, RawValue
from muxi_llm.providers import registry
from muxi_llm.providers.compatible import MORE, OpenAICompatible
from muxi_llm.providers.voices import OPENAI_AUDIO
from muxi_llm.runtime import WITH_FILES, Prepared, fetcher_of, is_scripted, log, preset_calls, with_files
from muxi_llm.wire.anthropic.inbound import AnthropicInbound
from muxi_llm.wire.base import Ledger, WireError, dumps
from muxi_llm.wire.json_text import parsed
from muxi_llm.wire.openai.audio_inbound import SpeechInbound, TranscriptInbound
from muxi_llm.wire.openai.chat import OpenAIChat, OpenAIInbound
from muxi_llm.wire.passthrough import MESSAGES, RESPONSES, Events, Through

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from muxi_llm.core.port import IO
    from muxi_llm.core.stream import AsyncStream, Stream
    from muxi_llm.models import Adaptation, Report
    from muxi_llm.wire.base import Endpoint, Json, Reply, Wire, WireCall
    from muxi_llm.wire.inbound import Inbound


@dataclass(frozen=True, slots=True)
class Door:
    """One endpoint clients come in by. events: how the own server's streams are read; `None`: as values."""

    endpoint: Endpoint
    wire: type[Inbound]
    events: Events | None = None


# What is taken in, by method and path; all else a client asks goes to its own server untouched.
OPENAI_DOORS = {
    ("POST", "/chat/completions"): Door("chat", OpenAIInbound),
    ("POST", "/completions"): Door("completion", OpenAIInbound),
    ("POST", "/embeddings"): Door("embedding", OpenAIInbound),
    ("POST", "/responses"): Door("chat", KeptResponses, RESPONSES),
    ("POST", "/images/generations"): Door("image", OpenAIInbound),
    ("POST", "/moderations"): Door("moderation", OpenAIInbound),
    ("POST", "/audio/transcriptions"): Door("transcription", TranscriptInbound),
    ("POST", "/audio/translations"): Door("translation", TranscriptInbound),
    ("POST", "/audio/speech"): Door("speech", SpeechInbound),
    ("POST", "/images/edits"): Door("image_edit", OpenAIInbound),
}
ANTHROPIC_DOORS = {("POST", "/v1/messages"): Door("chat", AnthropicInbound, MESSAGES)}

DEFAULT_RETRIES = 2  # both vendors' clients; as their default it says nothing about chains
OPTIONS = (
    *("fallback_models", "fallback_config", "retries", "provider_options", "adapt", "provider"),
    *harness.CALL_OPTIONS,
    "preset",
)
"""Arguments of ours that a drop-in client's `create` takes besides its vendor's."""


@dataclass(frozen=True, slots=True)
class Own:
    """What a client brought along: the request's URL and headers, and the client's settings.

    provider: whose client it is. base_url: its server's. explicit: it was given that, so names of models
    may be that server's.
    """

    url: str = field(repr=False)
    base_url: str = field(repr=False)  # either may hold a password, as headers hold keys
    headers: Mapping[str, str] = field(repr=False)
    explicit: bool
    timeout: float
    max_retries: int
    provider: str = "openai"
    port: IO | None = None
    pause: Callable[[int], float] | None = None
    """Seconds before a retry, by its number from 1; `None`: as the configuration says."""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    choose: Callable[[object, Json], Sequence[Candidate]] | None = None
    """The model asked for, and the rest of the body → who is asked, in order. `None`: whom it names."""
    preset_of: Callable[[object], object] | None = None
    """The model asked for → the preset that is laid beneath what is asked of it, `None` for none."""
    owner: str = ""
    """Whose call it is, where several share the process: what is kept for one is nobody else's."""


def sendable(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers by lower-case name, without those a transport writes itself."""
    return {name.lower(): value for name, value in headers.items() if name.lower() not in NOT_SENT}


class OwnServer(OpenAICompatible, register=False):
    """The server the client talks to by itself: same URL, same headers, same body."""

    key_required = False
    verbatim = True
    more_wires = {**MORE, **OPENAI_AUDIO}

    def __init__(self, own: Own, events: Events | None) -> None:
        super().__init__(headers=own.headers, base_url=own.base_url, settings={"url": own.url})
        self.name = own.provider  # type: ignore[misc]  # the class stands for whichever it is
        self.through = Through("", events) if events else None
        self._tries = count()
        self.changes: Sequence[Adaptation] = ()
        """What was done to the request's body for this server alone."""
        self.lenient = False
        """Whether what it says is the client's to judge, as it is for the vendor's own."""

    def authorize(self) -> dict[str, str]:
        """Nothing: the client's own headers do, unless a pool's key is used."""
        if self.api_key is None:
            return {}
        return {"x-api-key": self.api_key} if self.name == "anthropic" else super().authorize()

    def wire_for(self, endpoint: Endpoint, model: str, ledger: Ledger) -> Wire:
        ledger.entries.extend(self.changes)
        wire = super().wire_for(endpoint, model, ledger)
        if isinstance(wire, OpenAIChat):
            wire.mends = not self.lenient
        return wire

    def prepare(
        self, wire: Wire, body: Mapping[str, Any], *, stream: bool, extra: Mapping[str, Any]
    ) -> WireCall:
        call = super().prepare(wire, body, stream=stream, extra=extra)
        call.url = self.settings["url"]
        if TRIES in call.headers:  # their clients count their tries; here the plan tries, and prepares each
            call.headers[TRIES] = str(next(self._tries))
        return call

    async def send(self, io: IO, call: WireCall) -> Reply:
        """Followed where it redirects to within itself, as the vendors' clients do: a trailing slash, TLS."""
        for _ in range(REDIRECTS):
            reply = await io.send(call)
            target = urljoin(call.url, reply.headers.get("location", ""))
            if reply.status not in {307, 308} or not _is_within(call.url, target):
                break
            if reply.reader is not None:
                await reply.reader.close()
            call.url = target
        return reply

    def read(self, wire: Wire, reply: Reply) -> Any:
        try:
            return super().read(wire, reply)
        except WireError:
            if not self.lenient:
                raise
            return RawValue(reply.content)


class Exchange:
    """One request of a client, and the answer in the client's own wire."""

    def __init__(self, door: Door, content: bytes | Json, own: Own, *, streamed: bool = False) -> None:
        """content: the body, or what it would say, made plain. Raises before any I/O what cannot be answered.

        is_own then: whether the client's own server alone is asked, and for just what it was given.
        is_plain: that, and nothing of ours is in it: the vendor's client by itself would do the same.
        """
        self.url = own.url
        self.tells_cost = RAW in own.headers
        self._ledger = Ledger("the chat form", strict=own.options.get("adapt") == "strict")
        self.wire = door.wire(self._ledger)
        self.wire.owner = own.owner
        try:
            self.prepared = self._prepare(door, content, own, streamed=streamed)
        except WireError as error:
            raise InvalidRequestError(error.message) from error

    def _prepare(self, door: Door, content: bytes | Json, own: Own, *, streamed: bool) -> Prepared:
        raw = _read(content) if isinstance(content, bytes) else dict(content)
        if not isinstance(raw, dict):
            raise WireError("malformed", "the request body is not a JSON object")
        settings = config.settings()
        given = {**present(own.options), "timeout": own.timeout}
        if given.get("provider") == own.provider:  # which is who is asked anyway
            del given["provider"]
        options = given.keys() - {"timeout"}
        if own.max_retries != DEFAULT_RETRIES:
            given.setdefault("retries", own.max_retries)
        preset = own.preset_of(raw.get("model")) if own.preset_of else given.pop("preset", None)
        if preset is not None:
            calls, names = preset_calls(), self.wire.parameters
            preset = calls.found(preset)
            given = calls.into_options(preset, given, raw)
            raw = calls.into_body(preset, door.endpoint, raw, self._ledger, names)
            if raw["model"] == preset.asked[0]["model"]:  # which its own server knows without a prefix
                raw["model"] = raw["model"].removeprefix(f"{own.provider}/")
            content = dumps(raw) if isinstance(content, bytes) else dict(raw)
        lost = tuple(self._ledger.entries)
        model = raw.pop("model", None)
        candidates = own.choose(model, raw) if own.choose else _meant(door, model, raw, given, own)
        if preset is not None:
            calls.check(preset, candidates)
        if door.endpoint in WITH_FILES and not _goes_plainly(candidates, model, options):
            raw = content = dict(with_files(door.endpoint, raw))
        body, needs, extra = self._chat_form(door, content, candidates, own.headers)
        verbatim = self._own_body(raw, candidates, lost)
        self.is_own = verbatim is raw and all(map(_is_own, candidates))
        self.is_plain = self.is_own and _goes_plainly(candidates, model, options)
        limits = limits_of(given, settings, chain=len(candidates) > 1, tell=log.info)
        request = Request(
            door.endpoint,
            body,
            stream=bool(raw.get("stream")) or (streamed and door.wire is SpeechInbound),
            needs=needs,
            mode=given.get("adapt", settings.mode),
            limits=limits if own.pause is None else limits._replace(pause=own.pause),
            home=candidates[0].ref.provider,
            headers={name: value for name, value in own.headers.items() if name in TRACING},
            extra_body=extra,
            verbatim=verbatim,
            adaptations=tuple(self._ledger.entries),
            preset=preset and preset.told,
            provider_options=given.get("provider_options", {}),
            fetch=fetcher_of(settings.fetch_media),
        )
        return Prepared(request, candidates, settings.transport, own.port, harness.of_call(given))

    def _own_body(self, raw: Json, candidates: Sequence[Candidate], lost: Sequence[Adaptation]) -> Json:
        """What the client's own server is asked: *raw* itself, unless it holds what only others know.

        lost: what it lacks already.
        """
        servers = [one.provider for one in candidates if isinstance(one.provider, OwnServer)]
        if not servers:
            return raw
        ledger = Ledger(servers[0].name, entries=list(lost))
        body = self.wire.own_body(raw, ledger)
        for server in servers:
            server.changes = ledger.entries
        return body

    def _chat_form(
        self, door: Door, content: bytes | Json, candidates: Sequence[Candidate], headers: Mapping[str, str]
    ) -> tuple[Json, frozenset[str], Json]:
        """What other providers are asked, what it needs of them, and fields that are the first one's alone;
        nothing where only the client's own server is.
        """
        if all(candidate.provider.verbatim for candidate in candidates):
            return {}, frozenset(), {}
        body = self.wire.decode_request(content) if isinstance(content, bytes) else content
        self.wire.hear(headers, body)
        body, needs = body_of(door.endpoint, {name: body[name] for name in body if name != "model"})
        foreign = body.keys() - KEYWORDS[door.endpoint] if issubclass(door.wire, OpenAIInbound) else ()
        return body, needs, {name: body.pop(name) for name in foreign}

    def body(self, value: Any) -> bytes:
        """A whole answer: the provider's own bytes where it spoke the client's wire."""
        kept: bytes | None = value.wire_bytes
        if kept is not None:
            if isinstance(self.wire, KeptResponses):
                self.wire.keep(kept)
            return kept
        try:
            return self.wire.encode_response(value)
        except WireError as error:
            raise self._malformed(error) from error

    def events(self, stream: Stream[Any]) -> Iterator[bytes]:
        """A stream's events, ended properly; what breaks it is raised, never papered over."""
        chunk = None
        for chunk in stream:
            yield self._event(chunk)
        yield self._end(chunk)

    async def aevents(self, stream: AsyncStream[Any]) -> AsyncIterator[bytes]:
        """`events`, async."""
        chunk = None
        waits = isinstance(self.wire, KeptResponses) and self.wire.waits
        async for chunk in stream:
            aside = waits and isinstance(chunk, RawChunk)  # what ours amounts to is kept at the end
            yield await to_thread.run_sync(self._event, chunk) if aside else self._event(chunk)
        yield await to_thread.run_sync(self._end, chunk) if waits else self._end(chunk)

    def _event(self, chunk: Any) -> bytes:
        if isinstance(chunk, RawChunk):
            if isinstance(self.wire, KeptResponses):
                self.wire.keep_events(chunk.data)
            return chunk.data
        try:
            return self.wire.encode_chunk(chunk)
        except WireError as error:
            raise self._malformed(error) from error

    def _malformed(self, error: WireError) -> MalformedReplyError:
        """An answer that the client's wire cannot tell."""
        return malformed_reply(error.message, url=LOCAL_URL, headers={}, content=b"")

    def _end(self, last: Any) -> bytes:
        return b"" if isinstance(last, RawChunk) else self.wire.encode_end()

    def headers(self, report: Report, *, stream: bool) -> dict[str, str]:
        """The provider's headers, and what the call was like as `x-muxi-*`."""
        headers = {**report.headers, "x-muxi-model": report.model}
        for name in FRAMING & headers.keys():
            del headers[name]
        headers["content-type"] = self.wire.content_type(report.headers, stream=stream)
        if report.cache_hit:
            headers["x-muxi-cache"] = f"{report.cache_hit}{'; stale' if report.stale else ''}"
        if report.shared:
            headers["x-muxi-shared"] = "true"
        if report.preset:
            headers["x-muxi-preset"] = f"{report.preset}@{report.preset_revision or 'file'}"
        headers["x-muxi-attempts"] = str(len(report.attempts))
        if self.tells_cost and not stream and (cost := report.cost) is not None:
            headers["x-muxi-cost"] = f"{cost:f}"
        headers["x-muxi-latency-ms"] = f"{report.latency * 1000:.1f}"
        changes = self.report(report).adaptations
        if changes:
            told = ", ".join(f"{quote(a.param, NAMED)}={a.action}" for a in changes)
            cut = f"{told[:MOST].rpartition(', ')[0]}, ..."
            headers["x-muxi-adaptations"] = told if len(told) <= MOST else cut
        return headers

    def report(self, report: Report) -> Report:
        """*report*, and what the client's wire could not tell of the answer so far."""
        known = len(self.prepared.request.adaptations)  # and in the report
        lost = self._ledger.entries[known:]
        return replace(report, adaptations=(*report.adaptations, *lost)) if lost else report


def _read(content: bytes) -> Any:
    """A request's body. What is wrong with it quotes nothing of it: there are prompts in there."""
    try:
        return parsed(content)
    except ValueError as error:
        raise WireError("malformed", f"the request body is not JSON ({error})") from error


def _goes_plainly(candidates: Sequence[Candidate], model: object, options: object) -> bool:
    """Whether the client's own server alone is asked, without anything of ours."""
    return (
        all(map(_is_own, candidates))
        and not is_scripted()
        and len(candidates) == 1
        and candidates[0].ref.name == (model or "")
        and not (options or candidates[0].provider.keys)
        and harness.settings() is None
    )


def _meant(door: Door, model: object, raw: Json, given: Mapping[str, Any], own: Own) -> Sequence[Candidate]:
    """Whom a client's request names: its model, and the fallbacks it is given."""
    models = models_of(door.endpoint, model, given, config.settings())
    if config.models and any(map(is_group, models)):
        chain = [choose(one, raw) if is_group(one) else [_candidate(one, own, door.events)] for one in models]
        return [candidate for part in chain for candidate in part]
    first = candidate_of(models[0]) if "provider" in given else _candidate(models[0], own, door.events)
    return [first, *(_candidate(name, own, door.events) for name in models[1:])]


def _candidate(model: object, own: Own, events: Events | None) -> Candidate:
    """Another provider where the model id names one, else the client's own server."""
    if not model:  # the Responses API can do without: a stored prompt knows its model
        return Candidate(ModelRef(own.provider, ""), OwnServer(own, events))
    namespaced = own.explicit and "/" in str(model) and _names_have_slashes(own.url)
    known = (lambda prefix: False) if namespaced else registry.find  # noqa: ARG005 - all of it is a name there
    ref = ModelRef.parse(
        model,
        known,
        default=own.provider if own.explicit else None,
        bare=own.provider,
        hint=registry.hint,
    )
    if ref.provider != own.provider:
        kind = registry.find(ref.provider)
        if not own.explicit or (kind is not None and is_meant(kind)):
            return candidate_of(model)
    if own.explicit and (ref.provider != own.provider or own.provider in HUB_NAMES):
        # Nobody means that provider, or the hub has an organisation of that name: vLLM serves such names.
        ref = ModelRef(own.provider, str(model))
    server = OwnServer(own, events)
    server.keys = () if own.explicit else _pool_of(own)
    if not own.explicit and not server.keys and not _key_of(own):
        name = own.provider
        message = f"no API key for {name}: set {name.upper()}_API_KEY, or pass api_key= to the client"
        raise MissingCredentialsError(message)
    return Candidate(ref, server)


def _is_within(url: str, target: str) -> bool:
    """Whether *target* is on the server of *url*, or the same one by TLS: it may have what that was sent."""
    here, there = urlsplit(url), urlsplit(target)
    return here.hostname == there.hostname and (
        (here.scheme, here.port) == (there.scheme, there.port)
        or (here.scheme, here.port or 80, there.scheme, there.port or 443) == ("http", 80, "https", 443)
    )


def _key_of(own: Own) -> str | None:
    """The key the client brings along."""
    return (
        own.headers.get("x-api-key") or own.headers.get("authorization", "").removeprefix("Bearer ") or None
    )


def _pool_of(own: Own) -> tuple[str, ...]:
    """The vendor's key pool, unless the client was given a key of its own."""
    kind = registry.find(own.provider)
    assert kind is not None  # the clients' own vendors are there
    found = config.credentials(kind)
    return found.keys if _key_of(own) in {None, found.api_key, *found.keys} else ()


def _is_own(candidate: Candidate) -> bool:
    return isinstance(candidate.provider, OwnServer)


@lru_cache  # asked for each request, and the answer takes a look at every provider
def _names_have_slashes(url: str) -> bool:
    """Whether *url* is a service like OpenRouter, whose own model names look like ours."""
    kinds = [kind for kind in registry.own() if kind.namespaced_models and kind.base_url]
    return any(url.startswith(kind.base_url) for kind in kinds)


NAMED, MOST = "/[]", 4096
"""Besides letters, digits and `_.-~`: what parameters' names have in a header, where a client's own may hold
anything; and how long that header may be.
"""

HUB_NAMES = {"openai"}
"""Vendors whose name starts those of models that others serve: `openai/gpt-oss-20b` is the hub's own name."""

NOT_SENT = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}
FRAMING = {"content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive"}
"""Headers about how the provider's bytes came, not about what they say."""

REDIRECTS = 5
"""How often a request is sent on."""

RAW = "x-stainless-raw-response"
"""What both vendors' clients say in a request whose caller will look at the response's headers."""

TRIES = "x-stainless-retry-count"
