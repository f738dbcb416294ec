"""Gemini's generateContent for tests: encode a request, tell a reply, whole or streamed."""

from __future__ import annotations

import json
from typing import Any

from muxi_llm.models import ChatCompletion
from muxi_llm.providers.profiles import profile_of
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Ledger, WireError, dumps
from muxi_llm.wire.gemini import GenerateContent
from tests.support.bodies import HELLO

GEMINI = "gemini-2.5-flash"
GEMINI_3 = "gemini-3-flash-preview"


class Codec:
    """A wire for one request, with what became of it."""

    def __init__(
        self,
        messages: Any = HELLO,
        *,
        model: str = GEMINI,
        strict: bool = False,
        native: Any = (),
        **body: Any,
    ) -> None:
        self.ledger = Ledger("google", strict=strict)
        self.wire = GenerateContent(model, self.ledger, profile_of(model))
        self.out = self.wire.encode_request({"messages": messages, **body}, stream=body.get("stream", False))
        self.out.update(native)
        self.wire.settle(self.out)

    @property
    def told(self) -> dict[str, tuple[str, bool]]:
        """The ledger: parameter → what happened, and whether that is a loss."""
        return {entry.param: (entry.action, entry.loss) for entry in self.ledger.entries}

    def whole(self, raw: Any) -> ChatCompletion:
        """The value of an unstreamed reply."""
        return self.wire.decode_response(dumps(raw), created=1)

    def items(self, *pieces: bytes) -> list[Any]:
        """What the decoder gives for a stream that arrives in these pieces."""
        decoder = self.wire.stream_decoder(created=1)
        items = [item for piece in pieces for item in decoder.feed(piece)]
        return items + decoder.finish()

    def streamed(self, *pieces: bytes) -> ChatCompletion:
        """The value that the stream's chunks add up to."""
        items = self.items(*pieces)
        assert not [item for item in items if isinstance(item, WireError)]
        return collect(items)


def encode(messages: Any = HELLO, **body: Any) -> dict[str, Any]:
    """The body on the wire."""
    return Codec(messages, **body).out


def contents(*messages: dict[str, Any], **body: Any) -> list[dict[str, Any]]:
    """The contents on the wire."""
    return encode(list(messages), **body)["contents"]


# ------------------------------------------------------------------------------------------ replies


def reply(*parts: Any, finish: str | None = "STOP", usage: Any = None, **candidate: Any) -> dict[str, Any]:
    """A reply of one candidate; strings are parts of text."""
    told = [{"text": part} if isinstance(part, str) else part for part in parts]
    made: dict[str, Any] = {"content": {"role": "model", "parts": told}, "index": 0, **candidate}
    if finish:
        made["finishReason"] = finish
    raw = {"candidates": [made], "modelVersion": GEMINI, "responseId": "resp_1"}
    return {**raw, "usageMetadata": usage} if usage else raw


def sse(*replies: Any) -> list[bytes]:
    """The stream of these replies, an event each."""
    return [b"data: " + json.dumps(raw).encode() + b"\r\n\r\n" for raw in replies]


def function_call(
    name: str = "f", args: Any = None, signature: str | None = None, **call: Any
) -> dict[str, Any]:
    """A function call as Gemini has it."""
    part = {"functionCall": {"name": name, "args": args or {}, **call}}
    return {**part, "thoughtSignature": signature} if signature else part
