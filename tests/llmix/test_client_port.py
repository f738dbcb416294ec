"""Clients of the caller's own: openai's and anthropic's over real HTTP, google-genai's by its shape."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from unittest.mock import NonCallableMagicMock

import anthropic
import openai
import pytest
from openai.types.chat import ChatCompletion
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from muxi_llm.llmix import (
    CallInput,
    CallPipeline,
    KeyPool,
    PipelineConfig,
    anthropic_dispatch,
    gemini_dispatch,
    openai_dispatch,
    openrouter_dispatch,
    together_dispatch,
)
from tests.llmix.support import HELLO, ask_for
from tests.llmix.test_dispatchers import CLAUDE, GEMINI
from tests.support.bodies import chat
from tests.support.upstream import Respond, Upstream

CLOSE = {"Connection": "close"}
"""An async client whose loop is gone cannot close what it still has open."""


def pipeline_of(dispatch: Any, **config: Any) -> CallPipeline:
    return CallPipeline(PipelineConfig(dispatch, retry_base_ms=0, retry_jitter_ms=0, **config))


def call(face: str, dispatch: Any, *, pipeline: CallPipeline | None = None, **config: Any) -> Any:
    wanted = CallInput({"provider": "openai", "model": "gpt-4o", **config}, HELLO)
    return ask_for(face, pipeline or pipeline_of(dispatch), wanted)


@pytest.fixture
def clients() -> Iterator[Any]:
    """Makes clients, and closes the sync ones; those of an event loop go with it."""
    with ExitStack() as stack:

        def make(kind: Any, **options: Any) -> Any:
            client = kind(**options)
            return stack.enter_context(client) if hasattr(client, "__enter__") else client

        yield make


@pytest.fixture
def server(upstream: Upstream) -> Upstream:
    """OpenAI on loopback, with little of its limit left."""
    low = {"x-ratelimit-remaining-requests": "1", "x-ratelimit-limit-requests": "500"}
    upstream.respond = lambda _: Respond(json=chat("From there"), headers={**low, **CLOSE})
    return upstream


def test_openais_client(clients: Any, face: str, server: Upstream) -> None:
    """Its key, its headers; on the sync face a sync one."""
    kind = openai.OpenAI if face == "sync" else openai.AsyncOpenAI
    client = clients(kind, api_key="sk-client", base_url=f"{server.url}/v1", default_headers={"x-mine": "1"})
    dispatch = openai_dispatch(client=client)
    pipeline = pipeline_of(dispatch)
    response = call(
        face, dispatch, pipeline=pipeline, common={"topK": 3, "seed": 7}, baseUrl="http://unused.test"
    )
    assert (response.content, response.error) == ("From there", None)
    assert response.usage.total_tokens == 7
    [request] = server.requests
    assert (request.headers["authorization"], request.headers["x-mine"]) == ("Bearer sk-client", "1")
    assert request.json == {"model": "gpt-4o", "messages": HELLO, "seed": 7, "top_k": 3}
    assert pipeline.get_semaphore_window("openai") == 4


def test_a_sync_client_on_the_async_face(clients: Any, server: Upstream) -> None:
    """Works in a thread."""
    client = clients(openai.OpenAI, api_key="sk-client", base_url=f"{server.url}/v1")
    assert call("async", openai_dispatch(client=client)).content == "From there"


def test_an_async_client_on_the_sync_face(clients: Any, server: Upstream) -> None:
    """Gets an event loop of its own."""
    client = clients(openai.AsyncOpenAI, api_key="sk-client", base_url=f"{server.url}/v1")
    assert call("sync", openai_dispatch(client=client)).content == "From there"


def test_retries_are_the_pipelines(clients: Any, face: str, server: Upstream) -> None:
    """The client's own would multiply them."""
    server.respond = lambda _: Respond(503, json={"error": {"message": "busy"}}, headers=CLOSE)
    client = clients(openai.OpenAI, api_key="k", base_url=f"{server.url}/v1", max_retries=5)
    response = call(face, None, pipeline=pipeline_of(openai_dispatch(client=client), max_retries=1))
    assert (response.status_code, len(server.requests)) == (503, 2)


