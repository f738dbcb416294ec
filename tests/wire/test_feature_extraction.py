"""Hugging Face's task API for embeddings."""

from __future__ import annotations

import json

import pytest

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.wire.base import Ledger, Profile, WireError
from muxi_llm.wire.feature_extraction import FeatureExtraction
from muxi_llm.wire.vectors import packed


def codec(model="BAAI/bge-small-en"):
    """A codec of one request."""
    return FeatureExtraction(model, Ledger("huggingface"), Profile())


@pytest.mark.parametrize("model", ["BAAI/bge-small-en", "BAAI/bge-small-en:hf-inference"])
def test_where(model):
    assert codec(model).path == "/hf-inference/models/BAAI/bge-small-en/pipeline/feature-extraction"


def test_other_providers_have_no_such_api():
    with pytest.raises(InvalidRequestError, match="not from nebius"):
        codec("BAAI/bge-small-en:nebius")


@pytest.mark.parametrize("given", ["a", ["a"]], ids=["one", "several"])
def test_texts(given):
    """Always a list, so that the answer is one as well."""
    assert codec().encode_request({"input": given}, stream=False) == {"inputs": ["a"]}


def test_what_it_cannot_do():
    """Fewer dimensions would be other vectors; a user is nobody's loss; tokens are another model's."""
    with pytest.raises(UnsupportedParameterError, match="dimensions"):
        codec().encode_request({"input": "a", "dimensions": 5}, stream=False)
    with pytest.raises(InvalidRequestError, match="Hugging Face embeds texts"):
        codec().encode_request({"input": [1]}, stream=False)
    wire = codec()
    wire.encode_request({"input": "a", "user": "u"}, stream=False)
    assert [(entry.param, entry.loss) for entry in wire.ledger.entries] == [("user", False)]


@pytest.mark.parametrize(("wanted", "vector"), [("float", [0.5]), ("base64", packed([0.5]))])
def test_vectors(wanted, vector):
    wire = codec()
    wire.encode_request({"input": "a", "encoding_format": wanted}, stream=False)
    value = wire.decode_response(b"[[0.5]]", created=7)
    assert (value.data[0].embedding, value.model, value.usage) == (vector, "BAAI/bge-small-en", None)


@pytest.mark.parametrize("matrix", [[[[0.5], [1.0]]], [[[[0.5]]]]], ids=["by token", "by batch and token"])
def test_vectors_of_tokens_are_refused(matrix):
    """Pooling them by guess would give bad vectors that look like good ones. Not worth another try."""
    with pytest.raises(WireError, match="a vector for each token") as caught:
        codec().decode_response(json.dumps(matrix).encode(), created=7)
    assert caught.value.fault.status == 422


@pytest.mark.parametrize("body", [b"{}", b"[1]"], ids=["no list", "no vectors"])
def test_replies_that_make_no_sense(body):
    with pytest.raises(WireError, match="no list of vectors") as caught:
        codec().decode_response(body, created=7)
    assert caught.value.kind == "malformed"


def test_embeddings_are_not_streamed():
    with pytest.raises(NotImplementedError):
        codec().stream_decoder(created=7)
