"""OpenAI's chat completions, and what the many servers that copy them make of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.speakers.base import (
    NOTHING,
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

DONE = b"data: [DONE]\n\n"


class OpenAIChatSpeaker(Speaker):
    """https://platform.openai.com/docs/api-reference/chat."""

    # Below the line: words of the copies. Answers that were cut are never `stop`.
    finishes = {
        "stop": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "content_filter": "content_filter",
        # ----
        "model_length": "length",  # https://docs.mistral.ai/api/
        "model_context_window_exceeded": "length",  # https://docs.z.ai/api-reference/llm/chat-completion
        "time_limit": "length",  # https://cloud.ibm.com/apidocs/watsonx-ai#text-chat
        "sensitive": "content_filter",  # https://docs.z.ai/api-reference/llm/chat-completion
        "eos": "stop",  # https://docs.together.ai/reference/chat-completions-1
        "eos_token": "stop",  # https://huggingface.co/docs/text-generation-inference
    }
    failures = (
        "error",  # https://openrouter.ai/docs/api-reference/overview
        "abort",  # https://github.com/vllm-project/vllm/blob/main/vllm/v1/engine/__init__.py
        "network_error",  # https://docs.z.ai/api-reference/llm/chat-completion
        "insufficient_system_resource",  # https://api-docs.deepseek.com/api/create-chat-completion
    )
    paths = ("/chat/completions", "/v1/chat", "/chat")  # the last two: https://dev.writer.com/api-reference
    open_enough = 2  # the usage chunk and `[DONE]`: many copies send neither

    def whole(self, said: Said) -> Json:
        message: Json = {"role": "assistant", "content": said.text}
        if said.reasoning:
            message["reasoning_content"] = said.reasoning
        if said.calls:
            message["tool_calls"] = [_call(call) for call in said.calls]
        choice = {"index": 0, "message": message, "finish_reason": self._finish(said), "logprobs": None}
        return {**_head("chat.completion"), "choices": [choice], "usage": _usage(said.usage)}

    def events(self, said: Said, *, usage: bool = True) -> list[bytes]:
        deltas: list[Json] = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": piece} for piece in cut(said.reasoning)]
        deltas += [{"content": piece} for piece in cut(said.text or "")]
        for index, call in enumerate(said.calls):
            deltas += [{"tool_calls": [fragment]} for fragment in _fragments(index, call)]
        chunks = [_chunk(delta) for delta in deltas]
        chunks.append(_chunk({}, self._finish(said)))
        if usage:
            chunks.append({**_head("chat.completion.chunk"), "choices": [], "usage": _usage(said.usage)})
        return [*map(sse, chunks), DONE]

    def _finish(self, said: Said) -> str:
        return said.finish or ("tool_calls" if said.calls else "stop")

    def traps(self) -> Mapping[str, Trap]:
        return {**SSE_TRAPS, **OPENAI_TRAPS}

    def error(self, status: int, text: str) -> Json:
        return {"error": {"message": text, "type": "some_error", "param": None, "code": "some_code"}}

    def broken(self, status: int, text: str) -> bytes:
        return sse({"error": {"message": text, "code": status}})

    def asked(self, path: str, body: Json) -> Asked:
        assert path.endswith(self.paths), path
        body = dict(body)
        asked = Asked(model=body.pop("model", None), stream=bool(body.pop("stream", False)))
        asked.facts = list(_facts(body.pop("messages")))
        for tool in body.pop("tools", ()):
            asked.tools[tool["function"]["name"]] = tool["function"].get("parameters") or {}
        asked.choice = _choice(body.pop("tool_choice", "auto"))
        names = [name for name in ("max_tokens", "max_completion_tokens") if name in body]
        assert len(names) < 2, names
        asked.max_tokens = body.pop(names[0]) if names else None
        wanted = body.pop("response_format", None) or NOTHING
        asked.json = wanted.get("type") in {"json_object", "json_schema"}
        asked.schema = (wanted.get("json_schema") or {}).get("schema") or wanted.get("schema")
        asked.params = {**body, "stop": listed(body["stop"])} if "stop" in body else body
        return asked


# ------------------------------------------------------------------------------------------ answers


def _head(kind: str) -> Json:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "some-model"}


def _chunk(delta: Json, finish: str | None = None) -> Json:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return {**_head("chat.completion.chunk"), "choices": [choice]}


