"""Gemini's ears and voice: both are its generateContent, asked in other words.

Sources: https://ai.google.dev/gemini-api/docs/audio, https://ai.google.dev/gemini-api/docs/speech-generation.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.sounds import Sound, TextDelta, TextDone
from muxi_llm.wire.base import Json, Wire, WireError, loads, raise_in_band
from muxi_llm.wire.gemini.generate_content import GenerateContent, model_path
from muxi_llm.wire.openai.audio import check_voice
from muxi_llm.wire.transcripts import Transcript, refuse_formats, value_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.models import ChatCompletion
    from muxi_llm.wire.base import Ledger, Profile, StreamDecoder


class GeminiTranscription(Wire):
    """A recording shown to a chat model, which writes down what it hears."""

    endpoint = "transcription"
    stream_headers = GenerateContent.stream_headers
    inlines = 20_000_000
    """https://ai.google.dev/gemini-api/docs/audio: 20 MB for a whole request."""
    _wanted = "json"

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        super().__init__(model, ledger, profile)
        self._chat = GenerateContent(model, ledger, profile)

    def path_for(self, *, stream: bool) -> str:
        """The chat's."""
        return self._chat.path_for(stream=stream)

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - the path says it
        given = dict(body)
        self._wanted = refuse_formats(given, frozenset({"json", "text"}), self.ledger, "it hears by chat")
        file = given.pop("file")
        self.ledger.changed(
            "file", f"{self.ledger.provider} hears by chat: a model writes down what it hears"
        )
        wish = INSTRUCTION
        if "language" in given:
            wish += f" The language is {given.pop('language')}."
        if "prompt" in given:
            wish += f" What may help: {given.pop('prompt')}"
        config = {"temperature": given.pop("temperature")} if "temperature" in given else {}
        for name in given:
            self.ledger.dropped(name, f"{self.ledger.provider} has no such parameter")
        sound = {"mimeType": file.type, "data": b64encode(file.source).decode()}
        parts = [{"text": wish}, {"inlineData": sound}]
        return {"contents": [{"role": "user", "parts": parts}], "generationConfig": config}

    def settle(self, body: Json) -> None:
        self._chat.settle(body)

    def decode_response(self, data: bytes, *, created: int) -> Any:
        answer: ChatCompletion = self._chat.decode_response(data, created=created)
        choice = answer.choices[0]
        text = choice.message.content or ""
        if choice.finish_reason != "stop":  # half of a transcript looks like a whole one
            raise WireError("incomplete", f"the transcript ended by {choice.finish_reason}", partial=text)
        said = Transcript(text.strip())
        if answer.usage is not None:
            said.usage = {
                "type": "tokens",
                "input_tokens": answer.usage.prompt_tokens,
                "output_tokens": answer.usage.completion_tokens,
                "total_tokens": answer.usage.total_tokens,
            }
        return value_of(said, self._wanted)

    def stream_decoder(self, *, created: int) -> HeardDecoder:
        return HeardDecoder(self._chat.stream_decoder(created=created))


class HeardDecoder:
    """Chunks of a chat → events of a transcription."""

    def __init__(self, chat: StreamDecoder) -> None:
        self._chat = chat
        self._texts: list[str] = []
        self._finish: str | None = None

    @property
    def over(self) -> bool:
        """Whether the chat's stream is."""
        return self._chat.over

    @property
    def counted(self) -> Any:
        """What the chat has counted."""
        return getattr(self._chat, "counted", None)

    def feed(self, data: bytes) -> list[Any]:
        """The events that *data* complete."""
        return self._events(self._chat.feed(data))

    def finish(self) -> list[Any]:
        """The last ones, or an error where the transcript is not whole."""
        return self._events(self._chat.finish())

    def _events(self, chunks: list[Any]) -> list[Any]:
        out: list[Any] = []
        for chunk in chunks:
            if isinstance(chunk, WireError):
                return [*out, chunk]
            for choice in chunk.choices:
                if choice.delta.content:
                    self._texts.append(choice.delta.content)
                    out.append(TextDelta.construct(type="transcript.text.delta", delta=choice.delta.content))
                if choice.finish_reason == "stop":
                    text = "".join(self._texts)
                    out.append(TextDone.construct(type="transcript.text.done", text=text))
                elif choice.finish_reason is not None:
                    why = f"the transcript ended by {choice.finish_reason}"
                    return [*out, WireError("incomplete", why)]
        return out


class GeminiSpeech(Wire):
    """A model that answers in sound: bare samples, which become a WAV file here."""

    endpoint = "speech"
    _wanted = "wav"

    def path_for(self, *, stream: bool) -> str:  # noqa: ARG002 - it comes in one piece
        """The model and a verb."""
        return model_path(self.model) + ":generateContent"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - see there
        given = dict(body)
        if "response_format" not in given:
            self.ledger.changed("response_format", f"{self.ledger.provider} gives samples; sent on as wav")
        self._wanted = str(given.pop("response_format", "wav"))
        if self._wanted not in {"wav", "pcm"}:
            why = f"{self.ledger.provider} gives wav and pcm, not {self._wanted!r}"
            raise UnsupportedParameterError(why, param="response_format")
        text = given.pop("input")
        if "instructions" in given:
            text = f"{given.pop('instructions')}\n\n{text}"
            self.ledger.moved("instructions", "they stand before the text")
        voice = given.pop("voice", None)
        for name in given:
            self.ledger.dropped(name, f"{self.ledger.provider} has no such parameter")
        config: Json = {"responseModalities": ["AUDIO"]}
        if voice is not None:
            check_voice({"voice": voice}, self)
            config["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}
        return {"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": config}

    def decode_response(self, data: bytes, *, created: int) -> Sound:  # noqa: ARG002 - it has no date
        raw = loads(data)
        raise_in_band(raw)
        try:
            parts = raw["candidates"][0]["content"]["parts"]
            sounds = [part["inlineData"] for part in parts if "inlineData" in part]
            samples = b"".join(b64decode(sound["data"], validate=True) for sound in sounds)
            rate = RATE.search(str(sounds[0].get("mimeType")))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise WireError("malformed", f"the reply has no sound in it: {str(raw)[:200]}") from error
        return Sound(samples if self._wanted == "pcm" else wav_of(samples, int(rate[1]) if rate else 24_000))


def wav_of(samples: bytes, rate: int) -> bytes:
    """A WAV file of one channel of 16-bit *samples*, *rate* of them a second.

    https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html.
    """

    def little(value: int, size: int) -> bytes:
        return value.to_bytes(size, "little")

    what = little(1, 2) + little(1, 2) + little(rate, 4) + little(rate * 2, 4) + little(2, 2) + little(16, 2)
    body = b"WAVEfmt " + little(16, 4) + what + b"data" + little(len(samples), 4) + samples
    return b"RIFF" + little(len(body), 4) + body


# ------------------------------------------------------------------------------------------ tables

INSTRUCTION = "Write down what is said in this recording, word for word, and nothing else."
RATE = re.compile(r"rate=(\d{4,6})\b")
