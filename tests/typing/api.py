"""What type checkers must see of the public API. Checked by mypy and pyright, never run."""

from __future__ import annotations

from typing import assert_type

import anthropic.types
import openai
from openai.resources import Files as OpenAIFiles
from openai.types.chat import ChatCompletion as OpenAIChatCompletion
from pydantic import BaseModel

import muxi_llm
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
from muxi_llm.types.chat import ChatCompletionMessageParam

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


class Person(BaseModel):
    name: str


def flags(flag: bool) -> None:
    client = OpenAI()
    assert_type(
        ChatCompletion.create("openai/m", MESSAGES, stream=flag),
        ChatCompletionValue | Stream[ChatCompletionChunk],
    )
    assert_type(Completion.create("openai/m", "Once", stream=flag), CompletionValue | Stream[CompletionValue])
    assert_type(
        client.chat.completions.create(model="m", messages=[], stream=flag),
        ChatCompletionValue | openai.Stream[ChatCompletionChunk],
    )


def parsed() -> None:
    answer = ChatCompletion.create("openai/m", MESSAGES, response_format=Person)
    assert_type(answer.choices[0].message.parsed, Person | None)
    assert_type(answer.muxi, Report)
    client = OpenAI()
    chat = client.chat.completions.parse(
        model="m", messages=[], response_format=Person, fallback_models=["groq/llama"]
    )
    assert_type(chat.choices[0].message.parsed, Person | None)
    assert_type(chat.muxi, Report)
    response = client.responses.parse(model="m", input="x", text_format=Person, retries=1)
    assert_type(response.output_parsed, Person | None)
    with client.chat.completions.stream(
        model="m", messages=[], response_format=Person, fallback_models=["groq/llama"]
    ) as stream:
        assert_type(stream.get_final_completion().choices[0].message.parsed, Person | None)
    message = Anthropic().messages.parse(
        model="m", max_tokens=9, messages=[], output_format=Person, fallback_models=["groq/llama"]
    )
    assert_type(message.parsed_output, Person | None)


def clients() -> None:
    client: openai.OpenAI = OpenAI(api_key="k")
    other: openai.AsyncOpenAI = AsyncOpenAI(api_key="k")
    caught: type[openai.RateLimitError] = RateLimitError
    print(client, other, caught)
    chained = OpenAI().with_options(fallback_models=["groq/llama"], retries=1, timeout=9.0)
    assert_type(chained, OpenAI)
    answer = chained.chat.completions.create(
        model="m", messages=[], fallback_models=["groq/llama"], fallback_config={"deadline": 9.0}, retries=1
    )
    assert_type(answer, ChatCompletionValue)
    theirs: OpenAIChatCompletion = answer
    print(theirs, answer.muxi.model, answer["choices"][0])
    listed = chained.chat.completions.create(model=["m", "groq/llama"], messages=[], temperature=openai.omit)
    assert_type(listed, ChatCompletionValue)
    assert_type(
        chained.chat.completions.create(model="m", messages=[], stream=True, adapt="strict"),
        openai.Stream[ChatCompletionChunk],
    )
    assert_type(chained.responses.create(model="m", input="x", retries=1).muxi, Report)
    assert_type(chained.embeddings.create(model="e", input="x", retries=1), CreateEmbeddingResponse)
    assert_type(AsyncAnthropic().with_options(adapt="strict"), AsyncAnthropic)


def failures() -> None:
    try:
        ChatCompletion.create("openai/m", MESSAGES)
    except RateLimitError as error:
        print(error.attempts, error.status_code, error.provider, error.retry_after)


def settings() -> None:
    muxi_llm.openai_api_key = "k"
    muxi_llm.groq_base_url = "http://localhost"
    muxi_llm.config.timeout = 3.0
    muxi_llm.api_key = "k"
    params: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hi"}]
    OpenAI().chat.completions.create(model="m", messages=params)


class MyCustomProvider(Provider):
    json_mode_support = True
    vision_support = True
    renames = {"max_completion_tokens": "max_tokens"}


def anthropics_client() -> None:
    client = Anthropic(api_key="k")
    theirs: anthropic.Anthropic = client.with_options(max_retries=1)
    message = client.messages.create(model="openai/gpt-4", max_tokens=9, messages=[], fallback_models=["m"])
    ours: anthropic.types.Message = message
    print(ours, message.muxi.model)
    assert_type(theirs.messages.count_tokens(model="m", messages=[]).input_tokens, int)


async def anthropics_async_client() -> None:
    message = await AsyncAnthropic().messages.create(model="openai/gpt-4", max_tokens=9, messages=[])
    assert_type(message.muxi, Report)


def presets() -> None:
    """A preset has the model."""
    muxi_llm.config.presets = "config/llm"
    preset = muxi_llm.presets.ConfigRegistryManager.open("config/llm").preset("search_summary/openai_fast")
    print(preset.body, preset.revision, preset.config["model"])
    for one in (preset, "search_summary/openai_fast"):
        answer = ChatCompletion.create(preset=one, messages=[{"role": "user", "content": "Hello"}])
        print(answer.muxi.preset, answer.muxi.preset_revision)
        OpenAI().chat.completions.create(preset=one, messages=[{"role": "user", "content": "Hello"}])
        OpenAI().with_options(preset=one).chat.completions.create(messages=[])
        muxi_llm.Anthropic().messages.create(preset=one, messages=[])
        muxi_llm.Embedding.create(preset=one, input="Hello")


def beside_chat() -> None:
    """Arguments of ours on what is beside chat."""
    client = OpenAI()
    image = client.images.edit(image=b"", prompt="x", model=["xai/m", "openai/m"], retries=1)
    print(image.data[0].url, image.muxi.model)
    file = client.files.create(file=b"{}", purpose="batch", provider="groq")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", provider="groq"
    )
    print(client.batches.retrieve(batch.id, provider="groq", timeout=9).output_file_id)
    print([one.id for one in client.files.list(purpose="batch", provider="groq")])
    print(client.files.content(file.id, retries=1).text)
    theirs: OpenAIFiles = client.files
    print(theirs)


async def beside_chat_async() -> None:
    client = AsyncOpenAI()
    file = await client.files.retrieve("f", provider="groq")
    print(file.filename, [one.status async for one in client.batches.list(limit=3, provider="groq")])
    print((await client.images.edit(image=[b""], prompt="x", fallback_models=["xai/m"])).muxi.model)


def sound() -> None:
    client = OpenAI()
    said = client.audio.transcriptions.create(file=b"", model=["groq/m", "openai/m"], retries=1)
    print(said.text, said.muxi.model)
    whole = client.audio.transcriptions.create(file=b"", model="m", response_format="verbose_json", retries=1)
    print(whole.duration, whole.muxi)
    assert_type(client.audio.translations.create(file=b"", model="m", response_format="srt", retries=1), str)
    client.audio.speech.create(input="x", model="m", voice="a", fallback_models=["groq/m"]).write_to_file("x")
    for event in client.audio.transcriptions.create(file=b"", model="m", stream=True, provider="groq"):
        print(event.type)
