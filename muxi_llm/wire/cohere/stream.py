"""Cohere's chat wire, theirs → ours: the stream.

Source: https://docs.cohere.com/v2/docs/streaming. Tool calls are counted here, because clients
accumulate them by a dense index. The answer is whole after `message-end` and not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.wire.base import Json, WireError, fault_of, loads
from muxi_llm.wire.cohere.reply import call_of, finish_of, logprobs_of, usage_of
from muxi_llm.wire.event_decoder import ChunkDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.models import ChatCompletionChunk


class ChatStreamDecoder(ChunkDecoder):
    """Events → chunks. usage: whether to end with a chunk of it. legacy: calls as `function_call`."""

    terminator = "message-end"

    def __init__(self, *, model: str, created: int, usage: bool, legacy: bool) -> None:
        super().__init__(model=model, created=created)
        self._usage_wanted = usage
        self._legacy = legacy
        self._calls = 0
        self._held = ""
        self._has_arguments = False
        self._said = False

    def read(self, name: bytes, data: bytes) -> list[ChatCompletionChunk]:  # noqa: ARG002 - it is in the data
        event = loads(data)
        kind = event.get("type")
        if kind in EVENTS:
            return EVENTS[kind](self, event)
        if kind is None or kind == "error":
            fault = fault_of(500, event)
            raise WireError("fault", fault.message, fault)
        return []  # the ends of parts and citations, and events yet to come

    # ------------------------------------------------------------------- one method per event type

    def message_start(self, event: Json) -> list[ChatCompletionChunk]:
        """The answer's id."""
        self.head["id"] = event.get("id") or ""
        return [self.chunk({"role": "assistant", "content": None})]

    def content(self, event: Json) -> list[ChatCompletionChunk]:
        """A part begins, or goes on."""
        part = event["delta"]["message"]["content"]
        logprobs = event.get("logprobs")
        chunks = []
        if part.get("thinking"):
            chunks.append(self.chunk({"reasoning_content": part["thinking"]}))
        if part.get("text") or logprobs:
            self._said = True
            told = logprobs_of([logprobs] if logprobs else None)
            chunks.append(self.chunk({"content": part.get("text") or ""}, logprobs=told))
        return chunks

    def tool_plan(self, event: Json) -> list[ChatCompletionChunk]:
        """What the model means to do with its tools."""
        plan = event["delta"]["message"]["tool_plan"]
        return [self.chunk({"reasoning_content": plan})] if plan else []

    def call_start(self, event: Json) -> list[ChatCompletionChunk]:
        """A call's id and name; they are told here and nowhere else."""
        call = event["delta"]["message"]["tool_calls"]
        started = call_of(call, None)
        started["function"]["arguments"] = ""
        self._calls += 1
        self._has_arguments = False
        self._held = call["function"].get("arguments") or ""
        return self._call(started) + self._arguments("")

    def call_delta(self, event: Json) -> list[ChatCompletionChunk]:
        """More of its arguments."""
        return self._arguments(event["delta"]["message"]["tool_calls"]["function"]["arguments"])

    def _arguments(self, fragment: str) -> list[ChatCompletionChunk]:
        """What may still become the `null` that stands for no arguments is held back."""
        self._held += fragment
        if not self._held or (not self._has_arguments and "null".startswith(self._held)):
            return []
        self._has_arguments = True
        told, self._held = self._held, ""
        return self._call({"function": {"arguments": told}})

    def call_end(self, event: Json) -> list[ChatCompletionChunk]:  # noqa: ARG002 - says nothing more
        """A call is whole."""
        return [] if self._has_arguments else self._call({"function": {"arguments": "{}"}})

    def _call(self, call: Json) -> list[ChatCompletionChunk]:
        if not self._legacy:
            return [self.chunk({"tool_calls": [{"index": self._calls - 1, **call}]})]
        return [self.chunk({"function_call": call["function"]})] if self._calls == 1 else []

    def citation(self, event: Json) -> list[ChatCompletionChunk]:
        """Where a piece of the text is from."""
        citations = event["delta"]["message"]["citations"]
        return [self.chunk({"citations": citations if isinstance(citations, list) else [citations]})]

    def message_end(self, event: Json) -> list[ChatCompletionChunk]:
        """The terminator: why, and at what cost."""
        end = event["delta"]
        reason = end["finish_reason"]
        finish = finish_of(reason, called=self._calls > 0, legacy=self._legacy, why=end.get("error"))
        self.over = True
        delta = {} if self._said or self._calls else {"content": ""}
        chunks = [self.chunk(delta, finish=finish, native_finish_reason=reason)]
        self.counted = usage_of(end["usage"]) if end.get("usage") else None
        if self._usage_wanted and self.counted:
            chunks.append(self.usage_chunk(self.counted))
        return chunks


# ------------------------------------------------------------------------------------------ tables

EVENTS: dict[str, Callable[[ChatStreamDecoder, Json], list[ChatCompletionChunk]]] = {
    "message-start": ChatStreamDecoder.message_start,
    "content-start": ChatStreamDecoder.content,
    "content-delta": ChatStreamDecoder.content,
    "tool-plan-delta": ChatStreamDecoder.tool_plan,
    "tool-call-start": ChatStreamDecoder.call_start,
    "tool-call-delta": ChatStreamDecoder.call_delta,
    "tool-call-end": ChatStreamDecoder.call_end,
    "citation-start": ChatStreamDecoder.citation,
    "message-end": ChatStreamDecoder.message_end,
}
