"""Cohere's embeddings wire."""

from __future__ import annotations

import json

import pytest

from muxi_llm.errors import InvalidRequestError
from muxi_llm.wire.base import Ledger, Profile, WireError
from muxi_llm.wire.cohere.embed import CohereEmbed
from muxi_llm.wire.vectors import packed

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
TEXT = {"type": "text", "text": "a cat"}


def encode(given, extra=None, **params):
    """The body that goes out, and what was told to the ledger."""
    ledger = Ledger("cohere")
    wire = CohereEmbed("embed-v4.0", ledger, Profile())
    body = {**wire.encode_request({"input": given, **params}, stream=False), **(extra or {})}
    wire.settle(body)
    return body, [(entry.param, entry.action, entry.loss) for entry in ledger.entries]


def read(body):
    """The value of a reply."""
    wire = CohereEmbed("embed-v4.0", Ledger("cohere"), Profile())
    return wire.decode_response(json.dumps(body).encode(), created=7)


@pytest.mark.parametrize(
    ("params", "sent"),
    [
        ({}, {"embedding_types": ["float"]}),
        ({"encoding_format": "float"}, {"embedding_types": ["float"]}),
        ({"encoding_format": "base64"}, {"embedding_types": ["base64"]}),
        ({"dimensions": 256}, {"embedding_types": ["float"], "output_dimension": 256}),
    ],
    ids=str,
)
@pytest.mark.parametrize("given", ["a cat", ["a cat"]], ids=["one", "several"])
def test_texts(given, params, sent):
    """Cohere wants to know what they are for; documents, if nothing is said."""
    body, told = encode(given, **params)
    assert body == {"model": "embed-v4.0", "texts": ["a cat"], "input_type": "search_document", **sent}
    assert told == [("input_type", "added", False)]


@pytest.mark.parametrize(
    "extra", [{"input_type": "search_query"}, {"input_type": "clustering", "truncate": "END"}], ids=str
)
def test_what_they_are_for(extra):
    body, told = encode("a cat", extra)
    assert {name: body[name] for name in extra} == extra
    assert told == []


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ([PICTURE], [{"content": [PICTURE]}]),
        (["a cat", PICTURE], [{"content": [TEXT]}, {"content": [PICTURE]}]),
        ([{"content": [TEXT, PICTURE]}], [{"content": [TEXT, PICTURE]}]),
    ],
    ids=["a picture", "a text and a picture", "both in one"],
)
def test_pictures(given, inputs):
    body, _ = encode(given)
    assert body["inputs"] == inputs
    assert "texts" not in body


def test_the_user_is_told_to_be_left_out():
    _, told = encode("a cat", user="u")
    assert told[0] == ("user", "dropped", False)


@pytest.mark.parametrize("odd", [None, 1.5])
def test_inputs_that_are_none(odd):
    with pytest.raises(InvalidRequestError, match="Cohere embeds texts and parts, not") as caught:
        encode([odd])
    assert caught.value.param == "input"


def test_tokens_are_refused():
    with pytest.raises(InvalidRequestError, match="Cohere embeds texts"):
        encode([[1, 2]])


@pytest.mark.parametrize(
    ("embeddings", "first"),
    [
        ({"float": [[0.5, 1]]}, [0.5, 1.0]),
        ({"int8": [[5, -1]]}, [5.0, -1.0]),
        ({"float": [], "base64": [packed([0.5])]}, [0.5]),
    ],
    ids=["float", "int8", "base64"],
)
def test_vectors(embeddings, first):
    meta = {"billed_units": {"input_tokens": 3, "image_tokens": 4}}
    value = read({"id": "e", "embeddings": embeddings, "meta": meta})
    assert (value.data[0].embedding, value.data[0].index, value.model) == (first, 0, "embed-v4.0")
    assert (value.usage.prompt_tokens, value.usage.total_tokens) == (7, 7)


def test_without_a_cost():
    assert read({"embeddings": {"float": [[1]]}}).usage.total_tokens == 0


@pytest.mark.parametrize(
    "body", [{}, {"embeddings": {}}, {"embeddings": {"float": []}}, {"embeddings": [[1]]}, []], ids=str
)
def test_replies_that_make_no_sense(body):
    with pytest.raises(WireError, match="no embeddings"):
        read(body)


def test_embeddings_are_not_streamed():
    with pytest.raises(NotImplementedError):
        CohereEmbed("m", Ledger("cohere"), Profile()).stream_decoder(created=7)
