"""smolagents over our client comes to what it comes to over the original's."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from smolagents import CodeAgent, OpenAIModel, ToolCallingAgent, tool

ASKED = [{"role": "user", "content": "Hello"}]


@tool
def weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: where
    """
    return f"sunny in {city}"


def read(message: Any) -> Any:
    """What a whole answer says."""
    calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()]
    return message.role, message.content, calls, message.token_usage


def streamed(model: Any, **asked: Any) -> Any:
    """What a stream's deltas say, one by one."""
    return [
        (
            delta.content,
            delta.token_usage,
            [(call.index, call.id, call.function.arguments) for call in delta.tool_calls or ()],
        )
        for delta in model.generate_stream(ASKED, **asked)
    ]


def steps(agent: Any, **how: Any) -> Any:
    """What an agent comes to, and by which steps."""
    said = agent.run("Weather in Paris?", **how)
    told = list(said) if how else [said]
    taken = [(step.model_output, step.observations) for step in agent.memory.steps[1:]]
    return [type(piece).__name__ for piece in told], taken


SCHEMA = {"type": "json_schema", "json_schema": {"name": "p", "schema": {"properties": {"age": {}}}}}

CELLS: dict[str, Callable[[Any], Any]] = {
    "an answer": lambda model: read(model.generate(ASKED)),
    "stops": lambda model: read(model.generate(ASKED, stop_sequences=["loop"])),
    "JSON by a schema": lambda model: read(model.generate(ASKED, response_format=SCHEMA)),
    "a stream": streamed,
    "a call": lambda model: read(model.generate(ASKED, tools_to_call_from=[weather])),
    "a call, streamed": lambda model: streamed(model, tools_to_call_from=[weather]),
    "an agent": lambda model: steps(ToolCallingAgent([weather], model, max_steps=2)),
    "an agent, streamed": lambda model: steps(
        ToolCallingAgent([weather], model, max_steps=2, stream_outputs=True), stream=True
    ),
    "an agent that writes code": lambda model: steps(CodeAgent([weather], model, max_steps=2)),
}


@pytest.mark.parametrize("does", CELLS.values(), ids=CELLS)
def test_cells(does: Callable[[Any], Any], equal: Any) -> None:
    """One value, and the same requests."""

    def cell(module: ModuleType) -> Any:
        model = OpenAIModel("gpt-4o", api_key="sk-openai")
        model.client = module.OpenAI()
        return does(model)

    assert equal(cell)
