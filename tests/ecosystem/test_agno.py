"""agno over our clients comes to what it comes to over the original's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from agno.agent import Agent
from agno.models.openai import OpenAIChat, OpenAIResponses
from pydantic import BaseModel


class Person(BaseModel):
    """Who it is."""

    name: str
    age: int


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


async def later(agent: Any) -> Any:
    return (await agent.arun("Hello")).content


CELLS: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "an answer": (lambda agent: agent.run("Hello").content, {}),
    "an answer, async": (lambda agent: asyncio.run(later(agent)), {}),
    "a stream": (lambda agent: [event.content for event in agent.run("Hello", stream=True)], {}),
    "a tool loop": (lambda agent: agent.run("Weather?").content, {"tools": [weather]}),
    "output by a schema": (lambda agent: agent.run("Who?").content.model_dump(), {"output_schema": Person}),
}


@pytest.mark.parametrize("kind", [OpenAIChat, OpenAIResponses])
@pytest.mark.parametrize(("does", "given"), CELLS.values(), ids=CELLS)
def test_cells(kind: Any, does: Callable[[Any], Any], given: dict[str, Any], equal: Any) -> None:
    """One value, and the same requests."""

    def cell(module: ModuleType) -> Any:
        model = kind(id="gpt-4o", client=module.OpenAI(), async_client=module.AsyncOpenAI())
        return does(Agent(model=model, telemetry=False, **given))

    assert equal(cell)
