"""haystack's generators and embedders over our clients come to what they come to over the original's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from haystack import Document
from haystack.components.agents import Agent
from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
from haystack.components.generators.chat import OpenAIChatGenerator, OpenAIResponsesChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import Tool
from pydantic import BaseModel


class Person(BaseModel):
    """Who it is."""

    name: str
    age: int


CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("weather", "The weather in a city.", CITY, lambda city: f"sunny in {city}")
ASKED = [ChatMessage.from_system("Be brief."), ChatMessage.from_user("Hello")]
UNLIKE = {"created", "completion_start_time"}
"""When it was: no two clients' are alike."""


def told(replies: list[Any]) -> Any:
    """What replies say, but when."""
    return [
        (
            reply.text,
            [(call.id, call.tool_name, call.arguments) for call in reply.tool_calls],
            {key: value for key, value in reply.meta.items() if key not in UNLIKE},
        )
        for reply in replies
    ]


def whole(generator: Any, **how: Any) -> Any:
    return told(generator.run(ASKED, **how)["replies"])


def later(generator: Any, **how: Any) -> Any:
    return told(asyncio.run(generator.run_async(ASKED, **how))["replies"])


def streamed(generator: Any, **how: Any) -> Any:
    pieces: list[Any] = []
    replies = generator.run(ASKED, streaming_callback=pieces.append, **how)["replies"]
    return [(piece.content, piece.finish_reason) for piece in pieces], told(replies)


def streamed_later(generator: Any, **how: Any) -> Any:
    pieces: list[Any] = []

    async def heard(piece: Any) -> None:
        pieces.append(piece.content)

    replies = asyncio.run(generator.run_async(ASKED, streaming_callback=heard, **how))["replies"]
    return pieces, told(replies)


def agent(generator: Any, **how: Any) -> Any:
    done = Agent(chat_generator=generator, tools=[WEATHER], **how).run(messages=ASKED)
    return told([message for message in done["messages"] if message.role == "assistant"])


CELLS: dict[str, Callable[[Any], Any]] = {
    "an answer": whole,
    "an answer, async": later,
    "several": lambda generator: whole(generator, generation_kwargs={"temperature": 0.5}),
    "a stream": streamed,
    "a stream, async": streamed_later,
    "a call": lambda generator: whole(generator, tools=[WEATHER]),
    "a call, streamed": lambda generator: streamed(generator, tools=[WEATHER]),
    "a call, streamed, async": lambda generator: streamed_later(generator, tools=[WEATHER]),
    "strict tools": lambda generator: whole(generator, tools=[WEATHER], tools_strict=True),
    "an agent": agent,
}


def over(module: ModuleType, component: Any) -> Any:
    """*component* with the clients of *module*."""
    component.client, component.async_client = module.OpenAI(), module.AsyncOpenAI()
    return component


@pytest.mark.parametrize("kind", [OpenAIChatGenerator, OpenAIResponsesChatGenerator])
@pytest.mark.parametrize("does", CELLS.values(), ids=CELLS)
def test_cells(kind: Any, does: Callable[[Any], Any], equal: Any) -> None:
    """One value, and the same requests."""
    assert equal(lambda module: does(over(module, kind(model="gpt-4o"))))


def test_structured_output(equal: Any) -> None:
    """By `parse`, with a class."""
    given = {"response_format": Person}
    assert equal(lambda module: whole(over(module, OpenAIChatGenerator("gpt-4o", generation_kwargs=given))))


def test_embeddings(equal: Any) -> None:
    """Of a text, and of documents in batches."""

    def cell(module: ModuleType) -> Any:
        one = over(module, OpenAITextEmbedder(model="text-embedding-3-small")).run("Hello")
        documents = [Document(content=text) for text in ("a", "b", "c")]
        many = over(module, OpenAIDocumentEmbedder(model="text-embedding-3-small", batch_size=2))
        return one, [document.embedding for document in many.run(documents)["documents"]]

    assert equal(cell)
