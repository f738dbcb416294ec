"""Texts in, vectors out: what the embedding wires share that are not OpenAI's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.errors import InvalidRequestError
from muxi_llm.models import CreateEmbeddingResponse
from muxi_llm.wire.base import WireError, build_value
from muxi_llm.wire.vectors import Asked, checked, embeddings_of, floats, inputs_of, packed


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
    value = embeddings_of([[0.5], [1]], Asked(2), "m", {"prompt_tokens": 2, "total_tokens": 2})
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
    assert embeddings_of([[0.5]], Asked(), "m").usage is None


def test_base64_where_it_is_wanted():
    """What comes as base64 is not packed twice."""
    value = embeddings_of([[0.5], packed([0.25])], Asked(2, base64=True), "m")
    assert [floats(item.embedding) for item in value.data] == [[0.5], [0.25]]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False)))
def test_packing_loses_nothing(vector):
    assert floats(packed(vector)) == vector


def test_what_is_no_vector():
    with pytest.raises(WireError, match="no list of numbers"):
        packed(["a"])


INPUTS = {"a text": ("a", 1), "texts": (["a", "b"], 2), "tokens": ([1, 2, 3], 1), "lists of them": ([[1], [2]], 2), "none": ([], 0)}  # fmt: skip


@pytest.mark.parametrize(("given_", "many"), INPUTS.values(), ids=INPUTS)
def test_how_many_are_asked_for(given_, many):
    assert Asked.of({"input": given_}) == Asked(many, base64=False)
    assert Asked.of({"input": given_, "encoding_format": "base64"}) == Asked(many, base64=True)


def value_of(*rows):
    """A reply of these (place, vector) pairs."""
    data = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in rows]
    return build_value(CreateEmbeddingResponse, {"object": "list", "model": "m", "data": data})


@given(st.permutations(range(5)), st.booleans())
def test_vectors_come_in_the_order_of_their_inputs(order, base64):
    """Servers number them, and may send them in any order; callers put them beside their texts."""
    rows = [(place, packed([place]) if place % 2 else [float(place)]) for place in order]
    value = checked(value_of(*rows), Asked(5, base64=base64))
    assert [row.index for row in value.data] == list(range(5))
    told = [floats(row.embedding) if base64 else row.embedding for row in value.data]
    assert told == [[float(place)] for place in range(5)]


def test_vectors_without_numbers_are_taken_as_they_come():
    """There is nothing else to go by."""
    value = checked(value_of((None, [1.0]), (None, [2.0])), Asked(2))
    assert [(row.index, row.embedding) for row in value.data] == [(0, [1.0]), (1, [2.0])]


WRONG = {
    "fewer": [(0, [1.0])],
    "more": [(0, [1.0]), (1, [1.0]), (2, [1.0])],
    "none": [],
    "doubled": [(0, [1.0]), (0, [2.0])],
    "numbered otherwise": [(1, [1.0]), (2, [2.0])],
    "one without a number": [(0, [1.0]), (None, [2.0])],
    "an empty one": [(0, [1.0]), (1, [])],
    "an empty text": [(0, [1.0]), (1, "")],
    "no vector": [(0, [1.0]), (1, 5)],
}


@pytest.mark.parametrize("rows", WRONG.values(), ids=WRONG)
def test_what_does_not_answer_the_request(rows):
    with pytest.raises(WireError) as caught:
        checked(value_of(*rows), Asked(2))
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize("number", [None, "1", [1], 10**400], ids=lambda number: str(number)[:9])
def test_what_is_no_number_in_a_vector(number):
    with pytest.raises(WireError, match="no list of numbers"):
        value_of((0, [1.0, number]))


def test_the_usage_of_a_reply_off_the_schema():
    """Counts are numbers, or not known."""
    raw = {"data": [{"embedding": [1]}], "usage": {"prompt_tokens": "x", "total_tokens": "5"}}
    usage = build_value(CreateEmbeddingResponse, raw).usage
    assert (usage.prompt_tokens, usage.total_tokens) == (None, 5)
    assert build_value(CreateEmbeddingResponse, {**raw, "usage": 5}).usage is None
