"""Anthropic's Messages wire, the server's side: https://docs.anthropic.com/en/api/messages.

Same names as in `openai_wire`: `key`, `read`, `reply`, `events`, `error`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from muxi_llm.commands.demo.answers import Asked, Json, Refused, Said, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BASE_PATH = ""  # the vendor's base URL ends before /v1
MEDIA = {"image": "an image", "document": "a document"}
SIGNATURE = "signed-by-the-demo"
ERROR_TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def key(headers: Mapping[str, str]) -> str:
    """The API key a request came with; like the real server, none without a version."""
    if "anthropic-version" not in headers:
        return ""
    return headers.get("x-api-key") or headers.get("Authorization", "").removeprefix("Bearer ")


def read(path: str, body: Json) -> Asked:
    """The request. Raises `Refused` where the real server would refuse it."""
    if path != "/v1/messages":
        raise Refused(404, f"there is no {path}")
    thinks = body.get("thinking", {}).get("type") in {"enabled", "adaptive"}
    if thinks and _of_kind(body, "tool_use", role="assistant"):
        _check_thoughts(_of_kind(body, "thinking", role="assistant"))
    asked_for_json = "JSON" in str(body.get("system", ""))
    enforced = body.get("output_config", {}).get("format", {}).get("schema")
    return Asked(
        model=body["model"],
        question=" ".join(block["text"] for block in _of_kind(body, "text")),
        media=[name for kind, name in MEDIA.items() for _ in _of_kind(body, kind)],
        tools=[(tool["name"], tool["input_schema"]) for tool in body.get("tools", ())],
        tool_results=[result["content"] for result in _of_kind(body, "tool_result")],
        schema=enforced or ({} if asked_for_json else None),
        thinks=thinks,
    )


def _check_thoughts(thoughts: list[Json]) -> None:
    if not thoughts or any(thought["signature"] != SIGNATURE for thought in thoughts):
        raise Refused(400, "a thinking model's tool call must come back with its signed thinking block")


def reply(path: str, body: Json, asked: Asked, said: Said) -> Json:  # noqa: ARG001 - one endpoint
    """A whole answer."""
    return {
        **_head(asked),
        "content": list(_blocks(said)),
        "stop_reason": _stop(said),
        "usage": _usage(asked, said),
    }


def events(asked: Asked, said: Said) -> Iterator[bytes]:
    """A message as server-sent events: each block is opened, filled and closed."""
    usage = {**_usage(asked, said), "output_tokens": 1}
    yield _event(
        "message_start", message={**_head(asked), "content": [], "stop_reason": None, "usage": usage}
    )
    for index, block in enumerate(_blocks(said)):
        opened = {**block, **EMPTY[block["type"]]}
        yield _event("content_block_start", index=index, content_block=opened)
        for delta in _deltas(block):
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    yield _event("message_delta", delta={"stop_reason": _stop(said)}, usage=_usage(asked, said))
    yield _event("message_stop")


def error(status: int, message: str) -> Json:
    """The body of a refusal."""
    kind = ERROR_TYPES.get(status, "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


EMPTY: dict[str, Json] = {
    "thinking": {"thinking": "", "signature": ""},
    "text": {"text": ""},
    "tool_use": {"input": {}},
}


def _of_kind(body: Json, kind: str, role: str = "user") -> list[Json]:
    """All blocks of a kind in the turns of a role."""
    turns = [turn["content"] for turn in body["messages"] if turn["role"] == role]
    blocks = [[{"type": "text", "text": turn}] if isinstance(turn, str) else turn for turn in turns]
    return [block for turn in blocks for block in turn if block["type"] == kind]


def _blocks(said: Said) -> Iterator[Json]:
    if said.thinking:
        yield {"type": "thinking", "thinking": said.thinking, "signature": SIGNATURE}
    if said.text:
        yield {"type": "text", "text": said.text}
    if said.tool:
        yield {"type": "tool_use", "id": "toolu_1", "name": said.tool, "input": said.arguments}


def _deltas(block: Json) -> Iterator[Json]:
    if block["type"] == "text":
        yield from ({"type": "text_delta", "text": word} for word in words(block["text"]))
    elif block["type"] == "thinking":
        yield from ({"type": "thinking_delta", "thinking": word} for word in words(block["thinking"]))
        yield {"type": "signature_delta", "signature": block["signature"]}
    else:
        yield {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}


def _head(asked: Asked) -> Json:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "stop_sequence": None,
    }


def _stop(said: Said) -> str:
    return "tool_use" if said.tool else "end_turn"


def _usage(asked: Asked, said: Said) -> Json:
    return {"input_tokens": len(asked.question.split()), "output_tokens": len(said.text.split())}


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
