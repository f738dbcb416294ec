"""Ollama's own chat."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.support.speakers.base import SOMEHOW, Asked, Json, Said, Speaker, Trap, cut, listed
from tests.support.speakers.traps import bytewise

LINE_TRAPS: Mapping[str, Trap] = {
    "bytewise": bytewise,
    "one-piece": lambda events: [b"".join(events)],
    "crlf": lambda events: [event.replace(b"\n", b"\r\n") for event in events],
    "blank-lines": lambda events: [piece for event in events for piece in (b"\n", event)],
    "no-last-line-end": lambda events: [*events[:-1], events[-1].rstrip(b"\n")],
}


class OllamaSpeaker(Speaker):
    """https://docs.ollama.com/api/chat, https://docs.ollama.com/api/streaming."""

    model = "qwen3"
    # https://github.com/ollama/ollama/blob/main/llm/server.go (DoneReason)
    finishes = {"stop": "stop", "length": "length", "load": "stop", "unload": "stop"}
    stream_type = "application/x-ndjson"
    counts_cached = False
    counts_reasoning = False
    names_calls = False

    def whole(self, said: Said) -> Json:
        message: Json = {"role": "assistant", "content": said.text or ""}
        if said.reasoning:
            message["thinking"] = said.reasoning
        if said.calls:
            message["tool_calls"] = _calls(said)
        return self._last(said, message)

    def events(self, said: Said, *, usage: bool = True) -> list[bytes]:
        messages: list[Json] = [{"content": "", "thinking": piece} for piece in cut(said.reasoning)]
        messages += [{"content": piece} for piece in cut(said.text or "")]
        messages += [{"content": "", "tool_calls": [call]} for call in _calls(said)]
        chunks = [{**self._head(), "message": {"role": "assistant", **m}, "done": False} for m in messages]
        chunks.append(self._last(said, {"role": "assistant", "content": ""}))
        return [json.dumps(chunk, ensure_ascii=False).encode() + b"\n" for chunk in chunks]

    def _head(self) -> Json:
        return {"model": self.model, "created_at": "2025-10-26T17:15:24.097767Z"}

    def _last(self, said: Said, message: Json) -> Json:
        counts = {"prompt_eval_count": said.usage.prompt, "eval_count": said.usage.completion}
        ended = {"done": True, "done_reason": said.finish or "stop", "total_duration": 5, **counts}
        return {**self._head(), "message": message, **ended}

    def traps(self) -> Mapping[str, Trap]:
        return LINE_TRAPS

    def error(self, status: int, text: str) -> Json:
        return {"error": text}

    def broken(self, status: int, text: str) -> bytes:
        return json.dumps({"error": text}).encode() + b"\n"

    def asked(self, path: str, body: Json) -> Asked:
        assert path.endswith("/api/chat"), path
        body = dict(body)
        asked = Asked(model=body.pop("model"), stream=body.pop("stream", True))
        asked.facts = list(_facts(body.pop("messages")))
        for tool in body.pop("tools", ()):
            asked.tools[tool["function"]["name"]] = tool["function"].get("parameters") or {}
        options = dict(body.pop("options", {}))
        asked.max_tokens = options.pop("num_predict", None)
        wanted = body.pop("format", None)
        asked.json, asked.schema = bool(wanted), wanted if isinstance(wanted, dict) else None
        asked.params = {**body, **options}
        if "stop" in options:
            asked.params["stop"] = listed(options["stop"])
        if "think" in body:
            asked.params["reasoning_effort"] = SOMEHOW
        return asked


def _calls(said: Said) -> list[Json]:
    return [{"function": {"name": call.name, "arguments": call.arguments}} for call in said.calls]


def _facts(messages: list[Json]) -> Any:
    names: dict[str, str] = {}
    for message in messages:
        assert isinstance(message.get("content", ""), str)
        if message["role"] == "tool":
            name = message.get("tool_name") or names[message["tool_call_id"]]
            yield "result", name, message["content"]
            continue
        if message.get("content"):
            yield message["role"], message["content"]
        for image in message.get("images") or ():
            assert not image.startswith(("data:", "http")), "images are bare base64"
            yield "image", f"data:image/png;base64,{image}"
        for call in message.get("tool_calls") or ():
            names[call.get("id", "")] = call["function"]["name"]
            assert isinstance(call["function"]["arguments"], dict)
            yield "call", call["function"]["name"], call["function"]["arguments"]
