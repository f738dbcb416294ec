"""OpenAI's audio wires. Sources: https://platform.openai.com/docs/api-reference/audio/createTranscription,
.../createTranslation, .../createSpeech, .../transcript-text-delta-event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.sounds import (
    Sound,
    TextDelta,
    TextDone,
    TextSegment,
    Transcription,
    TranscriptionDiarized,
    TranscriptionVerbose,
    TranscriptText,
    Translation,
    TranslationVerbose,
)
from muxi_llm.wire.base import Json, Wire, WireError, fault_of, loads, raise_in_band
from muxi_llm.wire.event_decoder import EventDecoder
from muxi_llm.wire.transcripts import Transcript, number, text_of, timed, value_of
from muxi_llm.wire.upload import Upload, form_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.wire.base import Endpoint


class OpenAITranscription(Wire):
    """OpenAI transcriptions: a form."""

    endpoint: ClassVar[Endpoint] = "transcription"
    path = "/audio/transcriptions"
    stream_headers = {"accept": "text/event-stream"}
    values: ClassVar[Mapping[str, Any]] = {
        "json": Transcription,
        "verbose_json": TranscriptionVerbose,
        "diarized_json": TranscriptionDiarized,
    }
    written: ClassVar[frozenset[str]] = frozenset({"text", "srt", "vtt"})
    """Formats it writes by itself; the others are written here, of what it knows."""
    _wanted = "json"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        encoded = {"model": self.model, **body}
        if stream:
            encoded["stream"] = True
        return encoded

    def settle(self, body: Json) -> None:
        self._wanted = str(body.get("response_format", "json"))
        if self._wanted not in self.values and self._wanted not in self.written:
            if self._wanted == "diarized_json":
                raise UnsupportedParameterError(
                    f"{self.ledger.provider} cannot give response_format={self._wanted!r}",
                    param="response_format",
                )
            # Written of the times in it.
            body["response_format"] = "verbose_json" if self._wanted in {"srt", "vtt"} else "json"

    def content_of(self, body: Json) -> bytes | Upload:
        return form_of(body)

    def decode_response(self, data: bytes, *, created: int) -> Any:  # noqa: ARG002 - it has no date
        if self._wanted in self.written:
            return self._read_text(data)
        raw = loads(data)
        raise_in_band(raw)
        text = text_of(raw)
        kind = self.values.get(self._wanted)
        if kind is not None:
            return kind.construct(**raw)
        said = Transcript(text, segments=list(timed(raw.get("segments"), "text")))
        if not said.segments and text.strip() and self._wanted != "text":
            ends = number(raw.get("duration")) or 0.0
            said.segments = [{"text": text, "start": 0.0, "end": ends}]
        return value_of(said, self._wanted)

    def _read_text(self, data: bytes) -> TranscriptText:
        """A text; some servers write JSON whatever they were asked for, and proxies an error."""
        text = data.decode("utf-8", "replace")
        if text.lstrip().startswith("{"):
            raw = loads(data)
            raise_in_band(raw)
            text = text_of(raw)
        return TranscriptText(text)

    def stream_decoder(self, *, created: int) -> TranscriptDecoder:  # noqa: ARG002 - it has no date
        return TranscriptDecoder()


class OpenAITranslation(OpenAITranscription):
    """OpenAI translations into English."""

    endpoint = "translation"
    path = "/audio/translations"
    values = {"json": Translation, "verbose_json": TranslationVerbose}


class FewFormats(OpenAITranscription):
    """The same where there is JSON alone, short or verbose."""

    values = {name: OpenAITranscription.values[name] for name in ("json", "verbose_json")}
    written = frozenset()


class FewTranslationFormats(OpenAITranslation):
    """`FewFormats`, into English."""

    written = frozenset()


class TranscriptDecoder(EventDecoder[Any]):
    """Events → pieces of the text, segments, and the whole of it at the end."""

    terminator = "transcript.text.done"
    kinds: ClassVar[Mapping[str, tuple[type[Any], str]]] = {
        "transcript.text.delta": (TextDelta, "delta"),
        "transcript.text.segment": (TextSegment, "text"),
        "transcript.text.done": (TextDone, "text"),
    }

    def read(self, name: bytes, data: bytes) -> Sequence[Any]:  # noqa: ARG002 - it is in the data
        if data == b"[DONE]":
            return ()
        raw = loads(data)
        kind = str(raw.get("type"))
        if kind == "error" or raw.get("error"):
            fault = fault_of(500, raw)
            raise WireError("fault", fault.message, fault)
        if kind not in self.kinds:
            return ()
        value, needed = self.kinds[kind]
        text_of(raw, needed)
        self.over = kind.endswith(".done")
        return (value.construct(**raw),)


# ----------------------------------------------------------------------------------------- speech


class SoundDecoder:
    """Bytes → the same bytes: where they end, the connection knows."""

    over = False
    counted: Any = None

    def __init__(self) -> None:
        self._heard = False

    def feed(self, data: bytes) -> list[Any]:
        """What came."""
        self._heard = True
        return [data]

    def finish(self) -> list[Any]:
        """Nothing more, or an error if there was nothing at all."""
        return [] if self._heard else [WireError("malformed", "the reply has no sound in it")]


class OpenAISpeech(Wire):
    """OpenAI speech: JSON there, sound back."""

    endpoint = "speech"
    path = "/audio/speech"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - it comes as it is made
        return {"model": self.model, **body}

    def settle(self, body: Json) -> None:
        check_voice(body, self)

    def decode_response(self, data: bytes, *, created: int) -> Sound:  # noqa: ARG002 - it has no date
        return sound_of(data)

    def stream_decoder(self, *, created: int) -> SoundDecoder:  # noqa: ARG002 - it has no date
        return SoundDecoder()


def sound_of(data: bytes) -> Sound:
    """A reply's sound. Raises `WireError` for none, and for an error that came as a success."""
    if data.lstrip()[:1] == b"{":
        raise_in_band(loads(data))
        raise WireError("malformed", f"the reply is no sound: {data[:200].decode('utf-8', 'replace')}")
    if not data:
        raise WireError("malformed", "the reply has no sound in it")
    return Sound(data)


def check_voice(body: Json, wire: Wire, name: str = "voice") -> None:
    """Refuse a request without a voice, or with one that is not among those there are, where that is known.

    A voice of the caller's own is an object with an id: https://platform.openai.com/docs/api-reference/audio/createSpeech.
    """
    voice, known = body.get(name), wire.profile.voices
    if voice is None:
        hint = f"one of {', '.join(known)}" if known else "its name"
        raise InvalidRequestError(f"{wire.ledger.provider}: voice is missing; give {hint}", param="voice")
    if known and isinstance(voice, str) and voice not in known:
        raise InvalidRequestError(
            f"{wire.ledger.provider} has no voice of that name for {wire.model}; it has {', '.join(known)}",
            param="voice",
        )
