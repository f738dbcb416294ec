"""watsonx.ai: paths and names of its own, and an IAM token for the key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import openai
import pytest

from muxi_llm import Embedding
from muxi_llm.providers import tokens
from muxi_llm.runtime import prepare_models, using
from muxi_llm.transport.scripted import Answer, Scripted
from tests.core import ask, said, text_of
from tests.support.bodies import HELLO, chunk, sse

URL = "https://us-south.ml.cloud.ibm.com/ml/v1"
GRANTED = Answer(json={"access_token": "iam", "expires_in": 3600})
TOOLS = [{"type": "function", "function": {"name": "f"}}]


@pytest.fixture(autouse=True)
def project(monkeypatch) -> Iterator[None]:
    for name in (
        "WATSONX_SPACE_ID",
        "WATSONX_TOKEN",
        "WATSONX_URL",
        "WATSONX_API_VERSION",
        "WATSONX_IAM_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WATSONX_API_KEY", "k")
    monkeypatch.setenv("WATSONX_PROJECT_ID", "p")
    tokens.KEPT.clear()
    yield
    tokens.KEPT.clear()


@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
def test_a_chat(driver):
    """The key buys a token; the body names model and project."""
    value, script = ask(
        driver, GRANTED, said(), model="watsonx/ibm/granite", tools=TOOLS, tool_choice="required", user="u"
    )
    assert text_of(value) == "Hi"
    token, chat = script.calls
    assert token.url == "https://iam.cloud.ibm.com/identity/token"
    grant = "urn:ibm:params:oauth:grant-type:apikey"
    assert parse_qs(token.body.decode()) == {"grant_type": [grant], "apikey": ["k"]}
    assert (chat.url, chat.headers["authorization"]) == (f"{URL}/text/chat?version=2025-02-06", "Bearer iam")
    assert script_body(script) == {
        "model_id": "ibm/granite", "project_id": "p", "messages": HELLO, "tools": TOOLS,
        "tool_choice_option": "required",
    }  # fmt: skip
    assert [entry.param for entry in value.muxi.adaptations] == ["user"]


def script_body(script: Scripted) -> Any:
    """The last body: a form stands before it."""
    return json.loads(script.calls[-1].body)


def test_a_named_tool(driver):
    named = {"type": "function", "function": {"name": "f"}}
    _, script = ask(driver, GRANTED, said(), model="watsonx/m", tools=TOOLS, tool_choice=named)
    assert script_body(script)["tool_choice"] == named


@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
def test_a_stream(driver):
    """Another path; events without `object`, named `message`, and no `[DONE]`."""
    texts = [{k: v for k, v in chunk({"content": t}).items() if k != "object"} for t in ("a", "b")]
    last = {**texts[0], "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]}
    events = [b"id: 1\nevent: message\n" + piece for piece in sse(*texts, last, done=False)]
    chunks, script = ask(driver, GRANTED, Answer(chunks=events), model="watsonx/m", stream=True,
                         stream_options={"include_usage": True})  # fmt: skip
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "ab"
    assert script.calls[1].url == f"{URL}/text/chat_stream?version=2025-02-06"
    assert set(script_body(script)) == {"model_id", "project_id", "messages"}


def test_a_space_and_a_version_of_ones_own(driver, monkeypatch):
    """And a token that is there already: nothing is asked for."""
    monkeypatch.delenv("WATSONX_PROJECT_ID")
    monkeypatch.setenv("WATSONX_SPACE_ID", "s")
    monkeypatch.setenv("WATSONX_API_VERSION", "2026-01-01")
    monkeypatch.setenv("WATSONX_URL", "https://eu-de.ml.cloud.ibm.com")
    monkeypatch.setenv("WATSONX_TOKEN", "mine")
    monkeypatch.delenv("WATSONX_API_KEY")
    _, script = ask(driver, said(), model="watsonx/m")
    (sent,) = script.calls
    assert sent.url == "https://eu-de.ml.cloud.ibm.com/ml/v1/text/chat?version=2026-01-01"
    assert sent.headers["authorization"] == "Bearer mine"
    assert script.bodies[0]["space_id"] == "s"


def test_a_key_that_is_none(driver):
    """IAM answers 400; for a caller it is a wrong key."""
    refusal = {"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."}
    raised, script = ask(driver, Answer(status=400, json=refusal), model="watsonx/m")
    assert isinstance(raised, openai.AuthenticationError)
    assert "Provided API key could not be found." in str(raised)
    assert len(script.calls) == 1


@pytest.mark.parametrize(("given", "inputs"), [("a", ["a"]), (["a", "b"], ["a", "b"])])
def test_embeddings(driver, given, inputs):
    results = [{"embedding": [0.5, i]} for i, _ in enumerate(inputs)]
    reply = {"model_id": "m", "results": results, "input_token_count": 3}
    value, script = driver.scripted(Embedding, GRANTED, Answer(json=reply), model="watsonx/m", input=given)
    assert [item.embedding for item in value.data] == [row["embedding"] for row in results]
    assert (value.model, value.usage.prompt_tokens) == ("m", 3)
    assert script.calls[1].url == f"{URL}/text/embeddings?version=2025-02-06"
    assert script_body(script) == {"model_id": "m", "inputs": inputs, "project_id": "p"}


def test_embeddings_that_are_none(driver):
    raised, _ = driver.scripted(
        Embedding, GRANTED, Answer(json={"a": 1}), model="watsonx/m", input="a", retries=0
    )
    assert "no embeddings (KeyError('results'))" in str(raised)


def test_models():
    with using(Scripted(GRANTED, Answer(json={"resources": [{"model_id": "ibm/granite"}]}))) as script:
        assert [model.id for model in prepare_models("watsonx").run().data] == ["ibm/granite"]
    assert script.calls[1].url == f"{URL}/foundation_model_specs?version=2025-02-06"
