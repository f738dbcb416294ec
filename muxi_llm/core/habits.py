"""What families of models and single services do differently within OpenAI's own form, by the columns a
`Profile` or a `Provider` declares.

Each column of `Provider` named in `HABITS` has one function here; a service that does not declare it pays
nothing for it. They run on OpenAI's names, before the provider's own tables rename or drop any.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from muxi_llm.wire.anthropic.thinking import nearest_effort
from muxi_llm.wire.base import is_neutral
from muxi_llm.wire.requesting import HARMLESS, chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.providers.base import Provider
    from muxi_llm.wire.base import Json, Ledger, Profile

    Body = Mapping[str, Any]


def by_habits(body: Body, provider: Provider, ledger: Ledger) -> Body:
    """*body* as *provider* wants it said, every change told."""
    for column, fit in HABITS:
        if wanted := getattr(provider, column):
            body = fit(body, wanted, ledger)
    return body


# ------------------------------------------------------------------------------- a model's family


def by_family(body: Body, profile: Profile, ledger: Ledger) -> Body:
    """*body* within what the model's family can do, every change told."""
    if profile.max_output_tokens is not None:
        body = _within(body, profile.max_output_tokens, ledger)
    if profile.forced_calls == "unthinking" and body.get("tool_choice") is not None:
        body = _obeying(body, ledger)
    effort = body.get("reasoning_effort")
    if effort is not None and profile.efforts is not None and profile.thinking == "none":
        body = _level(body, effort, profile.efforts, ledger)
    if profile.drops_while_reasoning and profile.reasons_at(body.get("reasoning_effort")):
        body = left_out(body, profile.drops_while_reasoning, ledger)
    return body


def left_out(body: Body, drops: Mapping[str, str], ledger: Ledger) -> Body:
    """*body* without the parameters of *drops*, each told with its reason."""
    for name in [name for name in drops if name in body]:  # in the table's order, not in a set's
        ledger.dropped(name, drops[name], loss=name not in HARMLESS and not is_neutral(name, body[name]))
        body = {key: value for key, value in body.items() if key != name}
    return body


def _within(body: Body, most: int, ledger: Ledger) -> Body:
    """The model says no more than that however much is asked for, so nothing is lost."""
    for name in ("max_tokens", "max_completion_tokens"):
        asked = body.get(name)
        if isinstance(asked, int) and asked > most:
            ledger.changed(name, f"{most} is the most this model can say", loss=False)
            body = {**body, name: most}
    return body


def _obeying(body: Body, ledger: Ledger) -> Body:
    """A call can be demanded of a model that does not think: the caller wants the call."""
    if chosen(body["tool_choice"])[0] != "required" or body.get("reasoning_effort") == "none":
        return body
    ledger.changed("reasoning_effort", "this model takes no forced tool_choice while it thinks; told not to")
    return {**body, "reasoning_effort": "none"}


def _level(body: Body, effort: str, known: tuple[str, ...], ledger: Ledger) -> Body:
    if not known:
        ledger.dropped("reasoning_effort", "this model takes none", loss=effort != "none")
        return {name: value for name, value in body.items() if name != "reasoning_effort"}
    nearest = nearest_effort(effort, known)
    if nearest == effort:
        return body
    ledger.changed("reasoning_effort", f"{effort!r} sent as {nearest!r}, the nearest this model has")
    return {**body, "reasoning_effort": nearest}


# -------------------------------------------------------------------------------------- parameters


def _without_foreign(body: Body, foreign: frozenset[str], ledger: Ledger) -> Body:
    if foreign.isdisjoint(body):
        return body
    why = f"{ledger.provider} has no such parameter"
    return left_out(body, dict.fromkeys(sorted(foreign), why), ledger)


def _short(body: Body, lengths: Mapping[str, int], ledger: Ledger) -> Body:
    for name, most in lengths.items():
        value = body.get(name)
        if isinstance(value, str) and len(value) > most:
            ledger.changed(name, f"longer than {most} characters; sent as its hash", loss=False)
            body = {**body, name: sha256(value.encode()).hexdigest()}
    return body


