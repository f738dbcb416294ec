"""`client.models.list()` over every provider that is configured."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import muxi_llm
from muxi_llm.providers.openai import OpenAIProvider
from tests.support.upstream import Received, Respond, Upstream

LISTS = {
    "/openai/v1/models": ["gpt-5.6"],
    "/groq/models": ["openai/gpt-oss-120b", "llama"],
    "/anthropic/v1/models?limit=1000": ["claude-sonnet-5"],
}


def answer(received: Received) -> Respond:
    names = LISTS.get(received.path)
    if names is None:
        return Respond(status=500, json={"error": {"message": "no"}})
    return Respond(json={"object": "list", "data": [{"id": name, "object": "model"} for name in names]})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """OpenAI and others on loopback."""
    with Upstream(answer) as upstream:
        monkeypatch.setattr(OpenAIProvider, "base_url", f"{upstream.url}/openai/v1")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{upstream.url}/openai/v1")
        for name in ("GROQ", "ANTHROPIC", "MISTRAL"):
            monkeypatch.setenv(f"{name}_BASE_URL", f"{upstream.url}/{name.lower()}")
        yield upstream


def names_of(client: Any) -> list[str]:
    """By the client of either colour."""
    if isinstance(client, muxi_llm.OpenAI):
        with client:
            return [model.id for model in client.models.list()]

    async def listed() -> list[str]:
        async with client:
            return [model.id async for model in client.models.list()]

    return asyncio.run(listed())


CLIENTS = {"sync": muxi_llm.OpenAI, "async": muxi_llm.AsyncOpenAI}


@pytest.mark.parametrize("kind", CLIENTS)
def test_everyones_models(world: Upstream, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """OpenAI's first and by their own names; whoever cannot be asked is left out."""
    for name in ("OPENAI", "GROQ", "ANTHROPIC", "MISTRAL"):
        monkeypatch.setenv(f"{name}_API_KEY", f"sk-{name}")
    names = names_of(CLIENTS[kind](max_retries=0))
    assert names == ["gpt-5.6", "anthropic/claude-sonnet-5", "groq/openai/gpt-oss-120b", "groq/llama"]
    groq = next(request for request in world.requests if request.path == "/groq/models")
    assert groq.headers["authorization"] == "Bearer sk-GROQ"


@pytest.mark.parametrize("kind", CLIENTS)
def test_without_an_openai_key(world: Upstream, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "sk-1")
    assert names_of(CLIENTS[kind]()) == ["groq/openai/gpt-oss-120b", "groq/llama"]


def test_who_is_left_out_is_logged(
    world: Upstream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("MISTRAL_API_KEY", "sk-1")
    monkeypatch.setattr("muxi_llm.config.fallback", {"max_retries": 0})
    with caplog.at_level(logging.INFO, "muxi_llm"):
        assert names_of(muxi_llm.OpenAI()) == ["gpt-5.6"]
    assert "the models of mistral are not in the list: InternalServerError" in caplog.text


@pytest.mark.parametrize("kind", CLIENTS)
def test_openais_own_error_is_the_calls(world: Upstream, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("GROQ_API_KEY", "sk-1")
    monkeypatch.setitem(LISTS, "/openai/v1/models", None)  # type: ignore[arg-type]
    with pytest.raises(openai.InternalServerError):
        names_of(CLIENTS[kind](max_retries=0))


def test_another_server_lists_its_own(world: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """And so do all other requests go where they always went."""
    monkeypatch.setenv("GROQ_API_KEY", "sk-1")
    client = muxi_llm.OpenAI(api_key="k", base_url=f"{world.url}/groq")
    assert names_of(client) == ["openai/gpt-oss-120b", "llama"]


def test_raw_responses_have_all_of_it(world: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("GROQ_API_KEY", "sk-1")
    with muxi_llm.OpenAI() as client:
        raw = client.models.with_raw_response.list()
        with client.models.with_streaming_response.list() as streamed:
            assert streamed.json() == raw.http_response.json()
    assert raw.http_response.json()["data"][0]["id"] == "gpt-5.6"
