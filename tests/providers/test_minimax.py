"""MiniMax: errors inside HTTP 200 are errors, of their own kind."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from muxi_llm.providers.minimax import STATUS_BY_CODE
from muxi_llm.transport.scripted import Answer
from tests.core import ask, said, text_of
from tests.support.bodies import HELLO, chat, chunk, sse

FINE = {"base_resp": {"status_code": 0, "status_msg": ""}}


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("MINIMAX_API_KEY", "k")


def refusal(code: int, message: str = "no", choices: Any = None) -> dict[str, Any]:
    return {"id": "1", "choices": choices, "base_resp": {"status_code": code, "status_msg": message}}


CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    402: openai.APIStatusError,
    429: openai.RateLimitError,
    504: openai.InternalServerError,
}


@pytest.mark.parametrize(("code", "status"), [*STATUS_BY_CODE.items(), (1000, 500), (9999, 500)])
@pytest.mark.parametrize("choices", [None, []], ids=["null", "empty"])
def test_errors_inside_200(driver, code, status, choices):
    """By the code, not by the text."""
    raised, _ = ask(driver, Answer(json=refusal(code, choices=choices)), model="minimax/m", retries=0)
    assert isinstance(raised, CLASSES.get(status, openai.InternalServerError))
    assert (raised.status_code, raised.code, raised.message) == (
        status,
        str(code),
        f"Error code: {status} - no",
    )


def test_an_error_inside_a_stream(driver):
    """Asked for a stream, it answers with one event that holds no chunk."""
    raised, _ = ask(
        driver, Answer(chunks=sse(refusal(1008, ""), done=False)), model="minimax/m", stream=True, retries=0
    )
    assert isinstance(raised, openai.APIStatusError)
    assert (raised.status_code, raised.message) == (402, "Error code: 402 - MiniMax error 1008")


def test_an_answer(driver):
    """A code of 0 is none. Thinking is asked for in a field of its own; the caller may have it otherwise."""
    value, script = ask(driver, Answer(json={**chat("Hi"), **FINE}), model="minimax/m")
    assert text_of(value) == "Hi"
    assert script.bodies == [{"model": "m", "messages": HELLO, "reasoning_split": True}]
    _, script = ask(driver, said(), model="minimax/m", extra_body={"reasoning_split": False})
    assert script.bodies[0]["reasoning_split"] is False


def test_a_stream(driver):
    unnamed = {name: value for name, value in chunk({"content": "a"}).items() if name != "object"}
    pieces = sse({**unnamed, **FINE}, chunk({}, finish="stop"), done=False)
    chunks, _ = ask(driver, Answer(chunks=pieces), model="minimax/m", stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "a"


@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
def test_pitfall_62_temperature(driver):
    """0 is none of its temperatures."""
    value, script = ask(driver, said(), model="minimax/m", temperature=0)
    assert script.bodies[0]["temperature"] == 0.01
    assert [entry.param for entry in value.muxi.adaptations if entry.loss] == ["temperature"]
