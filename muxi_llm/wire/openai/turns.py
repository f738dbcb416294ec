"""OpenAI's chat form, ours → theirs: what messages must look like at single services, by their columns.

Each function fits *body* to what a column of `Provider` says and tells every change; `core/habits.py` runs
them, and lists the others.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.wire.base import Json, Ledger

    Body = Mapping[str, Any]


def _without_fields(body: Body, drops: Mapping[str, str], ledger: Ledger) -> Body:
    messages = _messages(body)
    found = [name for name in drops if any(name in message for message in messages)]
    if not found:
        return body
    for name in found:
        ledger.dropped(f"messages[].{name}", drops[name])
    return {**body, "messages": [{n: v for n, v in m.items() if n not in found} for m in messages]}


def _known_fields(body: Body, known: frozenset[str], ledger: Ledger) -> Body:
    messages = _messages(body)
    odd = {name for m in messages if m["role"] == "assistant" for name in m.keys() - known}
    if not odd:
        return body
    for name in sorted(odd):
        ledger.dropped(f"messages[].{name}", f"{ledger.provider} knows no such field", loss=name not in ASIDE)
    if "refusal" in odd:  # it is what was said
        messages = [
            {**m, "content": m["refusal"]} if m.get("refusal") and not m.get("content") else m
            for m in messages
        ]
    kept = [{n: v for n, v in m.items() if n in known} if m["role"] == "assistant" else m for m in messages]
    return {**body, "messages": kept}


def _reasoning_name(body: Body, name: str, ledger: Ledger) -> Body:
    other = "reasoning" if name == "reasoning_content" else "reasoning_content"
    if not any(other in message for message in _messages(body)):
        return body
    ledger.renamed(f"messages[].{other}", name)
    messages = [
        {name: m[other], **{n: v for n, v in m.items() if n != other}} if other in m else m
        for m in _messages(body)
    ]
    return {**body, "messages": messages}


def _after_tools(body: Body, said: str, ledger: Ledger) -> Body:
    messages: list[Json] = []
    for message in _messages(body):
        if message["role"] == "user" and messages and messages[-1]["role"] == "tool":
            messages.append({"role": "assistant", "content": said})
        messages.append(message)
    return _with_messages(
        body, messages, ledger, "hears the assistant between a tool and the user; a stand-in"
    )


def _one_system(body: Body, _: bool, ledger: Ledger) -> Body:
    """https://github.com/vllm-project/vllm/issues/41114: "System message must be at the beginning"."""
    messages: list[Json] = []
    for message in _messages(body):
        if message["role"] == "system" and len(messages) == 1 and messages[0]["role"] == "system":
            messages[0] = {
                **messages[0],
                "content": _both(messages[0].get("content"), message.get("content")),
            }
        elif message["role"] == "system" and messages:
            messages.append({**message, "role": "user"})
        else:
            messages.append(message)
    return _with_messages(body, messages, ledger, "takes one system message, the first; the others follow it")


def _begun(body: Body, fields: Mapping[str, Any], ledger: Ledger) -> Body:
    last = (_messages(body) or [{}])[-1]
    if not is_begun(last):
        return body
    mark = fields.get("message")
    if mark is None:
        ledger.moved("messages", f"{ledger.provider} goes on from an answer by {', '.join(fields)}")
        return {**body, **fields}
    ledger.moved("messages", f"{ledger.provider} goes on from an answer marked {', '.join(mark)}")
    return {**body, "messages": [*body["messages"][:-1], {**last, **mark}]}


def is_begun(message: Mapping[str, Any]) -> bool:
    """Whether *message*, the last one, is an answer begun: it is to be gone on from."""
    called = message.get("tool_calls") or message.get("function_call")
    return message.get("role") == "assistant" and bool(message.get("content")) and not called


def _as_strings(body: Body, roles: frozenset[str], ledger: Ledger) -> Body:
    messages = [
        {**message, "content": "\n\n".join(part["text"] for part in message["content"])}
        if message["role"] in roles and is_text(message.get("content"))
        else message
        for message in _messages(body)
    ]
    return _with_messages(body, messages, ledger, "takes content as one string; its parts are joined")


