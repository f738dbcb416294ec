"""Reranking: places and scores, held against the documents they are for."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.wire.base import Ledger, Profile, WireError, dumps
from muxi_llm.wire.rerank import CohereRerank, JinaRerank

ASKED = {"query": "q", "documents": ["a", "b", "c"]}


def wire_of(kind: type[JinaRerank] = JinaRerank, **params: Any) -> tuple[JinaRerank, Any, list[Any]]:
    """A wire that has asked, what it sent, and what was told."""
    ledger = Ledger("acme")
    wire = kind("m", ledger, Profile())
    sent = wire.encode_request({**ASKED, **params}, stream=False)
    return wire, sent, [(entry.param, entry.action, entry.loss) for entry in ledger.entries]


def rows(*scores: tuple[int, float]) -> dict[str, Any]:
    return {"model": "x", "results": [{"index": i, "relevance_score": score} for i, score in scores]}


def test_a_request() -> None:
    _, sent, told = wire_of(top_n=2, return_documents=True, max_tokens_per_doc=5)
    assert sent == {"model": "m", **ASKED, "top_n": 2}
    assert told == [("max_tokens_per_doc", "dropped", True)]
    _, sent, told = wire_of(CohereRerank, max_tokens_per_doc=5)
    assert (sent["max_tokens_per_doc"], told) == (5, [])


def test_documents_that_are_more_than_text() -> None:
    _, sent, told = wire_of(documents=["a", {"text": "b"}, {"text": "c", "id": 5}])
    assert sent["documents"] == ["a", "b", "c"]
    assert told == [("documents[2]", "dropped", True)]
    with pytest.raises(UnsupportedParameterError, match="documents\\[0\\]: acme takes texts"):
        wire_of(documents=[{"image": "https://x/a.png"}])


def test_documents_where_they_are_taken_whole() -> None:
    kind = type("Seeing", (JinaRerank,), {"takes_dicts": True, "names": {"documents": "items"}})
    _, sent, _ = wire_of(kind, documents=[{"image": "https://x/a.png"}])
    assert sent["items"] == [{"image": "https://x/a.png"}]


def test_an_answer() -> None:
    """The most relevant first, whatever order they came in, and as many as were asked for."""
    wire, _, _ = wire_of(top_n=2, return_documents=True, documents=["a", {"text": "b", "id": 1}, "c"])
    value = wire.decode_response(dumps(rows((0, 0.1), (1, 0.9), (2, 0.5))), created=1)
    assert [(one.index, one.relevance_score) for one in value.results] == [(1, 0.9), (2, 0.5)]
    assert [one.document for one in value.results] == [{"text": "b", "id": 1}, {"text": "c"}]
    assert (value.id, value.model, value.usage, value.meta) == (None, "x", None, None)
    assert value["results"][0]["index"] == 1


def test_what_is_told_beside_it() -> None:
    wire, _, _ = wire_of()
    raw = {**rows((0, 1)), "id": "r-1", "usage": {"total_tokens": 7}, "meta": {"a": 1}, "model": 5}
    value = wire.decode_response(dumps(raw), created=1)
    assert (value.id, value.model, value.meta) == ("r-1", "m", {"a": 1})
    assert value.usage is not None
    assert value.usage.total_tokens == 7
    assert value.results[0].document is None


@pytest.mark.parametrize(
    ("meta", "units"),
    [
        ({"billed_units": {"search_units": 1}}, 1),
        ({"billed_units": {}}, None),
        ({"billed_units": 5}, None),
        (5, None),
    ],
)
def test_what_cohere_bills(meta: Any, units: Any) -> None:
    wire, _, _ = wire_of(CohereRerank)
    value = wire.decode_response(dumps({**rows((0, 1)), "meta": meta}), created=1)
    assert (value.usage.search_units if value.usage else None) == units


@pytest.mark.parametrize(
    "raw",
    [
        None, {}, {"results": 5}, {"results": [5]}, {"results": [{"index": 0}]}, rows((3, 1)), rows((-1, 1)),
        rows((0, 1), (0, 2)), rows((0, float("nan"))), rows((0, float("inf"))), {"results": [{"index": "0", "relevance_score": 1}]},
        {"results": [{"index": 0, "relevance_score": True}]},
    ],
    ids=str,
)  # fmt: skip
def test_an_answer_that_makes_no_sense(raw: Any) -> None:
    wire, _, _ = wire_of()
    with pytest.raises(WireError) as caught:
        wire.decode_response(dumps(raw), created=1)
    assert caught.value.kind == "malformed"


def test_an_error_in_a_success() -> None:
    wire, _, _ = wire_of()
    with pytest.raises(WireError, match="no such model"):
        wire.decode_response(b'{"error": {"message": "no such model", "code": 404}}', created=1)
