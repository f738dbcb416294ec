"""Anthropic Messages backwards, the reply: what a whole answer and a stream share.

The inverse of `reply`: content blocks, stop reasons and usage of a chat completion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.wire.anthropic.foreign import citation_of, sealed, state_in
from muxi_llm.wire.anthropic.reply import EXTRA_USAGE
from muxi_llm.wire.requesting import RAW_ARGUMENTS

if TYPE_CHECKING:
    from muxi_llm.models import ChatCompletionMessage, Choice, ChunkChoice, CompletionUsage
    from muxi_llm.wire.base import Json, Ledger


def blocks_of(message: ChatCompletionMessage, native: str | None, message_id: str) -> list[Json]:
    """The message as content blocks: as they came, if they are kept, else thinking, text, calls."""
    kept: list[Json] | None = state_of(message).get("content")
    if kept:
        return kept
    state = state_in(message)
    blocks: list[Json] = [sealed(state)] if state else []
    blocks += message.thinking_blocks or ()
    if not message.thinking_blocks and message.reasoning_content:
        blocks.append({"type": "thinking", "thinking": message.reasoning_content, "signature": ""})
    text = message.content or (message.refusal if is_said(native) else None)
    if text:
        block: Json = {"type": "text", "text": text}
        cited = [citation_of(annotation, text) for annotation in message.get("annotations") or ()]
        if any(cited):
            block["citations"] = [one for one in cited if one]
        blocks.append(block)
    for index, call in enumerate(message.tool_calls or ()):
        called = getattr(call, "function", None) or call.get("custom")
        given = called.get("arguments") or called.get("input")
        blocks.append(tool_use(call.id or call_id(message_id, index), called.name, given))
    if message.function_call:
        function = message.function_call
        blocks.append(tool_use(call_id(message_id, 0), function.name, function.arguments))
    return blocks


def state_of(said: Any) -> Json:
    """What an answer of Anthropic's own left on its message or delta."""
    state: Json = (said.extra_content or {}).get("anthropic") or {}
    return state


def tell_media(said: Any, ledger: Ledger) -> None:
    """Tell of pictures and sound in an answer, which Anthropic's messages have no blocks for."""
    for name in ("images", "audio"):
        param = f"choices[0].message.{name}"
        if said.get(name) and not any(entry.param == param for entry in ledger.entries):  # a stream's pieces
            ledger.dropped(param, f"Anthropic's messages hold no {name} of a model's")


def is_said(native: str | None) -> bool:
    """Whether a `refusal` is the model's own words: Anthropic's is only told, in `stop_details`."""
    return native != "refusal"


def tool_use(made_id: str, name: str | None, arguments: str | None) -> Json:
    """A call as a block."""
    return {"type": "tool_use", "id": made_id, "name": name or "", "input": input_of(arguments or "")}


def call_id(message_id: str, index: int) -> str:
    """For a call without one (the `function_call` form, some local servers)."""
    return f"toolu_{message_id.removeprefix('msg_')}_{index}"


def input_of(arguments: str) -> Json:
    """Arguments as an object: what is none is kept as text."""
    if arguments.strip() in EMPTY:
        return {}
    try:
        decoded = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        decoded = None
    return decoded if isinstance(decoded, dict) else {RAW_ARGUMENTS: arguments}


def head_of(value: Any) -> Json:
    """The fields of a message that do not depend on what it says."""
    made_id = (value.id or f"{value.created}").removeprefix("chatcmpl-")
    made_id = made_id if made_id.startswith("msg_") else f"msg_{made_id}"
    return {"id": made_id, "type": "message", "role": "assistant", "model": value.model}


class Ending:
    """Why an answer stopped, as far as its choice tells. stops: the sequences that were asked for."""

    def __init__(self, stops: list[str]) -> None:
        self._stops = stops
        self._finish: str | None = None
        self._sequence: str | None = None
        self.native: str | None = None
        self.refusal = ""

    def see(self, choice: Choice | ChunkChoice) -> None:
        """Take note of what *choice* says of its end."""
        self._finish = choice.finish_reason or self._finish
        extra = choice.model_extra or {}
        native = extra.get("native_finish_reason")
        self.native = native if isinstance(native, str) and native else self.native
        for name in MATCHED:
            if isinstance(extra.get(name), str) and extra[name] in self._stops:
                self._sequence = extra[name]

    def told(self, *, called: bool) -> Json:
        """`stop_reason` and what goes with it. A call is one whatever the provider said, unless cut off."""
        reason = STOP_REASONS.get(self._finish or "stop", self._finish or "")  # a word nobody knows as it is
        if reason in {"end_turn", "tool_use"}:
            reason = "tool_use" if called else "stop_sequence" if self._sequence else "end_turn"
        if self.refusal:
            reason = "refusal"
        if self.native and FINER.get(self.native) == reason:
            reason = self.native
        sequence = self._sequence or (self._stops[0] if len(self._stops) == 1 else None)
        ending: Json = {"stop_reason": reason, "stop_sequence": None}
        if reason == "stop_sequence":
            ending["stop_sequence"] = sequence
        if reason == "refusal":
            ending["stop_details"] = {
                "type": "refusal",
                "category": None,
                "explanation": self.refusal or None,
            }
        return ending


def usage_of(usage: CompletionUsage | None) -> Json:
    """The chat form counts cached tokens in, Anthropic apart."""
    if usage is None:
        return dict(NO_USAGE)
    details = usage.prompt_tokens_details
    prompt = usage.prompt_tokens or 0
    read = min((details.cached_tokens if details else None) or 0, prompt)  # Azure's Grok has told more
    written = min((details.get("cache_write_tokens") if details else None) or 0, prompt - read)
    out: Json = {
        "input_tokens": prompt - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": usage.completion_tokens or 0,
    }
    thinking = usage.completion_tokens_details and usage.completion_tokens_details.reasoning_tokens
    if thinking is not None:
        out["output_tokens_details"] = {"thinking_tokens": thinking}
    extra = usage.model_extra or {}
    out.update({name: extra[name] for name in EXTRA_USAGE if extra.get(name) is not None})
    return out


# ------------------------------------------------------------------------------------------ tables

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}

FINER = {
    "pause_turn": "end_turn",
    "stop_sequence": "end_turn",
    "model_context_window_exceeded": "max_tokens",
}
"""Anthropic's own reasons, where the chat form has one word for several, and what that says."""

MATCHED = ("stop_sequence", "stop_reason", "matched_stop")
"""Where servers tell which stop sequence it was: the middle one is vLLM's, the last SGLang's."""

NO_USAGE = {
    "input_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 0,
}

EMPTY = {"", "null"}
