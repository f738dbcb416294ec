"""pydantic-ai over our clients comes to what it comes to over the original's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider


class Person(BaseModel):
    """Who it is."""

    name: str
    age: int


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


async def whole(agent: Any) -> Any:
    return (await agent.run("Hello")).output


async def streamed(agent: Any) -> Any:
    async with agent.run_stream("Hello") as run:
        return [piece async for piece in run.stream_text(delta=True, debounce_by=None)]


async def a_second_turn(agent: Any) -> Any:
    first = await agent.run("Hello")
    return (await agent.run("And now?", message_history=first.all_messages())).output


CELLS: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "an answer": (whole, {"system_prompt": "Be brief."}),
    "a stream": (streamed, {}),
    "a tool loop": (whole, {"tools": [weather]}),
    "a tool loop, streamed": (streamed, {"tools": [weather]}),
    "a conversation": (a_second_turn, {"tools": [weather]}),
    "output by a tool": (whole, {"output_type": Person}),
    "output by a schema": (whole, {"output_type": NativeOutput(Person)}),
}


def cell(
    kind: Any, model: str, does: Callable[[Any], Any], given: dict[str, Any]
) -> Callable[[ModuleType], Any]:
    def run(module: ModuleType) -> Any:
        async def main() -> Any:
            async with module.AsyncOpenAI() as client:
                return await does(Agent(kind(model, provider=OpenAIProvider(openai_client=client)), **given))

        return asyncio.run(main())

    return run


@pytest.mark.parametrize("kind", [OpenAIChatModel, OpenAIResponsesModel])
@pytest.mark.parametrize(("does", "given"), CELLS.values(), ids=CELLS)
def test_cells(kind: Any, does: Callable[[Any], Any], given: dict[str, Any], equal: Any) -> None:
    """One value, and the same requests."""
    assert equal(cell(kind, "gpt-4o", does, given))