def _alternating(body: Body, _: bool, ledger: Ledger) -> Body:
    messages: list[Json] = []
    for message in _messages(body):
        role = message["role"]
        last = messages[-1] if messages else {"role": "system"}
        if role == "system" != last["role"]:
            message = {**message, "role": "user"}  # noqa: PLW2901
        if message["role"] == last["role"] != "system" and not (message.keys() | last.keys()) & IN_TOOL_TURNS:
            messages[-1] = {**last, "content": _both(last.get("content"), message.get("content"))}
        else:
            messages.append(message)
    return _with_messages(body, messages, ledger, "wants turns to alternate; those of one role are merged")


def _call_ids(body: Body, pattern: str, ledger: Ledger) -> Body:
    messages = []
    for message in _messages(body):
        if "tool_call_id" in message:
            message = {**message, "tool_call_id": _short_id(message["tool_call_id"], pattern)}  # noqa: PLW2901
        if message.get("tool_calls"):
            calls = [{**call, "id": _short_id(call.get("id"), pattern)} for call in message["tool_calls"]]
            message = {**message, "tool_calls": calls}  # noqa: PLW2901
        messages.append(message)
    return _with_messages(body, messages, ledger, "takes shorter ids of tool calls; replaced")


def _short_id(call_id: Any, pattern: str) -> Any:
    """Nine characters that depend on nothing but *call_id*: a call and its result stay together."""
    if not isinstance(call_id, str) or re.fullmatch(pattern, call_id):
        return call_id
    return sha256(call_id.encode()).hexdigest()[:9]


def _messages(body: Body) -> list[Json]:
    """Its messages; completions and embeddings have none."""
    return body.get("messages") or []


def _with_messages(body: Body, messages: list[Json], ledger: Ledger, why: str) -> Body:
    if messages == _messages(body):
        return body
    ledger.changed("messages", f"{ledger.provider} {why}", loss=False)
    return {**body, "messages": messages}


def is_text(content: object) -> bool:
    """Whether *content* is parts of text, and nothing else."""
    return isinstance(content, list) and all(part["type"] == "text" for part in content)


def _both(first: Any, second: Any) -> Any:
    """Two contents as one: a string if both are, else parts."""
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [*_parts(first), *_parts(second)]


def _parts(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())


def with_reasoned_calls(body: Body, ledger: Ledger) -> Body:
    """A call that another model made has no reasoning, without which this one refuses it while it thinks.

    Sources: https://api-docs.deepseek.com/guides/thinking_mode#tool-calls,
    https://platform.kimi.ai/docs/guide/use-kimi-k2-thinking-model; not even "" will do
    (https://github.com/charmbracelet/crush/issues/2696).
    """
    bare = [
        index
        for index, message in enumerate(body["messages"])
        if message.get("tool_calls") and not (message.get("reasoning_content") or message.get("reasoning"))
    ]
    if not bare or body.get("reasoning_effort") == "none":
        return body
    for index in bare:
        ledger.added(
            f"messages[{index}].reasoning_content", "this model wants some with a call; a stand-in is"
        )
    messages = [
        {**message, "reasoning_content": NO_REASONING} if index in bare else message
        for index, message in enumerate(body["messages"])
    ]
    return {**body, "messages": messages}


# ------------------------------------------------------------------------------------------ tables

TURN_HABITS: tuple[tuple[str, Callable[[Any, Any, Ledger], Any]], ...] = (
    ("message_drops", _without_fields),
    ("one_system", _one_system),
    ("reply_to_tools", _after_tools),
    ("prefill", _begun),
    ("reasoning_field", _reasoning_name),
    ("assistant_fields", _known_fields),
    ("string_content", _as_strings),
    ("alternating_roles", _alternating),
    ("tool_call_id", _call_ids),
)
"""Column → what fits messages to it, in this order."""

NO_REASONING = "(no reasoning)"

ASIDE = {"refusal", "annotations", "reasoning_content", "reasoning", "reasoning_details", "name"}
"""Fields of a message whose absence leaves what was said."""
IN_TOOL_TURNS = {"tool_calls", "tool_call_id"}
"""A message with one of these stands for itself."""
