"""Models on loopback, for clients that think they talk to OpenAI: OpenAI's own, and Anthropic's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import openai
import pytest

import muxi_llm
from tests.ecosystem import model
from tests.ecosystem.model import KNOWN
from tests.support.anthropic import told
from tests.support.bodies import message
from tests.support.upstream import Received, Respond, Upstream

MODEL = "anthropic/claude-sonnet-4-5"
Cell = Callable[[ModuleType], Any]
"""Something done with the clients of a module, the openai package or ours: what comes of it."""


def pytest_configure(config: pytest.Config) -> None:
    """The marker of this folder."""
    config.addinivalue_line("markers", "ecosystem: needs a client package; see tests/ecosystem/README.md")


def answer(received: Received) -> Respond:
    """A tool call where there are tools and no result yet; JSON where it is asked for; else a sentence."""
    assert received.path == "/v1/messages"
    assert received.headers["x-api-key"] == "sk-anthropic"
    asked = received.json
    block, stop = _block(asked)
    if asked.get("stream"):
        return Respond(chunks=told(block, stop=stop))
    return Respond(json=message(block, stop=stop))


def _block(asked: dict[str, Any]) -> tuple[dict[str, Any], str]:
    last = asked["messages"][-1]["content"]
    results = [part for part in last if isinstance(part, dict) and part["type"] == "tool_result"]
    # A tool without parameters only stands for those of earlier turns.
    tools = [tool for tool in asked.get("tools", ()) if tool["input_schema"].get("properties")]
    forced = asked.get("tool_choice", {}).get("type") in {"tool", "any"}
    if tools and (forced or not results):
        tool = tools[0]
        given = {name: KNOWN[name] for name in tool["input_schema"]["properties"]}
        return {"type": "tool_use", "id": "toolu_1", "name": tool["name"], "input": given}, "tool_use"
    if asked.keys() & {"output_config", "output_format"} or "JSON" in json.dumps(asked.get("system", "")):
        return {"type": "text", "text": '{"name": "Ada", "age": 36}'}, "end_turn"
    text = f"I read: {json.dumps(results[0]['content'])}" if results else "Hello from loopback"
    return {"type": "text", "text": text}, "end_turn"


@pytest.fixture
def claude(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """The model's server; its key is the only one there is."""
    with Upstream(answer) as upstream:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-anthropic")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", upstream.url)
        yield upstream


@pytest.fixture
def equal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Does a cell with the original's clients and with ours: one value, and the same requests.

    ordered: whether they come in the same order, as all but those of several threads do.
    """

    def both(cell: Cell, *, ordered: bool = True) -> Any:
        ends = []
        for module in (openai, muxi_llm):
            with Upstream(model.answer) as upstream:
                monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
                monkeypatch.setenv("OPENAI_BASE_URL", f"{upstream.url}/v1")
                value = cell(module)
                requests = [(seen.method, seen.path, seen.json) for seen in upstream.requests]
                ends.append((value, requests if ordered else sorted(requests, key=str)))
        assert ends[1] == ends[0]
        assert ends[0][1], "nothing was asked"
        return value

    return both
