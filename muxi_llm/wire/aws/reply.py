"""Bedrock Converse, theirs → ours: what a whole reply and a stream share.

Thinking is told as Anthropic tells it (`thinking_blocks`), so a conversation may go on at either place. A
turn that the chat form could not give back as it was (citations, text after a call, a server's tools) rides
along verbatim (`extra_content.bedrock.content`).
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from muxi_llm.wire.anthropic.tools import shortened
from muxi_llm.wire.base import Json, dumps
from muxi_llm.wire.reading import CUT_SHORT, broken, finish_word

if TYPE_CHECKING:
    from collections.abc import Mapping


class ReplyReader:
    """Reads replies to one request: under the caller's tool names, in the form it was asked in.

    legacy: whether calls are told in the `function_call` form.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self.legacy = False

    def short_name(self, name: str) -> str:
        """A tool's *name* as Bedrock takes it; replies are read back under the caller's."""
        short = shortened(name, 64)
        if short != name:
            self._names[short] = name
        return short

    def message_of(self, blocks: list[Json]) -> Json:
        """Content blocks → the assistant's message."""
        message: Json = {"role": "assistant", "content": None, "refusal": None}
        text = "".join(text_of(block) for block in blocks)
        calls = [self.call_of(block["toolUse"]) for block in blocks if is_call(block)]
        if text or not calls:
            message["content"] = text
        message.update(annotations_of(blocks))
        reasoning = "".join(reasoning_text(block) for block in blocks)
        if reasoning:
            message["reasoning_content"] = reasoning
        thoughts = [thought for block in blocks if (thought := thought_of(block))]
        if thoughts:
            message["thinking_blocks"] = thoughts
        message.update(self.state_of(blocks))
        if calls and self.legacy:
            message["function_call"] = calls[0]["function"]
        elif calls:
            message["tool_calls"] = calls
        return message

    def call_of(self, tool_use: Json, arguments: str | None = None) -> Json:
        """A tool call in the chat form, under the name the caller gave the tool."""
        name = self._names.get(tool_use["name"], tool_use["name"])
        if arguments is None:
            arguments = dumps(tool_use.get("input") or {}).decode()
        return {
            "id": tool_use["toolUseId"],
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }

    def state_of(self, blocks: list[Json]) -> Json:
        """What must be sent back and has no other place in a message."""
        if self.legacy or _is_regular(blocks):
            return {}
        return {"extra_content": {"bedrock": {"content": blocks}}}

    def finish_of(self, reason: str | None, *, called: bool, said: str | None = None) -> str:
        """The chat form's finish reason. Raises for an answer that the model spoilt: worth another try."""
        if reason is not None and reason in SPOILT:
            raise broken(f"the model's answer could not be read ({reason})", 500, reason, said=said)
        finish = finish_word(reason, FINISH_REASONS)
        if called and finish not in CUT_SHORT:
            return "function_call" if self.legacy else "tool_calls"
        return finish


def is_call(block: Json) -> bool:
    """Whether the caller is to run a tool; servers run their own."""
    return "toolUse" in block and block["toolUse"].get("type") != "server_tool_use"


def text_of(block: Json) -> str:
    """The text of a block, cited or not."""
    if "citationsContent" in block:
        return "".join(piece.get("text", "") for piece in block["citationsContent"].get("content") or ())
    return str(block.get("text") or "")


def reasoning_text(block: Json) -> str:
    """The thinking in a block that can be read."""
    return str(((block.get("reasoningContent") or {}).get("reasoningText") or {}).get("text") or "")


def thought_of(block: Json) -> Json | None:
    """A block as Anthropic's thinking: signed or secret, so that it can be sent back."""
    content = block.get("reasoningContent") or {}
    if "redactedContent" in content:
        data = base64.b64decode(content["redactedContent"]).decode("latin-1")  # any bytes, and back again
        return {"type": "redacted_thinking", "data": data}
    text = content.get("reasoningText") or {}
    if not text.get("signature"):
        return None
    return {"type": "thinking", "thinking": text.get("text") or "", "signature": text["signature"]}


def reasoning_of(thought: Mapping[str, Any]) -> Json | None:
    """The other way round; `None` for thinking that nobody signed, which is not taken back."""
    if thought["type"] == "redacted_thinking":
        data = base64.b64encode(thought["data"].encode("latin-1")).decode()
        return {"reasoningContent": {"redactedContent": data}}
    if not thought.get("signature"):
        return None
    text = {"text": thought["thinking"], "signature": thought["signature"]}
    return {"reasoningContent": {"reasoningText": text}}


def annotations_of(blocks: list[Json], *, start: int = 0) -> Json:
    """Citations: those of web pages as the chat form's `annotations`, the others under `citations`."""
    annotations, citations = [], []
    for block in blocks:
        end = start + len(text_of(block))
        for citation in (block.get("citationsContent") or {}).get("citations") or ():
            url = ((citation.get("location") or {}).get("web") or {}).get("url")
            if url:
                place = {"url": url, "title": citation.get("title") or ""}
                place |= {"start_index": start, "end_index": end}
                annotations.append({"type": "url_citation", "url_citation": place})
            else:
                citations.append(citation)
        start = end
    return {name: value for name, value in (("annotations", annotations), ("citations", citations)) if value}


def usage_of(usage: Mapping[str, Any]) -> Json:
    """Converse counts cached tokens apart; the chat form counts them in."""
    read, written = usage.get("cacheReadInputTokens") or 0, usage.get("cacheWriteInputTokens") or 0
    prompt = (usage.get("inputTokens") or 0) + read + written
    answer = usage.get("outputTokens") or 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        **{name: usage[name] for name in EXTRA_USAGE if usage.get(name)},
    }


def _is_regular(blocks: list[Json]) -> bool:
    """Whether the chat form alone gives *blocks* back: thinking, one plain text, calls, in this order."""
    ranks = [RANKS.get(next(iter(block), ""), -1) for block in blocks]
    calls = sum(is_call(block) for block in blocks)
    return (
        -1 not in ranks
        and ranks == sorted(ranks)
        and ranks.count(RANKS["text"]) <= 1
        and ranks.count(RANKS["toolUse"]) == calls
    )


# ------------------------------------------------------------------------------------------ tables

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}

SPOILT = {"malformed_model_output", "malformed_tool_use"}

RANKS = {"reasoningContent": 0, "text": 1, "toolUse": 2}

EXTRA_USAGE = ("cacheDetails", "serverToolUsage")
"""Fields without a counterpart, kept under their own names."""
