"""What every codec shares: the bytes to send and receive, the ledger of losses, the `Wire` verbs.

Rules of this layer: no I/O, no clock, no logging. A codec object lives for one attempt and may hold
state of it (a stream's open blocks, shortened tool names). It says `WireError` when a provider's
bytes are an error or make no sense; the provider turns that into one of `muxi_llm.errors`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar, cast

import orjson
from pydantic import BaseModel, ValidationError

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.models import Adaptation
from muxi_llm.wire.json_text import UnsendableTextError, parsed, written
from muxi_llm.wire.mending import MENDS
from muxi_llm.wire.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]
Endpoint = Literal[
    "chat", "completion", "embedding", "models", "image", "image_edit", "moderation", "rerank",
    "transcription", "translation", "speech",
    "file.create", "file.list", "file.retrieve", "file.content", "file.delete",
    "batch.create", "batch.list", "batch.retrieve", "batch.cancel",
]  # fmt: skip
Value = TypeVar("Value", bound=BaseModel)

SPOKEN = frozenset({"chat", "completion", "embedding", "models"})
"""Endpoints whose requests are fitted by the tables of models' families and of providers; those of all others
by `Provider.quirks`."""

# ------------------------------------------------------------------------------ bytes in and out


@dataclass(slots=True)
class WireCall:
    """One HTTP request, complete. timeout: seconds for the attempt (of a stream: to its first chunk, and from
    each to the next).
    """

    url: str = field(repr=False)  # may hold a password, as headers hold keys
    headers: dict[str, str] = field(repr=False)
    body: bytes | Upload = field(repr=False)
    stream: bool = False
    timeout: float = 600.0
    method: str = "POST"

    @property
    def whole(self) -> bytes:
        """The body, of a call that has no files."""
        if isinstance(self.body, Upload):
            raise TypeError("an upload is sent in pieces, it cannot be had in one")
        return self.body


class BodyReader(Protocol):
    """A reply's body, pulled. `read` gives the next bytes as they arrive and `b""` at the end."""

    async def read(self) -> bytes:
        """The next bytes, `b""` at the end."""

    def renew(self) -> None:
        """The next chunk may take all of the time-out, from now: `read` counts until here what it has had."""

    async def finish(self) -> None:
        """Free the connection behind a complete answer, waiting for nothing. It is used again if the end
        of its body is there already.
        """

    async def close(self) -> None:
        """Free the connection; may be called twice."""

    def abandon(self) -> None:
        """`close` for a finalizer: must not block, need not have happened on return."""


@dataclass(slots=True)
class Reply:
    """What came back. headers: lower-case names. received: epoch seconds, stamped by the transport."""

    status: int
    headers: Mapping[str, str]
    content: bytes = b""
    reader: BodyReader | None = None
    received: float = 0.0


# ------------------------------------------------------------------------------------- adaptation


@dataclass(slots=True)
class Ledger:
    """Collects what is changed for one candidate; in strict mode the first loss is an error."""

    provider: str
    strict: bool = False
    entries: list[Adaptation] = field(default_factory=list)

    def dropped(self, param: str, detail: str, *, loss: bool = True) -> None:
        """*param* was left out."""
        self._add(Adaptation(param, "dropped", detail, loss))

    def changed(self, param: str, detail: str, *, loss: bool = True) -> None:
        """*param* was sent with another value."""
        self._add(Adaptation(param, "changed", detail, loss))

    def added(self, param: str, detail: str, *, loss: bool = False) -> None:
        """*param* was not given and had to be."""
        self._add(Adaptation(param, "added", detail, loss))

    def moved(self, param: str, detail: str, *, loss: bool = False) -> None:
        """*param* says the same in another place."""
        self._add(Adaptation(param, "moved", detail, loss))

    def renamed(self, param: str, new: str) -> None:
        """*param* was sent as *new*."""
        self._add(Adaptation(param, "renamed", f"sent as {new}", loss=False))

    def _add(self, entry: Adaptation) -> None:
        if self.strict and entry.loss:
            raise UnsupportedParameterError(f"{self.provider}: {entry}", param=entry.param)
        self.entries.append(entry)


