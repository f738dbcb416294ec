"""Mistral's transcriptions: OpenAI's form, an answer of its own.

Sources: https://docs.mistral.ai/api/endpoint/audio/transcriptions,
https://docs.mistral.ai/studio/audio/speech-to-text/transcribe-files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.sounds import TextDelta, TextDone, TextSegment
from muxi_llm.wire.base import Json, WireError, fault_of, loads, raise_in_band
from muxi_llm.wire.event_decoder import EventDecoder
from muxi_llm.wire.openai.audio import OpenAITranscription
from muxi_llm.wire.transcripts import TIMED, Transcript, number, text_of, timed, value_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.wire.upload import Upload


class MistralTranscription(OpenAITranscription):
    """Mistral's speech to text. It has one format; the others are written here, of its segments."""

    _words = False

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        given = dict(body)
        self._wanted = str(given.pop("response_format", "json"))
        self._words = "word" in (given.get("timestamp_granularities") or ())
        asked: Json = {"model": self.model, "file": given.pop("file")}
        asked.update({name: given.pop(name) for name in TAKEN if name in given})
        if self._wanted in TIMED:
            asked.setdefault("timestamp_granularities", ["segment"])
        if self._wanted == "diarized_json":
            asked["diarize"] = True
        if "keywords" in given:
            asked["context_bias"] = given.pop("keywords")
            self.ledger.renamed("keywords", "context_bias")
        for name in given:
            self.ledger.dropped(name, f"{self.ledger.provider} has no such parameter")
        if stream:
            asked["stream"] = True
        return asked

    def settle(self, body: Json) -> None:
        """Nothing: the format is none of its parameters."""

    def content_of(self, body: Json) -> bytes | Upload:
        # Lists are repeated without brackets here.
        upload = super().content_of(body)
        assert not isinstance(upload, bytes)
        return type(upload)(tuple((name.removesuffix("[]"), value) for name, value in upload.parts))

    def decode_response(self, data: bytes, *, created: int) -> Any:  # noqa: ARG002 - it has no date
        raw = loads(data)
        raise_in_band(raw)
        text = text_of(raw)
        usage = raw.get("usage")
        seconds = number(usage.get("prompt_audio_seconds")) if isinstance(usage, dict) else None
        rows = list(timed(raw.get("segments"), "text", speaker="speaker_id"))
        said = Transcript(
            text,
            language=str(raw.get("language") or ""),
            duration=seconds,
            usage=None if seconds is None else {"type": "duration", "seconds": seconds},
        )
        if self._words:  # then each of its segments is one
            said.words = [{**row, "word": row.pop("text")} for row in rows]
        else:
            said.segments = rows
        return value_of(said, self._wanted, words=self._words)

    def stream_decoder(self, *, created: int) -> MistralDecoder:  # type: ignore[override]  # noqa: ARG002
        return MistralDecoder()


class MistralDecoder(EventDecoder[Any]):
    """Mistral's events → OpenAI's."""

    terminator = "transcription.done"

    def read(self, name: bytes, data: bytes) -> Sequence[Any]:  # noqa: ARG002 - it is in the data
        if data == b"[DONE]":
            return ()
        raw = loads(data)
        kind = str(raw.get("type"))
        if kind == "error" or raw.get("error"):
            fault = fault_of(500, raw)
            raise WireError("fault", fault.message, fault)
        if kind == "transcription.text.delta":
            return (TextDelta.construct(type="transcript.text.delta", delta=text_of(raw)),)
        if kind == "transcription.segment":
            parts = timed([raw], "text", speaker="speaker_id")
            return [TextSegment.construct(type="transcript.text.segment", **part) for part in parts]
        if kind != "transcription.done":
            return ()
        self.over = True
        return (TextDone.construct(type="transcript.text.done", text=text_of(raw)),)


TAKEN = ("language", "temperature", "timestamp_granularities")
