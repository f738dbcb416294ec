"""The order of chat chunks, as OpenAI's reference tells it: any stream must keep to it.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

import json
from typing import Any

from openai.types.chat import ChatCompletionChunk

FIRST = {"id", "type"}
"""Fields of a call that its first fragment alone has."""


def chunks_of(data: bytes) -> list[Any]:
    """The chunks of *data*; `[DONE]` and errors as they are."""
    events = [event for event in data.decode().split("\n\n") if event and not event.startswith(":")]
    assert data.endswith(b"\n\n")
    bodies = [event.removeprefix("data: ") for event in events]
    return [body if body == "[DONE]" else json.loads(body) for body in bodies]


def validate(chunks: list[Any], *, usage: bool | None = False) -> dict[str, Any]:
    """Check a whole stream, of one answer; what it adds up to. usage: whether it was asked for, `None` where that
    is not known. A stream that broke ends with its error.
    """
    *body, last = chunks
    is_whole = last == "[DONE]"
    assert is_whole or last["error"]["message"]
    for chunk in body:
        ChatCompletionChunk.model_validate(chunk, strict=False)
    assert len({chunk["id"] for chunk in body}) == 1 or not (is_whole or body)
    counted = [chunk for chunk in body if chunk.get("usage")]
    if counted and usage is not False:
        assert counted == [body[-1]]
        assert body.pop()["choices"] == []
    else:
        assert not counted
        assert not (usage and is_whole)
    choices = [chunk["choices"][0] for chunk in body if chunk["choices"]]
    finish = _finish(choices, is_whole=is_whole)
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    return {"text": text, "calls": _calls(choices), "finish": finish}


def _finish(choices: list[Any], *, is_whole: bool) -> str | None:
    """Why it ended: said once, by the last choice."""
    if not choices:
        assert not is_whole
        return None
    assert choices[0]["delta"]["role"] == "assistant"
    reasons = [choice.get("finish_reason") for choice in choices]
    assert not any(reasons[:-1])
    assert reasons[-1] or not is_whole
    finish: str | None = reasons[-1]
    return finish


def _calls(choices: list[Any]) -> list[tuple[str, Any]]:
    calls: list[dict[str, str]] = []
    for choice in choices:
        for part in choice["delta"].get("tool_calls") or ():
            function = part["function"]
            if part["index"] == len(calls):
                assert part["id"]
                assert part["type"] == "function"
                calls.append({"name": function["name"], "arguments": ""})
            else:
                assert not any(part.get(name) for name in FIRST)
                assert not function.get("name")
            calls[part["index"]]["arguments"] += function.get("arguments") or ""
    return [(call["name"], json.loads(call["arguments"] or "{}")) for call in calls]
