"""Anthropic's Messages for tests: encode a request, check it by the vendor's own types, tell a reply."""

from __future__ import annotations

import json
from typing import Any

from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import BaseModel, TypeAdapter

from muxi_llm.wire.anthropic.messages import AnthropicMessages
from muxi_llm.wire.base import dumps
from tests.support.bodies import HELLO, events, message
from tests.support.codec import WireCodec

PARAMS = TypeAdapter(MessageCreateParamsNonStreaming)
CLAUDE = "claude-sonnet-4-5"
OLD_CLAUDE = "claude-3-haiku-20240307"

OF_AN_OLDER_VERSION = ("temperature", "top_p", "top_k")
"""What API version 2026-10-21 (and so the vendor's types) no longer has, and 2023-06-01, ours, does."""


class Codec(WireCodec):
    """A Messages wire for one request."""

    provider, kind, model = "anthropic", AnthropicMessages, CLAUDE


def encode(messages: Any = HELLO, **body: Any) -> dict[str, Any]:
    """The body on the wire."""
    return Codec(messages, **body).out


def turns(*messages: dict[str, Any], **body: Any) -> list[dict[str, Any]]:
    """The messages on the wire."""
    return encode(list(messages), **body)["messages"]


def check(body: dict[str, Any]) -> None:
    """*body* is a request by the vendor's types, and holds nothing that they do not know."""
    typed = {name: value for name, value in body.items() if name not in {*OF_AN_OLDER_VERSION, "stream"}}
    assert _plain(PARAMS.validate_python(typed)) == typed


def _plain(value: Any) -> Any:
    """The vendor's `Iterable`s are validated as they are read, so all of them are read here."""
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(exclude_unset=True))
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return (
        value
        if isinstance(value, str) or not hasattr(value, "__iter__")
        else [_plain(item) for item in value]
    )


# ------------------------------------------------------------------------------------------ replies


def told(*blocks: Any, stop: str = "end_turn", cut: int = 7, **fields: Any) -> list[bytes]:
    """The stream of `message(*blocks, ...)`: text, thinking and inputs in fragments of *cut* characters."""
    raw = message(*blocks, stop=stop, **fields)
    usage = raw["usage"]
    start = {**raw, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    delta = {"stop_reason": stop, "stop_sequence": None}
    delta.update({name: raw[name] for name in ("stop_details", "container") if name in raw})
    return events(
        {"type": "message_start", "message": start},
        {"type": "ping"},
        *(event for index, block in enumerate(raw["content"]) for event in block_events(index, block, cut)),
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage["output_tokens"]}},
        {"type": "message_stop"},
    )


def block_events(index: int, block: dict[str, Any], cut: int) -> list[dict[str, Any]]:
    """The events of one content block."""
    begun, deltas = dict(block), []
    kind = block["type"]
    if kind == "text":
        begun["text"] = ""
        deltas = [{"type": "citations_delta", "citation": c} for c in begun.pop("citations", None) or ()]
        deltas += [{"type": "text_delta", "text": piece} for piece in _cut(block["text"], cut)]
    elif kind == "thinking":
        begun.update(thinking="", signature="")
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _cut(block["thinking"], cut)]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif "input" in block:
        begun["input"] = {}
        text = dumps(block["input"]).decode() if block["input"] else ""
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *_cut(text, cut)]]
    return [
        {"type": "content_block_start", "index": index, "content_block": begun},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def call(name: str = "f", arguments: Any = None, call_id: str = "toolu_1") -> dict[str, Any]:
    """A tool call in the chat form; *arguments* that are no string are dumped."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}


def tool_use(
    name: str = "f", arguments: Any = None, call_id: str = "toolu_1", **fields: Any
) -> dict[str, Any]:
    """A tool call as Anthropic has it."""
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments or {}, **fields}


def tool(name: str = "f", **function: Any) -> dict[str, Any]:
    """A tool definition in the chat form."""
    return {"type": "function", "function": {"name": name, **function}}


def system(content: Any, role: str = "system", **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def user(content: Any = "Hi", **fields: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **fields}


def assistant(content: Any = None, *calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": content, **fields}
    return {**said, "tool_calls": list(calls)} if calls else said


def result(content: Any = "ok", call_id: str = "toolu_1", **fields: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **fields}


def text(said: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **fields}
