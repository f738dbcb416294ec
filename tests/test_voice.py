"""Real sound: what one server says, another hears, by the faces and by OpenAI's client."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest

import muxi_llm
from muxi_llm import AudioTranscription, Speech
from tests.conftest import Driver
from tests.support.upstream import Upstream
from tests.support.voice import answer, need_voice

TEXT = "one two three four five"


def is_understood(text: str) -> bool:
    """Four of the five words at least: another build of the voice may sound a little otherwise."""
    return SequenceMatcher(a=TEXT.split(), b=text.split()).ratio() >= 0.8


@pytest.fixture
def service() -> Iterator[dict[str, Any]]:
    """Where it is, as arguments of a face."""
    need_voice()
    with Upstream(answer) as upstream:
        yield {"base_url": f"{upstream.url}/v1", "api_key": "none"}


def test_what_is_said_is_heard(driver: Driver, service: dict[str, Any], tmp_path: Path) -> None:
    """Streamed, put into a file, sent from there in pieces, and understood: words, and when they were said."""
    pieces = driver.create(Speech, model="openai/espeak", input=TEXT, voice="en-us", stream=True, **service)
    assert len(pieces) > 1
    path = tmp_path / "said.wav"
    path.write_bytes(b"".join(pieces))
    value = driver.create(
        AudioTranscription,
        model="openai/pocketsphinx",
        file=path,
        response_format="verbose_json",
        timestamp_granularities=["word"],
        **service,
    )
    assert is_understood(value.text)
    assert [word.word for word in value.words] == value.text.split()
    times = [time for word in value.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0.5 < value.duration < 10


def test_by_openais_client(service: dict[str, Any]) -> None:
    with muxi_llm.OpenAI(**service) as client:
        sound = client.audio.speech.create(model="espeak", input=TEXT, voice="en-us", speed=1.0)
        with wave.open(io.BytesIO(sound.content)) as file:
            assert file.getnchannels() == 1
        value = client.audio.transcriptions.create(model="pocketsphinx", file=("said.wav", sound.content))
    assert is_understood(value.text)


def test_the_next_listens_where_one_is_deaf(service: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain over two wires: Deepgram's is not there, and subtitles are written of what Groq's says."""
    monkeypatch.setenv("DEEPGRAM_API_KEY", "none")
    monkeypatch.setenv("DEEPGRAM_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("GROQ_API_KEY", "none")
    monkeypatch.setenv("GROQ_BASE_URL", service["base_url"])
    sound = Speech.create("openai/espeak", TEXT, "en-us", **service)
    text = AudioTranscription.create(
        ["deepgram/nova-3", "groq/pocketsphinx"],
        ("said.wav", sound.content),
        response_format="srt",
        retries=0,
    )
    assert is_understood(text.splitlines()[2])
    assert [attempt.error is None for attempt in text.muxi.attempts] == [False, True]
