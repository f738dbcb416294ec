"""autogen over our async client comes to what it comes to over the original's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import ModelFamily, ModelInfo, SystemMessage, UserMessage
from autogen_core.tools import FunctionTool
from autogen_ext.models.openai import BaseOpenAIChatCompletionClient
from pydantic import BaseModel

INFO = ModelInfo(
    vision=True, function_calling=True, json_output=True, family=ModelFamily.GPT_4O, structured_output=True
)
ASKED = [SystemMessage(content="Be brief."), UserMessage(content="Hello", source="user")]


class Person(BaseModel):
    """Who it is."""

    name: str
    age: int


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


WEATHER = FunctionTool(weather, description="The weather in a city.", strict=True)


async def whole(model: Any, **how: Any) -> Any:
    return await model.create(ASKED, **how)


async def streamed(model: Any, **how: Any) -> Any:
    return [piece async for piece in model.create_stream(ASKED, **how)]


async def counted(model: Any) -> Any:
    await model.create(ASKED)
    return model.total_usage(), await streamed(model, include_usage=True)


def agent(model: Any, name: str = "a", **given: Any) -> Any:
    return AssistantAgent(name, model, tools=[WEATHER], reflect_on_tool_use=True, **given)


async def run(model: Any, **given: Any) -> Any:
    done = await agent(model, **given).run(task="Weather in Paris?")
    return [(type(each).__name__, each.content) for each in done.messages]


async def run_streamed(model: Any) -> Any:
    stream = agent(model, model_client_stream=True).run_stream(task="Weather in Paris?")
    return [(type(each).__name__, getattr(each, "content", None)) async for each in stream]


async def team(model: Any) -> Any:
    members = [agent(model, "a"), agent(model, "b")]
    done = await RoundRobinGroupChat(members, termination_condition=MaxMessageTermination(4)).run(
        task="Hello"
    )
    return [(each.source, type(each).__name__) for each in done.messages]


CELLS: dict[str, Callable[[Any], Any]] = {
    "an answer": whole,
    "a stream": streamed,
    "counts": counted,
    "JSON": lambda model: whole(model, json_output=True),
    "output by a class": lambda model: whole(model, json_output=Person),
    "output by a class, streamed": lambda model: streamed(model, json_output=Person),
    "a call": lambda model: whole(model, tools=[WEATHER]),
    "a forced call": lambda model: whole(model, tools=[WEATHER], tool_choice=WEATHER),
    "a call, streamed": lambda model: streamed(model, tools=[WEATHER]),
    "more parameters": lambda model: whole(model, extra_create_args={"seed": 1, "stop": ["x"], "n": 1}),
    "an agent": run,
    "an agent with output by a class": lambda model: run(model, output_content_type=Person),
    "an agent, streamed": run_streamed,
    "a team": team,
}


@pytest.mark.parametrize("does", CELLS.values(), ids=CELLS)
def test_cells(does: Callable[[Any], Any], equal: Any) -> None:
    """One value, and the same requests."""

    def cell(module: ModuleType) -> Any:
        async def main() -> Any:
            async with module.AsyncOpenAI() as client:
                model = BaseOpenAIChatCompletionClient(
                    client, create_args={"model": "gpt-4o"}, model_info=INFO
                )
                return await does(model)

        return asyncio.run(main())

    assert equal(cell)
