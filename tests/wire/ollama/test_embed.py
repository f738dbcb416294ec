"""Ollama's own API: embeddings, and the list of models."""

from __future__ import annotations

import json
from typing import Any

import pytest

from muxi_llm.errors import InvalidRequestError
from muxi_llm.wire.base import Ledger, Profile, WireError
from muxi_llm.wire.ollama.embed import OllamaEmbed, OllamaTags
from muxi_llm.wire.vectors import floats


def wire(**body: Any) -> tuple[OllamaEmbed, dict[str, Any]]:
    made = OllamaEmbed("embeddinggemma", Ledger("ollama"), Profile())
    sent = made.encode_request({"input": "Hi", **body}, stream=False)
    sent.update(num_ctx=512, truncate=False)
    made.settle(sent)
    return made, sent


def embedded(raw: Any, **body: Any) -> Any:
    return wire(**body)[0].decode_response(json.dumps(raw).encode(), created=7)


def test_what_is_sent():
    made, sent = wire(input=["a", "b"], dimensions=64, user="u", encoding_format="float")
    assert sent == {
        "model": "embeddinggemma",
        "input": ["a", "b"],
        "dimensions": 64,
        "truncate": False,
        "options": {"num_ctx": 512},
    }
    assert [(entry.param, entry.loss) for entry in made.ledger.entries] == [("user", False)]
    assert wire()[1]["input"] == ["Hi"]


@pytest.mark.parametrize("tokens", [[1, 2], [[1], [2]]])
def test_tokens_are_refused(tokens):
    with pytest.raises(InvalidRequestError, match="not lists of tokens"):
        wire(input=tokens)


def test_vectors():
    """In their order, with what was counted and what else there is."""
    value = embedded(
        {"model": "m", "embeddings": [[0.5], [0.25]], "prompt_eval_count": 4, "load_duration": 1},
        input=["a", "b"],
    )
    assert [(item.index, item.embedding) for item in value.data] == [(0, [0.5]), (1, [0.25])]
    assert (value.usage.prompt_tokens, value.usage.total_tokens, value.model) == (4, 4, "m")
    assert value["load_duration"] == 1


def test_the_older_form():
    value = embedded({"embedding": [0.5]})
    assert (value.data[0].embedding, value.model, value.usage.total_tokens) == ([0.5], "embeddinggemma", 0)


def test_fault_43_base64():
    """Where it was asked for, it is what comes."""
    text = embedded({"embeddings": [[0.5, -2.0]]}, encoding_format="base64").data[0].embedding
    assert floats(text) == [0.5, -2.0]


@pytest.mark.parametrize(
    ("raw", "kind"),
    [({"error": "no"}, "fault"), ({}, "malformed"), ([], "malformed"), ({"embeddings": 3}, "malformed")],
)
def test_what_is_no_answer(raw, kind):
    with pytest.raises(WireError) as caught:
        embedded(raw)
    assert caught.value.kind == kind


def test_embeddings_are_not_streamed():
    with pytest.raises(NotImplementedError):
        wire()[0].stream_decoder(created=7)


def test_the_models():
    tags = OllamaTags("*", Ledger("ollama"), Profile())
    row = {"name": "gemma3:latest", "model": "gemma3:latest", "size": 9, "details": {"family": "gemma3"}}
    (model,) = tags.decode_response(json.dumps({"models": [row]}).encode(), created=7).data
    assert (tags.method, tags.path) == ("GET", "/api/tags")
    assert (model.id, model.object, model["size"]) == ("gemma3:latest", "model", 9)
