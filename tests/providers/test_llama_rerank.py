"""Reranking by llama.cpp's own server, with a model whose preference is known: documents with many `x`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from muxi_llm import Rerank
from tests.conftest import Driver
from tests.support.llama import needs_llama, server, tiny

__all__ = ["server", "tiny"]
pytestmark = needs_llama

DOCUMENTS = ["abc", "xxx", "axb"]


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a server that ranks."""
    from examples.demo.llama_server import LlamaServer
    from tests.support.tiny_reranker import write_tiny_reranker

    path = tmp_path_factory.mktemp("models") / "reranker.gguf"
    write_tiny_reranker(path)
    with LlamaServer(path, reranking=True) as running:
        yield running.base_url


def ranked(driver: Driver, model: str, base_url: str, **params: Any) -> Any:
    return driver.create(
        Rerank,
        model=model,
        query="q",
        documents=DOCUMENTS,
        base_url=base_url,
        api_key="none",
        retries=0,
        **params,
    )


@pytest.mark.parametrize(
    "model", ["llama_cpp/tiny", "vllm/tiny", "openai/tiny", "jina/tiny", "huggingface/tiny"]
)
def test_the_most_relevant_first(model: str, ranker: str, driver: Driver) -> None:
    """By Jina's wire, and (as it takes that too) by Hugging Face's."""
    value = ranked(driver, model, ranker, return_documents=True)
    assert [one.index for one in value.results] == [1, 2, 0]
    scores = [one.relevance_score for one in value.results]
    assert scores == sorted(scores, reverse=True)
    assert 1 > scores[0] > scores[1] > scores[2] > 0
    assert value.results[0].document == {"text": "xxx"}
    assert value.muxi.model == model
    if not model.startswith("huggingface"):
        assert value.usage.total_tokens > 0


@pytest.mark.parametrize("model", ["llama_cpp/tiny", "huggingface/tiny"])
def test_a_few_of_them(model: str, ranker: str, driver: Driver) -> None:
    assert [one.index for one in ranked(driver, model, ranker, top_n=1).results] == [1]


def test_a_server_that_does_not_rank(server: str, driver: Driver) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        ranked(driver, "llama_cpp/tiny", server)
    assert caught.value.status_code == 501


def test_a_fallback_to_one_that_does(
    server: str, ranker: str, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two servers, two wires."""
    monkeypatch.setenv("HUGGINGFACE_BASE_URL", ranker)
    monkeypatch.setenv("HF_TOKEN", "none")
    value = ranked(driver, "llama_cpp/tiny", server, fallback_models=["huggingface/tiny"])
    assert value.results[0].index == 1
    assert [attempt.status for attempt in value.muxi.attempts] == [501, None]
