"""The wires' bodies, as small as they may be: what a provider answers."""

from __future__ import annotations

import json
from typing import Any

HELLO = [{"role": "user", "content": "Hello"}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
LOGPROBS = {
    "content": [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}],
    "refusal": None,
}
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


def chat(
    text: str | None = "Hi", *, model: str = "gpt-4", finish: str = "stop", **message: Any
) -> dict[str, Any]:
    """An OpenAI chat completion."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, **message},
        "finish_reason": finish,
        "logprobs": None,
    }
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [choice],
        "usage": usage,
    }


def chunk(delta: dict[str, Any] | None = None, *, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """An OpenAI chat chunk; without a delta its choices are empty."""
    choices = (
        [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]
    )
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4",
        "choices": choices,
        **fields,
    }


def sse(*events: Any, done: bool = True) -> list[bytes]:
    """Server-sent events of an OpenAI stream, one piece of bytes each."""
    pieces = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    return [*pieces, b"data: [DONE]\n\n"] if done else pieces


def chat_stream(*texts: str, done: bool = True, finish: str | None = "stop") -> list[bytes]:
    """An OpenAI chat stream that says *texts*."""
    deltas = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": text}) for text in texts)]
    return sse(*deltas, *([chunk({}, finish=finish)] if finish else []), done=done)


def message(*blocks: Any, stop: str = "end_turn", **fields: Any) -> dict[str, Any]:
    """An Anthropic message; strings among the blocks are text blocks."""
    content = [
        {"type": "text", "text": block} if isinstance(block, str) else block for block in blocks or ("Hi",)
    ]
    usage = {"input_tokens": 5, "output_tokens": 2}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5"}
    return {**head, "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage, **fields}


def events(*items: dict[str, Any]) -> list[bytes]:
    """Server-sent events of an Anthropic stream, one piece of bytes each."""
    return [f"event: {item['type']}\ndata: {json.dumps(item)}\n\n".encode() for item in items]


def message_stream(*texts: str, stop: str = "end_turn", whole: bool = True) -> list[bytes]:
    """An Anthropic stream that says *texts* in one block."""
    start = {"type": "message_start", "message": {**message(), "content": [], "stop_reason": None}}
    opened = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": t}} for t in texts
    ]
    end = [
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_sequence": None},
            "usage": {"output_tokens": 9},
        },
        {"type": "message_stop"},
    ]
    return events(start, opened, *deltas, *(end if whole else []))


def embeddings(*vectors: Any) -> dict[str, Any]:
    """An OpenAI embeddings reply."""
    data = [
        {"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors or ([0.5, -0.5],))
    ]
    return {
        "object": "list",
        "data": data,
        "model": "text-embedding-3-small",
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }


def completion(text: str = " there", finish: str | None = "stop") -> dict[str, Any]:
    """An OpenAI text completion."""
    choice = {"index": 0, "text": text, "finish_reason": finish, "logprobs": None}
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": "gpt-3.5-turbo-instruct",
        "choices": [choice],
    }


def error(text: str = "no", **fields: Any) -> dict[str, Any]:
    """An OpenAI error body."""
    return {"error": {"message": text, "type": "server_error", "param": None, "code": None, **fields}}


CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip


def verdict(**scores: float) -> dict[str, Any]:
    """OpenAI's verdict on one input: flagged from 0.5 on."""
    found = {name: scores.get(name.replace("/", "_").replace("-", "_"), 0.01) for name in CATEGORIES}
    return {
        "flagged": any(score >= 0.5 for score in found.values()),
        "categories": {name: score >= 0.5 for name, score in found.items()},
        "category_scores": found,
        "category_applied_input_types": {name: ["text"] for name in found},
    }
