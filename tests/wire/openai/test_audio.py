"""OpenAI's audio wires: each format as the value OpenAI has for it, streams, and sound."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types import audio

from muxi_llm import APIError, IncompleteStreamError, InvalidRequestError, MalformedReplyError
from muxi_llm.core.port import TransportError
from muxi_llm.sounds import Sound, TextDelta, TextDone, TextSegment
from muxi_llm.transport.scripted import Answer
from tests.conftest import Driver
from tests.support.audio import SENT, ask, changes, hear
from tests.support.speakers.base import sse

VERBOSE = {
    "task": "transcribe",
    "language": "english",
    "duration": 2.5,
    "text": "Hi you.",
    "segments": [{"id": 0, "start": 0.0, "end": 2.5, "text": " Hi you.", "tokens": [1]}],
}
DIARIZED = {
    "task": "transcribe",
    "duration": 1.0,
    "text": "Hi",
    "segments": [{"id": "s", "start": 0, "end": 1, "speaker": "A", "text": "Hi"}],
}


@pytest.mark.parametrize(
    ("wanted", "answer", "kind"),
    [
        (None, {"text": "Hi", "usage": {"type": "duration", "seconds": 2}}, audio.Transcription),
        ("json", {"text": ""}, audio.Transcription),
        ("verbose_json", VERBOSE, audio.TranscriptionVerbose),
        ("diarized_json", DIARIZED, audio.TranscriptionDiarized),
    ],
)
def test_json_formats(wanted: str | None, answer: Any, kind: type, driver: Driver) -> None:
    """OpenAI's classes, fields by item as well, unknown ones kept."""
    given = {} if wanted is None else {"response_format": wanted}
    value, script = ask(
        "transcription", "openai/whisper-1", Answer(json={**answer, "x": 1}), driver=driver, **given
    )
    assert isinstance(value, kind)
    assert value["text"] == value.text == answer["text"]  # type: ignore[attr-defined,index]
    assert value["x"] == 1  # type: ignore[index]
    assert script.bodies == [{"model": "whisper-1", "file": SENT, **given}]
    assert script.calls[0].url == "https://api.openai.com/v1/audio/transcriptions"
    assert "content-type" not in script.calls[0].headers


@pytest.mark.parametrize("wanted", ["text", "srt", "vtt"])
def test_written_formats_are_strings(wanted: str) -> None:
    """As from OpenAI's client, with a report."""
    value, _ = ask("transcription", "openai/whisper-1", Answer(content=b"Hi\n"), response_format=wanted)
    assert value == value.text == "Hi\n"
    assert isinstance(value, str)
    assert value.muxi.model == "openai/whisper-1"


def test_a_text_that_came_as_json_all_the_same() -> None:
    value, _ = hear("openai/whisper-1", {"text": "Hi"}, response_format="text")
    assert value == "Hi"


@pytest.mark.parametrize("wanted", ["json", "text"])
def test_an_error_that_came_as_a_success(wanted: str) -> None:
    error, _ = hear("openai/whisper-1", {"error": {"message": "no", "code": 503}}, response_format=wanted)
    assert isinstance(error, APIError)
    assert error.status_code == 503  # type: ignore[attr-defined]


@pytest.mark.parametrize("answer", [{}, [], {"text": 5}, "Hi", None])
def test_no_text_is_a_malformed_reply(answer: Any) -> None:
    error, _ = ask("transcription", "openai/whisper-1", Answer(content=json.dumps(answer).encode()))
    assert isinstance(error, MalformedReplyError)


def test_what_goes_into_the_form() -> None:
    _, script = hear(
        "openai/gpt-4o-transcribe",
        {"text": "Hi"},
        language="de",
        prompt="Namen",
        temperature=0,
        timestamp_granularities=["word", "segment"],
        include=["logprobs"],
        chunking_strategy={"type": "server_vad"},
        extra_body={"vendor": True},
    )
    assert script.bodies[0] == {
        "model": "gpt-4o-transcribe",
        "file": SENT,
        "language": "de",
        "prompt": "Namen",
        "temperature": "0",
        "timestamp_granularities[]": ["word", "segment"],
        "include[]": "logprobs",
        "chunking_strategy[type]": "server_vad",
        "vendor": "true",
    }


def test_half_a_surrogate_pair_in_a_form_names_the_argument() -> None:
    error, script = hear("openai/whisper-1", {}, prompt="\ud83d")
    assert isinstance(error, InvalidRequestError)
    assert (error.param, script.calls) == ("prompt", [])


