"""ElevenLabs' wires.

Sources: https://elevenlabs.io/docs/api-reference/speech-to-text/convert,
https://elevenlabs.io/docs/api-reference/text-to-speech/convert, .../stream.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.wire.base import Fault, Json, Wire, decode_fault, loads, raise_in_band
from muxi_llm.wire.openai.audio import SoundDecoder, check_voice, sound_of
from muxi_llm.wire.transcripts import Transcript, number, text_of, timed, value_of
from muxi_llm.wire.upload import Upload, form_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.sounds import Sound


class ElevenLabs(Wire):
    """What both have: errors, which are `{"detail": {"status": ..., "message": ...}}`."""

    @classmethod
    def decode_fault(cls, status: int, data: bytes) -> Fault:
        fault = decode_fault(status, data)
        detail = fault.body.get("detail") if isinstance(fault.body, dict) else None
        if not isinstance(detail, dict) or not isinstance(detail.get("message"), str):
            return fault
        code = detail.get("code") or detail.get("status")
        return Fault(status, detail["message"], code=None if code is None else str(code), body=fault.body)


class ElevenLabsTranscription(ElevenLabs):
    """ElevenLabs' speech to text: words with their times, of which everything else is made here."""

    endpoint = "transcription"
    path = "/speech-to-text"
    _wanted = "json"
    _words = False

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - not streamed
        given = dict(body)
        self._wanted = str(given.pop("response_format", "json"))
        self._words = "word" in (given.pop("timestamp_granularities", None) or ())
        asked: Json = {"model_id": self.model, "file": given.pop("file")}
        if "language" in given:
            asked["language_code"] = given.pop("language")
        for name in ("temperature", "seed"):
            if name in given:
                asked[name] = given.pop(name)
        if "keywords" in given:
            asked["keyterms"] = given.pop("keywords")
            self.ledger.renamed("keywords", "keyterms")
        if self._wanted == "diarized_json":
            asked["diarize"] = True
        for name in given:
            self.ledger.dropped(name, f"{self.ledger.provider} has no such parameter")
        return asked

    def content_of(self, body: Json) -> bytes | Upload:
        # Lists are repeated here without brackets, as FastAPI reads them.
        upload = form_of(body)
        return Upload(tuple((name.removesuffix("[]"), value) for name, value in upload.parts))

    def decode_response(self, data: bytes, *, created: int) -> Any:  # noqa: ARG002 - it has no date
        raw = loads(data)
        raise_in_band(raw)
        rows = raw.get("words") if isinstance(raw, dict) else None
        spoken = [
            row
            for row in (rows if isinstance(rows, list) else ())
            if isinstance(row, dict) and row.get("type", "word") == "word"
        ]
        said = Transcript(
            text_of(raw),
            language=str(raw.get("language_code") or ""),
            duration=number(raw.get("audio_duration_secs")),
            words=list(timed(spoken, "word", speaker="speaker_id")),
        )
        return value_of(said, self._wanted, words=self._words)


class ElevenLabsSpeech(ElevenLabs):
    """ElevenLabs' text to speech: the voice's id is in the address."""

    endpoint = "speech"
    _voice = ""
    _format = "mp3_44100_128"

    def path_for(self, *, stream: bool) -> str:
        """By the voice; `stream` gives the sound as it is made."""
        query = urlencode({"output_format": self._format})
        return f"/text-to-speech/{self._voice}{'/stream' if stream else ''}?{query}"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - the path says it
        given = dict(body)
        voice = given.pop("voice", None)
        asked: Json = {"text": given.pop("input"), "model_id": self.model}
        asked["voice"] = voice["id"] if isinstance(voice, dict) else voice
        wanted = str(given.pop("response_format", "mp3"))
        if wanted not in FORMATS and not FORMAT.fullmatch(wanted):
            known = ", ".join(FORMATS)
            raise UnsupportedParameterError(
                f"{self.ledger.provider} gives {known}, not {wanted!r}", param="response_format"
            )
        asked["output_format"] = FORMATS.get(wanted, wanted)
        if "speed" in given:
            asked["voice_settings"] = {"speed": given.pop("speed")}
        for name in given:
            self.ledger.dropped(name, f"{self.ledger.provider} has no such parameter")
        return asked

    def settle(self, body: Json) -> None:
        check_voice(body, self)
        self._voice, self._format = body.pop("voice"), str(body.pop("output_format"))
        if not VOICE.fullmatch(str(self._voice)):
            raise InvalidRequestError(f"{self.ledger.provider}: voice must be a voice's id", param="voice")

    def decode_response(self, data: bytes, *, created: int) -> Sound:  # noqa: ARG002 - it has no date
        return sound_of(data)

    def stream_decoder(self, *, created: int) -> SoundDecoder:  # noqa: ARG002 - it has no date
        return SoundDecoder()


# ------------------------------------------------------------------------------------------ tables

FORMATS = {"mp3": "mp3_44100_128", "opus": "opus_48000_128", "pcm": "pcm_24000"}
"""OpenAI's format → ElevenLabs' own; theirs are taken as they are."""
FORMAT = re.compile(r"[a-z0-9]+_\d+(_\d+)?")
VOICE = re.compile(r"[A-Za-z0-9_-]+")
