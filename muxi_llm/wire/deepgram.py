"""Deepgram's wires: parameters in the address, sound in the body, or the reverse.

Sources: https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded,
https://developers.deepgram.com/reference/text-to-speech/speak-request, .../docs/tts-media-output-settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.wire.base import Fault, Json, Wire, WireError, decode_fault, loads
from muxi_llm.wire.openai.audio import SoundDecoder, sound_of
from muxi_llm.wire.transcripts import TIMED, Transcript, number, text_of, timed, value_of
from muxi_llm.wire.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.sounds import Sound


class Deepgram(Wire):
    """What both have: the query, and errors."""

    _query = ""

    def path_for(self, *, stream: bool) -> str:  # noqa: ARG002 - one for both
        """With what was asked for."""
        return self.path + self._query

    @classmethod
    def decode_fault(cls, status: int, data: bytes) -> Fault:
        fault = decode_fault(status, data)
        body = fault.body if isinstance(fault.body, dict) else {}
        message = body.get("err_msg") or body.get("reason") or body.get("details")
        if not isinstance(message, str):
            return fault
        code = body.get("err_code") or body.get("category")
        return Fault(status, message, code=None if code is None else str(code), body=body)


class DeepgramListen(Deepgram):
    """Deepgram's speech to text."""

    endpoint = "transcription"
    path = "/listen"
    _wanted = "json"
    _words = False

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - not streamed
        given = dict(body)
        self._wanted = str(given.pop("response_format", "json"))
        self._words = "word" in (given.pop("timestamp_granularities", None) or ())
        asked: Json = {"file": given.pop("file"), "model": self.model, "smart_format": True}
        self.ledger.added("smart_format", "else there would be no punctuation")
        if "language" in given:
            asked["language"] = given.pop("language")
        else:  # English is taken for granted otherwise
            asked["detect_language"] = True
            self.ledger.added("detect_language", "no language was given")
        if self._wanted == "diarized_json":
            asked["diarize"] = True
        if self._wanted in TIMED:
            asked["utterances"] = True
        if "keywords" in given:
            name = "keyterm" if self.model.startswith(("nova-3", "flux")) else "keywords"
            asked[name] = given.pop("keywords")
            self.ledger.renamed("keywords", name)
        for name in given:
            self.ledger.dropped(name, f"{self.ledger.provider} has no such parameter")
        return asked

    def settle(self, body: Json) -> None:
        query = {name: value for name, value in body.items() if name != "file"}
        self._query = "?" + urlencode({n: _said(v) for n, v in query.items()}, doseq=True)

    def content_of(self, body: Json) -> bytes | Upload:
        return Upload(file=body["file"])

    def decode_response(self, data: bytes, *, created: int) -> Any:  # noqa: ARG002 - it has no date
        raw = loads(data)
        try:
            channel = raw["results"]["channels"][0]
            best = channel["alternatives"][0]
        except (KeyError, IndexError, TypeError):
            raise WireError("malformed", f"the reply has no transcript: {str(raw)[:200]}") from None
        heard = raw.get("metadata")
        heard_words = best.get("words") if isinstance(best, dict) else None
        words = list(timed(heard_words, "word", text="punctuated_word"))
        rows = raw["results"].get("utterances")
        said = Transcript(
            text_of(best, "transcript"),
            language=str(channel.get("detected_language") or ""),
            duration=number(heard.get("duration")) if isinstance(heard, dict) else None,
            words=words or list(timed(heard_words, "word", text="word")),
            segments=list(timed(rows, "text", text="transcript")),
        )
        if said.duration is not None:
            said.usage = {"type": "duration", "seconds": said.duration}
        return value_of(said, self._wanted, words=self._words)


def _said(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return [_said(one) for one in value] if isinstance(value, list) else value


class DeepgramSpeak(Deepgram):
    """Deepgram's text to speech. A voice is a model: `aura-2-thalia-en`, or `aura-2` and `thalia`."""

    endpoint = "speech"
    path = "/speak"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - it comes as it is made
        given = dict(body)
        asked: Json = {"text": given.pop("input"), "model": self._model(given.pop("voice", None))}
        wanted = str(given.pop("response_format", "mp3"))
        if wanted not in ENCODINGS:
            known = ", ".join(ENCODINGS)
            raise UnsupportedParameterError(
                f"{self.ledger.provider} gives {known}, not {wanted!r}", param="response_format"
            )
        asked.update(ENCODINGS[wanted])
        if "speed" in given:
            asked["speed"] = given.pop("speed")
        for name in given:
            self.ledger.dropped(name, f"{self.ledger.provider} has no such parameter")
        return asked

    def _model(self, voice: Any) -> Any:
        if isinstance(voice, dict):
            voice = voice["id"]
        if voice in (None, self.model):
            return self.model
        if voice.startswith("aura-"):
            return voice
        if self.model in FAMILIES:
            return f"{self.model}-{voice.lower()}-en"
        self.ledger.dropped("voice", f"the model {self.model} is a voice already")
        return self.model

    def settle(self, body: Json) -> None:
        query = {name: body.pop(name) for name in [*body] if name != "text"}
        self._query = "?" + urlencode({n: _said(v) for n, v in query.items()}, doseq=True)

    def decode_response(self, data: bytes, *, created: int) -> Sound:  # noqa: ARG002 - it has no date
        return sound_of(data)

    def stream_decoder(self, *, created: int) -> SoundDecoder:  # noqa: ARG002 - it has no date
        return SoundDecoder()


# ------------------------------------------------------------------------------------------ tables

ENCODINGS: dict[str, Json] = {
    "mp3": {"encoding": "mp3"},
    "opus": {"encoding": "opus", "container": "ogg"},
    "aac": {"encoding": "aac"},
    "flac": {"encoding": "flac"},
    "wav": {"encoding": "linear16", "container": "wav"},
    "pcm": {"encoding": "linear16", "container": "none", "sample_rate": 24000},
}
"""OpenAI's format → how it is asked for; its `pcm` is 24 kHz."""

FAMILIES = {"aura", "aura-2"}
"""Models whose voices have names: https://developers.deepgram.com/docs/tts-models."""
