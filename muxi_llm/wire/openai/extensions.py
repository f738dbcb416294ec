"""The declared extensions of the chat form, fitted to one provider.

State goes back to the server that gave it, and to no other: who gave it is in the message (`wire/state.py`);
where nobody knows, the provider's own flags say what it takes (`core/adapt.py`). What steers one provider
alone (cache marks, a failed result's flag) is taken off for others, or said in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.wire.state import (
    OPAQUE,
    STATE,
    giver_of,
    is_more_than_said,
    without_stamp,
    without_state,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json, Ledger


def with_extensions(
    body: Mapping[str, Any], unknown: frozenset[str], giver: str, ledger: Ledger
) -> Mapping[str, Any]:
    """*body* without those extensions that are *unknown* to the provider of that name as a *giver* of state,
    but for what came from it.
    """
    told: dict[str, bool] = {}
    messages = [_fitted(message, unknown, giver, told) for message in body["messages"]]
    out = {**body, "messages": messages}
    if "tools" in body and "cache_control" in unknown:
        told |= {"cache_control": False} if any("cache_control" in tool for tool in body["tools"]) else {}
        out["tools"] = [without_state(tool, {"cache_control"}) for tool in body["tools"]]
    for name in sorted(told):
        ledger.dropped(f"messages[].{name}", f"means nothing to {ledger.provider}", loss=told[name])
    return out


def _fitted(message: Json, unknown: frozenset[str], home: str, told: dict[str, bool]) -> Json:
    giver = giver_of(message)
    if giver is not None:
        is_home = giver == home
        unknown = unknown - STATE if is_home else unknown | OPAQUE
        message = without_stamp(message)
    if "audio" in message and "audio" not in unknown:
        message, unknown = _by_id(message, unknown)
    content = message.get("content")
    if "cache_control" in unknown and isinstance(content, list):
        if any("cache_control" in part for part in content):
            told["cache_control"] = False
        message = {**message, "content": [without_state(part, {"cache_control"}) for part in content]}
    gone = unknown & message.keys()
    if "extra_content" in unknown and any(
        "extra_content" in call for call in message.get("tool_calls") or ()
    ):
        gone |= {"extra_content"}
    if not gone:
        return message
    for name in gone:
        told[name] = told.get(name, False) or _is_lost(name, message)
    if "audio" in gone and not content and _transcript(message):
        message = {**message, "content": _transcript(message)}
    if "is_error" in gone and message["is_error"]:
        message = {**message, "content": _as_failure(message.get("content"))}
    return without_state(message, gone)


def _by_id(message: Json, unknown: frozenset[str]) -> tuple[Json, frozenset[str]]:
    """*message*, its sound by the id alone; one without an id is another server's, and nothing here.

    https://platform.openai.com/docs/api-reference/chat/create
    """
    audio = message["audio"]
    made = audio.get("id") if isinstance(audio, dict) else None
    return ({**message, "audio": {"id": made}}, unknown) if made else (message, unknown | {"audio"})


def _is_lost(name: str, message: Json) -> bool:
    """Whether going on without it may go on otherwise."""
    if name == "is_error":
        return bool(message["is_error"])
    if name == "audio":
        return not (message.get("content") or _transcript(message))
    return name == "images" or (name == "extra_content" and is_more_than_said(message))


def _transcript(message: Json) -> str | None:
    """What was said aloud."""
    audio = message["audio"]
    said = audio.get("transcript") if isinstance(audio, dict) else None
    return said if isinstance(said, str) and said else None


def _as_failure(content: Any) -> Any:
    """A result that says by itself that it is none."""
    if isinstance(content, list):
        return [{"type": "text", "text": FAILED}, *content]
    return f"{FAILED} {content}" if content else FAILED


# ------------------------------------------------------------------------------------------ tables

FAILED = "[error]"
