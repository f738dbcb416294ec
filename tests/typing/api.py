"""What type checkers must see of the public API. Checked by mypy and pyright, never run."""

from __future__ import annotations

from typing import assert_type

import anthropic.types
import openai
from openai.types.chat import ChatCompletion as OpenAIChatCompletion

from muxi_llm import (
    Anthropic,
    AsyncAnthropic,
    AsyncOpenAI,
    ChatCompletion,
    Completion,
    Embedding,
    OpenAI,
    RateLimitError,
)
from muxi_llm.core.stream import AsyncStream, Stream
from muxi_llm.models import ChatCompletion as ChatCompletionValue
from muxi_llm.models import ChatCompletionChunk, CreateEmbeddingResponse, Report
from muxi_llm.models import Completion as CompletionValue
from muxi_llm.providers.base import Provider

MESSAGES = [{"role": "user", "content": "Hello"}]


def sync() -> None:
    response = ChatCompletion.create(model="openai/gpt-4", messages=MESSAGES, temperature=0.5)
    assert_type(response, ChatCompletionValue)
    original: OpenAIChatCompletion = response
    assert_type(original.choices[0].message.content, str | None)
    assert_type(response.muxi, Report)
    stream = ChatCompletion.create(["openai/gpt-4", "groq/llama"], MESSAGES, stream=True, retries=2)
    assert_type(stream, Stream[ChatCompletionChunk])
    for chunk in stream:
        assert_type(chunk.choices[0].delta.content, str | None)
    assert_type(Completion.create(model="openai/x", prompt="Once"), CompletionValue)
    assert_type(Embedding.create(model="openai/x", input="hi"), CreateEmbeddingResponse)


async def asynchronous() -> None:
    assert_type(await ChatCompletion.acreate("openai/gpt-4", MESSAGES), ChatCompletionValue)
    stream = await ChatCompletion.acreate("openai/gpt-4", MESSAGES, stream=True)
    assert_type(stream, AsyncStream[ChatCompletionChunk])
    async for chunk in stream:
        assert_type(chunk.id, str)


def clients() -> None:
    client: openai.OpenAI = OpenAI(api_key="k")
    other: openai.AsyncOpenAI = AsyncOpenAI(api_key="k")
    caught: type[openai.RateLimitError] = RateLimitError
    print(client, other, caught)
    chained = OpenAI().with_options(fallback_models=["groq/llama"], retries=1, timeout=9.0)
    assert_type(chained, OpenAI)
    assert_type(chained.chat.completions.create(model="m", messages=[]), OpenAIChatCompletion)
    assert_type(AsyncAnthropic().with_options(adapt="strict"), AsyncAnthropic)


class MyCustomProvider(Provider):
    json_mode_support = True
    vision_support = True
    renames = {"max_completion_tokens": "max_tokens"}


def anthropics_client() -> None:
    client = Anthropic(api_key="k")
    theirs: anthropic.Anthropic = client.with_options(max_retries=1)
    message = client.messages.create(model="openai/gpt-4", max_tokens=9, messages=[])
    assert_type(message, anthropic.types.Message)
    assert_type(theirs.messages.count_tokens(model="m", messages=[]).input_tokens, int)


async def anthropics_async_client() -> None:
    message = await AsyncAnthropic().messages.create(model="openai/gpt-4", max_tokens=9, messages=[])
    assert_type(message, anthropic.types.Message)