@dataclass(frozen=True, slots=True)
class Profile:
    """Quirks of a model family, whoever serves it. Defaults mean "nothing special"."""

    renames: Mapping[str, str] = field(default_factory=dict)
    drops: Mapping[str, str] = field(default_factory=dict)
    forces: Mapping[str, Any] = field(default_factory=dict)
    """The only value taken."""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """The least and the most a parameter may be."""
    takes: frozenset[str] | None = None
    """At an endpoint other than those of `SPOKEN`: the only parameters there are; `None`: all of OpenAI's."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """There: what is so without being asked for, and is not sent."""
    voices: tuple[str, ...] = ()
    """Those it speaks with; empty: nobody knows."""
    streams: bool = False
    """There: whether it does."""
    max_output_tokens: int | None = None
    """The most it can say; `None`: nobody knows."""
    thinking: Literal["none", "budget", "adaptive"] = "none"
    """How Anthropic's wire asks for it."""
    efforts: tuple[str, ...] | None = None
    """Levels of `reasoning_effort`, rising; empty: it takes none of them; `None`: nobody knows."""
    json_schema_support: bool | None = None
    reasons: bool = False
    """It does where nobody says how much."""
    drops_while_reasoning: Mapping[str, str] = field(default_factory=dict)
    """`drops`, unless it is told not to reason, or does not by itself."""
    forced_calls: Literal["taken", "unthinking"] = "taken"
    """Whether `tool_choice` may demand a call: always, or only while it does not think."""
    reasoned_calls: bool = False
    """It refuses calls in the history that came without reasoning."""
    responses: Literal["", "tools", "always"] = ""
    """What OpenAI's chat completions refuse of it and its Responses take: calls while it reasons, or all."""

    def reasons_at(self, effort: str | None) -> bool:
        """Whether it reasons when asked with *effort*, or without a word about it."""
        return self.reasons if effort is None else effort != "none"


# ------------------------------------------------------------------------------------------ faults


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as a provider's bytes tell it. status: HTTP's, or the one the error object stands for."""

    status: int
    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None
    body: object = None


class WireError(Exception):
    """The bytes are an error object (*fault*), or they are malformed, cut off or too many.

    partial: what a whole reply had said, where it says that it failed.
    """

    def __init__(
        self,
        kind: Literal["fault", "malformed", "incomplete", "too_large"],
        message: str,
        fault: Fault | None = None,
        *,
        partial: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.fault = fault
        self.partial = partial

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WireError) and (self.kind, self.message) == (other.kind, other.message)

    __hash__ = Exception.__hash__


class StreamDecoder(Protocol):
    """Bytes in, chunks out. A `WireError` may be the last item; after it nothing more comes.

    over: the stream's own end was seen; whatever the connection still does is not part of the answer.
    It may have `counted`, what the provider has counted so far, where its chunks do not say.
    """

    @property
    def over(self) -> bool:
        """Whether the answer is complete."""

    def feed(self, data: bytes) -> list[Any]:
        """The chunks completed by *data*."""

    def finish(self) -> list[Any]:
        """The connection ended: the last chunks, or a `WireError` if the answer is not whole."""


class Wire:
    """One API family's codec for one attempt. Subclasses fill in the verbs, in this order."""

    endpoint: ClassVar[Endpoint] = "chat"
    method: ClassVar[str] = "POST"
    path: str = ""
    stream_headers: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    """What one request says in headers of its own."""
    giver: str = ""
    """Whose the state in the answers is (`wire/state.py`)."""
    settings: Mapping[str, str] = {}
    """The provider's further settings (`settings_env`)."""
    storage: str = ""
    """Where the provider's object storage is, for those who keep files in one."""
    prelude: bool = False
    """Whether another request goes before the one that is answered by a stream."""
    binary: ClassVar[bool] = False
    """Whether its stream is of bytes, whatever type they say they are."""
    inlines: ClassVar[int] = 0
    """Bytes of a file it takes inside of JSON; such files are read before they are encoded."""

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        self.model = model
        self.ledger = ledger
        self.profile = profile

    def path_for(self, *, stream: bool) -> str:  # noqa: ARG002 - most wires have one path for both
        """Where below the base URL this attempt goes."""
        return self.path

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        """OpenAI-shaped parameters → this wire's body, losses told to the ledger."""
        raise NotImplementedError

    def settle(self, body: Json) -> None:
        """Make *body* consistent, in place, once the caller's native options are merged into it."""

    def content_of(self, body: Json) -> bytes | Upload:
        """The settled *body* as it is sent: JSON, or a form where there are files in it."""
        return dumps(body)

    def following(self, call: WireCall, reply: Reply) -> WireCall | None:  # noqa: ARG002 - one is enough to most
        """The request behind *call*, which *reply* answered, where one is not enough. `None`: that was the
        last one. It is authorized like the first, and goes to the provider's own servers alone.
        """
        return None

    def decode_response(self, data: bytes, *, created: int) -> Any:
        """The wire's bytes → a typed value. created: epoch seconds, where the wire has none."""
        raise NotImplementedError

    def stream_decoder(self, *, created: int) -> StreamDecoder:
        """A fresh decoder for one stream."""
        raise NotImplementedError

    @classmethod
    def decode_fault(cls, status: int, data: bytes) -> Fault:
        """An error reply's bytes, whatever their shape, → a `Fault`."""
        return decode_fault(status, data)


