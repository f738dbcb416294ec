"""Texts in, vectors out: what the embedding wires share that are not OpenAI's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.errors import InvalidRequestError
from muxi_llm.wire.base import WireError
from muxi_llm.wire.openai.embeddings import floats
from muxi_llm.wire.vectors import embeddings_of, inputs_of, packed


@pytest.mark.parametrize(
    ("given_", "inputs"), [("a", ["a"]), (["a", "b"], ["a", "b"]), ([{"x": 1}], [{"x": 1}])], ids=str
)
def test_inputs(given_, inputs):
    assert inputs_of(given_, "Cohere") == inputs


@pytest.mark.parametrize("tokens", [[1, 2], [[1], [2]], ["a", [1]], [(1,)]], ids=str)
def test_token_lists_are_refused(tokens):
    with pytest.raises(InvalidRequestError, match="Cohere embeds texts, not lists of tokens") as caught:
        inputs_of(tokens, "Cohere")
    assert caught.value.param == "input"


def test_embeddings():
    value = embeddings_of([[0.5], [1]], "m", {"prompt_tokens": 2, "total_tokens": 2})
    assert value.model_dump(exclude_unset=True) == {
        "object": "list",
        "model": "m",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5]},
            {"object": "embedding", "index": 1, "embedding": [1.0]},
        ],
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    }


def test_unknown_usage_stays_unknown():
    assert embeddings_of([[0.5]], "m").usage is None


def test_base64_where_it_is_wanted():
    """What comes as base64 is not packed twice."""
    value = embeddings_of([[0.5], packed([0.25])], "m", base64_wanted=True)
    assert [floats(item.embedding) for item in value.data] == [[0.5], [0.25]]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False)))
def test_packing_loses_nothing(vector):
    assert floats(packed(vector)) == vector


def test_what_is_no_vector():
    with pytest.raises(WireError, match="no list of numbers"):
        packed(["a"])
