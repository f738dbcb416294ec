"""Hugging Face's task API for speech."""

from __future__ import annotations

from muxi_llm import InvalidRequestError, MalformedReplyError, UnsupportedParameterError
from muxi_llm.transport.scripted import Answer
from tests.conftest import Driver
from tests.support.audio import SENT, ask, changes, hear

MODEL = "huggingface/openai/whisper-large-v3"


def test_a_transcription(driver: Driver) -> None:
    value, script = ask("transcription", MODEL, Answer(json={"text": "Hi"}), driver=driver, language="en")
    assert (value.text, changes(value)) == ("Hi", {"language": "dropped"})
    assert script.bodies == [SENT]
    assert script.calls[0].url == "https://router.huggingface.co/hf-inference/models/openai/whisper-large-v3"
    value, _ = hear(f"{MODEL}:hf-inference", {"text": "Hi"}, response_format="text")
    assert value == "Hi"


def test_what_is_refused() -> None:
    error, _ = hear(MODEL, {}, response_format="srt")
    assert isinstance(error, UnsupportedParameterError)
    assert str(error) == "huggingface cannot give response_format='srt': it tells no times"
    error, _ = hear(f"{MODEL}:fal-ai", {})
    assert isinstance(error, InvalidRequestError)
    error, _ = hear(MODEL, {"error": "x"})
    assert "x" in str(error)
    error, _ = hear(MODEL, [])
    assert isinstance(error, MalformedReplyError)