def _usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _call(call: Call) -> Json:
    function = {"name": call.name, "arguments": json.dumps(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _fragments(index: int, call: Call) -> list[Json]:
    """Name and id first, then the arguments in pieces."""
    whole = {"index": index, **_call(call)}
    first = {**whole, "function": {"name": call.name, "arguments": ""}}
    pieces = cut(whole["function"]["arguments"], 4)
    return [first, *({"index": index, "function": {"arguments": piece}} for piece in pieces)]


# ----------------------------------------------------------------------------------------- requests


def _facts(messages: list[Json]) -> Any:
    names: dict[str, str] = {}
    for message in messages:
        role = message["role"]
        if role == "tool":
            text = "".join(part["text"] for part in _parts(message["content"]))
            yield "result", names[message["tool_call_id"]], text
            continue
        for part in _parts(message.get("content")):
            if part["type"] == "text":
                yield ("system" if role == "developer" else role), part["text"]
            else:
                yield "image", part["image_url"]["url"]
        for call in message.get("tool_calls") or ():
            names[call["id"]] = call["function"]["name"]
            yield "call", call["function"]["name"], arguments_of(call["function"]["arguments"])


def _parts(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def _choice(choice: Any) -> str:
    name = choice["function"]["name"] if isinstance(choice, dict) else choice
    return "required" if name == "any" else name  # Mistral's and Fireworks' word


# -------------------------------------------------------------------------------------------- traps


def _over(change: Callable[[Json], Any]) -> Trap:
    """A trap over the JSON of each chunk, in place."""

    def trap(events: list[bytes]) -> list[bytes]:
        chunks = [json.loads(event.removeprefix(b"data: ")) for event in events if event != DONE]
        for chunk in chunks:
            change(chunk)
        return [*map(sse, chunks), DONE]

    return trap


def _delta(change: Callable[[Json], Any]) -> Trap:
    return _over(lambda chunk: [change(choice["delta"]) for choice in chunk["choices"]])


def _calls(change: Callable[[Json], Any]) -> Trap:
    return _delta(lambda delta: [change(call) for call in delta.get("tool_calls", ())])


def _azure(events: list[bytes]) -> list[bytes]:
    """Its content filter speaks first, without choices."""
    first = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": []}
    return [sse(first), *events]


def _one_event_calls(events: list[bytes]) -> list[bytes]:
    """Each call whole in one chunk, as Groq, Gemini's compatible endpoint and Ollama send them."""
    chunks: list[Json] = []
    for event in events[:-1]:
        chunk = json.loads(event.removeprefix(b"data: "))
        call = _call_in(chunk)
        if call and "id" not in call:
            _call_in(chunks[-1])["function"]["arguments"] += call["function"]["arguments"]
        else:
            chunks.append(chunk)
    return [*map(sse, chunks), DONE]


def _call_in(chunk: Json) -> Json:
    """The call that a chunk tells of; empty if it tells of none."""
    return next((call for c in chunk["choices"] for call in c["delta"].get("tool_calls", ())), {})


OPENAI_TRAPS: Mapping[str, Trap] = {
    "no-done": lambda events: events[:-1],
    "no-done-no-last-blank-line": lambda events: [*events[:-2], events[-2].rstrip(b"\n")],
    "done-without-blank-line": lambda events: [*events[:-1], b"data: [DONE]"],
    "first-chunk-empty-choices": _azure,
    "mislabelled-object": _over(lambda chunk: chunk.update(object="chat.completion")),
    "no-object": _over(lambda chunk: chunk.pop("object")),
    "duplicated-role": _delta(lambda delta: delta.update(role="assistant")),
    "finish-reason-empty-string": _over(
        lambda chunk: [c.update(finish_reason=c["finish_reason"] or "") for c in chunk["choices"]]
    ),
    "no-choice-index": _over(lambda chunk: [choice.pop("index") for choice in chunk["choices"]]),
    "null-fields": _delta(lambda delta: [delta.setdefault(n, None) for n in ("content", "tool_calls")]),
    "event-lines": lambda events: [b"event: message\n" + event for event in events],
    "call-names-repeated-empty": _calls(lambda call: call["function"].setdefault("name", "")),
    "whole-calls": _one_event_calls,
    "whole-calls-all-index-0": lambda events: _calls(lambda call: call.update(index=0))(
        _one_event_calls(events)
    ),
    "whole-calls-no-index": lambda events: _calls(lambda call: call.pop("index"))(_one_event_calls(events)),
    "no-call-type": _calls(lambda call: call.pop("type", None)),
}

# ---------------------------------------------------------------------------- near-compatible bodies


def _message(change: Callable[[Json], Any]) -> Callable[[Json], None]:
    def trap(raw: Json) -> None:
        change(raw["choices"][0]["message"])

    return trap


def _function(change: Callable[[Json], Any]) -> Callable[[Json], None]:
    return _message(lambda message: [change(call["function"]) for call in message["tool_calls"]])


BODY_TRAPS: Mapping[str, Callable[[Json], Any]] = {
    "mislabelled-object": lambda raw: raw.update(object="text_completion"),
    "no-object": lambda raw: raw.pop("object"),
    "no-id": lambda raw: raw.pop("id"),
    "no-created": lambda raw: raw.pop("created"),
    "no-index": lambda raw: raw["choices"][0].pop("index"),
    "no-role": _message(lambda message: message.pop("role")),
    "no-usage": lambda raw: raw.pop("usage"),
    "null-usage": lambda raw: raw.update(usage=None),
    "unknown-fields": lambda raw: raw.update(timings={"a": 1}, x_groq={"id": "r"}),
    "null-tool-calls": _message(lambda message: message.setdefault("tool_calls", None)),
    "content-parts": _message(
        lambda m: m.update(content=[{"type": "text", "text": m["content"]}] if m["content"] else [])
    ),
}
"""What servers do to a whole answer without changing what it says."""

CALL_TRAPS: Mapping[str, Callable[[Json], Any]] = {
    "arguments-object": _function(lambda f: f.update(arguments=json.loads(f["arguments"]))),
    "no-call-type": _message(lambda m: [call.pop("type") for call in m["tool_calls"]]),
    "call-index": _message(lambda m: [call.update(index=0) for call in m["tool_calls"]]),
    "empty-content": _message(lambda m: m.update(content="")),
}
"""The same for an answer that calls tools."""

REASONING: Mapping[str, Callable[[str], Json]] = {
    "reasoning_content": lambda thought: {"reasoning_content": thought},
    "reasoning": lambda thought: {"reasoning": thought},
    "thinking-part": lambda thought: {
        "content": [{"type": "thinking", "thinking": [{"type": "text", "text": thought}]}]
    },
    "reasoning-part": lambda thought: {
        "content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": thought}]}]
    },
}
"""How the copies spell what a model thought; where it comes as content, the answer follows as a part."""