@pytest.mark.parametrize(
    ("wanted", "kind"), [("json", audio.Translation), ("verbose_json", audio.TranslationVerbose)]
)
def test_translations(wanted: str, kind: type, driver: Driver) -> None:
    value, script = ask(
        "translation", "openai/whisper-1", Answer(json=VERBOSE), driver=driver, response_format=wanted
    )
    assert isinstance(value, kind)
    assert script.calls[0].url.endswith("/audio/translations")


# ------------------------------------------------------------------------------- few formats


@pytest.mark.parametrize(
    ("wanted", "sent", "expected"),
    [
        ("srt", "verbose_json", "1\n00:00:00,000 --> 00:00:02,500\nHi you.\n\n"),
        ("vtt", "verbose_json", "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\nHi you.\n\n"),
        ("text", "json", "Hi you."),
    ],
)
@pytest.mark.parametrize("endpoint", ["transcription", "translation"])
def test_formats_a_service_lacks_are_written_here(
    endpoint: str, wanted: str, sent: str, expected: str
) -> None:
    """Of its verbose JSON."""
    value, script = ask(endpoint, "groq/whisper-large-v3", Answer(json=VERBOSE), response_format=wanted)
    assert (value, script.bodies[0]["response_format"]) == (expected, sent)


def test_a_text_without_segments_is_one_of_them() -> None:
    value, _ = hear("groq/whisper-large-v3", {"text": "Hi", "duration": 3}, response_format="srt")
    assert value == "1\n00:00:00,000 --> 00:00:03,000\nHi\n\n"
    value, _ = hear("groq/whisper-large-v3", {"text": " "}, response_format="srt")
    assert value == ""


def test_speakers_are_not_made_up() -> None:
    error, script = hear("groq/whisper-large-v3", {}, response_format="diarized_json")
    assert isinstance(error, InvalidRequestError)
    assert (error.param, script.calls) == ("response_format", [])


def test_what_only_openai_has_is_told() -> None:
    value, script = hear("groq/whisper-large-v3", {"text": "Hi"}, include=["logprobs"])
    assert changes(value) == {"include": "dropped"}
    assert "include[]" not in script.bodies[0]


# ---------------------------------------------------------------------------------- streams

DELTAS = [
    {"type": "transcript.text.delta", "delta": "Hi "},
    {"type": "transcript.text.delta", "delta": "you"},
]
DONE = {"type": "transcript.text.done", "text": "Hi you"}
SEGMENT = {"type": "transcript.text.segment", "id": "1", "text": "Hi", "start": 0, "end": 1, "speaker": "A"}


def streamed(*events: Any, driver: Driver | None = None) -> Any:
    chunks = [event if isinstance(event, bytes | TransportError) else sse(event) for event in events]
    answer = Answer(chunks=chunks)
    return ask("transcription", "openai/gpt-4o-transcribe", answer, driver=driver, stream=True)


def test_a_stream(driver: Driver) -> None:
    """Until the whole text; what a server sends besides and behind it is none."""
    events, script = streamed(*DELTAS, SEGMENT, {"type": "other"}, DONE, b"data: [DONE]\n\n", driver=driver)
    assert [type(event) for event in events] == [TextDelta, TextDelta, TextSegment, TextDone]
    assert (events[0].delta, events[2]["speaker"], events[-1].text) == ("Hi ", "A", "Hi you")
    assert script.bodies[0]["stream"] == "true"
    assert script.calls[0].headers["accept"] == "text/event-stream"


def test_the_marks_end_alone_is_no_end(driver: Driver) -> None:
    error, _ = streamed(*DELTAS, b"data: [DONE]\n\n", driver=driver)
    assert isinstance(error, IncompleteStreamError)
    assert "transcript.text.done" in str(error)


@pytest.mark.parametrize(
    "event", [{"type": "error", "error": {"message": "no"}}, {"error": {"message": "no"}}]
)
def test_an_error_in_a_stream(event: Any) -> None:
    error, _ = streamed(*DELTAS, event)
    assert isinstance(error, APIError)
    assert "no" in str(error)


def test_an_event_without_its_text_is_malformed() -> None:
    error, _ = streamed({"type": "transcript.text.delta"})
    assert isinstance(error, MalformedReplyError)


