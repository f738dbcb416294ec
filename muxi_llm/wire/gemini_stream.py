"""Gemini, theirs → ours: the stream, a reply in each event.

Source: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent. It has no
terminator: the answer is whole once every candidate has told why it ended. What it cost comes with that,
or before the connection's end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.models import ChatCompletionChunk
from muxi_llm.wire.base import Json, WireError, build_value, loads
from muxi_llm.wire.gemini_reply import usage_of
from muxi_llm.wire.sse import SSEDecoder

if TYPE_CHECKING:
    from muxi_llm.wire.gemini_reply import AnswerReader


class GeminiStreamDecoder:
    """Events → chunks. answers: how many were asked for. usage: whether to end with a chunk of it."""

    def __init__(self, reader: AnswerReader, *, answers: int, usage: bool) -> None:
        self._reader = reader
        self._answers = answers
        self._usage_wanted = usage
        self._sse = SSEDecoder()
        self.over = False

    def feed(self, data: bytes) -> list[ChatCompletionChunk | WireError]:
        return self._decode(self._sse.feed(data))

    def finish(self) -> list[ChatCompletionChunk | WireError]:
        items = self._decode(self._sse.finish())
        if items and isinstance(items[-1], WireError) and items[-1].kind == "malformed":
            items[-1] = WireError("incomplete", "the stream was cut inside an event")
        return items if self.over else items + self._end()

    def _decode(self, events: list[tuple[bytes, bytes]]) -> list[ChatCompletionChunk | WireError]:
        items: list[ChatCompletionChunk | WireError] = []
        for _, data in events:
            if self.over:
                break
            try:
                items += [self._chunk([choice]) for choice in self._reader.read(loads(data))]
                if self._reader.is_whole(self._answers):
                    items += self._end()
            except WireError as error:
                self.over = True
                items.append(error)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                self.over = True
                start = data[:200].decode("utf-8", "replace")
                items.append(WireError("malformed", f"an event that makes no sense ({error!r}): {start}"))
        return items

    def _end(self) -> list[ChatCompletionChunk | WireError]:
        self.over = True
        try:
            chunks: list[ChatCompletionChunk | WireError] = [
                self._chunk([choice]) for choice in self._reader.end()
            ]
        except WireError as error:
            return [error]
        if self._usage_wanted:
            chunks.append(self._chunk([], usage=usage_of(self._reader.usage)))
        return chunks

    def _chunk(self, choices: list[Json], **extra: Json) -> ChatCompletionChunk:
        raw = {**self._reader.head, "object": "chat.completion.chunk", "choices": choices, **extra}
        return build_value(ChatCompletionChunk, raw)
