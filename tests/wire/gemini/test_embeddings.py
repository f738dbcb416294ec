"""Google's embeddings, both ways they are served."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from muxi_llm.errors import InvalidRequestError
from muxi_llm.providers.profiles import profile_of
from muxi_llm.wire.base import Ledger, WireError, dumps
from muxi_llm.wire.gemini.embeddings import GeminiEmbeddings, VertexPredict

MODEL = "gemini-embedding-001"


def wire_of(kind: Any = GeminiEmbeddings, native: Any = (), **body: Any) -> tuple[Any, dict[str, Any]]:
    """A wire and the body it sends."""
    wire = kind(MODEL, Ledger("google"), profile_of(MODEL))
    out = wire.encode_request({"input": "a", **body}, stream=False)
    out.update(native)
    wire.settle(out)
    return wire, out


def one(text: str, **options: Any) -> dict[str, Any]:
    return {"model": f"models/{MODEL}", "content": {"parts": [{"text": text}]}, **options}


@pytest.mark.parametrize(
    ("given", "native", "requests"),
    [
        ({}, {}, [one("a")]),
        ({"input": ["a", "b"]}, {}, [one("a"), one("b")]),
        ({"dimensions": 8}, {"task_type": "X"}, [one("a", outputDimensionality=8, taskType="X")]),
        ({}, {"taskType": "X", "title": "t"}, [one("a", taskType="X", title="t")]),
    ],
    ids=["one", "many", "dimensions", "native"],
)
def test_a_request(given, native, requests):
    """Each text with the options of all."""
    wire, out = wire_of(native=native, **given)
    assert out == {"requests": requests}
    assert wire.path_for(stream=False) == f"/models/{MODEL}:batchEmbedContents"


def test_a_request_to_vertex():
    native = {"task_type": "X", "title": "t", "autoTruncate": False}
    wire, out = wire_of(VertexPredict, native, input=["a"], dimensions=8)
    assert out == {
        "instances": [{"content": "a", "task_type": "X", "title": "t"}],
        "parameters": {"outputDimensionality": 8, "autoTruncate": False},
    }
    assert wire.path_for(stream=False) == f"/models/{MODEL}:predict"
    assert wire_of(VertexPredict)[1] == {"instances": [{"content": "a"}], "parameters": {}}


def test_fault_43_tokens_are_no_text():
    with pytest.raises(InvalidRequestError, match="must be text, not tokens"):
        wire_of(input=[[1, 2]])


@pytest.mark.parametrize(("name", "loss"), [("user", False), ("odd", True)])
def test_what_is_not_there_is_told(name, loss):
    wire, _ = wire_of(**{name: "x"})
    assert [(entry.param, entry.loss) for entry in wire.ledger.entries] == [(name, loss)]


def test_an_answer():
    wire, _ = wire_of(input=["a", "b"])
    raw = {"embeddings": [{"values": [0.5, 1]}, {"values": [2]}], "usageMetadata": {"promptTokenCount": 3}}
    value = wire.decode_response(dumps(raw), created=1)
    assert [(item.index, item.embedding) for item in value.data] == [(0, [0.5, 1]), (1, [2])]
    assert (value.model, value.usage.prompt_tokens, value.usage.total_tokens) == (MODEL, 3, 3)


def test_an_answer_of_vertex():
    wire, _ = wire_of(VertexPredict)
    raw = {"predictions": [{"embeddings": {"values": [0.5], "statistics": {"token_count": 2.0}}}]}
    value = wire.decode_response(dumps(raw), created=1)
    assert (value.data[0].embedding, value.usage.prompt_tokens) == ([0.5], 2)


def test_fault_43_base64_as_asked():
    wire, _ = wire_of(encoding_format="base64")
    value = wire.decode_response(dumps({"embeddings": [{"values": [0.5, -1]}]}), created=1)
    assert struct.unpack("<2f", base64.b64decode(value.data[0].embedding)) == (0.5, -1)
    assert value.usage.prompt_tokens == 0


@pytest.mark.parametrize("raw", [{}, {"embeddings": [3]}, []], ids=str)
def test_what_is_no_answer(raw):
    with pytest.raises(WireError, match="no embeddings"):
        wire_of()[0].decode_response(dumps(raw), created=1)


def test_an_error_inside_a_success():
    with pytest.raises(WireError, match="nope"):
        wire_of()[0].decode_response(dumps({"error": {"code": 400, "message": "nope"}}), created=1)


def test_there_is_no_stream():
    with pytest.raises(NotImplementedError):
        wire_of()[0].stream_decoder(created=1)
