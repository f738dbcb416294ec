"""The values of the audio endpoints: the openai package's own types as in `models`, text with a report, and
sound as bytes.

Sources: https://platform.openai.com/docs/api-reference/audio/json-object, .../audio/verbose-json-object,
.../audio/transcript-text-delta-event.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openai.types import audio
from openai.types.audio.transcription_text_segment_event import TranscriptionTextSegmentEvent

from muxi_llm.models import ItemAccess, Reported, ReportedModel, Whole

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Iterator

__all__ = ["Sound", "TranscriptText", "Transcription", "TranscriptionDiarized", "TranscriptionVerbose"]


class TextDelta(ItemAccess, audio.TranscriptionTextDeltaEvent):
    """What a stream adds to the text."""


class TextSegment(ItemAccess, TranscriptionTextSegmentEvent):
    """A part of the text with its time and speaker."""


class TextDone(ItemAccess, audio.TranscriptionTextDoneEvent):
    """A stream's end: the whole text."""


class _Told(Whole):
    """A text that came in one piece, as a stream."""

    __slots__ = ()
    if TYPE_CHECKING:
        text: str

    def chunks(self) -> list[Any]:
        done = TextDone.construct(type="transcript.text.done", text=self.text)
        return [TextDelta.construct(type="transcript.text.delta", delta=self.text), done]


class Transcription(ItemAccess, ReportedModel, _Told, audio.Transcription):
    """What was said."""

    __slots__ = ("_muxi", "_wire_bytes")


class TranscriptionVerbose(ItemAccess, ReportedModel, _Told, audio.TranscriptionVerbose):
    """What was said, in which language, and when: `segments`, and `words` where they were asked for. Of a
    segment a provider may know no more than its time and text.
    """

    __slots__ = ("_muxi", "_wire_bytes")


class TranscriptionDiarized(ItemAccess, ReportedModel, _Told, audio.TranscriptionDiarized):
    """What was said, when and by whom."""

    __slots__ = ("_muxi", "_wire_bytes")


class Translation(ItemAccess, ReportedModel, _Told, audio.Translation):
    """What was said, in English."""

    __slots__ = ("_muxi", "_wire_bytes")


class TranslationVerbose(ItemAccess, ReportedModel, _Told, audio.TranslationVerbose):
    """What was said, in English, and when."""

    __slots__ = ("_muxi", "_wire_bytes")


class TranscriptText(_Told, Reported, str):  # noqa: SLOT000 - what is attached needs room
    """What was said as `text`, `srt` or `vtt`: a string, with its report."""

    @property
    def text(self) -> str:  # type: ignore[override]  # of itself
        """Itself."""
        return str(self)


class Sound(Reported, Whole):
    """Speech: the bytes of a sound file, with the methods that OpenAI's client gives them."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __repr__(self) -> str:
        return f"<Sound of {len(self.content):,} bytes>"

    def read(self) -> bytes:
        """All of it."""
        return self.content

    async def aread(self) -> bytes:
        """All of it."""
        return self.content

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """It in pieces of *chunk_size* bytes."""
        size = chunk_size or max(len(self.content), 1)
        return (self.content[at : at + size] for at in range(0, len(self.content), size))

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """`iter_bytes`, async."""
        for piece in self.iter_bytes(chunk_size):
            yield piece

    def write_to_file(self, file: str | os.PathLike[str]) -> None:
        """Put it into *file*, which is made or replaced."""
        Path(file).write_bytes(self.content)

    def stream_to_file(self, file: str | os.PathLike[str], *, chunk_size: int | None = None) -> None:  # noqa: ARG002
        """`write_to_file`, by the name it has where it comes in pieces."""
        self.write_to_file(file)

    async def astream_to_file(
        self,
        file: str | os.PathLike[str],
        *,
        chunk_size: int | None = None,  # noqa: ARG002 - OpenAI's
    ) -> None:
        """`write_to_file`, off the event loop."""
        await asyncio.to_thread(self.write_to_file, file)

    def chunks(self) -> list[Any]:
        return [self.content]
