"""The loop of every stream decoder; a subclass reads one event at a time.

`EventDecoder` is the loop; `ChunkDecoder` is for the wires that make chunks of what was never one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from muxi_llm.models import ChatCompletionChunk
from muxi_llm.wire.base import Json, WireError, build_value
from muxi_llm.wire.reading import SENSELESS, senseless
from muxi_llm.wire.sse import SSEDecoder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from muxi_llm.wire.jsonl import LinesDecoder


Item = TypeVar("Item")


class EventDecoder(Generic[Item]):
    """Events → what they amount to. A subclass has `read` and sets `over` at the stream's own end.

    terminator: what ends a whole answer, for the error of a stream without it.
    framing: how events are cut out of the bytes.
    """

    terminator: ClassVar[str] = ""
    framing: ClassVar[type[SSEDecoder | LinesDecoder]] = SSEDecoder

    def __init__(self) -> None:
        self._frames = self.framing()
        self.over = False
        self.counted: Any = None

    def read(self, name: bytes, data: bytes) -> Sequence[Item | WireError]:
        """What one event amounts to. What it raises for senseless data ends the stream."""
        raise NotImplementedError

    def ended(self) -> list[Item | WireError]:
        """What the connection's end amounts to where the stream had none of its own."""
        return [self._cut()]

    def feed(self, data: bytes) -> list[Item | WireError]:
        """What the events completed by *data* amount to."""
        return self._decode(self._frames.feed(data))

    def finish(self) -> list[Item | WireError]:
        """The last of it, or an error if the answer is not whole."""
        items = self._decode(self._frames.finish())
        last = items[-1] if items else None
        if isinstance(last, WireError) and last.kind == "malformed":
            items[-1] = self._cut()  # half an event
        return items if self.over else items + self.ended()

    def _decode(self, events: Iterable[tuple[Any, bytes]]) -> list[Item | WireError]:
        items: list[Item | WireError] = []
        for name, data in events:
            if self.over:
                break
            try:
                items += self.read(name, data)
            except WireError as error:
                self.over = True
                items.append(error)
            except SENSELESS as error:
                self.over = True
                items.append(senseless("an event that makes no sense", error, data))
        return items

    def _cut(self) -> WireError:
        return WireError("incomplete", f"the stream ended without {self.terminator}")


class ChunkDecoder(EventDecoder[ChatCompletionChunk]):
    """Events → chat chunks that are built here. head: what every chunk begins with."""

    def __init__(self, *, model: str, created: int) -> None:
        super().__init__()
        self.head: Json = {"id": "", "object": "chat.completion.chunk", "created": created, "model": model}

    def chunk(self, delta: Json, *, finish: str | None = None, **extra: Any) -> ChatCompletionChunk:
        """A chunk of the one answer there is."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None, **extra}
        return build_value(ChatCompletionChunk, {**self.head, "choices": [choice]})

    def usage_chunk(self, usage: Json) -> ChatCompletionChunk:
        """The last chunk of a stream that was asked for its cost."""
        return build_value(ChatCompletionChunk, {**self.head, "choices": [], "usage": usage})
