"""Anthropic's Messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.support.speakers.base import (
    SOMEHOW,
    Asked,
    Call,
    Json,
    Said,
    Speaker,
    Trap,
    Usage,
    cut,
    listed,
    sse,
)
from tests.support.speakers.traps import SSE_TRAPS


class AnthropicSpeaker(Speaker):
    """https://docs.anthropic.com/en/api/messages, https://docs.anthropic.com/en/api/messages-streaming."""

    model = "claude-sonnet-4-5"
    # https://docs.anthropic.com/en/api/handling-stop-reasons
    finishes = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
        "pause_turn": "stop",
    }

    def whole(self, said: Said) -> Json:
        return {
            **_head(self.model),
            "content": _blocks(said),
            "stop_reason": _finish(said),
            "stop_sequence": None,
            "usage": _usage(said.usage),
        }

    def events(self, said: Said, *, usage: bool = True) -> list[bytes]:
        counted = _usage(said.usage)
        head = {**_head(self.model), "content": [], "stop_reason": None, "stop_sequence": None}
        events: list[Json] = [
            {"type": "message_start", "message": {**head, "usage": {**counted, "output_tokens": 1}}}
        ]
        for index, block in enumerate(_blocks(said)):
            events += _block_events(index, block)
        ended = {"stop_reason": _finish(said), "stop_sequence": None}
        events.append({"type": "message_delta", "delta": ended, "usage": counted})
        events.append({"type": "message_stop"})
        return [sse(event, event["type"]) for event in events]

    def traps(self) -> Mapping[str, Trap]:
        return {
            **SSE_TRAPS,
            "no-event-lines": lambda events: [b"data:" + event.partition(b"data:")[2] for event in events],
            "unknown-events": lambda events: [*events[:1], sse({"type": "news"}, "news"), *events[1:]],
        }

    def error(self, status: int, text: str) -> Json:
        return {"type": "error", "error": {"type": _error_type(status), "message": text}, "request_id": "r"}

    def broken(self, status: int, text: str) -> bytes:
        return sse(self.error(status, text), "error")

    def asked(self, path: str, body: Json) -> Asked:
        assert path.endswith(("/messages", "Predict", "/invoke", "stream")), path
        body = dict(body)
        asked = Asked(model=body.pop("model", None), stream=bool(body.pop("stream", False)))
        asked.facts = [("system", block["text"]) for block in _listed_blocks(body.pop("system", ""))]
        asked.facts += _facts(body.pop("messages"))
        for tool in body.pop("tools", ()):
            asked.tools[tool["name"]] = tool["input_schema"]
        choice = body.pop("tool_choice", {"type": "auto"})
        asked.choice = {"any": "required", "tool": choice.get("name")}.get(choice["type"], choice["type"])
        asked.max_tokens = body.pop("max_tokens")
        wanted = (body.get("output_config") or {}).get("format") or {}
        asked.json, asked.schema = bool(wanted), wanted.get("schema")
        asked.params = body
        if "stop_sequences" in body:
            body["stop"] = listed(body.pop("stop_sequences"))
        if choice.get("disable_parallel_tool_use"):
            body["parallel_tool_calls"] = False
        if (body.get("metadata") or {}).get("user_id"):
            body["user"] = body.pop("metadata")["user_id"]
        if "thinking" in body:
            body["reasoning_effort"] = SOMEHOW  # a budget of tokens, or an effort, by model
        return asked


# ------------------------------------------------------------------------------------------ answers


def _head(model: str) -> Json:
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": model}


def _finish(said: Said) -> str:
    return said.finish or ("tool_use" if said.calls else "end_turn")


def _usage(usage: Usage) -> Json:
    """Cached tokens are counted apart from the input's."""
    return {
        "input_tokens": usage.prompt - usage.cached,
        "cache_read_input_tokens": usage.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": usage.completion,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    }


def _blocks(said: Said) -> list[Json]:
    thought = [{"type": "thinking", "thinking": said.reasoning, "signature": "c2ln"}]
    return [
        *(thought if said.reasoning else ()),
        *([{"type": "text", "text": said.text}] if said.text else ()),
        *(_tool_use(call) for call in said.calls),
    ]


def _tool_use(call: Call) -> Json:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}


def _block_events(index: int, block: Json) -> list[Json]:
    kind = block["type"]
    if kind == "tool_use":
        begun = {**block, "input": {}}
        text = json.dumps(block["input"]) if block["input"] else ""
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *cut(text, 4)]]
    else:
        begun = {**block, kind: ""}
        deltas = [{"type": f"{kind}_delta", kind: piece} for piece in cut(block[kind])]
        if kind == "thinking":
            begun["signature"] = ""
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
    return [
        {"type": "content_block_start", "index": index, "content_block": begun},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _error_type(status: int) -> str:
    """https://docs.anthropic.com/en/api/errors."""
    return {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        529: "overloaded_error",
    }.get(status, "api_error")


# ----------------------------------------------------------------------------------------- requests


def _listed_blocks(content: Any) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content


def _facts(messages: list[Json]) -> Any:
    names: dict[str, str] = {}
    assert messages[0]["role"] == "user"
    for message in messages:
        for block in _listed_blocks(message["content"]):
            kind = block["type"]
            if kind == "text":
                yield message["role"], block["text"]
            elif kind == "image":
                yield "image", _url(block["source"])
            elif kind == "tool_use":
                names[block["id"]] = block["name"]
                assert isinstance(block["input"], dict)
                yield "call", block["name"], block["input"]
            elif kind == "tool_result":
                text = "".join(part["text"] for part in _listed_blocks(block.get("content", "")))
                yield "result", names[block["tool_use_id"]], text
            else:
                assert kind == "thinking", kind


def _url(source: Json) -> str:
    if source["type"] == "url":
        return source["url"]
    return f"data:{source['media_type']};base64,{source['data']}"
