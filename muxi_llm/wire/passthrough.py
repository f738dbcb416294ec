"""A client's own wire, spoken by the server it was meant for: bodies go through as they came, both ways.

Only a light tap listens: an error object inside a success, the first event with something in it, and
the event that ends a stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.models import RawChunk, RawValue
from muxi_llm.wire.base import Json, Wire, WireError, fault_of, loads, raise_in_band
from muxi_llm.wire.event_decoder import EventDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.wire.base import Ledger, Profile
    from muxi_llm.wire.upload import Upload


class Heard(NamedTuple):
    """What the tap makes of one event. commits: there is something of an answer in it. is_last: nothing comes
    after it. text: what it adds to the answer's text.
    """

    commits: bool
    is_last: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Events:
    """What the tap must know of a wire whose events have a `type`."""

    preamble: frozenset[str]
    """Events before there is an answer: a stream that breaks after them alone may still fall back."""
    last: frozenset[str]
    """Events that end a whole stream."""
    answer: frozenset[str]
    """Fields of a whole answer, of which it has one at least."""
    texts: Mapping[str, tuple[str, ...]]
    """Events that add to the answer's text, and the way to it."""
    done: frozenset[bytes] = frozenset()
    """Data that end a stream and are no event."""

    def heard(self, event: Json) -> Heard:
        """What *event* says."""
        kind = str(event.get("type"))
        found: Any = event if kind in self.texts else None
        for key in self.texts.get(kind, ()):
            found = found.get(key) if isinstance(found, dict) else None
        text = found if isinstance(found, str) else ""
        return Heard(kind not in self.preamble, kind in self.last, text)


@dataclass(frozen=True, slots=True)
class ChunkEvents:
    """The same of OpenAI's chat and text completions, whose chunks have no type."""

    answer: frozenset[str] = frozenset({"choices"})
    done: frozenset[bytes] = frozenset({b"[DONE]"})

    def heard(self, event: Json) -> Heard:
        """What a chunk says. Raises for an error where a chunk should be."""
        if event.get("error"):
            raise_in_band(event)
        choices = event.get("choices")
        commits, texts = False, []
        for choice in choices if isinstance(choices, list) else ():
            raise_in_band(choice)
            delta = choice.get("delta") or {}
            text = choice.get("text") or delta.get("content")
            texts.append(text if isinstance(text, str) and not choice.get("index") else "")
            commits = (
                commits
                or bool(text or choice.get("finish_reason"))
                or any(value for name, value in delta.items() if name != "role")
            )
        return Heard(commits, text="".join(texts))


class Through(NamedTuple):
    """A wire that is passed through: its path below the base URL, and how its streams are heard.

    used: what was used for a whole answer, told by what was said (`{}` for what is no JSON). Where there is
    one, an answer may be anything: a picture, a text, a sound. form: a model's name → the body as it came but
    for that, and its type, where it is no JSON.
    """

    path: str
    events: Events | ChunkEvents | None = None
    used: Callable[[Json], Any] | None = None
    form: tuple[Callable[[str], bytes], str] | None = None


def usage_told(event: Json) -> tuple[Any, Any, Any]:
    """The usage an event tells of, the model and the tier of service; `None` for each that it does not."""
    for inner in (event.get("message"), event.get("response"), event):
        if isinstance(inner, dict) and isinstance(inner.get("usage"), dict):
            return inner["usage"], inner.get("model"), inner.get("service_tier")
    return None, None, None


class Passthrough(Wire):
    """Any wire: what is asked and what is answered stay what they are."""

    stream_headers = {"accept": "text/event-stream"}

    def __init__(self, model: str, ledger: Ledger, profile: Profile, through: Through) -> None:
        super().__init__(model, ledger, profile)
        self.path = through.path
        self._events = through.events or ANY
        self._through = through
        if through.form is not None:
            self.headers = {"content-type": through.form[1]}

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - the body says it
        return {"model": self.model, **body} if self.model else dict(body)

    def content_of(self, body: Json) -> bytes | Upload:
        form = self._through.form
        return super().content_of(body) if form is None else form[0](self.model)

    def decode_response(self, data: bytes, *, created: int) -> RawValue:  # noqa: ARG002 - in the body
        if self._through.used is not None:
            return self._anything(data, self._through.used)
        raw = loads(data)
        is_error = isinstance(raw, dict) and raw.get("type") == "error"
        if isinstance(raw, dict) and not self._events.answer.isdisjoint(raw) and not is_error:
            return RawValue(data, *usage_told(raw))
        raise_in_band(raw)
        if is_error:
            fault = fault_of(500, raw)
            raise WireError("fault", fault.message, fault)
        raise WireError("malformed", f"the reply is no answer: {str(raw)[:200]}")

    def _anything(self, data: bytes, used: Callable[[Json], Any]) -> RawValue:
        """Whatever it is, but for an error where an answer should be."""
        raw = loads(data) if data[:1] == b"{" else {}
        raise_in_band(raw)
        return RawValue(data, used(raw), raw.get("model"))

    def stream_decoder(self, *, created: int) -> PassthroughDecoder:  # noqa: ARG002
        return PassthroughDecoder(self._events.heard, self._events.done)


