"""What was said, in each of the forms OpenAI has for it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.wire.base import WireError
from muxi_llm.wire.transcripts import Transcript, number, segmented, text_of, timed, value_of


def word(text: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    return {"word": text, "start": start, "end": end, **more}


def test_segments_of_words() -> None:
    """A new one for a speaker, after a sentence, a pause, a line."""
    words = [
        word("Hi", 0, 1, speaker="a"),
        word("you.", 1, 2, speaker="a"),
        word("And", 2, 3, speaker="a"),
        word("I", 3, 4, speaker="b"),
        word("too", 9, 10, speaker="b"),
    ]
    assert [(one["text"], one["start"], one["end"], one["speaker"]) for one in segmented(words)] == [
        ("Hi you.", 0, 2, "a"),
        ("And", 2, 3, "a"),
        ("I", 3, 4, "b"),
        ("too", 9, 10, "b"),
    ]
    long = [word("abcdefghij", n, n + 1) for n in range(20)]
    assert [len(one["text"]) for one in segmented(long)] == [87, 87, 43]
    assert segmented([]) == []


@given(st.lists(st.tuples(st.text("ab.", min_size=1), st.floats(0, 9e4), st.floats(0, 9e4)), max_size=30))
def test_no_word_is_lost(rows: list[tuple[str, float, float]]) -> None:
    """Whatever the times."""
    segments = segmented([word(*row) for row in rows])
    assert " ".join(one["text"] for one in segments) == " ".join(row[0] for row in rows)


SAID = Transcript(
    "A <b> & c",
    language="en",
    segments=[{"text": " A <b> & c", "start": 3661.0005, "end": 3662.9999}],
)


def test_subtitles() -> None:
    assert value_of(SAID, "srt") == "1\n01:01:01,000 --> 01:01:03,000\nA <b> & c\n\n"
    assert value_of(SAID, "vtt") == ("WEBVTT\n\n01:01:01.000 --> 01:01:03.000\nA &lt;b&gt; &amp; c\n\n")
    assert (
        value_of(Transcript("x", words=[word("x", -1, 0.5)]), "srt")
        == "1\n00:00:00,000 --> 00:00:00,500\nx\n\n"
    )
    assert value_of(Transcript("x", words=[word("x", 0, 1)]), "vtt").endswith("00:00:01.000\nx\n\n")


def test_json_formats() -> None:
    assert value_of(SAID, "text") == "A <b> & c"
    assert value_of(SAID, "json").text == "A <b> & c"
    verbose = value_of(SAID, "verbose_json")
    assert (verbose.duration, verbose.language, verbose.words, verbose.segments[0].id) == (
        3662.9999,
        "en",
        None,
        0,
    )
    with_words = value_of(Transcript("x", words=[word("x", 0, 1)], duration=5.0), "verbose_json", words=True)
    assert (with_words.words[0].word, with_words.duration) == ("x", 5.0)
    diarized = value_of(SAID, "diarized_json")
    assert (diarized.segments[0].speaker, diarized.segments[0].id, diarized.task) == (
        "A",
        "seg_0",
        "transcribe",
    )
    english = value_of(Transcript("x", usage={"type": "duration", "seconds": 1}), "json", english=True)
    assert type(english).__name__ == "Translation"
    assert type(value_of(SAID, "verbose_json", english=True)).__name__ == "TranslationVerbose"
    assert value_of(Transcript(""), "verbose_json").duration == 0.0


@pytest.mark.parametrize("raw", [None, [], {}, {"text": None}, {"text": ["x"]}, "text"])
def test_no_text_is_malformed(raw: Any) -> None:
    with pytest.raises(WireError, match="the reply has no text"):
        text_of(raw)


def test_rows_that_are_none_are_left_out() -> None:
    rows = [
        None,
        {"text": 5},
        {"text": " "},
        {"text": "a", "start": "0", "end": 1},
        {"text": "b", "start": 0, "end": None},
        {"text": "c", "start": 0, "end": 1},
        {"text": "d", "start": 0, "end": 1, "speaker": 3},
    ]
    assert list(timed(rows, "word")) == [word("c", 0, 1), word("d", 0, 1, speaker="3")]
    assert list(timed("rows", "word")) == list(timed(None, "word")) == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(1, 1.0), (0.5, 0.5), (True, None), ("1", None), (float("nan"), None), (None, None)],
)
def test_seconds(value: Any, seconds: float | None) -> None:
    assert number(value) == seconds
