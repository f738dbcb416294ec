"""Embeddings: vectors as floats, however the server sends them."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.models import CreateEmbeddingResponse
from muxi_llm.wire.base import Ledger, Profile, WireError, dumps
from muxi_llm.wire.openai.embeddings import OpenAIEmbeddings
from muxi_llm.wire.vectors import floats
from tests.support.bodies import embeddings
from tests.support.length import long


def packed(*numbers: float) -> str:
    """Base64 of little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def asked(**params: Any) -> OpenAIEmbeddings:
    """A wire that has asked for embeddings."""
    wire = OpenAIEmbeddings("m", Ledger("acme"), Profile())
    body = {"input": ["a", "b"], **params}
    assert wire.encode_request(body, stream=False) == {"model": "m", **body}
    return wire


@pytest.mark.parametrize(
    "params", [{}, {"encoding_format": "float", "dimensions": 2}], ids=["plain", "float"]
)
def test_floats_stay_floats(params: dict[str, Any]) -> None:
    """In the order of the inputs, with usage."""
    value = asked(**params).decode_response(dumps(embeddings([0.5, -0.5], [1.0, 0.0])), created=0)
    assert isinstance(value, CreateEmbeddingResponse)
    assert [(item.index, item.embedding) for item in value.data] == [(0, [0.5, -0.5]), (1, [1.0, 0.0])]
    assert value.usage.total_tokens == 3


def test_base64_that_nobody_asked_for_becomes_floats() -> None:
    """Some servers send it whatever they were asked."""
    value = asked().decode_response(dumps(embeddings(packed(0.5, -0.5), [1.0])), created=0)
    assert [item.embedding for item in value.data] == [[0.5, -0.5], [1.0]]


def test_base64_that_was_asked_for_stays() -> None:
    """OpenAI's client asks for it and decodes it itself."""
    value = asked(encoding_format="base64", input="a").decode_response(
        dumps(embeddings(packed(0.5))), created=0
    )
    assert value.data[0].embedding == packed(0.5)


@pytest.mark.parametrize("text", ["A", "!!!!", packed(0.5)[:-2] + "A", "ü"], ids=repr)
def test_text_that_is_no_base64_is_malformed(text: str) -> None:
    """Not an exception of the standard library."""
    with pytest.raises(WireError, match="an embedding is not base64 of floats") as caught:
        asked(input="a").decode_response(dumps(embeddings(text)), created=0)
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "no", "code": 429}}, "fault"),
        ({"data": None}, "malformed"),
        ({"data": ["x"]}, "malformed"),
    ],
    ids=repr,
)
def test_what_is_no_answer(body: Any, kind: str) -> None:
    """An error in a 200, or no vectors."""
    with pytest.raises(WireError) as caught:
        asked().decode_response(dumps(body), created=0)
    assert caught.value.kind == kind


def test_embeddings_are_not_streamed() -> None:
    """No server does."""
    with pytest.raises(NotImplementedError):
        asked().stream_decoder(created=0)


@given(st.lists(st.floats(width=32, allow_nan=False), max_size=20))
@settings(max_examples=long(100, 33), deadline=None)
def test_floats_are_exact(numbers: list[float]) -> None:
    """Every 32-bit float comes back as it was."""
    assert floats(packed(*numbers)) == numbers
