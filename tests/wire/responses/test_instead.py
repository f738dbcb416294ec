"""OpenAI's Responses instead of its chat completions: for what, and that nobody sees a difference."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.transport.scripted import Answer
from muxi_llm.utils.streaming import collect
from tests.core import ask, said, streamed
from tests.support.bodies import HELLO
from tests.support.responses import check, function_call, response, thought, told

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
SEALED = thought("Hm", encrypted_content="sealed")
REPLY = response(SEALED, "Hi", function_call(), service_tier="flex", created_at=None)


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com")


BY_RESPONSES: list[dict[str, Any]] = [
    {"model": "openai/gpt-5.6-luna", "tools": [TOOL]},
    {"model": "openai/gpt-5.4", "tools": [TOOL], "reasoning_effort": "low"},
    {"model": "openai/gpt-5.5", "functions": [TOOL["function"]]},
    {"model": "openai/gpt-5-pro"},
    {"model": "openai/ft:gpt-5.6:acme::id", "tools": [TOOL]},
    {"model": "azure/prod-gpt-5.6", "tools": [TOOL]},
    {"model": "openai/gpt-4.1", "tools": [TOOL, {"type": "web_search"}]},
]


@pytest.mark.parametrize("asked", BY_RESPONSES, ids=lambda asked: asked["model"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_what_chat_refuses(driver, asked, stream):
    """Is asked by Responses, told without a loss, and answered as any other chat."""
    reply = Answer(chunks=told(REPLY)) if stream else Answer(json=REPLY)
    value, script = ask(driver, reply, **asked, stream=stream)
    if stream:
        value = collect(value)
    assert script.calls[0].url.endswith("/responses")
    check(script.bodies[0])
    message = value.choices[0].message
    assert (message.content, message.reasoning_content) == ("Hi", "Hm")
    calls = [message.function_call] if "functions" in asked else [c.function for c in message.tool_calls]
    assert [(call.name, call.arguments) for call in calls] == [("f", '{"a":1}')]
    if not stream:
        moved = [entry for entry in value.muxi.adaptations if entry.param == "messages"]
        assert [(entry.action, entry.loss) for entry in moved] == [("moved", False)]


BY_CHAT: list[dict[str, Any]] = [
    {"model": "openai/gpt-5.6-luna"},
    {"model": "openai/gpt-5.6-luna", "tools": [TOOL], "reasoning_effort": "none"},
    {"model": "openai/gpt-5.1", "tools": [TOOL], "reasoning_effort": "high"},
    {"model": "openai/gpt-4.1", "tools": [TOOL]},
    {"model": "azure/prod-gpt-5-mini", "tools": [TOOL]},
    {"model": "openrouter/openai/gpt-5.6", "tools": [TOOL], "api_key": "k"},
]


@pytest.mark.parametrize("asked", BY_CHAT, ids=lambda asked: asked["model"])
def test_what_chat_takes(driver, asked):
    value, script = ask(driver, said(), **asked)
    assert script.calls[0].url.endswith("/chat/completions")
    assert value.choices[0].message.content == "Hi"
    assert [entry for entry in value.muxi.adaptations if entry.param == "messages"] == []
    chunks, script = ask(driver, streamed("Hi"), **asked, stream=True)
    assert script.calls[0].url.endswith("/chat/completions")
    assert collect(chunks).choices[0].message.content == "Hi"


@pytest.mark.parametrize("version", ["2025-04-01-preview", None])
def test_azures_responses_have_no_deployment_in_their_path(driver, monkeypatch, version):
    """Whatever the version, the deployment is the model of the body."""
    if version:
        monkeypatch.setenv("OPENAI_API_VERSION", version)
    _, script = ask(driver, Answer(json=REPLY), model="azure/prod-gpt-5.6", tools=[TOOL])
    path = f"/openai/responses?api-version={version}" if version else "/openai/v1/responses"
    assert script.calls[0].url == f"https://mine.openai.azure.com{path}"
    assert script.bodies[0]["model"] == "prod-gpt-5.6"


def turns(driver: Any) -> list[Any]:
    """A conversation whose second turn was asked by Responses."""
    value, _ = ask(driver, Answer(json=REPLY), model="openai/gpt-5.6", tools=[TOOL])
    message = value.choices[0].message
    assert message.extra_content["openai"]["output"] == REPLY["output"]
    return [*HELLO, message, {"role": "tool", "tool_call_id": "call_1", "content": "ok"}]


def test_state_goes_back_to_who_gave_it(driver):
    """What OpenAI has sealed goes back as it came, and to nobody else: not to Azure, not to chat."""
    history = turns(driver)
    _, script = ask(driver, Answer(json=REPLY), model="openai/gpt-5.6", tools=[TOOL], messages=history)
    assert script.bodies[0]["input"][1:4] == REPLY["output"]
    _, script = ask(driver, Answer(json=REPLY), model="azure/gpt-5.6", tools=[TOOL], messages=history)
    assert "sealed" not in str(script.bodies)
    assert script.bodies[0]["input"][-2]["type"] == "function_call"
    for asked in ({"model": "openai/gpt-5.6", "reasoning_effort": "none"}, {"model": "openai/gpt-4.1"}):
        _, script = ask(driver, said(), **asked, tools=[TOOL], messages=history)
        assert "extra_content" not in str(script.bodies)
        assert script.bodies[0]["messages"][1]["tool_calls"][0]["id"] == "call_1"


def test_azures_own_state(driver):
    """Comes under Azure's name, in streams too, and goes back there."""
    for reply in (Answer(json=REPLY), Answer(chunks=told(REPLY))):
        stream = reply.json is None
        value, _ = ask(driver, reply, model="azure/gpt-5.6", tools=[TOOL], stream=stream)
        value = collect(value) if stream else value
        message = value.choices[0].message
        assert message.extra_content.keys() == {"azure"}
        result = {"role": "tool", "tool_call_id": "call_1", "content": "ok"}
        history = [*HELLO, message, result]
        _, script = ask(driver, Answer(json=REPLY), model="azure/gpt-5.6", tools=[TOOL], messages=history)
        assert script.bodies[0]["input"][1:4] == REPLY["output"]
