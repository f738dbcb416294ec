"""Deepgram: parameters in the address, sound in the body, or the reverse."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from muxi_llm import APIStatusError, MalformedReplyError, UnsupportedParameterError
from muxi_llm.transport.scripted import Answer
from muxi_llm.wire.deepgram import Deepgram
from tests.conftest import Driver
from tests.support.audio import SENT, ask, changes, hear

WORDS = [
    {"word": "hi", "punctuated_word": "Hi", "start": 0, "end": 1, "speaker": 0},
    {"word": "you", "punctuated_word": "you.", "start": 1, "end": 2, "speaker": 1},
]
BARE = [{name: value for name, value in one.items() if name != "punctuated_word"} for one in WORDS]


def heard(words: Any = WORDS, **results: Any) -> dict[str, Any]:
    best = {"transcript": "Hi you.", "words": words}
    return {
        "metadata": {"duration": 2.5},
        "results": {"channels": [{"alternatives": [best], "detected_language": "en"}], **results},
    }


def query(script: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(script.calls[0].url).query)


def test_a_transcription(driver: Driver) -> None:
    value, script = ask("transcription", "deepgram/nova-3", Answer(json=heard()), driver=driver)
    assert (value.text, value.usage.seconds) == ("Hi you.", 2.5)
    (call,) = script.calls
    assert call.url.startswith("https://api.deepgram.com/v1/listen?")
    assert query(script) == {"model": ["nova-3"], "smart_format": ["true"], "detect_language": ["true"]}
    assert call.headers["authorization"] == "Token sk-1"
    assert script.bodies == [SENT]
    assert changes(value) == {"smart_format": "added", "detect_language": "added"}


def test_parameters() -> None:
    value, script = hear(
        "deepgram/nova-3",
        heard(),
        language="de",
        keywords=["Zürich", "Bern & Co"],
        prompt="x",
        response_format="verbose_json",
        timestamp_granularities=["word"],
        provider_options={"deepgram": {"smart_format": False, "utt_split": 0.5}},
    )
    assert query(script) == {
        "model": ["nova-3"],
        "smart_format": ["false"],
        "language": ["de"],
        "keyterm": ["Zürich", "Bern & Co"],
        "utterances": ["true"],
        "utt_split": ["0.5"],
    }
    assert changes(value)["prompt"] == "dropped"
    assert [one.word for one in value.words] == ["Hi", "you."]
    assert (value.language, value.duration, value.segments[0].text) == ("en", 2.5, "Hi")
    _, script = hear("deepgram/nova-2", heard(), keywords=["a"])
    assert query(script)["keywords"] == ["a"]


def test_speakers() -> None:
    value, script = hear("deepgram/nova-3", heard(), response_format="diarized_json")
    assert [(one.speaker, one.text) for one in value.segments] == [("0", "Hi"), ("1", "you.")]
    assert query(script)["diarize"] == ["true"]
    utterances = [{"transcript": "Hi you.", "start": 0, "end": 2, "speaker": 0}]
    value, _ = hear("deepgram/nova-3", heard(utterances=utterances), response_format="srt")
    assert value == "1\n00:00:00,000 --> 00:00:02,000\nHi you.\n\n"
    value, _ = hear("deepgram/nova-3", heard(BARE), response_format="vtt")
    assert "hi\n" in value


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"results": {"channels": []}},
        {"results": {"channels": [{"alternatives": [5]}]}},
        {"results": 5},
    ],
)
def test_no_transcript_is_malformed(answer: Any) -> None:
    error, _ = hear("deepgram/nova-3", answer)
    assert isinstance(error, MalformedReplyError)


def test_a_reply_without_metadata() -> None:
    value, _ = hear("deepgram/nova-3", {"results": heard()["results"]})
    assert (value.text, value.usage) == ("Hi you.", None)


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (
            {"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials.", "request_id": "r"},
            "Invalid credentials.",
            "INVALID_AUTH",
        ),
        ({"category": "X", "details": "Too long", "message": "m"}, "Too long", "X"),
        ({"reason": "why"}, "why", None),
        ({"message": "plain"}, "plain", None),
        ("text", "text", None),
    ],
)
def test_errors(body: Any, message: str, code: str | None) -> None:
    error, _ = ask("transcription", "deepgram/nova-3", Answer(status=401, json=body))
    assert isinstance(error, APIStatusError)
    assert message in str(error)
    assert error.code == code


def test_the_wires_have_their_errors_in_common() -> None:
    assert Deepgram.decode_fault(400, b"").message


# ----------------------------------------------------------------------------------- speech


def test_speech(driver: Driver) -> None:
    value, script = ask(
        "speech",
        "deepgram/aura-2-thalia-en",
        Answer(content=b"ID3"),
        driver=driver,
        speed=1.2,
        instructions="x",
    )
    assert value.content == b"ID3"
    assert script.bodies == [{"text": "Hello."}]
    assert query(script) == {"model": ["aura-2-thalia-en"], "encoding": ["mp3"], "speed": ["1.2"]}
    assert changes(value) == {"instructions": "dropped"}
    pieces, _ = ask(
        "speech",
        "deepgram/aura-2",
        Answer(chunks=[b"a", b"b"], headers={"content-type": "audio/mpeg"}),
        driver=driver,
        voice="Thalia",
        stream=True,
    )
    assert pieces == [b"a", b"b"]


@pytest.mark.parametrize(
    ("model", "voice", "asked"),
    [
        ("aura-2-thalia-en", None, "aura-2-thalia-en"),
        ("aura-2-thalia-en", "aura-2-thalia-en", "aura-2-thalia-en"),
        ("aura-2", "Apollo", "aura-2-apollo-en"),
        ("aura", "aura-2-luna-en", "aura-2-luna-en"),
        ("aura-2-thalia-en", "bob", "aura-2-thalia-en"),
        ("aura-2-thalia-en", {"id": "x"}, "aura-2-thalia-en"),
    ],
)
def test_a_voice_is_a_model(model: str, voice: Any, asked: str) -> None:
    value, script = ask("speech", f"deepgram/{model}", Answer(content=b"ID3"), voice=voice)
    assert query(script)["model"] == [asked]
    assert (changes(value) == {"voice": "dropped"}) == (voice in ("bob", {"id": "x"}))


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ("opus", {"encoding": ["opus"], "container": ["ogg"]}),
        ("pcm", {"encoding": ["linear16"], "container": ["none"], "sample_rate": ["24000"]}),
    ],
)
def test_formats(wanted: str, asked: Any) -> None:
    _, script = ask("speech", "deepgram/aura", Answer(content=b"x"), response_format=wanted)
    assert query(script) == {"model": ["aura"], **asked}
    error, _ = ask("speech", "deepgram/aura", response_format="midi")
    assert isinstance(error, UnsupportedParameterError)
