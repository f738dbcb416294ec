"""Gemini, theirs → ours: the stream, a reply in each event.

Source: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent. It has no
terminator: the answer is whole if every candidate has told why it ended by the connection's end. Not sooner:
Google itself and proxies have put `STOP` on each reply (https://github.com/BerriAI/litellm/issues/2195,
https://github.com/router-for-me/CLIProxyAPI/issues/5651).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.models import ChatCompletionChunk
from muxi_llm.wire.base import Json, WireError, build_value, loads
from muxi_llm.wire.event_decoder import ChunkDecoder
from muxi_llm.wire.gemini.reply import usage_of
from muxi_llm.wire.reading import SENSELESS, senseless

if TYPE_CHECKING:
    from muxi_llm.wire.gemini.reply import AnswerReader


class GeminiStreamDecoder(ChunkDecoder):
    """Events → chunks. usage: whether to end with a chunk of it."""

    terminator = "a finishReason"

    def __init__(self, reader: AnswerReader, *, usage: bool) -> None:
        super().__init__(model="", created=0)
        self.head = reader.head
        self._reader = reader
        self._usage_wanted = usage

    def read(self, name: bytes, data: bytes) -> list[ChatCompletionChunk]:  # noqa: ARG002 - none has one
        """The chunks one reply amounts to."""
        chunks = [self._chunk([choice]) for choice in self._reader.read(loads(data))]
        self.counted = self._reader.usage or None
        return chunks

    def ended(self) -> list[ChatCompletionChunk | WireError]:
        """The last chunks: the connection's end is the stream's."""
        self.over = True
        try:
            chunks: list[ChatCompletionChunk | WireError] = [
                self._chunk([choice]) for choice in self._reader.end()
            ]
            if self._usage_wanted and self._reader.usage:
                chunks.append(self._chunk([], usage=usage_of(self._reader.usage)))
        except WireError as error:
            return [error]
        except SENSELESS as error:
            return [senseless("an answer that makes no sense", error, b"")]
        return chunks

    def _chunk(self, choices: list[Json], **extra: Json) -> ChatCompletionChunk:
        """A chunk of these *choices*, none for what all of them cost."""
        raw = {**self.head, "object": "chat.completion.chunk", "choices": choices, **extra}
        return build_value(ChatCompletionChunk, raw)
