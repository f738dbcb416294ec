"""State in messages: what a server wants back in the next turn, means nothing to others, and knows its giver.

Three fields of a message hold it: `thinking_blocks` (signed thinking), `reasoning_details` (OpenRouter's,
MiniMax's) and `extra_content`, by whose it is (`google`, `anthropic`, `bedrock`, `openai`), which calls may
have too. Native wires name themselves in it. A server of OpenAI's wire may be anything, so what it gives is
stamped with its name, and goes back to none but it. A client whose own wire has no place for state holds
it sealed.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from muxi_llm.errors import InvalidRequestError
from muxi_llm.wire.base import WireError, dumps_answer, loads, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json


def stamp(said: Any, giver: str) -> bool:
    """Write *giver* into what a message or delta *said*, if there is state in it; whether there is."""
    if not (isinstance(said, BaseModel) and giver and _has_state(said)):
        return False
    extra = said.__pydantic_extra__
    assert extra is not None  # the openai package's models allow for it
    kept = extra.get("extra_content")
    extra["extra_content"] = {**(kept if isinstance(kept, dict) else {}), STAMP: {"giver": giver}}
    said.__pydantic_fields_set__.add("extra_content")
    return True


def _has_state(said: Any) -> bool:
    if said.__pydantic_extra__ and not OPAQUE.isdisjoint(said.__pydantic_extra__):
        return True
    calls = said.tool_calls
    return bool(calls) and any(
        "extra_content" in (getattr(call, "model_extra", None) or ()) for call in calls
    )


def giver_of(message: Mapping[str, Any]) -> str | None:
    """Who is known to have given the state in *message*."""
    extra = message.get("extra_content")
    mark = extra.get(STAMP) if isinstance(extra, dict) else None
    return mark.get("giver") if isinstance(mark, dict) else None


def giver_of_any(message: Any) -> str | None:
    """`giver_of`, for a message of any form a client may send."""
    extra = message if isinstance(message, dict) else getattr(message, "model_extra", None)
    return giver_of(extra) if extra else None


def without_foreign(message: Any) -> Any:
    """*message*, of any form, without the state and the thinking that somebody else gave."""
    if giver_of_any(message) is None:
        return message
    return without_state(message if isinstance(message, dict) else plain(message), STATE)


def without_stamp(message: Json) -> Json:
    """*message* as its giver knows it."""
    extra = {name: value for name, value in message["extra_content"].items() if name != STAMP}
    rest = {name: value for name, value in message.items() if name != "extra_content"}
    return {**rest, "extra_content": extra} if extra else rest


def without_state(message: Json, names: frozenset[str] | set[str]) -> Json:
    """*message* and its calls without the fields *names*."""
    out = {name: value for name, value in message.items() if name not in names}
    if "extra_content" in names and out.get("tool_calls"):
        calls = out["tool_calls"]
        out["tool_calls"] = [{n: v for n, v in call.items() if n != "extra_content"} for call in calls]
    return out


def is_more_than_said(message: Mapping[str, Any]) -> bool:
    """Whether the state holds the turn itself, because the chat form could not tell all of it."""
    extra = message.get("extra_content")
    kept = extra.values() if isinstance(extra, dict) else ()
    return any(isinstance(one, dict) and not WHOLE.isdisjoint(one) for one in kept)


# ------------------------------------------------------------------------------------------- sealing


def seal(state: Json) -> str:
    """What must come back unchanged, as the opaque string that clients know to send back."""
    return SEAL + base64.urlsafe_b64encode(dumps_answer(state)).decode()


def unseal(text: object) -> Json | None:
    """What was sealed here; `None` for a string of somebody else's."""
    if not (isinstance(text, str) and text.startswith(SEAL)):
        return None
    try:
        state = loads(base64.urlsafe_b64decode(text.removeprefix(SEAL)))
    except (ValueError, WireError):
        state = None
    if not isinstance(state, dict):
        raise InvalidRequestError("sealed thinking is not the one given out", param="input")
    return state


# ------------------------------------------------------------------------------------------- tables

STAMP = "muxi_llm"
"""Under this name in `extra_content` stands who gave the state."""

OPAQUE = frozenset({"thinking_blocks", "reasoning_details", "extra_content"})

REASONING = frozenset({"reasoning_content", "reasoning"})
"""Thinking in words, which any model can read."""

STATE = OPAQUE | REASONING

WHOLE = frozenset({"content", "parts", "output"})
"""Where native wires keep a turn as it came."""

SEAL = "muxi1."
