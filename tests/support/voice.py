"""A real voice and real ears behind OpenAI's own endpoints: espeak-ng speaks, pocketsphinx listens.

Both are small, run anywhere and bring what they need along: Debian has the one, and the other's wheel has an
English model inside. They are no match for anybody's service, but what they say and hear is sound.
"""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import wave
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest

from tests.support.forms import fields_of
from tests.support.upstream import Received, Respond

RATE = 16_000


def missing() -> str | None:
    """What is not there, if anything."""
    if shutil.which("espeak-ng") is None:
        return "SKIPPED LOUDLY: espeak-ng is not installed (Debian: apt-get install espeak-ng)"
    if find_spec("pocketsphinx") is None:
        return "SKIPPED LOUDLY: pocketsphinx is not installed (pip install pocketsphinx)"
    return None


def need_voice() -> None:
    """Leave a test out where there is no voice; with CI=true that is a failure."""
    reason = missing()
    if reason is not None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def spoken(text: str, *, speed: float = 1.0) -> bytes:
    """A WAV file."""
    rate = str(round(130 * speed))
    command = ["espeak-ng", "-v", "en-us", "-s", rate, "--stdout", text]
    return subprocess.run(command, capture_output=True, check=True).stdout


@cache
def _decoder() -> Any:
    from pocketsphinx import Decoder

    return Decoder(samprate=RATE, loglevel="FATAL")


def heard(sound: bytes) -> list[dict[str, Any]]:
    """The words in a WAV file, with their times in seconds."""
    with wave.open(io.BytesIO(sound)) as file:
        samples = _resampled(file.readframes(2**30), file.getframerate())
    decoder = _decoder()
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()
    return [
        {
            "word": found.word.partition("(")[0],
            "start": found.start_frame / 100,
            "end": (found.end_frame + 1) / 100,
        }
        for found in decoder.seg()
        if not found.word.startswith("<")
    ]


def _resampled(samples: bytes, rate: int) -> bytes:
    """At the rate of the ears; between two samples lies the line from the one to the other."""
    samples = samples[: len(samples) // 2 * 2]
    given = struct.unpack(f"<{len(samples) // 2}h", samples)
    out = []
    for number in range((len(given) - 1) * RATE // rate):
        at, rest = divmod(number * rate, RATE)
        out.append(given[at] + (given[at + 1] - given[at]) * rest // RATE)
    return struct.pack(f"<{len(out)}h", *out)


def answer(request: Received) -> Respond:
    """A server of both."""
    if request.path.endswith("/audio/speech"):
        asked = request.json
        sound = spoken(asked["input"], speed=asked.get("speed", 1.0))
        pieces = [sound[at : at + 4096] for at in range(0, len(sound), 4096)]
        return Respond(chunks=pieces, headers={"Content-Type": "audio/wav"})
    asked = fields_of(request)
    words = heard(asked["file"][1])
    text = " ".join(word["word"] for word in words)
    if asked.get("response_format") != "verbose_json":
        return Respond(json={"text": text})
    segment = {"id": 0, "start": words[0]["start"], "end": words[-1]["end"], "text": text}
    verbose = {"task": "transcribe", "language": "english", "duration": segment["end"], "text": text}
    return Respond(json={**verbose, "words": words, "segments": [segment]})