class PassthroughDecoder(EventDecoder[RawChunk]):
    """Bytes in, the same bytes out, with what the tap heard."""

    terminator = "its last event"

    def __init__(self, hear: Callable[[Json], Heard], done: frozenset[bytes]) -> None:
        super().__init__()
        self._hear = hear
        self._done = done
        self._commits = False
        self._texts: list[str] = []
        self.model: str | None = None
        self.tier: str | None = None

    def feed(self, data: bytes) -> list[RawChunk | WireError]:
        return super().feed(data) or [self._told(data)]

    def read(self, name: bytes, data: bytes) -> tuple[()]:  # noqa: ARG002 - it is in the data
        """Listen: nothing comes of one event, all that was read goes on in one piece."""
        if data in SILENT:
            self.over = self.over or data in self._done
            return ()
        event = loads(data)
        if isinstance(event, dict):
            if event.get("type") == "error":
                fault = fault_of(500, event)
                raise WireError("fault", fault.message, fault)
            if b'"usage"' in data:
                self._count(event)
            heard = self._hear(event)
            self.over = self.over or heard.is_last
            self._commits = self._commits or heard.commits
            self._texts.append(heard.text)
        else:
            self._commits = True
        return ()

    def _count(self, event: Json) -> None:
        """Counts are told in pieces, each for all of the answer so far."""
        usage, model, tier = usage_told(event)
        if usage:
            told = {name: value for name, value in usage.items() if value is not None}
            self.counted = {**(self.counted or {}), **told}
        self.model, self.tier = model or self.model, tier or self.tier

    def _told(self, data: bytes) -> RawChunk:
        told = RawChunk(data, commits=self._commits, text="".join(self._texts))
        self._commits, self._texts = False, []
        return told


SILENT = {b"", b"[DONE]"}
"""Data of events that say nothing; some servers end every kind of stream as OpenAI's chat ends."""


# https://platform.openai.com/docs/api-reference/responses-streaming
RESPONSES = Events(
    preamble=frozenset({"response.created", "response.in_progress", "response.queued"}),
    last=frozenset({"response.completed", "response.failed", "response.incomplete"}),
    answer=frozenset({"output", "status"}),
    texts={"response.output_text.delta": ("delta",)},
)

# https://docs.anthropic.com/en/docs/build-with-claude/streaming
MESSAGES = Events(
    preamble=frozenset({"message_start", "ping"}),
    last=frozenset({"message_stop"}),
    answer=frozenset({"content"}),
    texts={"content_block_delta": ("delta", "text")},
)

# https://platform.openai.com/docs/api-reference/chat-streaming
CHUNKS = ChunkEvents()

# https://platform.openai.com/docs/api-reference/embeddings/create
ANY = ChunkEvents(answer=frozenset({"data", "results", "choices"}))
"""What does not stream."""


def images_counted(raw: Json) -> Any:
    """https://platform.openai.com/docs/api-reference/images/create: tokens, or how many there are."""
    made = raw.get("data")
    return raw.get("usage") or ({"images": len(made)} if isinstance(made, list) and made else None)


def sound_counted(raw: Json) -> Any:
    """https://platform.openai.com/docs/api-reference/audio/json-object: tokens, or seconds."""
    seconds = raw.get("duration")
    return raw.get("usage") or ({"seconds": seconds} if seconds else None)


def ranks_counted(raw: Json) -> Any:
    """https://api.jina.ai/redoc."""
    return raw.get("usage")


def request_counted(raw: Json) -> Any:  # noqa: ARG001 - it is one, whatever it says
    """https://platform.openai.com/docs/api-reference/moderations."""
    return {"requests": 1}