def _in_ranges(body: Body, ranges: Mapping[str, tuple[float, float]], ledger: Ledger) -> Body:
    for name, (least, most) in ranges.items():
        value = body.get(name)
        if isinstance(value, int | float) and not least <= value <= most:
            nearest = min(max(value, least), most)
            ledger.changed(name, f"{ledger.provider} takes {least} to {most}; sent as {nearest}")
            body = {**body, name: nearest}
    return body


def _few_stops(body: Body, limit: int, ledger: Ledger) -> Body:
    stops = body.get("stop")
    if not isinstance(stops, list) or len(stops) <= limit:
        return body
    ledger.changed("stop", f"{ledger.provider} takes {limit}; the others are left out")
    return {**body, "stop": stops[:limit]}


def _effort(body: Body, fields: Mapping[str, Mapping[str, Any]], ledger: Ledger) -> Body:
    wanted = fields.get(str(body.get("reasoning_effort")))
    if wanted is None:
        return body
    if not wanted:
        ledger.dropped("reasoning_effort", f"{ledger.provider} knows no levels of it")
    elif "reasoning_effort" in wanted:
        ledger.changed("reasoning_effort", f"{ledger.provider} takes it as {wanted['reasoning_effort']!r}")
    else:
        ledger.moved("reasoning_effort", f"{ledger.provider} is asked by {', '.join(wanted)}")
    return {**{name: value for name, value in body.items() if name != "reasoning_effort"}, **wanted}


def _tool_choice(body: Body, instead: Mapping[str, str], ledger: Ledger) -> Body:
    choice = body.get("tool_choice")
    kind = choice if isinstance(choice, str) else "function"
    if choice is None or kind not in instead:
        return body
    if instead[kind]:
        ledger.changed("tool_choice", f"{ledger.provider} takes {instead[kind]!r} for {kind!r}",
                       loss=instead[kind] == "auto")  # fmt: skip
        return {**body, "tool_choice": instead[kind]}
    ledger.dropped("tools", f"{ledger.provider} cannot be told to call none of them", loss=False)
    return {name: value for name, value in body.items() if name not in ABOUT_TOOLS}


# ---------------------------------------------------------------------------------------- messages


def _without_fields(body: Body, drops: Mapping[str, str], ledger: Ledger) -> Body:
    messages = _messages(body)
    found = [name for name in drops if any(name in message for message in messages)]
    if not found:
        return body
    for name in found:
        ledger.dropped(f"messages[].{name}", drops[name])
    return {**body, "messages": [{n: v for n, v in m.items() if n not in found} for m in messages]}


def _as_strings(body: Body, roles: frozenset[str], ledger: Ledger) -> Body:
    messages = [
        {**message, "content": "\n\n".join(part["text"] for part in message["content"])}
        if message["role"] in roles and _is_text(message.get("content"))
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


def _is_text(content: object) -> bool:
    return isinstance(content, list) and all(part["type"] == "text" for part in content)


def _both(first: Any, second: Any) -> Any:
    """Two contents as one: a string if both are, else parts."""
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [*_parts(first), *_parts(second)]


def _parts(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())


# ------------------------------------------------------------------------------------------ tables

HABITS: tuple[tuple[str, Callable[[Any, Any, Ledger], Any]], ...] = (
    ("foreign", _without_foreign),
    ("ranges", _in_ranges),
    ("lengths", _short),
    ("stop_limit", _few_stops),
    ("effort_fields", _effort),
    ("tool_choices", _tool_choice),
    ("message_drops", _without_fields),
    ("string_content", _as_strings),
    ("alternating_roles", _alternating),
    ("tool_call_id", _call_ids),
)

ABOUT_TOOLS = {"tools", "tool_choice", "parallel_tool_calls"}
IN_TOOL_TURNS = {"tool_calls", "tool_call_id"}
"""A message with one of these stands for itself."""
