"""Bedrock ConverseStream, theirs → ours: frames in, chunks out.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html. The answer
is whole after `messageStop`; `metadata` follows with the cost and is the stream's end. Blocks have indexes
of their own; tool calls are counted separately, because clients accumulate them by a dense index.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.models import ChatCompletionChunk
from muxi_llm.wire.aws.eventstream import EventStreamDecoder
from muxi_llm.wire.aws.faults import raise_exception
from muxi_llm.wire.aws.reply import annotations_of, is_call, thought_of, usage_of
from muxi_llm.wire.base import Json, WireError, build_value, loads
from muxi_llm.wire.event_decoder import ChunkDecoder
from muxi_llm.wire.requesting import RAW_ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.wire.aws.reply import ReplyReader


@dataclass(slots=True)
class Block:
    """A content block as far as it has come. *raw* is it whole, once it is closed."""

    tool_use: Json | None = None
    call: int | None = None
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    signature: str = ""
    secret: bytes = b""
    citations: list[Json] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    raw: Json | None = None

    def close(self) -> Json:
        """The block as an unstreamed reply has it."""
        if self.tool_use is not None:
            self.raw = {"toolUse": {**self.tool_use, "input": _parsed("".join(self.inputs))}}
        elif self.secret:
            secret = base64.b64encode(self.secret).decode()
            self.raw = {"reasoningContent": {"redactedContent": secret}}
        elif self.reasoning or self.signature:
            text = {"text": "".join(self.reasoning), "signature": self.signature}
            self.raw = {"reasoningContent": {"reasoningText": text}}
        elif self.citations:
            cited = {"content": [{"text": "".join(self.text)}], "citations": self.citations}
            self.raw = {"citationsContent": cited}
        else:
            self.raw = {"text": "".join(self.text)}
        return self.raw


class ConverseStreamDecoder(ChunkDecoder):
    """Frames → chunks. usage: whether to end with a chunk of it."""

    terminator = "messageStop"

    def __init__(self, reader: ReplyReader, *, model: str, created: int, usage: bool) -> None:
        super().__init__(model=model, created=created)
        self.head["id"] = f"converse-{created}"  # the service names its answers in a header alone
        self._reader = reader
        self._eventstream = EventStreamDecoder()
        self._usage_wanted = usage
        self._blocks: dict[int, Block] = {}
        self._calls = 0
        self._text_length = 0
        self._stopped = False

    def feed(self, data: bytes) -> list[ChatCompletionChunk | WireError]:
        frames = self._eventstream.feed(data)
        return self._decode((frame, getattr(frame, "payload", b"")) for frame in frames)

    def finish(self) -> list[ChatCompletionChunk | WireError]:
        if self.over or (self._stopped and not self._eventstream.inside):
            return []
        return self.ended()

    def read(self, name: Any, data: bytes) -> list[ChatCompletionChunk]:
        """The chunks of an event, whose *name* is in a frame, if that is not damaged."""
        if isinstance(name, WireError):
            raise name
        raise_exception(name)
        read = EVENTS.get(name.headers.get(":event-type", ""))
        return read(self, loads(data)) if read is not None else []  # events yet to come

    # ------------------------------------------------------------------- one method per event type

    def message_start(self, event: Json) -> list[ChatCompletionChunk]:  # noqa: ARG002 - says nothing more
        """The answer begins."""
        return [self.chunk({"role": "assistant", "content": None})]

    def block_start(self, event: Json) -> list[ChatCompletionChunk]:
        """A tool call's id and name, told here and nowhere else. Text and thinking have no start."""
        block = self._block(event)
        tool_use = event["start"].get("toolUse")
        if tool_use is None:
            return []
        block.tool_use = tool_use
        if not is_call({"toolUse": tool_use}):
            return []
        block.call = self._calls
        self._calls += 1
        return self._call(block, self._reader.call_of(tool_use, ""))

    def block_delta(self, event: Json) -> list[ChatCompletionChunk]:
        """A fragment of a block."""
        block, delta = self._block(event), event["delta"]
        if "text" in delta:
            block.text.append(delta["text"])
            return self._text(delta["text"])
        if "toolUse" in delta:
            fragment = delta["toolUse"]["input"]
            block.inputs.append(fragment)
            return self._call(block, {"function": {"arguments": fragment}}) if fragment else []
        if "citation" in delta:
            block.citations.append(delta["citation"])
        return self._reasoning(block, delta.get("reasoningContent") or {})

    def _reasoning(self, block: Block, delta: Json) -> list[ChatCompletionChunk]:
        block.signature += delta.get("signature") or ""
        block.secret += base64.b64decode(delta.get("redactedContent") or "")
        text = delta.get("text")
        if not text:
            return []
        block.reasoning.append(text)
        return [self.chunk({"reasoning_content": text})]

    def block_stop(self, event: Json) -> list[ChatCompletionChunk]:
        """A block is whole."""
        return self._close(self._block(event))

    def _close(self, block: Block) -> list[ChatCompletionChunk]:
        raw = block.close()
        thought = thought_of(raw)
        if thought:
            return [self.chunk({"thinking_blocks": [thought]})]
        if block.citations:
            start = self._text_length - sum(map(len, block.text))
            return [self.chunk(annotations_of([raw], start=start))]
        if not any(block.inputs):
            return self._call(block, {"function": {"arguments": "{}"}})
        return []

    def message_stop(self, event: Json) -> list[ChatCompletionChunk]:
        """Why the answer ended."""
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        chunks = [chunk for block in blocks if block.raw is None for chunk in self._close(block)]
        reason = event["stopReason"]
        finish = self._reader.finish_of(reason, called=self._calls > 0)
        delta = self._reader.state_of([block.raw for block in blocks if block.raw])
        if not self._calls and not self._text_length:
            delta["content"] = ""
        self._stopped = True
        return [*chunks, self.chunk(delta, finish=finish, native_finish_reason=reason)]

    def metadata(self, event: Json) -> list[ChatCompletionChunk]:
        """The terminator, with the cost."""
        self.over = self._stopped
        self.counted = usage_of(event["usage"])
        if not self._usage_wanted:
            return []
        chunk = {**self.head, "choices": [], "usage": self.counted}
        chunk |= {name: value for name, value in event.items() if name not in {"usage", "p"}}
        return [build_value(ChatCompletionChunk, chunk)]

    # ------------------------------------------------------------------------------------- chunks

    def _block(self, event: Json) -> Block:
        return self._blocks.setdefault(event["contentBlockIndex"], Block())

    def _text(self, text: str) -> list[ChatCompletionChunk]:
        self._text_length += len(text)
        return [self.chunk({"content": text})] if text else []

    def _call(self, block: Block, call: Json) -> list[ChatCompletionChunk]:
        if block.call is None:
            return []  # a server tool's: kept with its block
        if not self._reader.legacy:
            return [self.chunk({"tool_calls": [{"index": block.call, **call}]})]
        return [self.chunk({"function_call": call["function"]})] if block.call == 0 else []


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text) if text else {}
    except orjson.JSONDecodeError:  # cut off by maxTokens: an object all the same, as it must be one there
        return {RAW_ARGUMENTS: text}


# ------------------------------------------------------------------------------------------ tables

EVENTS: dict[str, Callable[[ConverseStreamDecoder, Json], list[ChatCompletionChunk]]] = {
    "messageStart": ConverseStreamDecoder.message_start,
    "contentBlockStart": ConverseStreamDecoder.block_start,
    "contentBlockDelta": ConverseStreamDecoder.block_delta,
    "contentBlockStop": ConverseStreamDecoder.block_stop,
    "messageStop": ConverseStreamDecoder.message_stop,
    "metadata": ConverseStreamDecoder.metadata,
}
