"""Embedding services that are nearly OpenAI's, and Nomic's."""

from __future__ import annotations

import json

import pytest

from muxi_llm.errors import InvalidRequestError
from muxi_llm.wire.base import Ledger, Profile, WireError
from muxi_llm.wire.text_embeddings import JinaEmbeddings, NomicEmbed, TextEmbeddings
from muxi_llm.wire.vectors import packed


def codec(kind):
    """A codec of one request."""
    return kind("m", Ledger("voyage"), Profile())


@pytest.mark.parametrize(
    ("kind", "wanted", "sent"),
    [
        (TextEmbeddings, {}, {}),
        (TextEmbeddings, {"encoding_format": "float"}, {}),
        (TextEmbeddings, {"encoding_format": "base64"}, {"encoding_format": "base64"}),
        (JinaEmbeddings, {"encoding_format": "base64"}, {"embedding_type": "base64"}),
        (JinaEmbeddings, {"encoding_format": "float"}, {}),
    ],
    ids=str,
)
def test_the_format(kind, wanted, sent):
    """Floats come unasked; their name is not known everywhere."""
    body = codec(kind).encode_request({"input": "a", **wanted}, stream=False)
    assert body == {"model": "m", "input": "a", **sent}


@pytest.mark.parametrize("wanted", ["float", "base64"])
def test_vectors_come_in_the_format_asked_for(wanted):
    wire = codec(JinaEmbeddings)
    wire.encode_request({"input": "a", "encoding_format": wanted}, stream=False)
    item = {"object": "embedding", "index": 0, "embedding": packed([0.5])}
    value = wire.decode_response(
        json.dumps({"object": "list", "model": "m", "data": [item]}).encode(), created=7
    )
    assert value.data[0].embedding == ([0.5] if wanted == "float" else packed([0.5]))
    assert value.usage is None


@pytest.mark.parametrize(
    ("usage", "prompt"),
    [({"total_tokens": 3}, 3), ({"prompt_tokens": 2, "total_tokens": 3}, 2)],
    ids=["the total alone", "both"],
)
def test_usage(usage, prompt):
    item = {"object": "embedding", "index": 0, "embedding": [0.5]}
    body = {"object": "list", "model": "m", "data": [item], "usage": usage}
    value = codec(TextEmbeddings).decode_response(json.dumps(body).encode(), created=7)
    assert (value.usage.prompt_tokens, value.usage.total_tokens) == (prompt, 3)


@pytest.mark.parametrize("kind", [TextEmbeddings, NomicEmbed], ids=lambda kind: kind.__name__)
def test_tokens_are_refused(kind):
    with pytest.raises(InvalidRequestError, match="embeds texts"):
        codec(kind).encode_request({"input": [1, 2]}, stream=False)


@pytest.mark.parametrize(
    ("params", "sent"), [({}, {}), ({"dimensions": 64}, {"dimensionality": 64})], ids=["plain", "dimensions"]
)
def test_what_nomic_is_sent(params, sent):
    body = codec(NomicEmbed).encode_request({"input": "a", **params}, stream=False)
    assert body == {"model": "m", "texts": ["a"], **sent}


@pytest.mark.parametrize(("wanted", "vector"), [("float", [0.5]), ("base64", packed([0.5]))])
def test_what_nomic_answers(wanted, vector):
    wire = codec(NomicEmbed)
    wire.encode_request({"input": "a", "encoding_format": wanted}, stream=False)
    reply = {"embeddings": [[0.5]], "usage": {"prompt_tokens": 2, "total_tokens": 2}, "model": "n"}
    value = wire.decode_response(json.dumps(reply).encode(), created=7)
    assert (value.data[0].embedding, value.model, value.usage.total_tokens) == (vector, "n", 2)


@pytest.mark.parametrize("body", [b"[]", b'{"embeddings":1}'], ids=["a list", "no list"])
def test_replies_of_nomic_that_make_no_sense(body):
    with pytest.raises(WireError, match="no embeddings"):
        codec(NomicEmbed).decode_response(body, created=7)


def test_embeddings_are_not_streamed():
    with pytest.raises(NotImplementedError):
        codec(NomicEmbed).stream_decoder(created=7)
