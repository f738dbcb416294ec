"""Cohere's wire in tests: bodies it answers, events it streams, and what this library sends it."""

from __future__ import annotations

import json
from typing import Any

from muxi_llm.core.body import body_of
from muxi_llm.models import Adaptation
from muxi_llm.providers.cohere import CohereProvider
from muxi_llm.wire.base import Ledger
from muxi_llm.wire.cohere.chat import CohereChat

USAGE = {
    "billed_units": {"input_tokens": 3, "output_tokens": 2},
    "tokens": {"input_tokens": 70, "output_tokens": 5, "reasoning_tokens": 1},
    "cached_tokens": 64,
}
COUNTED = {
    "prompt_tokens": 70,
    "completion_tokens": 5,
    "total_tokens": 75,
    "prompt_tokens_details": {"cached_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 1},
    "billed_units": {"input_tokens": 3, "output_tokens": 2},
}
CITATION = {"start": 0, "end": 2, "text": "Hi", "sources": [{"type": "document", "id": "doc:0"}]}


def call(name: str = "f", arguments: str = '{"a":1}', call_id: str = "f_1") -> dict[str, Any]:
    """A tool call; its form is OpenAI's."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(name: str = "f", **function: Any) -> dict[str, Any]:
    """A tool; its form is OpenAI's, too."""
    parameters = {"type": "object", "properties": {"a": {"type": "integer"}}}
    return {"type": "function", "function": {"name": name, "parameters": parameters, **function}}


def said(text: str | None = "Hi", *, finish: str = "COMPLETE", **message: Any) -> dict[str, Any]:
    """A whole answer."""
    content = {} if text is None else {"content": [{"type": "text", "text": text}]}
    return {
        "id": "c-1",
        "message": {"role": "assistant", **content, **message},
        "finish_reason": finish,
        "usage": USAGE,
    }


def event(kind: str, message: Any = None, **fields: Any) -> dict[str, Any]:
    """One event of a stream."""
    delta = {} if message is None else {"delta": {"message": message}}
    return {"type": kind, **delta, **fields}


def start() -> dict[str, Any]:
    """A stream's first event."""
    empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    return event("message-start", empty, id="c-1")


def end(finish: str = "COMPLETE", **delta: Any) -> dict[str, Any]:
    """A stream's last event."""
    return event("message-end", delta={"finish_reason": finish, "usage": USAGE, **delta})


def part(kind: str, *texts: str, index: int = 0) -> list[dict[str, Any]]:
    """The events of a text or a thinking part."""
    return [
        event("content-start", {"content": {"type": kind, kind: ""}}, index=index),
        *(event("content-delta", {"content": {kind: text}}, index=index) for text in texts),
        event("content-end", index=index),
    ]


def called(*fragments: str, index: int = 0, name: str = "f", call_id: str = "f_1") -> list[dict[str, Any]]:
    """The events of a tool call."""
    return [
        event("tool-call-start", {"tool_calls": call(name, "", call_id)}, index=index),
        *(
            event("tool-call-delta", {"tool_calls": {"function": {"arguments": text}}}, index=index)
            for text in fragments
        ),
        event("tool-call-end", index=index),
    ]


def sse(*events: dict[str, Any]) -> list[bytes]:
    """Events as their bytes, one piece each, and the `[DONE]` Cohere ends with."""
    pieces = [f"event: {item.get('type')}\ndata: {json.dumps(item)}\n\n".encode() for item in events]
    return [*pieces, b"data: [DONE]\n\n"]


def told(*texts: str) -> list[bytes]:
    """A whole stream that says *texts*."""
    return sse(start(), *part("text", *texts), end())


class Codec:
    """One request through the codec: what goes out, what was told to the ledger, and the reply read."""

    def __init__(
        self, messages: Any = None, *, model: str = "command-a-03-2025", extra: Any = None, **params: Any
    ) -> None:
        self.ledger = Ledger("cohere")
        self.wire = CohereChat(model, self.ledger, CohereProvider().profile(model))
        given = {"messages": messages or [{"role": "user", "content": "Hello"}], **params}
        body, _ = body_of("chat", given)
        self.out = self.wire.encode_request(body, stream=bool(params.get("stream")))
        self.out.update(extra or {})
        self.wire.settle(self.out)

    @property
    def told(self) -> list[tuple[str, str, bool]]:
        """Parameter, action and whether it is a loss, of each adaptation."""
        entries: list[Adaptation] = self.ledger.entries
        return [(entry.param, entry.action, entry.loss) for entry in entries]

    def read(self, body: dict[str, Any]) -> Any:
        """The value of a reply."""
        return self.wire.decode_response(json.dumps(body).encode(), created=7)

    def stream(self, *pieces: bytes) -> list[Any]:
        """What a stream's bytes amount to."""
        decoder = self.wire.stream_decoder(created=7)
        return [*(item for piece in pieces for item in decoder.feed(piece)), *decoder.finish()]
