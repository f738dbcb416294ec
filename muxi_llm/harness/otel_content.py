"""Prompts and answers as the messages of the GenAI conventions, from whichever wire they came.

A body is in the chat form, or as OpenAI's Responses API or Anthropic's Messages API were asked. Of media
and of what is no text there is only the kind.

Source: https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/, the files
gen-ai-input-messages.json, gen-ai-output-messages.json, gen-ai-system-instructions.json and
gen-ai-tool-definitions.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from muxi_llm.models import RawValue

Part = dict[str, Any]


def content(body: Mapping[str, Any], answer: Any, facts: Mapping[str, Any]) -> dict[str, str]:
    """Attributes of a span, each a JSON text."""
    found: dict[str, Any] = {}
    if asked := _asked(body, facts):
        found["gen_ai.input.messages"] = asked
    if instructions := _parts(body.get("instructions") or body.get("system")):
        found["gen_ai.system_instructions"] = instructions
    if tools := body.get("tools"):
        found["gen_ai.tool.definitions"] = [_tool(tool) for tool in tools if isinstance(tool, Mapping)]
    if said := _said(answer, facts.get("finish_reasons") or ["unknown"]):
        found["gen_ai.output.messages"] = said
    return {name: json.dumps(value, default=str) for name, value in found.items()}


def _asked(body: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Part]:
    if facts["operation"] == "completion":
        return [{"role": "user", "parts": _parts(body["prompt"])}] if "prompt" in body else []
    if facts["operation"] != "chat":
        return []
    asked = body.get("messages", body.get("input")) or ()
    if isinstance(asked, str):
        return [{"role": "user", "parts": _parts(asked)}]
    return [_message(message) for message in asked if isinstance(message, Mapping)]


def _said(answer: Any, reasons: list[str]) -> list[Part]:
    if isinstance(answer, str):  # a stream's first choice
        return [{"role": "assistant", "parts": _parts(answer), "finish_reason": reasons[0]}]
    if isinstance(answer, RawValue):
        parts = _raw_parts(answer.wire_bytes or b"")
        return [{"role": "assistant", "parts": parts, "finish_reason": reasons[0]}] if parts else []
    return [_choice(choice.model_dump()) for choice in getattr(answer, "choices", None) or ()]


def _raw_parts(data: bytes) -> list[Part]:
    """Of an answer in its vendor's own form."""
    try:
        found = json.loads(data)
        blocks = found.get("content") or found.get("output") or ()
        return [part for block in blocks for part in _block(block)]
    except (AttributeError, TypeError, ValueError):  # it was for the client to understand, not for us
        return []


def _block(block: Mapping[str, Any]) -> list[Part]:
    return _parts(block["content"]) if block.get("type") == "message" else [_part(block)]


def _choice(choice: Mapping[str, Any]) -> Part:
    message = choice.get("message") or {"role": "assistant", "content": choice.get("text")}
    return {**_message(message), "finish_reason": choice.get("finish_reason") or "unknown"}


def _message(message: Mapping[str, Any]) -> Part:
    """A message, or an item of the Responses API that stands for one."""
    role, said = message.get("role"), message.get("content")
    if role is None:
        part = _part(message)
        return {"role": "tool" if part["type"] == "tool_call_response" else "assistant", "parts": [part]}
    if role == "tool":
        answered = {"type": "tool_call_response", "id": message.get("tool_call_id"), "response": said}
        return {"role": role, "parts": [answered]}
    parts = [{"type": "reasoning", "content": text}] if (text := message.get("reasoning_content")) else []
    calls = [_part({"type": "function", **call}) for call in message.get("tool_calls") or ()]
    return {"role": role, "parts": [*parts, *_parts(said), *calls]}


def _parts(said: str | Iterable[Any] | None) -> list[Part]:
    if not said:
        return []
    if isinstance(said, str):
        return [{"type": "text", "content": said}]
    return [_part(part) for part in said]


def _part(part: Any) -> Part:
    if not isinstance(part, Mapping):
        return {"type": "text", "content": str(part)}
    kind = str(part.get("type", "unknown"))
    if kind in TEXTS:
        return {"type": "text", "content": part.get(TEXTS[kind])}
    if kind in THOUGHTS:
        summary = part.get("summary") or ()
        told = part.get("thinking") or " ".join(str(_text_of(one)) for one in summary)
        return {"type": "reasoning", "content": told}
    if kind in CALLS:
        return _call(part)
    if kind in RESULTS:
        identity, response = RESULTS[kind]
        return {"type": "tool_call_response", "id": part.get(identity), "response": part.get(response)}
    return {"type": kind}


def _call(call: Mapping[str, Any]) -> Part:
    asked = call.get("function") or call.get("custom") or call
    arguments = asked.get("arguments", asked.get("input"))
    return {
        "type": "tool_call",
        "id": call.get("call_id", call.get("id")),
        "name": asked.get("name"),
        "arguments": _object(arguments),
    }


def _object(arguments: Any) -> Any:
    """Arguments as an object, which the conventions want; as they are where they are none."""
    if not isinstance(arguments, str):
        return arguments
    try:
        read = json.loads(arguments)
    except ValueError:
        return arguments
    return read if isinstance(read, dict) else arguments


def _tool(tool: Mapping[str, Any]) -> Part:
    asked = tool.get("function") or tool.get("custom") or tool
    found = {"type": tool.get("type") or "function"}
    return {**found, **{name: asked[name] for name in ("name", "description") if asked.get(name)}}


def _text_of(part: Any) -> Any:
    return part.get("text", "") if isinstance(part, Mapping) else part


TEXTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
THOUGHTS = {"thinking", "reasoning"}
CALLS = {"function", "custom", "function_call", "custom_tool_call", "tool_use"}
RESULTS = {
    "function_call_output": ("call_id", "output"),
    "custom_tool_call_output": ("call_id", "output"),
    "tool_result": ("tool_use_id", "content"),
}
"""The kinds of parts, blocks and items, on every wire."""
