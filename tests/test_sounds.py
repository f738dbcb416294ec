"""Values of the audio endpoints: sound with OpenAI's methods, text with a report."""

from __future__ import annotations

import asyncio
import copy
import pickle
from pathlib import Path

import pytest
from openai._legacy_response import HttpxBinaryResponseContent

import muxi_llm
from muxi_llm import AudioTranscription, Speech
from muxi_llm.sounds import Sound
from muxi_llm.transport.scripted import Answer, Scripted
from tests.support.audio import MP3, ask


def test_sound_is_read_as_from_openais_client(tmp_path: Path) -> None:
    sound = Sound(b"abcde")
    assert sound.content == sound.read() == asyncio.run(sound.aread()) == b"abcde"
    assert list(sound.iter_bytes()) == [b"abcde"]
    assert list(sound.iter_bytes(2)) == [b"ab", b"cd", b"e"]
    assert list(Sound(b"").iter_bytes()) == []
    sound.write_to_file(tmp_path / "a.mp3")
    sound.stream_to_file(tmp_path / "b.mp3", chunk_size=2)
    asyncio.run(sound.astream_to_file(tmp_path / "c.mp3"))
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"abcde"}
    assert len(list(tmp_path.iterdir())) == 3
    assert repr(sound) == "<Sound of 5 bytes>"

    async def pieces() -> list[bytes]:
        return [piece async for piece in sound.aiter_bytes(4)]

    assert asyncio.run(pieces()) == [b"abcd", b"e"]


def test_it_has_the_methods_of_openais_value() -> None:
    """Those that are about bytes."""
    for name in ("content", "read", "aread", "iter_bytes", "aiter_bytes", "write_to_file", "stream_to_file"):
        assert hasattr(HttpxBinaryResponseContent, name)
        assert hasattr(Sound(b""), name)


def test_reports_outlive_copies() -> None:
    value, _ = ask("transcription", "openai/whisper-1", Answer(json={"text": "Hi"}))
    for other in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
        assert (other.text, other.muxi.model) == ("Hi", "openai/whisper-1")
    text, _ = ask("transcription", "openai/whisper-1", Answer(content=b"Hi"), response_format="text")
    assert pickle.loads(pickle.dumps(text)).muxi.model == "openai/whisper-1"
    sound, _ = ask("speech", "openai/tts-1", Answer(content=b"x"), voice="alloy")
    assert pickle.loads(pickle.dumps(sound)).muxi.model == "openai/tts-1"


@pytest.mark.usefixtures("keys")
def test_with_a_harness_on() -> None:
    """Nothing of it is kept, and nothing stumbles over what is no JSON."""
    muxi_llm.harness.configure(cache="memory", singleflight=True, breaker=True, concurrency=4)
    script = Scripted(
        *[Answer(content=b"sound")] * 2,
        *[Answer(json={"text": "Hi"})] * 2,
        Answer(chunks=[b"a"], headers={"content-type": "audio/mpeg"}),
    )
    with muxi_llm.runtime.using(script):
        for _ in range(2):
            assert Speech.create("openai/tts-1", "Hello.", "alloy").content == b"sound"
        for _ in range(2):
            assert AudioTranscription.create("openai/whisper-1", MP3).text == "Hi"
        assert list(Speech.create("openai/tts-1", "Hello.", "alloy", stream=True)) == [b"a"]
    assert len(script.calls) == 5
