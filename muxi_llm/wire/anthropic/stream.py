"""Anthropic Messages, theirs → ours: the stream.

Source: https://docs.anthropic.com/en/api/messages-streaming. Blocks come one after another, each with
an index of its own; tool calls are counted separately, because clients accumulate them by a dense
index. The answer is whole after `message_stop` and not before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.wire.anthropic.reply import annotations_of, input_text, refusal_text, usage_of
from muxi_llm.wire.anthropic.thinking import THINKING
from muxi_llm.wire.base import Json, WireError, fault_of, loads
from muxi_llm.wire.event_decoder import ChunkDecoder
from muxi_llm.wire.requesting import RAW_ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.models import ChatCompletionChunk
    from muxi_llm.wire.anthropic.reply import ReplyReader


@dataclass(slots=True)
class Block:
    """A content block as far as it has come: *raw* as it began, then the *fragments* of its text,
    thinking or input. call: its place among the tool calls, if it is one.
    """

    raw: Json
    call: int | None = None
    fragments: list[str] = field(default_factory=list)
    whole: bool = False

    def close(self) -> None:
        """No more fragments will come: *raw* becomes the block as an unstreamed reply has it."""
        self.whole = True
        text = "".join(self.fragments)
        kind = self.raw["type"]
        if kind in {"text", "thinking"}:
            self.raw[kind] = (self.raw.get(kind) or "") + text
        elif text:
            self.raw["input"] = _parsed(text)


class MessagesStreamDecoder(ChunkDecoder):
    """Events → chunks. usage: whether to end with a chunk of it."""

    terminator = "message_stop"

    def __init__(self, reader: ReplyReader, *, model: str, created: int, usage: bool) -> None:
        super().__init__(model=model, created=created)
        self._reader = reader
        self._usage_wanted = usage
        self._usage: Json = {}
        self._container: Any = None
        self._blocks: dict[int, Block] = {}
        self._calls = 0
        self._text_length = 0

    def read(self, name: bytes, data: bytes) -> list[ChatCompletionChunk]:  # noqa: ARG002 - told in the data too
        """The chunks one event amounts to."""
        event = loads(data)
        read = EVENTS.get(event["type"])
        return read(self, event) if read is not None else []  # ping, and events yet to come

    # ------------------------------------------------------------------- one method per event type

    def message_start(self, event: Json) -> list[ChatCompletionChunk]:
        """The head of every chunk, and the prompt's usage."""
        message = event["message"]
        self.head.update({name: message[name] for name in ("id", "model") if message.get(name)})
        self._usage.update(message.get("usage") or {})
        self.counted = self._usage
        return [self.chunk({"role": "assistant", "content": None})]

    def block_start(self, event: Json) -> list[ChatCompletionChunk]:
        """A block begins; a tool call's id and name are told here and nowhere else."""
        block = self._blocks[event["index"]] = Block(dict(event["content_block"]))
        raw = block.raw
        if raw["type"] == "text":
            return self._text(raw.get("text"))
        if raw["type"] == "thinking":
            return self._thinking(raw.get("thinking"))
        if raw["type"] != "tool_use" or self._reader.is_answer(raw):
            return []
        block.call = self._calls
        self._calls += 1
        return self._call(block, self._reader.call_of(raw, ""))

    def block_delta(self, event: Json) -> list[ChatCompletionChunk]:
        """A fragment of a block."""
        block, delta = self._blocks[event["index"]], event["delta"]
        kind = delta["type"]
        if kind in FRAGMENTS:
            fragment = delta[FRAGMENTS[kind]]
            block.fragments.append(fragment)
            return self._fragment(block, kind, fragment)
        if kind == "signature_delta":
            block.raw["signature"] = (block.raw.get("signature") or "") + delta["signature"]
        elif kind == "citations_delta":
            block.raw["citations"] = [*(block.raw.get("citations") or ()), delta["citation"]]
        return []

    def _fragment(self, block: Block, kind: str, fragment: str) -> list[ChatCompletionChunk]:
        if kind == "text_delta":
            return self._text(fragment)
        if kind == "thinking_delta":
            return self._thinking(fragment)
        if self._reader.is_answer(block.raw):
            return self._text(fragment)
        if block.call is None or not fragment:
            return []  # a server tool's input: kept with its block
        return self._call(block, {"function": {"arguments": fragment}})

    def block_stop(self, event: Json) -> list[ChatCompletionChunk]:
        """A block is whole."""
        return self._close(self._blocks[event["index"]])

    def _close(self, block: Block) -> list[ChatCompletionChunk]:
        raw, said = block.raw, any(block.fragments)
        block.close()
        if raw["type"] in THINKING:
            return [self.chunk({"thinking_blocks": [raw]})]
        if raw["type"] == "text" and raw.get("citations"):
            return [self.chunk(annotations_of([raw], start=self._text_length - len(raw["text"])))]
        if raw["type"] == "tool_use" and not said:  # the input came whole with the block's start, or is empty
            raw["input"] = raw.get("input") or {}
            if self._reader.is_answer(raw):
                return self._text(input_text(raw))
            return self._call(block, {"function": {"arguments": input_text(raw)}})
        return []

    def message_delta(self, event: Json) -> list[ChatCompletionChunk]:
        """The end of the answer: why, and at what cost. Counts are cumulative."""
        usage = event.get("usage") or {}
        self._usage.update({name: value for name, value in usage.items() if value is not None})
        self._container = event["delta"].get("container") or self._container
        reason = event["delta"].get("stop_reason")
        if reason is None:
            return []
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        chunks = [chunk for block in blocks if not block.whole for chunk in self._close(block)]
        delta = self._reader.state_of([block.raw for block in blocks], self._container)
        if not self._calls and not self._text_length:
            delta["content"] = ""
        finish = self._reader.finish_of(reason, called=self._calls > 0)
        if finish == "content_filter":
            delta["refusal"] = refusal_text(event["delta"])
        return [*chunks, self.chunk(delta, finish=finish, native_finish_reason=reason)]

    def message_stop(self, event: Json) -> list[ChatCompletionChunk]:  # noqa: ARG002 - says nothing more
        """The terminator."""
        self.over = True
        return [self.usage_chunk(usage_of(self._usage))] if self._usage_wanted else []

    def error(self, event: Json) -> list[ChatCompletionChunk]:
        """The provider broke off."""
        fault = fault_of(500, event)
        raise WireError("fault", fault.message, fault)

    # ------------------------------------------------------------------------------------- chunks

    def _text(self, text: str | None) -> list[ChatCompletionChunk]:
        if not text:
            return []
        self._text_length += len(text)
        return [self.chunk({"content": text})]

    def _thinking(self, text: str | None) -> list[ChatCompletionChunk]:
        return [self.chunk({"reasoning_content": text})] if text else []

    def _call(self, block: Block, call: Json) -> list[ChatCompletionChunk]:
        if not self._reader.legacy:
            return [self.chunk({"tool_calls": [{"index": block.call, **call}]})]
        return [self.chunk({"function_call": call["function"]})] if block.call == 0 else []


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # cut off by max_tokens: an object all the same, as it must be one there
        return {RAW_ARGUMENTS: text}


# ------------------------------------------------------------------------------------------ tables

FRAGMENTS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}

EVENTS: dict[str, Callable[[MessagesStreamDecoder, Json], list[ChatCompletionChunk]]] = {
    "message_start": MessagesStreamDecoder.message_start,
    "content_block_start": MessagesStreamDecoder.block_start,
    "content_block_delta": MessagesStreamDecoder.block_delta,
    "content_block_stop": MessagesStreamDecoder.block_stop,
    "message_delta": MessagesStreamDecoder.message_delta,
    "message_stop": MessagesStreamDecoder.message_stop,
    "error": MessagesStreamDecoder.error,
}