def test_a_whole_answer_as_a_stream(driver: Driver) -> None:
    """Of a model that does not stream; and of a server that does not either."""
    for model in ("openai/whisper-1", "openai/gpt-4o-transcribe"):
        events, _ = ask("transcription", model, Answer(json={"text": "Hi"}), driver=driver, stream=True)
        assert [type(event) for event in events] == [TextDelta, TextDone]
        assert (events[0].delta, events[1].text) == ("Hi", "Hi")


# ----------------------------------------------------------------------------------- speech

SOUND = {"content-type": "audio/mpeg"}


def test_speech(driver: Driver) -> None:
    value, script = ask(
        "speech",
        "openai/gpt-4o-mini-tts",
        Answer(content=b"\xff\xfbsound", headers=SOUND),
        driver=driver,
        voice="alloy",
        instructions="calm",
        speed=1.5,
        response_format="mp3",
    )
    assert isinstance(value, Sound)
    assert value.content == b"\xff\xfbsound"
    assert value.muxi.headers["content-type"] == "audio/mpeg"
    assert script.bodies == [
        {
            "model": "gpt-4o-mini-tts",
            "input": "Hello.",
            "voice": "alloy",
            "instructions": "calm",
            "speed": 1.5,
            "response_format": "mp3",
        }
    ]


def test_speech_as_a_stream(driver: Driver) -> None:
    """Bytes as they come."""
    answer = Answer(chunks=[b"one", b"two"], headers=SOUND)
    pieces, _ = ask("speech", "openai/tts-1", answer, driver=driver, voice="alloy", stream=True)
    assert pieces == [b"one", b"two"]


def test_a_stream_of_speech_that_breaks_off_is_an_error(driver: Driver) -> None:
    answer = Answer(chunks=[b"one", TransportError("cut")], headers=SOUND)
    error, _ = ask("speech", "openai/tts-1", answer, driver=driver, voice="alloy", stream=True)
    assert isinstance(error, APIError)


@pytest.mark.parametrize("stream", [False, True])
def test_silence_is_no_answer(stream: bool) -> None:
    answer = Answer(chunks=[], headers=SOUND) if stream else Answer(content=b"", headers=SOUND)
    error, _ = ask("speech", "openai/tts-1", answer, voice="alloy", stream=stream)
    assert isinstance(error, MalformedReplyError)


def test_json_is_no_sound() -> None:
    error, _ = ask(
        "speech", "openai/tts-1", Answer(json={"error": {"message": "busy", "code": 503}}), voice="alloy"
    )
    assert isinstance(error, APIError)
    assert "busy" in str(error)
    error, _ = ask("speech", "openai/tts-1", Answer(json={"hello": 1}), voice="alloy")
    assert isinstance(error, MalformedReplyError)


@pytest.mark.parametrize(
    ("voice", "story"),
    [
        (None, "openai: voice is missing; give one of alloy, ash"),
        ("bob", "openai has no voice of that name for tts-1; it has alloy"),
        ("", "voice is empty"),
        (5, "voice must be"),
        ({"name": "x"}, "voice must be"),
    ],
)
def test_a_voice_there_is_not_is_refused(voice: Any, story: str) -> None:
    """By name, before anything is sent."""
    error, script = ask("speech", "openai/tts-1", voice=voice)
    assert isinstance(error, InvalidRequestError)
    assert story in str(error)
    assert (error.param, script.calls) == ("voice", [])


def test_voices_of_ones_own_and_of_other_servers() -> None:
    """Nobody knows them here."""
    _, script = ask("speech", "openai/tts-1", Answer(content=b"x"), voice={"id": "voice_1"})
    assert script.bodies[0]["voice"] == {"id": "voice_1"}
    value, _ = ask(
        "speech", "openai/kokoro", Answer(content=b"x"), voice="af_sky", base_url="http://me.test/v1"
    )
    assert value.content == b"x"
    error, _ = ask("speech", "together/kokoro")
    assert "together: voice is missing; give its name" in str(error)


def test_native_options_may_say_the_voice() -> None:
    """That of one provider of a chain."""
    options = {"groq": {"voice": "troy"}}
    value, script = ask(
        "speech",
        "groq/canopylabs/orpheus-v1-english",
        Answer(content=b"x"),
        voice="alloy",
        instructions="calm",
        provider_options=options,
    )
    assert script.bodies[0]["voice"] == "troy"
    assert changes(value) == {"instructions": "dropped"}
