"""`AudioTranscription`: what was said in a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from muxi_llm.runtime import prepare
from muxi_llm.types.common import TranscriptionParams
from muxi_llm.types.signatures import shows

if TYPE_CHECKING:
    from typing import Unpack

    from muxi_llm.core.stream import AsyncStream, Stream
    from muxi_llm.sounds import TextDelta, TextDone, TextSegment
    from muxi_llm.types.common import Model


class AudioTranscription:
    """Transcriptions.

    model: as in `ChatCompletion`. file: a path, bytes, an open file, or `(name, content)` with a media type
    behind it; it is sent in pieces, and again from its beginning by each attempt. Returns OpenAI's value for
    `response_format`, with `.muxi`: `Transcription` (`json`, the default), `TranscriptionVerbose`,
    `TranscriptionDiarized`, or for `text`, `srt` and `vtt` a string. With `stream=True` an iterator of
    OpenAI's `transcript.text.*` events. Raises as `ChatCompletion` does; for a file that is not there or
    empty an `InvalidRequestError` before anything is sent.
    """

    @overload
    @classmethod
    def create(
        cls, model: Model, file: Any, stream: Literal[False] = False, **params: Unpack[TranscriptionParams]
    ) -> Any: ...

    @overload
    @classmethod
    def create(
        cls, model: Model, file: Any, stream: Literal[True], **params: Unpack[TranscriptionParams]
    ) -> Stream[TextDelta | TextSegment | TextDone]: ...

    @classmethod
    @shows(TranscriptionParams, "Transcription | TranscriptText | Stream[TextDelta | TextSegment | TextDone]")
    def create(cls, model: Model, file: Any, stream: bool = False, **params: Any) -> Any:
        """The text (see the class), sync."""
        return prepare("transcription", {**params, "model": model, "file": file, "stream": stream}).run()

    @overload
    @classmethod
    async def acreate(
        cls, model: Model, file: Any, stream: Literal[False] = False, **params: Unpack[TranscriptionParams]
    ) -> Any: ...

    @overload
    @classmethod
    async def acreate(
        cls, model: Model, file: Any, stream: Literal[True], **params: Unpack[TranscriptionParams]
    ) -> AsyncStream[TextDelta | TextSegment | TextDone]: ...

    @classmethod
    @shows(TranscriptionParams, "Transcription | TranscriptText | AsyncStream[TextDelta | TextSegment]")
    async def acreate(cls, model: Model, file: Any, stream: bool = False, **params: Any) -> Any:
        """The text (see the class), async."""
        given = {**params, "model": model, "file": file, "stream": stream}
        return await prepare("transcription", given).arun()
