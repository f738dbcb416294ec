"""OpenAI's Responses wire, theirs → ours: the stream.

Source: https://platform.openai.com/docs/api-reference/responses-streaming. Deltas are handed on as they
come; when an item is whole, whatever no delta told (some servers skip them) is told then. The answer is
whole after `response.completed` or `response.incomplete` and not before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from muxi_llm.wire.base import Json, WireError, decode_fault, fault_of, loads, raise_in_band
from muxi_llm.wire.event_decoder import ChunkDecoder
from muxi_llm.wire.responses.items import (
    decode_annotations,
    decode_usage,
    finish_of,
    reasoning_texts,
    state_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.models import ChatCompletionChunk

    Chunks = list[ChatCompletionChunk]

Place = tuple[int, str, int]
"""Where a text stands: the item's index, what it is, the part's index."""


def failure(response: Mapping[str, Any], said: str | None = None) -> WireError:
    """The error of a response that failed, having *said* so much."""
    error = response.get("error") or {"message": f"the response was {response.get('status')}"}
    code = error.get("code") if isinstance(error, dict) else None
    status = 500 if code in (None, "server_error", "vector_store_timeout") else 400
    fault = fault_of(status, {"error": error})
    return WireError("fault", fault.message, fault, partial=said or None)


class ResponsesStreamDecoder(ChunkDecoder):
    """Events → chunks. usage: whether to end with a chunk of it. legacy: tell calls as `function_call`.
    whose: the name its state goes back to.
    """

    terminator = "response.completed"

    def __init__(self, *, model: str, created: int, usage: bool, legacy: bool, whose: str) -> None:
        super().__init__(model=model, created=created)
        self._usage_wanted = usage
        self._legacy = legacy
        self._whose = whose
        self._items: dict[int, Json] = {}
        self._calls: dict[int, int] = {}
        self._told: dict[Place, list[str]] = {}
        self._text_length = 0
        self._begun = False

    def read(self, name: bytes, data: bytes) -> Chunks:
        """The chunks one event amounts to."""
        if data.startswith(b"[DONE]"):  # chat's terminator; Responses have their own
            return []
        if name == b"error":
            raise _error(data)
        event = loads(data)
        kind = event.get("type")
        if kind == "error":
            raise _error(data)
        if kind in DELTAS:
            what, part = DELTAS[kind]
            return self._tell((event["output_index"], what, event.get(part) or 0), event["delta"], event)
        read = EVENTS.get(kind)
        if read is None:  # keep-alives, steps of built-in tools, events yet to come, errors of proxies
            raise_in_band(event)
            return []
        return read(self, event)

    # ------------------------------------------------------------------- one method per event type

    def created(self, event: Json) -> Chunks:
        """The head of every chunk."""
        self._head_of(event["response"])
        return [] if self._begun else [self.chunk({})]

    def item_added(self, event: Json) -> Chunks:
        """An item begins; of a call, its id and name are told here."""
        return self._begin(event["output_index"], event["item"])

    def item_done(self, event: Json) -> Chunks:
        """An item is whole."""
        return self._whole(event["output_index"], event["item"])

    def end(self, event: Json) -> Chunks:
        """The terminator: why the answer ended, and at what cost."""
        response = event["response"]
        self.over = True
        self._head_of(response)
        chunks = []
        for index, item in enumerate(response.get("output") or ()):
            if index not in self._items:
                chunks += self._whole(index, item)
        finish, native = finish_of(response, called=bool(self._calls), legacy=self._legacy)
        delta = state_of([self._items[index] for index in sorted(self._items)], self._whose)
        if not self._calls and not {"text", "refusal"} & {what for _, what, _ in self._told}:
            delta["content"] = ""
        chunks.append(self.chunk(delta, finish=finish, native_finish_reason=native))
        self.counted = decode_usage(response["usage"]) if response.get("usage") else None
        if self._usage_wanted and self.counted:
            chunks.append(self.usage_chunk(self.counted))
        return chunks

    def failed(self, event: Json) -> Chunks:
        """The provider broke off."""
        raise failure(event["response"])

    # -------------------------------------------------------------------------------------- items

    def _head_of(self, response: Json) -> None:
        self.head.update({name: response[name] for name in ("id", "model") if response.get(name)})
        if response.get("created_at"):
            self.head["created"] = int(response["created_at"])
        if response.get("service_tier"):
            self.head["service_tier"] = response["service_tier"]

    def _begin(self, index: int, item: Json) -> Chunks:
        kind = item["type"]
        if kind not in CALLS or index in self._calls:
            return []
        self._calls[index] = len(self._calls)
        form, text = CALLS[kind]
        named = {"name": item["name"], text: ""}
        return self._call(index, {"id": item["call_id"], "type": form, form: named})

    def _whole(self, index: int, item: Json) -> Chunks:
        """Tell what is not told yet of *item*."""
        self._items[index] = item
        chunks = self._begin(index, item)
        if item["type"] in CALLS:
            what = CALLS[item["type"]][1]
            chunks += self._rest((index, what, 0), item.get(what) or "")
        elif item["type"] == "reasoning":
            for what, part, text in reasoning_texts(item):
                chunks += self._rest((index, what, part), text)
        elif item["type"] == "message":
            for number, part in enumerate(item["content"]):
                chunks += self._part(index, number, part)
        return chunks

    def _part(self, index: int, number: int, part: Json) -> Chunks:
        if part["type"] == "refusal":
            return self._rest((index, "refusal", number), part["refusal"])
        if part["type"] != "output_text":
            return []
        chunks = self._rest((index, "text", number), part["text"], part)
        cited = decode_annotations(part, self._text_length - len(part["text"]))
        return [*chunks, self.chunk(cited)] if cited else chunks

    def _rest(self, place: Place, whole: str, source: Mapping[str, Any] | None = None) -> Chunks:
        told = "".join(self._told.get(place, ()))
        rest = whole.removeprefix(told) if whole.startswith(told) else ""
        return self._tell(place, rest, source or {})

    # ------------------------------------------------------------------------------------- chunks

    def _tell(self, place: Place, text: str, source: Mapping[str, Any]) -> Chunks:
        index, what, _ = place
        if not text or (what in ("arguments", "input") and index not in self._calls):
            return []  # of a call that has not begun: told when its item is whole
        if what in THOUGHTS:
            return self._think(place, text)
        self._told.setdefault(place, []).append(text)
        if what == "text":
            self._text_length += len(text)
            logprobs = source.get("logprobs")
            told = {"content": logprobs, "refusal": None} if logprobs else None
            return [self.chunk({"content": text}, logprobs=told)]
        if what == "refusal":
            return [self.chunk({"refusal": text})]
        form = "function" if what == "arguments" else "custom"
        return self._call(index, {form: {what: text}})

    def _think(self, place: Place, text: str) -> Chunks:
        """Thinking, a blank line between its parts; of thinking and its summary the one that comes first."""
        index, what, _ = place
        other = next(iter(THOUGHTS - {what}))
        if any(told[:2] == (index, other) for told in self._told):
            return []
        goes_on = place in self._told or not any(told[1] in THOUGHTS for told in self._told)
        self._told.setdefault(place, []).append(text)
        return [self.chunk({"reasoning_content": text if goes_on else f"\n\n{text}"})]

    def _call(self, index: int, call: Json) -> Chunks:
        number = self._calls[index]
        if not self._legacy:
            return [self.chunk({"tool_calls": [{"index": number, **call}]})]
        return [self.chunk({"function_call": call["function"]})] if number == 0 else []

    def chunk(self, delta: Json, *, finish: str | None = None, **extra: Any) -> ChatCompletionChunk:
        """A chunk of the one answer there is; the first one says whose it is."""
        if not self._begun:
            self._begun = True
            delta = {"role": "assistant", "content": None, **delta}
        return super().chunk(delta, finish=finish, **extra)


def _error(data: bytes) -> WireError:
    """What an `error` event tells, whatever its shape."""
    fault = decode_fault(500, data, in_band=True)
    if fault.type == "error":  # the event's own type, not the error's
        fault = replace(fault, type=None)
    return WireError("fault", fault.message, fault)


# ------------------------------------------------------------------------------------------ tables

CALLS = {"function_call": ("function", "arguments"), "custom_tool_call": ("custom", "input")}
"""An item that is a call → the chat form's word for it, and the name of its text in both."""

THOUGHTS = {"content", "summary"}

DELTAS = {
    "response.output_text.delta": ("text", "content_index"),
    "response.refusal.delta": ("refusal", "content_index"),
    "response.reasoning_text.delta": ("content", "content_index"),
    "response.reasoning_summary_text.delta": ("summary", "summary_index"),
    "response.function_call_arguments.delta": ("arguments", ""),
    "response.custom_tool_call_input.delta": ("input", ""),
}

EVENTS: dict[str | None, Callable[[ResponsesStreamDecoder, Json], Chunks]] = {
    "response.created": ResponsesStreamDecoder.created,
    "response.in_progress": ResponsesStreamDecoder.created,
    "response.output_item.added": ResponsesStreamDecoder.item_added,
    "response.output_item.done": ResponsesStreamDecoder.item_done,
    "response.completed": ResponsesStreamDecoder.end,
    "response.incomplete": ResponsesStreamDecoder.end,
    "response.failed": ResponsesStreamDecoder.failed,
}