def test_the_clients_refusals(clients: Any, face: str, server: Upstream) -> None:
    """Have their status."""
    server.respond = lambda _: Respond(401, json={"error": {"message": "no such key"}}, headers=CLOSE)
    client = clients(openai.OpenAI, api_key="k", base_url=f"{server.url}/v1")
    response = call(face, openai_dispatch(client=client))
    assert (response.status_code, response.attempts) == (401, 1)
    assert "no such key" in str(response.error)


def test_anthropics_client(clients: Any, face: str, upstream: Upstream) -> None:
    """Gets Anthropic's own parameters."""
    upstream.respond = lambda _: Respond(json=CLAUDE, headers=CLOSE)
    kind = anthropic.Anthropic if face == "sync" else anthropic.AsyncAnthropic
    client = clients(kind, api_key="sk-client", base_url=upstream.url)
    response = call(
        face,
        anthropic_dispatch(client),
        provider="anthropic",
        model="claude-sonnet-5",
        common={"maxOutputTokens": 9, "topK": 3},
    )
    assert (response.content, response.thinking_content, response.error) == ("Hi", "hm", None)
    [request] = upstream.requests
    assert request.headers["authorization"] == "Bearer sk-client"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.json["top_k"] == 3  # no parameter of the client's, so it goes into the body as it is


class Part(BaseModel):
    """google-genai's values: pydantic, in camel case on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", populate_by_name=True)
    model_version: str | None = None


class Genai:
    """google-genai's `Client`; its `aio` is the same with a coroutine."""

    def __init__(self, *, is_async: bool) -> None:
        self.models = self
        self.is_async = is_async
        self.asked: dict[str, Any] = {}

    def generate_content(self, *, model: str, contents: Any, config: Any) -> Any:
        self.asked = {"model": model, "contents": contents, "config": config}
        answer = Part.model_validate(GEMINI)
        return self._soon(answer) if self.is_async else answer

    async def _soon(self, answer: Part) -> Part:
        await asyncio.sleep(0)
        return answer


@pytest.mark.parametrize("is_async", [False, True], ids=["client", "aio"])
def test_googles_client(face: str, is_async: bool) -> None:
    """Gets contents and one config."""
    client = Genai(is_async=is_async)
    response = call(
        face,
        gemini_dispatch(client=client),
        provider="google",
        model="gemini-2.5-flash",
        common={"topK": 3},
    )
    assert (response.content, response.error) == ("Hi", None)
    assert client.asked == {
        "model": "gemini-2.5-flash",
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "config": {"topK": 3, "thinkingConfig": {"thinkingBudget": 0}},
    }


class Lookalike:
    """Some other SDK's client, of openai's shape: takes anything, answers with a dict or a model."""

    def __init__(self, answer: Any) -> None:
        self.chat = self.completions = self
        self.answer = answer
        self.asked: dict[str, Any] = {}

    async def create(self, **params: Any) -> Any:
        self.asked = params
        return self.answer


@pytest.mark.parametrize("answer", [chat(), ChatCompletion.model_validate(chat())], ids=["dict", "model"])
def test_lookalikes(answer: Any) -> None:
    """Will do."""
    client = Lookalike(answer)
    response = call("async", together_dispatch(client=client), provider="together", common={"topK": 3})
    assert response.content == "Hi"
    assert client.asked == {"model": "gpt-4o", "messages": HELLO, "top_k": 3}


def test_a_mock_of_the_users_own_tests() -> None:
    """Has every attribute there is, and is taken for none of them."""
    client = NonCallableMagicMock()
    client.chat.completions.create = AsyncLookalike(chat())
    assert call("async", openai_dispatch(client=client)).content == "Hi"


class AsyncLookalike:
    """A method by itself."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def __call__(self, **params: Any) -> Any:
        return self.answer


def test_the_pipeline_takes_no_pool_beside_a_client() -> None:
    """For those providers; others may have one."""
    pipeline = pipeline_of(openrouter_dispatch(client=object()))
    for provider in ("openrouter", "deepseek"):
        with pytest.raises(ValueError, match="client="):
            pipeline.set_key_pool(provider, KeyPool(["k"]))
    pipeline.set_key_pool("openai", KeyPool(["k"]))
    assert not openai_dispatch().__llmix_bypass_key_pool_providers__
