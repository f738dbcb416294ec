"""Anthropic Messages, theirs → ours: what a whole reply and a stream share.

What the chat form has no words for rides on extensions: thinking (`reasoning_content` as text,
`thinking_blocks` verbatim), the raw stop reason (`native_finish_reason`), and, where the chat form
could not give the turn back as it was (server tools, citations, text after a call), the blocks
themselves (`extra_content.anthropic.content`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.wire.anthropic.thinking import THINKING
from muxi_llm.wire.reading import CUT_SHORT, finish_word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.anthropic.tools import Tools
    from muxi_llm.wire.base import Json


class ReplyReader:
    """Reads replies to one request: under the caller's tool names, in the form it was asked in."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    @property
    def legacy(self) -> bool:
        """Whether calls are told in the `function_call` form."""
        return self._tools.legacy

    def message_of(self, blocks: list[Json], container: Any = None) -> Json:
        """Content blocks → the assistant's message."""
        message: Json = {"role": "assistant", "content": None, "refusal": None}
        texts, calls, thoughts = [], [], []
        for block in blocks:
            kind = block["type"]
            if kind == "text":
                texts.append(block)
            elif self.is_answer(block):
                texts.append({"text": input_text(block)})
            elif kind == "tool_use":
                calls.append(self.call_of(block, input_text(block)))
            elif kind in THINKING:
                thoughts.append(block)
        text = "".join(block["text"] for block in texts)
        if text or not calls:
            message["content"] = text
        message.update(annotations_of(texts))
        thinking = "".join(block.get("thinking", "") for block in thoughts)
        if thinking:
            message["reasoning_content"] = thinking
        if thoughts:
            message["thinking_blocks"] = thoughts
        message.update(self.state_of(blocks, container))
        if calls and self.legacy:
            message["function_call"] = calls[0]["function"]
        elif calls:
            message["tool_calls"] = calls
        return message

    def is_answer(self, block: Json) -> bool:
        """Whether *block* calls the tool that stands for a JSON schema: its input is the answer's text."""
        return self._tools.forced is not None and block.get("name") == self._tools.forced

    def call_of(self, block: Json, arguments: str) -> Json:
        """A tool call in the chat form, under the name the caller gave the tool."""
        name = self._tools.names.get(block["name"], block["name"])
        return {"id": block["id"], "type": "function", "function": {"name": name, "arguments": arguments}}

    def state_of(self, blocks: list[Json], container: Any) -> Json:
        """What must be sent back and has no other place in a message."""
        state = {}
        if not (self.legacy or _is_regular(blocks)):  # legacy calls have no ids to match the blocks' with
            state["content"] = blocks
        if container:
            state["container"] = container
        return {"extra_content": {"anthropic": state}} if state else {}

    def finish_of(self, reason: str | None, *, called: bool) -> str:
        """The chat form's finish reason; whatever the provider says, a tool call ends in `tool_calls`."""
        finish = finish_word(reason, FINISH_REASONS)
        if called and finish not in CUT_SHORT:
            return "function_call" if self.legacy else "tool_calls"
        return "stop" if finish == "tool_calls" else finish  # the forced tool of a JSON answer is no call


def _is_regular(blocks: list[Json]) -> bool:
    """Whether the chat form alone gives *blocks* back: thinking, one plain text, calls, in this order."""
    ranks = [RANKS.get(block["type"], -1) for block in blocks]
    return (
        -1 not in ranks
        and ranks == sorted(ranks)
        and ranks.count(RANKS["text"]) <= 1
        and not any(
            block.get("citations")
            or block.get("toolset_name")
            or (block.get("caller") or {}).get("type", "direct") != "direct"
            for block in blocks
        )
    )


def input_text(block: Json) -> str:
    """A tool call's input as the JSON text the chat form has."""
    return orjson.dumps(block.get("input") or {}).decode()


def usage_of(usage: Mapping[str, Any]) -> Json:
    """Anthropic's usage counts cached tokens apart; the chat form counts them in."""
    read = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    prompt = (usage.get("input_tokens") or 0) + read + written
    answer = usage.get("output_tokens") or 0
    out: Json = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
    out["prompt_tokens_details"] = {"cached_tokens": read, "cache_write_tokens": written}
    thinking = (usage.get("output_tokens_details") or {}).get("thinking_tokens")
    if thinking is not None:
        out["completion_tokens_details"] = {"reasoning_tokens": thinking}
    out.update({name: usage[name] for name in EXTRA_USAGE if usage.get(name) is not None})
    return out


def annotations_of(blocks: list[Json], *, start: int = 0) -> Json:
    """Citations: those of web pages as the chat form's `annotations`, the others under `citations`."""
    annotations, citations = [], []
    for block in blocks:
        end = start + len(block["text"])
        for citation in block.get("citations") or ():
            if citation.get("url"):
                place = {
                    "url": citation["url"],
                    "title": citation.get("title") or "",
                    "start_index": start,
                    "end_index": end,
                }
                annotations.append({"type": "url_citation", "url_citation": place})
            else:
                citations.append(citation)
        start = end
    return {name: value for name, value in (("annotations", annotations), ("citations", citations)) if value}


def refusal_text(raw: Mapping[str, Any]) -> str:
    """Why the model stopped, as far as the provider says."""
    details = raw.get("stop_details") or {}
    return details.get("explanation") or "The provider stopped this answer."


# ------------------------------------------------------------------------------------------ tables

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "stop",  # `native_finish_reason` tells it apart
}

RANKS = {"thinking": 0, "redacted_thinking": 0, "text": 1, "tool_use": 2}

EXTRA_USAGE = ("cache_creation", "server_tool_use", "service_tier", "inference_geo", "speed")
"""Fields without a counterpart, kept under their own names."""
