"""Anthropic Messages backwards: what other models' answers left among an Anthropic client's blocks.

Their thinking has no signature, or one that is sealed state of theirs (`wire/state.py`); where there is state
and no thinking to carry it, a `redacted_thinking` block does. Their citations of web pages have no
`encrypted_index`. All of that is theirs to have back, and a 400 at Anthropic.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from muxi_llm.utils.streaming import merge
from muxi_llm.wire.base import plain
from muxi_llm.wire.state import SEAL, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json, Ledger


def state_in(said: Any) -> Json:
    """The state in a message or a delta that no block of Anthropic's can tell; of its calls by their ids."""
    state: Json = {}
    extra = {name: value for name, value in (said.extra_content or {}).items() if name != "anthropic"}
    if extra:
        state["extra_content"] = deepcopy(extra)
    details = said.get_extra("reasoning_details")
    if details:
        state["reasoning_details"] = deepcopy(details)
    calls = {call.id: plain(call).get("extra_content") for call in said.tool_calls or () if call.model_extra}
    calls = {call_id: deepcopy(given) for call_id, given in calls.items() if call_id and given}
    if calls:
        state["calls"] = calls
    return state


def sealed(state: Json) -> Json:
    """*state* as a block that a client sends back."""
    return {"type": "redacted_thinking", "data": seal(state)}


def sealed_in(block: Json) -> Json:
    """The state that *block* holds."""
    return unseal(block.get("data") if block["type"] == "redacted_thinking" else None) or {}


def is_ours(block: Json) -> bool:
    """Whether *block* is thinking that Anthropic did not sign."""
    if block["type"] == "redacted_thinking":
        return str(block.get("data")).startswith(SEAL)
    return block["type"] == "thinking" and not block.get("signature")


def restore(message: Json, state: Json) -> None:
    """Put *state* back into *message* and its calls, in place."""
    merge(message, {name: value for name, value in state.items() if name != "calls"})
    extras = state.get("calls") or {}
    for call in message.get("tool_calls") or ():
        if call["id"] in extras:
            call["extra_content"] = extras[call["id"]]


def without_ours(block: Json) -> Json:
    """*block* without citations that are none of Anthropic's."""
    cited = block.get("citations")
    if not isinstance(cited, list) or all(map(_is_anthropics, cited)):
        return block
    kept = [one for one in cited if _is_anthropics(one)]
    rest = {name: value for name, value in block.items() if name != "citations"}
    return {**rest, "citations": kept} if kept else rest


def _is_anthropics(cited: Any) -> bool:
    return not isinstance(cited, dict) or cited.get("type") != WEB or bool(cited.get("encrypted_index"))


def citation_of(annotation: Any, text: str) -> Json | None:
    """A cited web page as Anthropic's clients know it; `None` for a citation of another kind."""
    page = plain(annotation).get("url_citation")
    if not page:
        return None
    cited = text[page.get("start_index") or 0 : page.get("end_index") or 0]
    told = {"url": page.get("url") or "", "title": page.get("title"), "cited_text": cited[:150]}
    return {"type": WEB, **told, "encrypted_index": ""}


def own_messages(messages: list[Any], ledger: Ledger) -> list[Any]:
    """*messages* as Anthropic itself takes them; the same list where nothing is foreign in it."""
    out = [_own_turn(turn) for turn in messages]
    if all(new is old for new, old in zip(out, messages, strict=True)):
        return messages
    ledger.dropped("messages", "thinking of other models means nothing to Anthropic", loss=False)
    return [turn for turn in out if turn["content"]]


def holds_foreign(messages: Any) -> bool:
    """Whether there is something among *messages* that Anthropic itself would refuse as not its own."""
    return isinstance(messages, list) and any(_own_turn(turn) is not turn for turn in messages)


def _own_turn(turn: Any) -> Any:
    content = turn.get("content") if isinstance(turn, dict) and turn.get("role") == "assistant" else None
    if not isinstance(content, list) or not all(
        isinstance(block, dict) and "type" in block for block in content
    ):
        return turn
    kept = [without_ours(block) for block in content if not is_ours(block)]
    same = len(kept) == len(content) and all(new is old for new, old in zip(kept, content, strict=True))
    return turn if same else {**turn, "content": kept}


def thinks_no_more(before: list[Any], after: list[Any], asked: Mapping[str, Any]) -> bool:
    """Whether thinking by a budget is refused now: the last turn's calls came without their thinking."""
    if after is before or (asked.get("thinking") or {}).get("type") != "enabled":
        return False
    turns = [turn for turn in after if turn.get("role") == "assistant" and isinstance(turn["content"], list)]
    kinds = [block["type"] for block in turns[-1]["content"]] if turns else []
    return "tool_use" in kinds and kinds[0] not in {"thinking", "redacted_thinking"}


# ------------------------------------------------------------------------------------------ tables

WEB = "web_search_result_location"
