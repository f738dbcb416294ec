"""ElevenLabs: words with their times; voices in the address."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm import APIStatusError, InvalidRequestError, MalformedReplyError, UnsupportedParameterError
from muxi_llm.transport.scripted import Answer
from tests.conftest import Driver
from tests.support.audio import SENT, ask, changes, hear

HEARD = {
    "language_code": "eng",
    "language_probability": 0.9,
    "text": "Hi you.",
    "words": [
        {"text": "Hi", "start": 0, "end": 1, "type": "word", "speaker_id": "speaker_0"},
        {"text": " ", "start": 1, "end": 1, "type": "spacing", "speaker_id": "speaker_0"},
        {"text": "(laughs)", "start": 1, "end": 1, "type": "audio_event"},
        {"text": "you.", "start": 1, "end": 2, "type": "word", "speaker_id": "speaker_1"},
    ],
}
VOICE = "21m00Tcm4TlvDq8ikWAM"


def test_a_transcription(driver: Driver) -> None:
    value, script = ask("transcription", "elevenlabs/scribe_v2", Answer(json=HEARD), driver=driver)
    assert value.text == "Hi you."
    assert script.bodies == [{"model_id": "scribe_v2", "file": SENT}]
    assert script.calls[0].url == "https://api.elevenlabs.io/v1/speech-to-text"
    assert script.calls[0].headers["xi-api-key"] == "sk-1"


def test_parameters() -> None:
    value, script = hear(
        "elevenlabs/scribe_v2",
        HEARD,
        language="de",
        temperature=0,
        keywords=["a", "b"],
        prompt="x",
        response_format="verbose_json",
        timestamp_granularities=["word"],
        provider_options={"elevenlabs": {"tag_audio_events": False}},
    )
    assert script.bodies == [
        {
            "model_id": "scribe_v2",
            "file": SENT,
            "language_code": "de",
            "temperature": "0",
            "keyterms": ["a", "b"],
            "tag_audio_events": "false",
        }
    ]
    assert changes(value) == {"keywords": "renamed", "prompt": "dropped"}
    assert [one.word for one in value.words] == ["Hi", "you."]
    assert (value.language, value.duration) == ("eng", 2.0)


def test_speakers() -> None:
    value, script = hear("elevenlabs/scribe_v2", HEARD, response_format="diarized_json")
    assert [(one.speaker, one.text) for one in value.segments] == [("speaker_0", "Hi"), ("speaker_1", "you.")]
    assert script.bodies[0]["diarize"] == "true"


@pytest.mark.parametrize("answer", [{}, [], {"text": None}])
def test_no_text_is_malformed(answer: Any) -> None:
    error, _ = hear("elevenlabs/scribe_v2", answer)
    assert isinstance(error, MalformedReplyError)


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"detail": {"status": "quota_exceeded", "message": "no credits"}}, "no credits", "quota_exceeded"),
        ({"detail": {"code": "c", "message": "m"}}, "m", "c"),
        ({"detail": {"message": "m"}}, "m", None),
        ({"detail": {"status": 5}}, "5", None),
        ({"detail": "words"}, "words", None),
        ("text", "text", None),
    ],
)
def test_errors(body: Any, message: str, code: str | None) -> None:
    error, _ = ask("speech", "elevenlabs/eleven_v3", Answer(status=401, json=body), voice=VOICE)
    assert isinstance(error, APIStatusError)
    assert message in str(error)
    assert error.code == code


def test_speech(driver: Driver) -> None:
    value, script = ask(
        "speech",
        "elevenlabs/eleven_v3",
        Answer(content=b"ID3"),
        driver=driver,
        voice=VOICE,
        speed=1.1,
        instructions="x",
    )
    assert value.content == b"ID3"
    assert script.bodies == [{"text": "Hello.", "model_id": "eleven_v3", "voice_settings": {"speed": 1.1}}]
    assert script.calls[0].url == (
        f"https://api.elevenlabs.io/v1/text-to-speech/{VOICE}?output_format=mp3_44100_128"
    )
    assert changes(value) == {"instructions": "dropped"}
    pieces, script = ask(
        "speech",
        "elevenlabs/eleven_v3",
        Answer(chunks=[b"a", b"b"], headers={"content-type": "audio/mpeg"}),
        driver=driver,
        voice={"id": VOICE},
        response_format="pcm",
        stream=True,
    )
    assert pieces == [b"a", b"b"]
    assert script.calls[0].url.endswith(f"/text-to-speech/{VOICE}/stream?output_format=pcm_24000")
    _, script = ask(
        "speech", "elevenlabs/eleven_v3", Answer(content=b"x"), voice=VOICE, response_format="ulaw_8000"
    )
    assert script.calls[0].url.endswith("?output_format=ulaw_8000")


@pytest.mark.parametrize(
    ("given", "param", "kind"),
    [
        ({}, "voice", InvalidRequestError),
        ({"voice": "../../x"}, "voice", InvalidRequestError),
        ({"voice": ".."}, "voice", InvalidRequestError),
        ({"voice": VOICE, "response_format": "aac"}, "response_format", UnsupportedParameterError),
    ],
)
def test_what_is_refused(given: Any, param: str, kind: type) -> None:
    error, script = ask("speech", "elevenlabs/eleven_v3", **given)
    assert isinstance(error, kind)
    assert (error.param, script.calls) == (param, [])
