"""langgraph over our clients, and LangChain's standard suite for chat models: as over the original's."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from operator import add
from types import ModuleType
from typing import Annotated, Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel


class Person(BaseModel):
    """Who it is."""

    name: str
    age: int


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def chat(module: ModuleType, **params: Any) -> ChatOpenAI:
    """A chat model of theirs over the clients of *module*."""
    sync, later = module.OpenAI(), module.AsyncOpenAI()
    return ChatOpenAI(
        client=sync.chat.completions,
        async_client=later.chat.completions,
        root_client=sync,
        root_async_client=later,
        **{"model": "gpt-4o", **params},
    )


# ------------------------------------------------------------------------------------------ graphs

ASKED = {"messages": [("user", "Weather in Paris?")]}
THREAD = {"configurable": {"thread_id": "1"}}


def said(state: Any) -> Any:
    """What each message of a graph's state says."""
    return [(message.type, message.content) for message in state["messages"]]


def remembered(model: Any) -> Any:
    agent = create_agent(model, [weather], checkpointer=InMemorySaver())
    agent.invoke(ASKED, THREAD)
    return said(agent.invoke({"messages": [("user", "And now?")]}, THREAD))


def tokens(model: Any) -> Any:
    stream = create_agent(model, [weather]).stream(ASKED, stream_mode="messages")
    return [(type(piece).__name__, piece.content, about["langgraph_node"]) for piece, about in stream]


def events(model: Any) -> Any:
    async def main() -> Any:
        stream = create_agent(model, [weather]).astream_events(ASKED, version="v2")
        return [(event["event"], event["name"]) async for event in stream]

    return asyncio.run(main())


class State(TypedDict):
    """What the nodes of a graph say."""

    told: Annotated[list[str], add]


def graph(model: Any) -> Any:
    """Two nodes side by side, and one behind them."""

    async def asked(state: State) -> Any:
        return {"told": [str((await model.ainvoke([HumanMessage(str(state["told"]))])).content)]}

    built = StateGraph(State)
    for name in "abc":
        built.add_node(name, asked)
    built.add_edge(START, "a")
    built.add_edge("a", "b")
    built.add_edge("b", "c")
    built.add_edge("c", END)
    return asyncio.run(built.compile().ainvoke({"told": ["Hello"]}))


GRAPHS: dict[str, Callable[[Any], Any]] = {
    "an agent": lambda model: said(create_agent(model, [weather]).invoke(ASKED)),
    "an agent, async": lambda model: said(asyncio.run(create_agent(model, [weather]).ainvoke(ASKED))),
    "tokens": tokens,
    "events": events,
    "memory": remembered,
    "output by a class": lambda model: create_agent(model, [weather], response_format=Person).invoke(ASKED)[
        "structured_response"
    ],
    "a graph": graph,
}


@pytest.mark.parametrize("params", [{}, {"use_responses_api": True}], ids=["chat", "Responses"])
@pytest.mark.parametrize("does", GRAPHS.values(), ids=GRAPHS)
def test_graphs(does: Callable[[Any], Any], params: dict[str, Any], equal: Any) -> None:
    """One value, and the same requests."""
    assert equal(lambda module: does(chat(module, **params)))


# ------------------------------------------------------------------------------ the standard suite


class Chats(ChatModelIntegrationTests):
    """The suite, with a model over any module's clients."""

    chat_model_class = ChatOpenAI
    supports_json_mode = True
    model_override_value = "gpt-4.1"


UNSUITED = {
    "test_no_overrides_DO_NOT_OVERRIDE",
    "test_stream_time",
    "test_anthropic_inputs",
    "test_structured_few_shot_examples",
    *(f"test_{name}" for name in ("audio_inputs", "image_inputs", "pdf_inputs")),
    *(f"test_{name}" for name in ("image_tool_message", "pdf_tool_message")),
}
"""What asks no model, fetches files from the net first, or makes up ids."""

BEYOND = {
    "test_json_mode",
    "test_unicode_tool_call_integration",
    *(f"test_{name}_with_model_override" for name in ("stream", "astream")),
    *(f"test_structured_output{name}" for name in ("", "_async")),
}
"""What a model of a few lines does not do, not on all ways; how it fails is compared."""


@tool
def adder(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


def cases_of(suite: type) -> Iterator[Any]:
    """The suite's tests by their names, those of several cases once for each."""
    for name, test in inspect.getmembers(suite, inspect.isfunction):
        if not name.startswith("test_") or name in UNSUITED:
            continue
        cases: list[dict[str, Any]] = [{}]
        for mark in getattr(test, "pytestmark", ()):
            if mark.name == "parametrize":
                cases = [{mark.args[0]: value} for value in mark.args[1]]
        yield from (pytest.param(name, case, id=f"{name}-{list(case.values())}") for case in cases)


def outcome(test: Callable[..., Any], *given: Any, **case: Any) -> str:
    """How a test ended: what cannot be shown of a model of a few lines ends alike over both."""
    try:
        result = test(*given, **case)
        if inspect.iscoroutine(result):
            asyncio.run(result)
    except Exception as error:  # compared with the other's
        return f"failed: {error!r}"
    return "passed"


@pytest.mark.parametrize("api", [{}, {"use_responses_api": True}], ids=["chat", "Responses"])
@pytest.mark.parametrize(("name", "case"), cases_of(Chats))
def test_the_standard_suite(name: str, case: dict[str, Any], api: dict[str, Any], equal: Any) -> None:
    """Each test of it ends the same way, by the same requests."""
    case = dict(case)
    params = {**Chats().standard_chat_model_params, "stream_usage": True, **api, **case.pop("model", {})}
    if "my_adder_tool" in inspect.signature(getattr(Chats, name)).parameters:
        case["my_adder_tool"] = adder
    test = getattr(Chats(), name)
    ended = equal(lambda module: outcome(test, chat(module, **params), **case), ordered="batch" not in name)
    assert ended == "passed" or name in BEYOND
