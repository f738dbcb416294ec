"""An answer as a caller understands it, from a value or from a stream's chunks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.support.speakers.base import Said, Usage


@dataclass
class Heard:
    """What was said; `ids` are the calls'."""

    text: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    finish: str | None = None
    reasoning: str = ""
    usage: Usage | None = None
    ids: list[str] = field(default_factory=list, compare=False)


def expected(said: Said, *, finish: str | None = None, usage: bool = True) -> Heard:
    """What should be heard of *said*."""
    calls = [(call.name, call.arguments) for call in said.calls]
    ended = finish or ("tool_calls" if calls else "stop")
    return Heard(said.text or "", calls, ended, said.reasoning, said.usage if usage else None)


def heard(answer: Any) -> Heard:
    """An answer, or the list of chunks that a stream gave. Anything else is the test's failure."""
    if isinstance(answer, Exception):
        raise answer
    return _of_chunks(answer) if isinstance(answer, list) else _of_value(answer)


def _of_value(value: Any) -> Heard:
    assert value.object == "chat.completion"
    (choice,) = value.choices
    message = choice.message
    assert (choice.index, message.role) == (0, "assistant")
    out = Heard(message.content or "", finish=choice.finish_reason, reasoning=thoughts_of(message))
    for call in message.tool_calls or ():
        assert call.type == "function"
        out.calls.append((call.function.name, json.loads(call.function.arguments)))
        out.ids.append(call.id)
    out.usage = usage_of(value.usage)
    return _checked(out)


def _of_chunks(chunks: list[Any]) -> Heard:
    out = Heard()
    calls: dict[int, dict[str, str]] = {}
    roles = []
    for chunk in chunks:
        assert chunk.object == "chat.completion.chunk"
        out.usage = usage_of(chunk.usage) or out.usage
        for choice in chunk.choices:
            roles.append(choice.delta.role)
            out.text += choice.delta.content or ""
            out.reasoning += thoughts_of(choice.delta)
            for delta in choice.delta.tool_calls or ():
                _add_call(calls, delta)
            if choice.finish_reason is not None:
                assert out.finish is None, "the finish reason came twice"
                out.finish = choice.finish_reason
    assert roles[0] == "assistant", "the first chunk names the role"
    assert sorted(calls) == list(range(len(calls))), "calls are counted from 0, without gaps"
    out.calls = [(call["name"], json.loads(call["arguments"])) for _, call in sorted(calls.items())]
    out.ids = [call["id"] for _, call in sorted(calls.items())]
    return _checked(out)


def _add_call(calls: dict[int, dict[str, str]], delta: Any) -> None:
    if delta.index not in calls:
        assert delta.function.name, "a call's first delta names it"
        calls[delta.index] = {"id": delta.id, "name": "", "arguments": ""}
    kept = calls[delta.index]
    assert not (kept["name"] and delta.function.name), "a call's name comes once"
    assert delta.id in {None, "", kept["id"]}
    kept["name"] += delta.function.name or ""
    kept["arguments"] += delta.function.arguments or ""


def _checked(out: Heard) -> Heard:
    assert all(isinstance(call_id, str) and call_id for call_id in out.ids), f"calls without an id: {out.ids}"
    assert len(set(out.ids)) == len(out.ids), f"calls share an id: {out.ids}"
    return out


def thoughts_of(message: Any) -> str:
    """What the model thought, by either of the two names callers know."""
    extra = message.model_extra or {}
    found = {extra.get(name) for name in ("reasoning_content", "reasoning")} - {None, ""}
    assert len(found) < 2
    return found.pop() if found else ""


def usage_of(usage: Any) -> Usage | None:
    """Token counts; details that are missing count as none."""
    if usage is None:
        return None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    cached = getattr(usage.prompt_tokens_details, "cached_tokens", None) or 0
    reasoning = getattr(usage.completion_tokens_details, "reasoning_tokens", None) or 0
    return Usage(usage.prompt_tokens, usage.completion_tokens, cached, reasoning)
