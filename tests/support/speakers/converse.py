"""Bedrock's Converse: JSON whole, AWS's binary event stream streamed."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote
from zlib import crc32

from tests.support.speakers.base import SOMEHOW, Asked, Json, Said, Speaker, Trap, Usage, cut
from tests.support.speakers.traps import bytewise


class ConverseSpeaker(Speaker):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, …_ConverseStream.html."""

    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    # https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseResponse.html (stopReason)
    finishes = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "guardrail_intervened": "content_filter",
        "content_filtered": "content_filter",
    }
    stream_type = "application/vnd.amazon.eventstream"
    open_enough = 1  # the usage
    counts_reasoning = False
    hides_errors = False

    def whole(self, said: Said) -> Json:
        message = {"role": "assistant", "content": _blocks(said)}
        ended = {"stopReason": _finish(said), "usage": _usage(said.usage), "metrics": {"latencyMs": 5}}
        return {"output": {"message": message}, **ended}

    def events(self, said: Said, *, usage: bool = True) -> list[bytes]:
        events: list[tuple[str, Json]] = [("messageStart", {"role": "assistant"})]
        for index, block in enumerate(_blocks(said)):
            events += [(kind, {"contentBlockIndex": index, **body}) for kind, body in _block_events(block)]
        events.append(("messageStop", {"stopReason": _finish(said)}))
        events.append(("metadata", {"usage": _usage(said.usage), "metrics": {"latencyMs": 5}}))
        return [frame(body, {":message-type": "event", ":event-type": kind}) for kind, body in events]

    def traps(self) -> Mapping[str, Trap]:
        news = frame({"a": 1}, {":message-type": "event", ":event-type": "news"})
        return {
            "bytewise": bytewise,
            "one-piece": lambda events: [b"".join(events)],
            "unknown-events": lambda events: [events[0], news, *events[1:]],
            "in-sevens": lambda events: [
                b"".join(events)[at : at + 7] for at in range(0, len(b"".join(events)), 7)
            ],
        }

    def error(self, status: int, text: str) -> Json:
        return {"message": text}

    def broken(self, status: int, text: str) -> bytes:
        kind = {429: "throttlingException", 400: "validationException"}.get(
            status, "serviceUnavailableException"
        )
        return frame({"message": text}, {":message-type": "exception", ":exception-type": kind})

    def asked(self, path: str, body: Json) -> Asked:
        *_, model, verb = path.split("/")
        assert verb in {"converse", "converse-stream"}, path
        body = dict(body)
        asked = Asked(model=unquote(model), stream=verb == "converse-stream")
        asked.facts = [("system", block["text"]) for block in body.pop("system", ())]
        asked.facts += _facts(body.pop("messages"))
        tools = body.pop("toolConfig", {})
        for tool in tools.get("tools", ()):
            asked.tools[tool["toolSpec"]["name"]] = tool["toolSpec"]["inputSchema"]["json"]
        ((kind, named),) = tools.get("toolChoice", {"auto": {}}).items()
        asked.choice = {"any": "required", "tool": named.get("name")}.get(kind, kind)
        config = dict(body.pop("inferenceConfig", {}))
        asked.max_tokens = config.pop("maxTokens", None)
        schema = (((body.get("outputConfig") or {}).get("textFormat") or {}).get("structure") or {}).get(
            "jsonSchema"
        )
        asked.schema = json.loads(schema["schema"]) if schema else None
        asked.json = asked.schema is not None
        extra = dict(body.pop("additionalModelRequestFields", {}))
        asked.params = {**body, **extra, **{PARAMS.get(name, name): value for name, value in config.items()}}
        if extra.get("tool_choice", {}).get("disable_parallel_tool_use"):  # Claude's own way, passed on
            asked.params["parallel_tool_calls"] = False
        asked.params["metadata"] = body.get("requestMetadata")
        asked.params["service_tier"] = (body.get("serviceTier") or {}).get("type")
        if {"thinking", "reasoningConfig", "reasoning_effort"} & extra.keys():
            asked.params["reasoning_effort"] = SOMEHOW
        return asked


PARAMS = {"topP": "top_p", "stopSequences": "stop"}


def frame(body: Json, headers: Mapping[str, str]) -> bytes:
    """A JSON event."""
    return framed(
        json.dumps(body, ensure_ascii=False).encode(), {**headers, ":content-type": "application/json"}
    )


def framed(payload: bytes, headers: Mapping[str, str]) -> bytes:
    """https://smithy.io/2.0/aws/amazon-eventstream.html: lengths, checksum, headers, payload, checksum."""
    packed = b""
    for name, value in headers.items():
        packed += (
            bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        )
    prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    message = prelude + struct.pack(">I", crc32(prelude)) + packed + payload
    return message + struct.pack(">I", crc32(message))


# ------------------------------------------------------------------------------------------ answers


def _finish(said: Said) -> str:
    return said.finish or ("tool_use" if said.calls else "end_turn")


def _usage(usage: Usage) -> Json:
    """Cached tokens are counted apart:
    https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html.
    """
    return {
        "inputTokens": usage.prompt - usage.cached,
        "cacheReadInputTokens": usage.cached,
        "cacheWriteInputTokens": 0,
        "outputTokens": usage.completion,
        "totalTokens": usage.prompt + usage.completion,
    }


def _blocks(said: Said) -> list[Json]:
    thought = {"reasoningContent": {"reasoningText": {"text": said.reasoning, "signature": "c2ln"}}}
    return [
        *([thought] if said.reasoning else ()),
        *([{"text": said.text}] if said.text else ()),
        *({"toolUse": {"toolUseId": c.id, "name": c.name, "input": c.arguments}} for c in said.calls),
    ]


def _block_events(block: Json) -> list[tuple[str, Json]]:
    ((kind, value),) = block.items()
    begun: list[tuple[str, Json]] = []
    if kind == "toolUse":
        begun = [
            ("contentBlockStart", {"start": {kind: {"toolUseId": value["toolUseId"], "name": value["name"]}}})
        ]
        pieces = cut(json.dumps(value["input"]), 4) if value["input"] else [""]
        deltas: list[Json] = [{kind: {"input": piece}} for piece in pieces]
    elif kind == "text":
        deltas = [{"text": piece} for piece in cut(value)]
    else:
        deltas = [{kind: {"text": piece}} for piece in cut(value["reasoningText"]["text"])]
        deltas.append({kind: {"signature": value["reasoningText"]["signature"]}})
    return [*begun, *(("contentBlockDelta", {"delta": delta}) for delta in deltas), ("contentBlockStop", {})]


# ----------------------------------------------------------------------------------------- requests


def _facts(messages: list[Json]) -> Any:
    names: dict[str, str] = {}
    assert messages[0]["role"] == "user"
    for message in messages:
        for block in message["content"]:
            ((kind, value),) = block.items()
            if kind == "text":
                yield message["role"], value
            elif kind == "image":
                yield "image", _image(value)
            elif kind == "toolUse":
                names[value["toolUseId"]] = value["name"]
                yield "call", value["name"], value["input"]
            elif kind == "toolResult":
                yield "result", names[value["toolUseId"]], "".join(part["text"] for part in value["content"])
            else:
                assert kind == "reasoningContent", kind


def _image(image: Json) -> str:
    return f"data:image/{image['format']};base64,{image['source']['bytes']}"
