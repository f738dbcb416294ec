"""Hugging Face: the router for chat, the task API for embeddings, endpoints of one's own."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from muxi_llm import ChatCompletion, Completion, Embedding
from muxi_llm.providers import registry
from muxi_llm.providers.huggingface import HuggingFaceProvider
from muxi_llm.transport.scripted import Answer
from muxi_llm.utils.streaming import collect
from tests.support.bodies import HELLO, chat, chat_stream, completion, embeddings
from tests.support.upstream import Respond

OWN = "https://abc.us-east-1.aws.endpoints.huggingface.cloud/v1"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    """A key in the variable that Hugging Face's own client reads."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")


def ask(driver: Any, answer: Any, face: Any = ChatCompletion, **params: Any) -> Any:
    """A call of a face: its value (or exception) and the script."""
    wanted = {"model": "huggingface/org/name", **({"messages": HELLO} if face is ChatCompletion else {})}
    return driver.scripted(face, *([Answer(json=answer)] if answer else []), **{**wanted, **params})


@pytest.mark.parametrize(
    "name", ["meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct:nebius"]
)
def test_chat_by_the_router(driver, name):
    """The model's name is kept whole, the provider behind the router with it."""
    value, script = ask(driver, chat("Hi"), model=f"huggingface/{name}")
    assert value.choices[0].message.content == "Hi"
    assert script.calls[0].url == "https://router.huggingface.co/v1/chat/completions"
    assert script.calls[0].headers["authorization"] == "Bearer hf_secret"
    assert script.bodies == [{"model": name, "messages": HELLO}]


def test_pitfall_76_the_limit(driver):
    """By the older name, the only one the task's specification has."""
    _, script = ask(driver, chat("Hi"), max_completion_tokens=9)
    assert script.bodies[0]["max_tokens"] == 9
    assert "max_completion_tokens" not in script.bodies[0]


@pytest.mark.parametrize("variable", ["HF_TOKEN", "HUGGINGFACE_API_KEY"])
def test_by_which_key(driver, monkeypatch, variable):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setenv(variable, "hf_other")
    _, script = ask(driver, chat("Hi"))
    assert script.calls[0].headers["authorization"] == "Bearer hf_other"


def test_embeddings_by_the_task_api(driver):
    value, script = ask(driver, [[0.5], [1.0]], Embedding, input=["a", "b"], extra_body={"normalize": True})
    assert [item.embedding for item in value.data] == [[0.5], [1.0]]
    where = "https://router.huggingface.co/hf-inference/models/org/name/pipeline/feature-extraction"
    assert script.calls[0].url == where
    assert script.bodies == [{"inputs": ["a", "b"], "normalize": True}]


def test_vectors_of_tokens_are_refused_once(driver):
    error, script = ask(driver, [[[0.5]]], Embedding, input="a")
    assert isinstance(error, openai.UnprocessableEntityError)
    assert len(script.calls) == 1


def test_an_endpoint_of_ones_own(driver):
    """Serves OpenAI's API, all of it."""
    value, script = ask(driver, embeddings([0.5]), Embedding, input="a", base_url=OWN)
    assert (value.data[0].embedding, script.calls[0].url) == ([0.5], f"{OWN}/embeddings")
    _, script = ask(driver, chat("Hi"), base_url=OWN)
    assert script.calls[0].url == f"{OWN}/chat/completions"
    _, script = ask(driver, completion(), Completion, prompt="a", base_url=OWN)
    assert script.calls[0].url == f"{OWN}/completions"


def test_it_is_found_by_its_name():
    assert registry.find("huggingface") is HuggingFaceProvider


def test_over_http(driver, upstream):
    upstream.script = [Respond(chunks=chat_stream("Hi", " you"))]
    chunks = driver.create(
        ChatCompletion,
        model="huggingface/org/name",
        messages=HELLO,
        base_url=f"{upstream.url}/v1",
        stream=True,
    )
    assert collect(chunks).choices[0].message.content == "Hi you"
    assert upstream.requests[0].path == "/v1/chat/completions"
