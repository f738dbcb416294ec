"""A client's own wire, spoken by the server it was meant for: bodies go through as they came, both ways.

Only a light tap listens: an error object inside a success, the first event with something in it, and
the event that ends a stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from muxi_llm.models import RawChunk, RawValue
from muxi_llm.wire.base import Json, Wire, WireError, fault_of, loads, raise_in_band
from muxi_llm.wire.event_decoder import EventDecoder

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Events:
    """What the tap must know of a wire's stream, by event type."""

    preamble: frozenset[str]
    """Events before there is an answer: a stream that breaks after them alone may still fall back."""
    last: frozenset[str]
    """Events that end a whole stream."""
    answer: frozenset[str]
    """Fields of a whole answer, of which it has one at least."""
    texts: Mapping[str, tuple[str, ...]]
    """Events that add to the answer's text, and the way to it."""


class Passthrough(Wire):
    """Any wire whose streams are events with a `type`."""

    def __init__(self, wire: Wire, events: Events) -> None:
        super().__init__(wire.model, wire.ledger, wire.profile)
        self._events = events

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - the body says it
        return {"model": self.model, **body} if self.model else dict(body)

    def decode_response(self, data: bytes, *, created: int) -> RawValue:  # noqa: ARG002 - in the body
        raw = loads(data)
        if isinstance(raw, dict) and not self._events.answer.isdisjoint(raw) and raw.get("type") != "error":
            return RawValue(data)
        raise_in_band(raw)
        if isinstance(raw, dict) and raw.get("type") == "error":
            fault = fault_of(500, raw)
            raise WireError("fault", fault.message, fault)
        raise WireError("malformed", f"the reply is no answer: {str(raw)[:200]}")

    def stream_decoder(self, *, created: int) -> PassthroughDecoder:  # noqa: ARG002
        return PassthroughDecoder(self._events)


class PassthroughDecoder(EventDecoder[RawChunk]):
    """Bytes in, the same bytes out, with what the tap heard."""

    terminator = "its last event"

    def __init__(self, events: Events) -> None:
        super().__init__()
        self._events = events
        self._commits = False
        self._texts: list[str] = []

    def feed(self, data: bytes) -> list[RawChunk | WireError]:
        return super().feed(data) or [self._told(data)]

    def read(self, name: bytes, data: bytes) -> tuple[()]:  # noqa: ARG002 - it is in the data
        """Listen: nothing comes of one event, all that was read goes on in one piece."""
        if data not in SILENT:
            event = self._heard(data)
            kind = str(event.get("type"))
            self.over = self.over or kind in self._events.last
            self._commits = self._commits or kind not in self._events.preamble
            self._texts.append(self._text_of(kind, event))
        return ()

    def _told(self, data: bytes) -> RawChunk:
        told = RawChunk(data, commits=self._commits, text="".join(self._texts))
        self._commits, self._texts = False, []
        return told

    def _heard(self, payload: bytes) -> Json:
        """An event. Raises what one of an error says."""
        event = loads(payload)
        if not isinstance(event, dict):
            return {}
        if event.get("type") == "error":
            fault = fault_of(500, event)
            raise WireError("fault", fault.message, fault)
        return event

    def _text_of(self, kind: str, event: Json) -> str:
        found: Any = event if kind in self._events.texts else None
        for key in self._events.texts.get(kind, ()):
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, str) else ""


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
