"""Ollama's own wire, the server's side: https://docs.ollama.com/api.

Same names as in `openai_wire`: `key`, `read`, `reply`, `events`, `error`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from muxi_llm.commands.demo.answers import Asked, Json, Refused, Said, embed, words
from muxi_llm.commands.demo.openai_wire import key

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BASE_PATH", "error", "events", "key", "read", "reply"]

BASE_PATH = ""
CHAT, COMPLETION, EMBEDDING = "/api/chat", "/api/generate", "/api/embed"


def read(path: str, body: Json) -> Asked:
    """The request. Raises `Refused` where there is no such endpoint."""
    if path == CHAT:
        return _read_chat(body)
    if path == COMPLETION:
        return Asked(body["model"], body["prompt"])
    if path == EMBEDDING:
        return Asked(body["model"], str(body["input"]))
    raise Refused(404, "404 page not found")


def _read_chat(body: Json) -> Asked:
    messages, wanted = body["messages"], body.get("format")
    user = [message for message in messages if message["role"] == "user"][-1]
    return Asked(
        model=body["model"],
        question=user["content"],
        media=["an image" for _ in user.get("images", ())],
        tools=[(t["function"]["name"], t["function"]["parameters"]) for t in body.get("tools", ())],
        tool_results=[m["content"] for m in messages if m["role"] == "tool"],
        schema=wanted if isinstance(wanted, dict) else {} if wanted else None,
        thinks=bool(body.get("think")),
    )


def reply(path: str, body: Json, asked: Asked, said: Said) -> Json:
    """A whole answer."""
    if path == EMBEDDING:
        return {"model": asked.model, "embeddings": [embed(text, 256) for text in body["input"]]}
    if path == COMPLETION:
        return {**_end(asked, said), "response": said.text}
    return {**_end(asked, said), "message": _message(said)}


def events(asked: Asked, said: Said) -> Iterator[bytes]:
    """A chat's answer as lines of JSON; tool calls come whole."""
    for word in words(said.text):
        yield _line({"model": asked.model, "message": _message(Said(word)), "done": False})
    if said.tool:
        yield _line({"model": asked.model, "message": _message(said), "done": False})
    yield _line({**_end(asked, said), "message": _message(Said())})


def error(status: int, message: str) -> Json:  # noqa: ARG001 - the status says it
    """The body of a refusal."""
    return {"error": message}


def _line(value: Json) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _message(said: Said) -> Json:
    message: Json = {"role": "assistant", "content": said.text}
    if said.tool:
        message["tool_calls"] = [{"function": {"name": said.tool, "arguments": said.arguments}}]
    return message


def _end(asked: Asked, said: Said) -> Json:
    counts = {"prompt_eval_count": len(asked.question.split()), "eval_count": len(said.text.split())}
    return {"model": asked.model, "done": True, "done_reason": "stop", **counts}
