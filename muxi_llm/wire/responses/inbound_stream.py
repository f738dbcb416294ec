"""OpenAI's Responses wire, inbound: chunks, or a whole answer, as one response and its events.

Source: https://platform.openai.com/docs/api-reference/responses-streaming. One item is open at a time.
So parallel calls whose fragments come mixed are told one after another, and what comes while a call is
still being told waits for its end. A whole answer goes the same way with nobody listening, so that both
forms have the same items.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from muxi_llm.models import ChunkChoice
from muxi_llm.utils.streaming import merge
from muxi_llm.wire.base import dumps_answer, plain
from muxi_llm.wire.inbound import message_of
from muxi_llm.wire.responses.inbound_output import Call, Message, Picture, Reasoning
from muxi_llm.wire.responses.items import encode_annotation, encode_usage

if TYPE_CHECKING:
    from muxi_llm.errors import APIError
    from muxi_llm.models import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage, ChoiceDelta
    from muxi_llm.wire.base import Json
    from muxi_llm.wire.responses.inbound_output import Item, Status
    from muxi_llm.wire.responses.inbound_tools import Toolbox


class Answer:
    """One response as it comes to be. head: its fields that do not change. toolbox: what items calls are.
    listening: keep the events.
    """

    def __init__(self, head: Json, toolbox: Toolbox, *, listening: bool) -> None:
        self._head = head
        self._toolbox = toolbox
        self._suffix = head["id"].removeprefix("resp_")
        self._listening = listening
        self._number = 0
        self._events: list[bytes] = []
        self._open: Item | None = None
        self._output: list[Json] = []
        self._calls: dict[int, Call] = {}
        self._waiting: list[Call] = []
        self._held: list[tuple[ChatCompletionMessage | ChoiceDelta, list[Json]]] = []
        self._state: Json = {}
        self._finish: str | None = None
        self._usage: Any = None
        for kind in ("response.created", "response.in_progress"):
            self._emit(kind, response=self._response("in_progress"))

    def events(self) -> bytes:
        """The events not taken yet."""
        pieces, self._events = self._events, []
        return b"".join(pieces)

    # ------------------------------------------------------------------------------- what is said

    def add(self, value: ChatCompletion | ChatCompletionChunk) -> None:
        """A chunk, or all of an answer at once; of several answers, the first."""
        self._usage = value.usage or self._usage
        for choice in value.choices:
            if choice.index == 0:
                logprobs = [plain(entry) for entry in (choice.logprobs and choice.logprobs.content) or ()]
                self._say(choice.delta if isinstance(choice, ChunkChoice) else choice.message, logprobs)
                self._finish = choice.finish_reason or self._finish

    def _say(self, said: ChatCompletionMessage | ChoiceDelta, logprobs: list[Json]) -> None:
        if said.extra_content:
            merge(self._state, {"extra_content": deepcopy(said.extra_content)})
        if said.get_extra("reasoning_details"):
            merge(self._state, {"reasoning_details": deepcopy(said.get_extra("reasoning_details"))})
        if any(said.get(name) for name in SAYINGS):
            self._held.append((said, logprobs))
        if self._held and not self._waits_for_calls():
            self._release()
        for position, call in enumerate(said.tool_calls or ()):
            self._fragment(call, getattr(call, "index", position))
        self._advance()

    def _release(self) -> None:
        held, self._held = self._held, []
        for said, logprobs in held:
            self._say_now(said, logprobs)

    def _say_now(self, said: ChatCompletionMessage | ChoiceDelta, logprobs: list[Json]) -> None:
        if said.reasoning_content:
            self._reasoning().say(said.reasoning_content)
        for block in said.thinking_blocks or ():
            self._reasoning().state.setdefault("thinking_blocks", []).append(block)
        if said.content:
            known = [{**entry, "bytes": entry.get("bytes") or []} for entry in logprobs]
            self._message().say("output_text", said.content, known)
        for annotation in said.get("annotations") or ():
            self._message().cite(encode_annotation(annotation))
        if said.refusal:
            self._message().say("refusal", said.refusal, [])
        for image in said.get_extra("images") or ():
            self._begin(Picture(self._emit, *self._place("ig"), image["image_url"]["url"]))

    def _reasoning(self) -> Reasoning:
        if not isinstance(self._open, Reasoning):
            self._begin(Reasoning(self._emit, *self._place("rs")))
        return self._open  # type: ignore[return-value]  # just made so

    def _message(self) -> Message:
        if not isinstance(self._open, Message):
            self._begin(Message(self._emit, *self._place("msg")))
        return self._open  # type: ignore[return-value]  # just made so

    # -------------------------------------------------------------------------------------- calls

    def _fragment(self, raw: Any, index: int) -> None:
        custom = getattr(raw, "custom", None)
        kind, inner = ("custom", custom) if custom else ("function", raw.function)
        inner = plain(inner) if inner else {}
        call = self._calls.get(index)
        if call is None:
            call = self._calls[index] = Call(self._emit, kind, raw.id or f"call_{self._suffix}_{index}")
            self._waiting.append(call)
        call.name = call.name or inner.get("name") or ""
        text = inner.get("input" if custom else "arguments")
        if text:
            call.say(text)
        extra = plain(raw).get("extra_content")
        if extra:
            merge(self._state, {"calls": {call.call_id: deepcopy(extra)}})

    def _waits_for_calls(self) -> bool:
        """Whether a call is still being told, so that nothing else may be."""
        return any(not call.is_whole for call in (self._open, *self._waiting) if isinstance(call, Call))

    def _advance(self, *, ended: bool = False) -> None:
        """Begin the calls that can: those before are whole, and the name is known."""
        while self._waiting and (ended or self._waiting[0].name):
            if isinstance(self._open, Call) and not (ended or self._open.is_whole):
                return
            call = self._waiting.pop(0)
            call.client = self._toolbox.items.get(call.name)
            call.origin = self._toolbox.origins.get(call.name, {})
            place = self._place(call.prefix)
            self._close()
            call.index, call.id = place
            self._begin(call)

    # -------------------------------------------------------------------------------------- items

    def _place(self, prefix: str) -> tuple[int, str]:
        index = len(self._output) + (self._open is not None)
        return index, f"{prefix}_{self._suffix}_{index}"

    def _begin(self, item: Item) -> None:
        self._close()
        self._open = item
        item.begin()

    def _close(self, status: Status = "completed") -> None:
        item, self._open = self._open, None
        if item is not None:
            self._output.append(item.close(status))

    # ---------------------------------------------------------------------------------------- end

    def finish(self) -> Json:
        """The answer is whole: the response, as its last event tells it."""
        self._advance(ended=True)
        self._release()
        reason = INCOMPLETE.get(self._finish or "stop", self._finish)  # a word nobody knows as it is
        status: Status = "incomplete" if reason else "completed"
        if self._state and not isinstance(self._open, Reasoning):  # last, because it is known last
            self._close(status)
            self._reasoning()
        if isinstance(self._open, Reasoning):
            self._open.state.update(self._state)
        self._close(status)
        details = {"incomplete_details": {"reason": reason}} if reason else {}
        usage = encode_usage(self._usage) if self._usage else None
        response = self._response(status, usage=usage, **details)
        self._emit(f"response.{status}", response=response)
        return response

    def fail(self, error: APIError) -> None:
        """The answer broke off: what there was of it, and why."""
        self._close("incomplete")
        told = {"code": _code(error), "message": message_of(error), "type": error.type, "param": error.param}
        self._emit("response.failed", response=self._response("failed", error=told))

    def _response(self, status: str, **fields: Any) -> Json:
        return {**self._head, "status": status, "output": self._output, **fields}

    def _emit(self, kind: str, **fields: Any) -> None:
        if self._listening:
            event = dumps_answer({"type": kind, "sequence_number": self._number, **fields})
            self._number += 1
            self._events.append(b"event: " + kind.encode() + b"\ndata: " + event + b"\n\n")


SPENT = "insufficient_quota"
"""What Codex ends a turn on: after any other it sends the whole turn five times more (seen in its 0.171)."""


def _code(error: APIError) -> str:
    """One of the few codes there are for it."""
    status = getattr(error, "status_code", 500)
    if error.code == SPENT:
        return SPENT
    if status == 429:
        return "rate_limit_exceeded"
    return "invalid_prompt" if status < 500 else "server_error"


# ------------------------------------------------------------------------------------------ tables

SAYINGS = ("content", "refusal", "reasoning_content", "reasoning", "thinking_blocks", "annotations", "images")
"""Fields of a message or a delta that are told before its calls."""

INCOMPLETE = {
    "stop": None,
    "tool_calls": None,
    "function_call": None,
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}
"""Finish reasons → Responses' words for why an answer is not whole; none for one that is."""
