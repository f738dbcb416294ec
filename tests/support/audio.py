"""Recordings, and calls of the audio faces over a script."""

from __future__ import annotations

import warnings
from typing import Any

from muxi_llm import AdaptationWarning, AudioTranscription, AudioTranslation, Image, Speech
from muxi_llm.transport.scripted import Answer, Scripted
from tests.conftest import Driver

MP3 = ("talk.mp3", b"ID3 sound")
SENT = ("talk.mp3", b"ID3 sound", "audio/mpeg")
PNG = ("dot.png", b"\x89PNG\r\n\x1a\n")


class Edit:
    """`Image.edit` by the verbs a driver knows."""

    create = Image.edit
    acreate = Image.aedit


FACES: dict[str, tuple[Any, dict[str, Any]]] = {
    "transcription": (AudioTranscription, {"file": MP3}),
    "translation": (AudioTranslation, {"file": MP3}),
    "speech": (Speech, {"input": "Hello."}),
    "image_edit": (Edit, {"image": PNG, "prompt": "red"}),
}


def ask(
    endpoint: str, model: str, *answers: Answer, driver: Driver | None = None, **params: Any
) -> tuple[Any, Scripted]:
    """What a face gives or raises for these answers, and the script."""
    face, given = FACES[endpoint]
    options = {"model": model, "api_key": "sk-1", "retries": 0, **given, **params}
    with warnings.catch_warnings():  # losses are looked at on the answers
        warnings.simplefilter("ignore", AdaptationWarning)
        return (driver or Driver("sync")).scripted(face, *answers, **options)


def hear(model: str, json: Any = None, **params: Any) -> tuple[Any, Scripted]:
    """A transcription."""
    return ask("transcription", model, Answer(json=json), **params)


def changes(value: Any) -> dict[str, str]:
    """Parameter → what was done to it."""
    return {one.param: one.action for one in value.muxi.adaptations}
