"""OpenAI's streams of chunks, theirs → ours, of chats and of text completions.

Source: https://platform.openai.com/docs/api-reference/chat-streaming. Near-compatible servers send other
things among the chunks (pings, sources, comments in `data:`), leave out `[DONE]`, finish reasons, ids and
indexes of calls; what each of these means is said where it is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import orjson
from pydantic import ValidationError

from muxi_llm.models import ChatCompletionChunk, Completion
from muxi_llm.wire.base import Json, WireError, build_value, decode_fault, loads, raise_in_band
from muxi_llm.wire.event_decoder import EventDecoder
from muxi_llm.wire.openai.reply import FAILURES, failed, is_no_call, settle_usage, vendor_usage
from muxi_llm.wire.state import stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from muxi_llm.models import ChoiceDelta, DeltaToolCall

Chunk = TypeVar("Chunk", ChatCompletionChunk, Completion)
DONE = b"[DONE]"
CALLS_NOTHING = "a tool call calls nothing"


class OpenAIStreamDecoder(EventDecoder[Chunk]):
    """Chunks of a chat or a completion stream.

    The stream is whole after `[DONE]`, or, for the many servers that never send it, once each of the
    *answers* asked for has its `finish_reason`. Anything else is a truncated answer, never a finished one.
    mends: whether a server's odd ends are put right; the vendor's own client hands them on as they are.
    giver: whose the state in the chunks is (`wire/state.py`).
    """

    terminator = "a finish_reason"

    def __init__(self, kind: type[Chunk], *, answers: int = 1, mends: bool = True, giver: str = "") -> None:
        super().__init__()
        self._giver = giver if mends else ""
        self._stamped: set[int] = set()
        self._kind: type[Chunk] = kind
        self._validate: Callable[[bytes], Chunk] = kind.__pydantic_validator__.validate_json
        self._chats = kind is ChatCompletionChunk
        self._answers = answers
        self._mends = mends
        self._open: set[int] = set()
        self._finished: set[int] = set()
        self._calls: dict[int, _CallPlaces] = {}
        self._head: Json = {}
        self._aside = b""

    def ended(self) -> list[Chunk | WireError]:
        """Nothing more, where each answer has told why it ended."""
        if len(self._finished) >= self._answers and not self._open:
            return []
        return [self._cut()]

    def read(self, name: bytes, data: bytes) -> Sequence[Chunk | WireError]:
        """The chunk in one event, if it holds one."""
        if name == b"error":
            raise_fault(data)
        if not data.startswith(b"{"):
            return self._no_object(data)
        try:
            chunk = self._validate(data)
        except ValidationError:
            mended = self._mended(data)
            if mended is None:
                return ()
            chunk = mended
        if b'"error"' in data:  # cheap test first
            raise_in_band(loads(data))
        for choice in chunk.choices:
            index = choice.index
            if self._chats:
                self._said(chunk.id, index, choice)
            if choice.finish_reason:  # some servers say "" until there is one
                failure = self._finish(chunk, choice)
                if failure is not None:
                    return (chunk, failure)
            elif index not in self._open and index not in self._finished:
                self._open.add(index)
                self._head = {"id": chunk.id, "created": chunk.created, "model": chunk.model}
        if chunk.usage is not None and self._mends:
            settle_usage(chunk.usage)
        return (chunk,)

    def _said(self, answer_id: str, index: int, choice: Any) -> None:
        delta: ChoiceDelta = choice.delta
        if delta.tool_calls:
            places = self._calls.setdefault(index, _CallPlaces(answer_id, waits=self._mends))
            delta.tool_calls = places.settled(delta.tool_calls) or None
        extra = delta.__pydantic_extra__ or delta.tool_calls  # cheap test first
        if extra and index not in self._stamped and stamp(delta, self._giver):
            self._stamped.add(index)  # once: chunks are added up
        if delta.function_call is not None and is_no_call(delta.function_call):
            delta.function_call = None

    def _finish(self, chunk: Chunk, choice: Any) -> WireError | None:
        """One answer has ended; an error, if it says that it failed."""
        self._finished.add(choice.index)
        self._open.discard(choice.index)
        if not self._mends:
            return None
        if choice.finish_reason in FAILURES:
            self.over = True
            return failed(choice.finish_reason)
        if choice.finish_reason == "tool_calls" and self._calls_nothing(choice.index):
            self.over = True
            return WireError("malformed", CALLS_NOTHING)
        if chunk.usage is None and (told := vendor_usage(chunk)):
            chunk.usage = told
        return None

    def _calls_nothing(self, index: int) -> bool:
        """Whether there were calls, but none that anything is called by."""
        return index in self._calls and not self._calls[index].named

    def _no_object(self, data: bytes) -> Sequence[Chunk | WireError]:
        """The terminator; pings and comments, which say nothing; anything else makes no sense."""
        if data.startswith(DONE):
            self.over = True
            return [self._end_of(index) for index in sorted(self._open)] if self._mends else ()
        if data and data != b"null" and not data.startswith(b":"):
            raise_in_band(loads(data))
            raise WireError("malformed", f"an event is no chunk: {data[:200].decode('utf-8', 'replace')}")
        return ()

    def _mended(self, data: bytes) -> Chunk | None:
        """The chunk in off-schema *data*. Other objects are none of the answer: pings, sources, and so on."""
        raw = loads(data)
        raise_in_band(raw)
        if raw.get("choices") is None:
            if not raw.get("usage"):
                self._aside = data
                return None
            raw["choices"] = []
        return build_value(self._kind, raw)

    def _end_of(self, index: int) -> Chunk | WireError:
        """The end of an answer that the server never told (Snowflake), though it says that all is sent."""
        if self._calls_nothing(index):
            return WireError("malformed", CALLS_NOTHING)
        reason = "tool_calls" if index in self._calls else "stop"
        said: Json = {"delta": {}} if self._chats else {"text": ""}
        choice = {"index": index, **said, "finish_reason": reason, "logprobs": None}
        kind = "chat.completion.chunk" if self._chats else "text_completion"
        return build_value(self._kind, {**self._head, "object": kind, "choices": [choice]})

    def _cut(self) -> WireError:
        error = super()._cut()
        if self._aside:  # what a server said instead of chunks may tell why
            error = WireError(error.kind, f"{error.message}: {self._aside[:200].decode('utf-8', 'replace')}")
        return error


def raise_fault(data: bytes) -> NoReturn:
    """Raise what an event named `error` tells, whatever its shape."""
    fault = decode_fault(500, data, in_band=True)
    raise WireError("fault", fault.message, fault)


@dataclass(slots=True)
class _Place:
    """An open call: its id at the server, where it is told, its arguments so far if it has no id.

    number: `None` until something is called by it; told: what was said of it before that.
    """

    call_id: str | None
    number: int | None = None
    told: Json = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        text = "".join(self.texts)
        if not text.endswith("}"):  # cheap, before the whole is read
            return False
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError:
            return False
        return True


class _CallPlaces:
    """One choice's tool calls, numbered as they come: the openai package's stream helper takes an index for
    a position, and reads the name from a call's first delta.

    Gemini's compatible endpoint and its like give each parallel call index 0: a new id on an index in
    use is a new call, and gets a place of its own. So does, where there are no ids at all, a name behind
    arguments that are whole. waits: whether deltas before a call's name are told with that.
    named: how many calls have one.
    """

    def __init__(self, answer_id: str, *, waits: bool) -> None:
        self._answer_id = answer_id
        self._waits = waits
        self._open: dict[int, _Place] = {}
        self.named = 0

    def settled(self, deltas: list[DeltaToolCall]) -> list[DeltaToolCall]:
        """Those that can be told, corrected in place."""
        return [delta for delta in deltas if self._settle(delta)]

    def _settle(self, delta: DeltaToolCall) -> bool:
        place = self._open.get(delta.index)
        if place is None or self._is_other(place, delta):
            place = self._open[delta.index] = _Place(delta.id)
        elif delta.id:
            place.call_id = delta.id
        if place.number is None:
            if self._waits and delta.function is None and not (delta.__pydantic_extra__ or {}).get("custom"):
                place.told.update(delta.model_dump(exclude_none=True))
                return False
            self._begin(place, delta)
        if place.call_id is None and delta.function is not None and delta.function.arguments:
            place.texts.append(delta.function.arguments)
        delta.index = place.number  # type: ignore[assignment]  # it has begun
        return True

    def _begin(self, place: _Place, delta: DeltaToolCall) -> None:
        for name, value in place.told.items():
            if getattr(delta, name, None) is None:
                setattr(delta, name, value)
        place.number = self.named
        self.named += 1
        delta.id = delta.id or f"call_{self._answer_id}_{place.number}"  # its result will name it

    def _is_other(self, place: _Place, delta: DeltaToolCall) -> bool:
        """Whether *delta* begins another call than the one its index stands for."""
        if delta.id:
            return place.call_id is not None and delta.id != place.call_id
        return delta.function is not None and bool(delta.function.name) and place.is_whole
