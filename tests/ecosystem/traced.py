"""What tracers see: one call by a module's client, and the spans that come of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel

from tests.ecosystem import model
from tests.support import openai_server
from tests.support.bodies import HELLO
from tests.support.upstream import Upstream

COLOURS = ["sync", "async"]


class Person(BaseModel):
    """Who it is."""

    name: str
    age: int


TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
ASK: dict[str, Any] = {"model": "gpt-4o", "messages": HELLO}

CALLS: dict[str, Callable[[Any], Any]] = {
    "chat": lambda c: c.chat.completions.create(**ASK),
    "chat, with tools": lambda c: c.chat.completions.create(**ASK, tools=TOOLS),
    "chat, streamed": lambda c: c.chat.completions.create(**ASK, stream=True),
    "chat, streamed with its usage": lambda c: c.chat.completions.create(
        **ASK, stream=True, stream_options={"include_usage": True}
    ),
    "chat, raw": lambda c: c.chat.completions.with_raw_response.create(**ASK),
    "chat, parsed": lambda c: c.chat.completions.parse(**ASK, response_format=Person),
    "embeddings": lambda c: c.embeddings.create(model="text-embedding-3-small", input=["a", "b"]),
    "responses": lambda c: c.responses.create(model="gpt-4o", input="Hello"),
    "responses, streamed": lambda c: c.responses.create(model="gpt-4o", input="Hello", stream=True),
    "responses, parsed": lambda c: c.responses.parse(model="gpt-4o", input="Hello", text_format=Person),
    "not found": lambda c: c.post("/nowhere", body={}, cast_to=object),
}


class Tracing:
    """OpenTelemetry that keeps what it is told."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def spans(self, module: ModuleType, colour: str, call: Callable[[Any], Any]) -> list[Any]:
        """The spans of one call by *module*'s client, without what is another each time."""
        self.exporter.clear()
        with Upstream(model.answer) as upstream:
            try:
                openai_server.run(module, colour, upstream, call)
            except module.APIStatusError:
                pass
            told = json.dumps([_plain(span) for span in self.exporter.get_finished_spans()], default=str)
        return json.loads(re.sub(r"took [\d.]+s", "took SECONDS", told.replace(str(upstream.port), "PORT")))


CHANGES = (
    "duration",
    "timestamp",
    "time_to_first",
    "code.",
    "fingerprint",
    "thread",
    "host",
    "session",
    "start_time",
)
"""Parts of names whose values are others each time."""


def _plain(span: ReadableSpan) -> dict[str, Any]:
    attributes = {n: v for n, v in (span.attributes or {}).items() if not any(part in n for part in CHANGES)}
    events = [(event.name, sorted(event.attributes or ())) for event in span.events]
    return {
        "name": span.name,
        "status": span.status.status_code.name,
        "attributes": attributes,
        "events": events,
    }
