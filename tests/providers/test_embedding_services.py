"""Services that embed texts and do nothing else."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from muxi_llm import ChatCompletion, Embedding
from muxi_llm.errors import InvalidRequestError
from muxi_llm.providers import registry
from muxi_llm.transport.scripted import Answer
from muxi_llm.wire.vectors import packed
from tests.support.bodies import HELLO, embeddings
from tests.support.upstream import Respond

VECTOR = Answer(json=embeddings([0.5]))
BARE = Answer(json={"embeddings": [[0.5]], "usage": {"prompt_tokens": 2, "total_tokens": 2}})
ALIKE = ["voyage", "jina", "mixedbread"]
ALL = [*ALIKE, "nomic"]


def embed(driver: Any, name: str, answer: Answer = VECTOR, **params: Any) -> Any:
    """A call: its value (or exception) and the script."""
    answer = BARE if name == "nomic" and answer is VECTOR else answer
    given = {"model": f"{name}/model", "input": "a", "api_key": "k", **params}
    return driver.scripted(Embedding, answer, **given)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("voyage", "https://api.voyageai.com/v1/embeddings"),
        ("jina", "https://api.jina.ai/v1/embeddings"),
        ("mixedbread", "https://api.mixedbread.com/v1/embeddings"),
        ("nomic", "https://api-atlas.nomic.ai/v1/embedding/text"),
    ],
)
def test_where(driver, name, url):
    value, script = embed(driver, name)
    assert value.data[0].embedding == [0.5]
    assert script.calls[0].url == url
    assert script.calls[0].headers["authorization"] == "Bearer k"


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("voyage", "VOYAGE_API_KEY"),
        ("jina", "JINA_API_KEY"),
        ("mixedbread", "MXBAI_API_KEY"),
        ("nomic", "NOMIC_API_KEY"),
    ],
)
def test_by_which_key(driver, monkeypatch, name, variable):
    monkeypatch.setenv(variable, "mine")
    _, script = embed(driver, name, api_key=None)
    assert script.calls[0].headers["authorization"] == "Bearer mine"


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("voyage", {"input": "a", "output_dimension": 256, "encoding_format": "base64"}),
        ("jina", {"input": "a", "dimensions": 256, "embedding_type": "base64"}),
        ("mixedbread", {"input": "a", "dimensions": 256, "encoding_format": "base64"}),
        ("nomic", {"texts": ["a"], "dimensionality": 256}),
    ],
)
def test_parameters(driver, name, sent):
    """By the service's own names; the user is left out, which is nobody's loss."""
    _, script = embed(driver, name, dimensions=256, encoding_format="base64", user="u")
    assert script.bodies == [{"model": "model", **sent}]


@pytest.mark.parametrize("name", ALIKE)
@pytest.mark.parametrize("wanted", ["float", "base64"])
def test_vectors_come_in_the_format_asked_for(driver, name, wanted):
    answer = embeddings([0.5])
    answer["data"][0]["embedding"] = packed([0.5])
    value, _ = embed(driver, name, Answer(json=answer), encoding_format=wanted)
    assert value.data[0].embedding == (packed([0.5]) if wanted == "base64" else [0.5])


@pytest.mark.parametrize("name", ALL)
def test_its_own_options(driver, name):
    options = {"input_type": "query", "truncation": False}
    _, script = embed(driver, name, provider_options={name: options})
    assert {option: script.bodies[0][option] for option in options} == options


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("tokens", [[1, 2], [[1], [2]]], ids=str)
def test_token_lists_are_refused_before_anything_is_sent(driver, name, tokens):
    error, script = embed(driver, name, input=tokens)
    assert isinstance(error, InvalidRequestError)
    assert script.calls == []


@pytest.mark.parametrize("name", ALL)
def test_they_do_not_chat(driver, name):
    error, _ = driver.scripted(ChatCompletion, model=f"{name}/model", messages=HELLO, api_key="k")
    assert isinstance(error, InvalidRequestError)
    assert str(error).startswith(f"{name} has no chat endpoint (it has: embedding")


def test_errors_of_fastapi(driver):
    """Voyage's have a `detail`."""
    error, _ = embed(driver, "voyage", Answer(status=400, json={"detail": "Model x is not supported."}))
    assert isinstance(error, openai.BadRequestError)
    assert "Model x is not supported." in str(error)


@pytest.mark.parametrize("name", ALL)
def test_they_are_found_by_their_names(name):
    assert registry.find(name).name == name


def test_over_http(driver, upstream):
    upstream.script = [Respond(json={**embeddings([0.5]), "usage": {"total_tokens": 3}})]
    value = driver.create(Embedding, model="voyage/v", input="a", api_key="k", base_url=f"{upstream.url}/v1")
    assert (value.data[0].embedding, value.usage.prompt_tokens) == ([0.5], 3)
    assert upstream.requests[0].path == "/v1/embeddings"