# ----------------------------------------------------------------------------------------- helpers


def dumps(value: object) -> bytes:
    """JSON bytes; pydantic objects among the values are dumped as their API form.

    Raises `TypeError` for what JSON has no form for, its `UnsendableTextError` for half of a surrogate pair.
    """
    try:
        return orjson.dumps(value, default=plain, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError as error:
        if "64-bit" not in str(error):
            kind = UnsendableTextError if "surrogates" in str(error) else TypeError
            raise kind(f"a parameter cannot be sent as JSON: {error}") from None  # it holds the text
    try:
        return json.dumps(value, default=plain, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise UnsendableTextError("a parameter cannot be sent as JSON: it is no UTF-8") from None


def dumps_answer(value: object) -> bytes:
    """JSON of an answer, whatever a server put into it."""
    return written(value, default=plain)


def plain(value: Any) -> Any:
    """A pydantic object, mapping or other iterable as plain JSON data."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)
    if hasattr(value, "keys"):
        return {key: value[key] for key in value.keys()}  # noqa: SIM118 - only `keys` is promised
    if hasattr(value, "__iter__") and not isinstance(value, bytes | bytearray):  # never as a list of numbers
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON serializable")


def overlaid(base: Mapping[str, Any], given: Mapping[str, Any]) -> Json:
    """*base* with the native options *given* laid over it: objects are merged, however deep, anything else is
    replaced. Objects of two different `type`s say two things (`{"type": "enabled", "budget_tokens": 1024}`
    and `{"type": "adaptive"}`), and are not merged.
    """
    out = dict(base)
    for name, value in given.items():
        kept = out.get(name)
        if isinstance(kept, dict) and isinstance(value, dict) and _say_one_thing(kept, value):
            value = overlaid(kept, value)  # noqa: PLW2901
        out[name] = value
    return out


def _say_one_thing(kept: Json, value: Json) -> bool:
    return "type" not in kept or "type" not in value or bool(kept["type"] == value["type"])


def is_neutral(param: str, value: object) -> bool:
    """Whether *value* asks for what happens anyway, so that leaving it out loses nothing."""
    return param in NEUTRAL and value == NEUTRAL[param]


def loads(data: bytes) -> Any:
    """JSON, or a `WireError` that quotes the beginning of what came instead."""
    try:
        return parsed(data)
    except ValueError as error:
        start = data[:200].decode("utf-8", "replace")
        raise WireError("malformed", f"the reply is not JSON ({error}): {start!r}") from error


def read_value(kind: type[Value], data: bytes, *, mend: bool = True) -> Value:
    """Typed value of *data*, an error object in it is raised.

    mend: put right what is off the schema, so that callers' usual code can read it.
    """
    try:
        value: Value = kind.__pydantic_validator__.validate_json(data)
    except ValidationError:
        raw = loads(data)
        raise_in_band(raw)
        return build_value(kind, raw, mend=mend)
    if b'"error"' in data:  # cheap test first: providers that put an error beside a valid shape are few
        raise_in_band(loads(data))
    return value


def build_value(kind: type[Value], raw: Json, *, mend: bool = True) -> Value:
    """Typed value of plain data, which is mended in place where it is off-schema."""
    try:
        return kind.model_validate(raw)
    except ValidationError:
        return lenient(kind, raw, mend=mend)


def lenient(kind: type[Value], raw: object, *, mend: bool = True) -> Value:
    """The openai package's own construction: no validation, what is not mended is kept."""
    payload = "choices" if "choices" in kind.model_fields else "data"
    items = raw.get(payload) if isinstance(raw, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise WireError("malformed", f"the reply has no {payload}: {str(raw)[:200]}")
    if mend and kind in MENDS:
        try:
            MENDS[kind](cast("Json", raw))
        except ValueError as error:
            raise WireError("malformed", f"{error}: {str(raw)[:200]}") from error
    return kind.construct(**cast("Json", raw))


def raise_in_band(raw: object) -> None:
    """Raise if *raw* is (or carries) an error object.

    Proxies answer 200 with one, OpenRouter marks a choice with it, vLLM's own has no `error` key, Gemini's
    compatible endpoint wraps it in a list.
    """
    if isinstance(raw, list) and raw:
        raw = raw[0]
    if not isinstance(raw, dict):
        return
    choices = raw.get("choices")
    for holder in (raw, *(choices if isinstance(choices, list) else ())):
        if isinstance(holder, dict) and (holder.get("error") or holder.get("object") == "error"):
            fault = fault_of(500, holder)
            raise WireError("fault", fault.message, fault)


def decode_fault(status: int, data: bytes, *, in_band: bool = False) -> Fault:
    """An error body of any shape seen in the field: object, list, string, HTML, nothing."""
    try:
        raw = loads(data)
    except WireError:
        text = data[:500].decode("utf-8", "replace").strip()
        return Fault(status, text or f"HTTP {status} without a body", body=text or None)
    return fault_of(status, raw, in_band=in_band)


def fault_of(status: int, raw: object, *, in_band: bool = True) -> Fault:
    """The error inside decoded JSON. An in-band one tells its own status by number, type or code."""
    if isinstance(raw, list) and raw:  # Gemini's compatible endpoint wraps the object in an array
        raw = raw[0]
    error = raw.get("error") or raw if isinstance(raw, dict) else raw
    if not isinstance(error, dict):
        return Fault(status, str(error or f"HTTP {status} without a message"), body=error)
    code = error.get("code")
    kind = error.get("type")
    if in_band:
        status = _in_band_status(status, error)
    return Fault(
        status,
        str(error.get("message") or error.get("detail") or error.get("error") or error),
        type=kind if isinstance(kind, str) else None,
        code=None if code is None else str(code),
        param=error.get("param") if isinstance(error.get("param"), str) else None,
        body=error,
    )


def _in_band_status(default: int, error: Json) -> int:
    for key in ("code", "status", "status_code"):
        value = error.get(key)
        if isinstance(value, int) and 400 <= value < 600:
            return value
        if isinstance(value, str) and len(value) == 3 and value.isdecimal() and 400 <= int(value) < 600:
            return int(value)
    for key in ("code", "type"):  # the code is the more particular of the two
        value = error.get(key)
        if isinstance(value, str) and value in STATUS_BY_TYPE:
            return STATUS_BY_TYPE[value]
    return default


# Anthropic's types: https://docs.anthropic.com/en/api/errors; OpenAI's: https://platform.openai.com/docs/guides/error-codes
STATUS_BY_TYPE: dict[str, int] = {
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}

NEUTRAL: dict[str, object] = {
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logit_bias": {},
    "logprobs": False,
    "modalities": ["text"],
    "n": 1,
    "store": False,
    "temperature": 1,
    "top_p": 1,
}
