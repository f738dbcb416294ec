"""Gemini's ears and voice."""

from __future__ import annotations

import io
import wave
from base64 import b64encode
from typing import Any

import pytest

from muxi_llm import (
    APIError,
    IncompleteStreamError,
    InvalidRequestError,
    MalformedReplyError,
    UnsupportedParameterError,
)
from muxi_llm.sounds import TextDelta, TextDone
from muxi_llm.transport.scripted import Answer
from tests.conftest import Driver
from tests.support.audio import ask, changes, hear
from tests.support.speakers.base import sse

MODEL = "google/gemini-3-flash"
TTS = "google/gemini-3.8-flash-tts"
SAMPLES = bytes(range(8))


def said(text: str, finish: str | None = "STOP", **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], **more}


def test_a_transcription(driver: Driver) -> None:
    """By chat, and told so."""
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4}
    answer = Answer(json=said(" Hi you. ", usageMetadata=usage))
    value, script = ask(
        "transcription",
        MODEL,
        answer,
        driver=driver,
        language="en",
        prompt="names",
        temperature=0,
        include=["logprobs"],
        provider_options={"google": {"generationConfig": {"topK": 3}}},
    )
    assert (value.text, value.usage.total_tokens) == ("Hi you.", 4)
    assert changes(value) == {"file": "changed", "include": "dropped"}
    assert script.calls[0].url.endswith("/v1beta/models/gemini-3-flash:generateContent")
    (body,) = script.bodies
    wish, sound = body["contents"][0]["parts"]
    assert "The language is en." in wish["text"]
    assert "names" in wish["text"]
    assert sound == {"inlineData": {"mimeType": "audio/mpeg", "data": b64encode(b"ID3 sound").decode()}}
    assert body["generationConfig"] == {"temperature": 0, "topK": 3}


def test_what_it_cannot_tell_is_refused() -> None:
    error, _ = hear(MODEL, {}, response_format="srt")
    assert isinstance(error, UnsupportedParameterError)
    value, _ = hear(MODEL, said("Hi"), response_format="text")
    assert value == "Hi"


def test_half_a_transcript_is_none(driver: Driver) -> None:
    """It would look like a whole one."""
    error, _ = ask("transcription", MODEL, Answer(json=said("Hi", "MAX_TOKENS")), driver=driver)
    assert isinstance(error, APIError)
    assert error.partial_text == "Hi"  # type: ignore[attr-defined]
    chunks = [sse(said("Hi", None)), sse(said(" you", "MAX_TOKENS"))]
    error, _ = ask("transcription", MODEL, Answer(chunks=chunks), driver=driver, stream=True)
    assert isinstance(error, IncompleteStreamError)


def test_a_stream(driver: Driver) -> None:
    chunks = [sse(said("Hi", None)), sse(said(" you", "STOP"))]
    events, script = ask("transcription", MODEL, Answer(chunks=chunks), driver=driver, stream=True)
    assert [type(one) for one in events] == [TextDelta, TextDelta, TextDone]
    assert events[-1].text == "Hi you"
    assert ":streamGenerateContent?alt=sse" in script.calls[0].url


def test_a_stream_that_is_cut(driver: Driver) -> None:
    error, _ = ask("transcription", MODEL, Answer(chunks=[sse(said("Hi", None))]), driver=driver, stream=True)
    assert isinstance(error, IncompleteStreamError)


# ----------------------------------------------------------------------------------- speech


def spoken(*pieces: bytes, kind: str = "audio/L16;codec=pcm;rate=16000") -> dict[str, Any]:
    parts = [{"inlineData": {"mimeType": kind, "data": b64encode(piece).decode()}} for piece in pieces]
    return {"candidates": [{"content": {"parts": [*parts, {"text": "x"}]}, "finishReason": "STOP"}]}


def test_speech(driver: Driver) -> None:
    """A WAV file of the samples that came."""
    value, script = ask(
        "speech", TTS, Answer(json=spoken(SAMPLES[:4], SAMPLES[4:])), driver=driver, voice="Kore", speed=2
    )
    with wave.open(io.BytesIO(value.content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        assert file.readframes(9) == SAMPLES
    (body,) = script.bodies
    assert body == {
        "contents": [{"role": "user", "parts": [{"text": "Hello."}]}],
        "generationConfig": {
            "responseModalities": ["AUDIO"],
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
        },
    }
    assert changes(value) == {"response_format": "changed", "speed": "dropped"}


def test_samples_and_instructions(driver: Driver) -> None:
    pieces, script = ask(
        "speech",
        TTS,
        Answer(json=spoken(SAMPLES)),
        driver=driver,
        response_format="pcm",
        instructions="Say it gladly:",
        stream=True,
    )
    assert pieces == [SAMPLES]
    assert script.bodies[0]["contents"][0]["parts"] == [{"text": "Say it gladly:\n\nHello."}]
    assert "speechConfig" not in script.bodies[0]["generationConfig"]
    value, _ = ask("speech", TTS, Answer(json=spoken(SAMPLES, kind="audio/L16")), response_format="wav")
    with wave.open(io.BytesIO(value.content)) as file:
        assert file.getframerate() == 24000


def test_what_is_refused() -> None:
    error, _ = ask("speech", TTS, response_format="mp3")
    assert isinstance(error, UnsupportedParameterError)
    error, _ = ask("speech", TTS, voice="alloy")
    assert isinstance(error, InvalidRequestError)
    assert "it has Zephyr" in str(error)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"candidates": []},
        {"candidates": [{"finishReason": "OTHER"}]},
        {"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]},
        {"candidates": [{"content": {"parts": [{"inlineData": {"data": "!!"}}]}}]},
        {"candidates": [{"content": {"parts": [{"inlineData": {"data": 5}}]}}]},
    ],
)
def test_no_sound_is_malformed(answer: Any) -> None:
    error, _ = ask("speech", TTS, Answer(json=answer))
    assert isinstance(error, MalformedReplyError)
