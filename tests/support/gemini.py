"""Gemini's generateContent for tests: encode a request, tell a reply, whole or streamed."""

from __future__ import annotations

import json
from typing import Any

from muxi_llm.wire.gemini.generate_content import GenerateContent
from tests.support.bodies import HELLO
from tests.support.codec import WireCodec

GEMINI = "gemini-2.5-flash"
GEMINI_3 = "gemini-3-flash-preview"


class Codec(WireCodec):
    """A generateContent wire for one request."""

    provider, kind, model = "google", GenerateContent, GEMINI


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
