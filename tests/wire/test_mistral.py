"""Mistral's transcriptions."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm import APIError, IncompleteStreamError, MalformedReplyError
from muxi_llm.sounds import TextDelta, TextDone, TextSegment
from muxi_llm.transport.scripted import Answer
from tests.conftest import Driver
from tests.support.audio import SENT, ask, changes, hear
from tests.support.speakers.base import sse

HEARD = {
    "model": "voxtral-mini-2602",
    "text": "Hi you.",
    "language": "en",
    "segments": [
        {"text": "Hi", "start": 0, "end": 1, "speaker_id": "speaker_1"},
        {"text": "you.", "start": 1, "end": 2, "speaker_id": "speaker_2"},
    ],
    "usage": {"prompt_audio_seconds": 3, "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}
MODEL = "mistral/voxtral-mini-latest"


def test_a_transcription(driver: Driver) -> None:
    value, script = ask("transcription", MODEL, Answer(json=HEARD), driver=driver)
    assert (value.text, value.usage.seconds) == ("Hi you.", 3.0)
    assert script.bodies == [{"model": "voxtral-mini-latest", "file": SENT}]
    assert script.calls[0].url == "https://api.mistral.ai/v1/audio/transcriptions"


def test_parameters() -> None:
    value, script = hear(
        MODEL, HEARD, language="de", temperature=0.1, prompt="x", keywords=["a", "b"], response_format="srt"
    )
    assert script.bodies[0] == {
        "model": "voxtral-mini-latest",
        "file": SENT,
        "language": "de",
        "temperature": "0.1",
        "timestamp_granularities": "segment",
        "context_bias": ["a", "b"],
    }
    assert changes(value) == {"keywords": "renamed", "prompt": "dropped"}
    assert value.startswith("1\n00:00:00,000 --> 00:00:01,000\nHi\n")


def test_words_and_speakers() -> None:
    value, script = hear(MODEL, HEARD, response_format="verbose_json", timestamp_granularities=["word"])
    assert script.bodies[0]["timestamp_granularities"] == "word"
    assert [one.word for one in value.words] == ["Hi", "you."]
    assert (value.duration, value.language) == (3.0, "en")
    value, script = hear(MODEL, HEARD, response_format="diarized_json")
    assert script.bodies[0]["diarize"] == "true"
    assert [one.speaker for one in value.segments] == ["speaker_1", "speaker_2"]


def test_an_answer_without_usage() -> None:
    value, _ = hear(MODEL, {"text": "Hi", "usage": None})
    assert (value.text, value.usage) == ("Hi", None)
    error, _ = hear(MODEL, {"text": 5})
    assert isinstance(error, MalformedReplyError)


DELTA = {"type": "transcription.text.delta", "text": "Hi"}
DONE = {"type": "transcription.done", "text": "Hi", "model": "m", "usage": {}}


def streamed(*events: Any, driver: Driver | None = None) -> Any:
    chunks = [event if isinstance(event, bytes) else sse(event) for event in events]
    return ask("transcription", MODEL, Answer(chunks=chunks), driver=driver, stream=True)


def test_a_stream(driver: Driver) -> None:
    """In OpenAI's events."""
    language = {"type": "transcription.language", "audio_language": "en"}
    segment = {"type": "transcription.segment", "text": "Hi", "start": 0, "end": 1, "speaker_id": "s"}
    events, script = streamed(language, DELTA, segment, b"data: [DONE]\n\n", DONE, driver=driver)
    assert [type(one) for one in events] == [TextDelta, TextSegment, TextDone]
    assert [one.type for one in events] == [
        "transcript.text.delta",
        "transcript.text.segment",
        "transcript.text.done",
    ]
    assert (events[0].delta, events[1].speaker, events[2].text) == ("Hi", "s", "Hi")
    assert script.bodies[0]["stream"] == "true"


@pytest.mark.parametrize("event", [{"type": "error", "message": "no"}, {"error": {"message": "no"}}])
def test_an_error_in_a_stream(event: Any) -> None:
    error, _ = streamed(DELTA, event)
    assert isinstance(error, APIError)


def test_a_stream_that_is_cut(driver: Driver) -> None:
    error, _ = streamed(DELTA, driver=driver)
    assert isinstance(error, IncompleteStreamError)
