"""Cohere's chat, version 2."""

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
    arguments_of,
    cut,
    listed,
    sse,
)
from tests.support.speakers.traps import SSE_TRAPS


class CohereSpeaker(Speaker):
    """https://docs.cohere.com/reference/chat, https://docs.cohere.com/v2/docs/streaming."""

    model = "command-a-03-2025"
    # https://docs.cohere.com/reference/chat (finish_reason)
    finishes = {
        "COMPLETE": "stop",
        "STOP_SEQUENCE": "stop",
        "MAX_TOKENS": "length",
        "TOOL_CALL": "tool_calls",
    }
    failures = ("ERROR", "TIMEOUT")
    counts_reasoning = False

    def whole(self, said: Said) -> Json:
        message: Json = {"role": "assistant"}
        content = [{"type": "thinking", "thinking": said.reasoning}] if said.reasoning else []
        content += [{"type": "text", "text": said.text}] if said.text else []
        if said.calls:
            message["tool_calls"] = [_call(call) for call in said.calls]
        message.update({"content": content} if content else {})
        return {"id": "c1", "finish_reason": _finish(said), "message": message, "usage": _usage(said.usage)}

    def events(self, said: Said, *, usage: bool = True) -> list[bytes]:
        events = [_event("message-start", {"role": "assistant", "content": [], "tool_calls": []}, id="c1")]
        index = 0
        if said.reasoning:
            events += _block(index, "thinking", said.reasoning)
            index += 1
        if said.text:
            events += _block(index, "text", said.text)
        for place, call in enumerate(said.calls):
            events += _call_events(place, call)
        ended = {"finish_reason": _finish(said), "usage": _usage(said.usage)}
        events.append({"type": "message-end", "delta": ended})
        return [sse(event, event["type"]) for event in events]

    def traps(self) -> Mapping[str, Trap]:
        return SSE_TRAPS

    def error(self, status: int, text: str) -> Json:
        return {"id": "e1", "message": text}

    def broken(self, status: int, text: str) -> bytes | None:
        """It has no event for it: an answer that breaks ends in `message-end` with `ERROR`."""
        return None

    def asked(self, path: str, body: Json) -> Asked:
        assert path.endswith("/v2/chat"), path
        body = dict(body)
        asked = Asked(model=body.pop("model"), stream=bool(body.pop("stream", False)))
        asked.facts = list(_facts(body.pop("messages")))
        for tool in body.pop("tools", ()):
            asked.tools[tool["function"]["name"]] = tool["function"].get("parameters") or {}
        choice = body.pop("tool_choice", "auto")
        assert choice in {"auto", "REQUIRED", "NONE"}, choice
        asked.choice = choice.lower()
        asked.max_tokens = body.pop("max_tokens", None)
        wanted = body.pop("response_format", {})
        asked.json = wanted.get("type") == "json_object"
        asked.schema = wanted.get("json_schema") or wanted.get("schema")
        asked.params = {PARAMS.get(name, name): value for name, value in body.items()}
        if "stop" in asked.params:
            asked.params["stop"] = listed(asked.params["stop"])
        if "thinking" in body:
            asked.params["reasoning_effort"] = SOMEHOW
        return asked


PARAMS = {"p": "top_p", "k": "top_k", "stop_sequences": "stop"}


def _finish(said: Said) -> str:
    return said.finish or ("TOOL_CALL" if said.calls else "COMPLETE")


def _usage(usage: Usage) -> Json:
    tokens = {"input_tokens": usage.prompt, "output_tokens": usage.completion}
    return {
        "billed_units": {"input_tokens": 1, "output_tokens": 1},
        "tokens": tokens,
        "cached_tokens": usage.cached,
    }


def _call(call: Call) -> Json:
    function = {"name": call.name, "arguments": json.dumps(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _event(kind: str, message: Json, **fields: Any) -> Json:
    return {"type": kind, "delta": {"message": message}, **fields}


def _block(index: int, kind: str, text: str) -> list[Json]:
    return [
        _event("content-start", {"content": {"type": kind, kind: ""}}, index=index),
        *(_event("content-delta", {"content": {kind: piece}}, index=index) for piece in cut(text)),
        {"type": "content-end", "index": index},
    ]


def _call_events(index: int, call: Call) -> list[Json]:
    first = {**_call(call), "function": {"name": call.name, "arguments": ""}}
    pieces = cut(json.dumps(call.arguments), 4) if call.arguments else ["{}"]
    return [
        _event("tool-call-start", {"tool_calls": first}, index=index),
        *(
            _event("tool-call-delta", {"tool_calls": {"function": {"arguments": piece}}}, index=index)
            for piece in pieces
        ),
        {"type": "tool-call-end", "index": index},
    ]


def _facts(messages: list[Json]) -> Any:
    names: dict[str, str] = {}
    for message in messages:
        role = message["role"]
        if role == "tool":
            yield "result", names[message["tool_call_id"]], "".join(map(_text, _parts(message["content"])))
            continue
        if message.get("tool_plan"):
            yield "assistant", message["tool_plan"]
        for part in _parts(message.get("content")):
            if part["type"] == "image_url":
                yield "image", part["image_url"]["url"]
            elif part["type"] == "text":
                yield role, part["text"]
        for call in message.get("tool_calls") or ():
            names[call["id"]] = call["function"]["name"]
            yield "call", call["function"]["name"], arguments_of(call["function"]["arguments"])


def _parts(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def _text(part: Json) -> str:
    """Results may be documents."""
    return part["text"] if part["type"] == "text" else json.dumps(part["document"]["data"])
