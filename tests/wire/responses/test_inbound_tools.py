"""A client's tools: wherever they come from and whoever runs them, functions there and items back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import Response

from muxi_llm.models import ChatCompletionChunk
from muxi_llm.wire.base import build_value
from tests.support.bodies import chat, chunk
from tests.support.responses import Asked, output

LOOK = {
    "type": "function",
    "name": "look",
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}
EXEC = {"type": "custom", "name": "exec", "defer_loading": True}
SPACE = {"type": "namespace", "name": "mcp__x", "description": "d", "tools": [LOOK, EXEC]}
MORE = {"type": "additional_tools", "role": "developer", "tools": [SPACE, LOOK]}
SEARCH = {
    "type": "tool_search",
    "execution": "client",
    "description": "Finds.",
    "parameters": {"type": "object"},
}
USER = {"role": "user", "content": "Hi"}


def names(asked: Asked) -> list[str]:
    return [(tool.get("function") or tool.get("custom") or tool).get("name") for tool in asked.body["tools"]]


def test_tools_of_namespaces_and_items():
    """One by one, under names that say where they are from; of one that comes twice, the later."""
    asked = Asked(input=[MORE, USER], tools=[{**LOOK, "description": "old"}])
    assert names(asked) == ["look", "mcp__x__look", "mcp__x__exec"]
    assert "old" not in str(asked.body)
    assert asked.body["tools"][2] == {"type": "custom", "custom": {"name": "mcp__x__exec"}}
    assert asked.body["messages"] == [USER]
    assert "tools" not in Asked(input=[{"type": "additional_tools", "tools": []}, USER]).body


def test_when_and_by_whom_a_tool_may_be_called_is_told():
    """A chat's tools are all there at once, for the model; what says nothing is not told."""
    assert Asked(input=[MORE, USER]).told == {"input[0].tools[0].tools[1].defer_loading": ("dropped", False)}
    tools = [{**LOOK, "allowed_callers": ["x"], "defer_loading": False, "output_schema": None}]
    assert Asked(input=[USER], tools=tools).told == {"tools[0].allowed_callers": ("dropped", True)}


CALLS = [
    {"id": "c1", "type": "function", "function": {"name": "mcp__x__look", "arguments": '{"a":1}'}},
    {"id": "c2", "type": "custom", "custom": {"name": "mcp__x__exec", "input": "x()"}},
    {"id": "c3", "type": "function", "function": {"name": "look", "arguments": "{}"}},
]


def streamed(asked: Asked, calls: list[Any]) -> list[Any]:
    """The items that the events of a stream amount to."""
    deltas = [chunk({"tool_calls": [{"index": i, **call}]}) for i, call in enumerate(calls)]
    events = asked.streamed(
        build_value(ChatCompletionChunk, raw) for raw in [*deltas, chunk({}, finish="tool_calls")]
    )
    return [event["item"] for event in events if event["type"] == "response.output_item.done"]


def whole(asked: Asked, calls: list[Any]) -> list[Any]:
    return asked.whole(chat(None, finish="tool_calls", tool_calls=calls))["output"]


def told(items: list[Any], *fields: str) -> list[Any]:
    return [tuple(item.get(field) for field in ("type", "call_id", *fields)) for item in items]


@pytest.mark.parametrize("answer", [whole, streamed])
def test_calls_bear_the_namespace(answer):
    items = answer(Asked(input=[MORE, USER]), CALLS)
    assert told(items, "namespace", "name", "arguments", "input") == [
        ("function_call", "c1", "mcp__x", "look", '{"a":1}', None),
        ("custom_tool_call", "c2", "mcp__x", "exec", None, "x()"),
        ("function_call", "c3", None, "look", "{}", None),
    ]
    again = Asked(input=[MORE, USER, *items, *(output(f"c{i}") for i in (1, 3))
                         , output("c2", kind="custom_tool_call_output")])  # fmt: skip
    assert again.body["messages"][1]["tool_calls"] == CALLS


RUN: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("tool_search", SEARCH, {"query": "q"}, {"type": "tool_search_call", "arguments": {"query": "q"}}),
    (
        "local_shell", {"type": "local_shell"}, {"command": ["ls"]},
        {"type": "local_shell_call", "action": {"type": "exec", "env": {}, "command": ["ls"]}},
    ),
    (
        "shell", {"type": "shell"}, {"commands": ["ls"]},
        {"type": "shell_call", "action": {"commands": ["ls"]}},
    ),
    (
        "apply_patch", {"type": "apply_patch"}, {"type": "delete_file", "path": "a"},
        {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a"}},
    ),
    (
        "computer", {"type": "computer"}, {"type": "screenshot"},
        {"type": "computer_call", "action": {"type": "screenshot"}},
    ),
]  # fmt: skip
OUTPUTS: dict[str, tuple[dict[str, Any], Any]] = {
    "tool_search": ({"execution": "client", "tools": [SPACE, LOOK]}, "Now available: mcp__x__look, mcp__x__exec, look"),
    "local_shell": ({"output": "a b"}, "a b"),
    "shell": ({"output": [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]}, '[{"stdout":"a"'),
    "apply_patch": ({"status": "completed"}, "completed"),
    "computer": (
        {"output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,AA=="}},
        [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "tool", "given", "item"), RUN, ids=[row[0] for row in RUN])
@pytest.mark.parametrize("answer", [whole, streamed])
def test_tools_the_client_runs(answer, name, tool, given, item):
    """There a function, back the item that its tool has; and what came of it is a result."""
    asked = Asked(tools=[tool])
    assert names(asked)[0] == (name if name != "computer" else "computer")
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
    (made,) = answer(asked, [call])
    assert item.items() <= made.items()
    assert made["call_id"] == "c1"
    assert Response.model_validate(asked.whole(chat(None, tool_calls=[call])))
    fields, wanted = OUTPUTS[name]
    result = {"type": f"{item['type']}_output".replace("tool_search_call", "tool_search"), **fields}
    result |= {"id": "c1"} if name == "local_shell" else {"call_id": "c1"}
    again = Asked(tools=[tool], input=[USER, made, result])
    _, turn, told_ = again.body["messages"]
    assert turn["tool_calls"][0]["function"]["name"] == name
    assert given.items() <= json.loads(turn["tool_calls"][0]["function"]["arguments"]).items()
    content = told_["content"]
    assert content == wanted if not isinstance(content, str) else content.startswith(wanted)


def test_what_a_search_has_found_can_be_called():
    found = {"type": "tool_search_output", "execution": "client", "call_id": "c1", "tools": [SPACE]}
    call = {"type": "tool_search_call", "execution": "client", "call_id": "c1", "arguments": '{"q": 1}'}
    asked = Asked(tools=[SEARCH], input=[USER, call, found])
    assert names(asked) == ["tool_search", "mcp__x__look", "mcp__x__exec"]
    assert asked.body["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"q": 1}'
    nothing = Asked(tools=[SEARCH], input=[USER, call, {**found, "tools": []}])
    assert nothing.body["messages"][2]["content"] == "Nothing was found."


@pytest.mark.parametrize("arguments", ['{"q', "[]", ""])
def test_a_call_that_was_cut_off(arguments):
    """Is an item all the same; nobody runs it."""
    call = {"id": "c1", "type": "function", "function": {"name": "tool_search", "arguments": arguments}}
    (item,) = whole(Asked(tools=[SEARCH]), [call])
    assert item["arguments"] == {}


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ({"type": "shell"}, {"type": "function", "function": {"name": "shell"}}),
        (
            {"type": "function", "name": "look", "namespace": "mcp__x"},
            {"type": "function", "function": {"name": "mcp__x__look"}},
        ),
        (
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "look"}, {"type": "mcp"}],
            },
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "look"}}, {"type": "mcp"}],
                },
            },
        ),
        ({"type": "web_search"}, {"type": "web_search"}),
        ("required", "required"),
    ],
    ids=str,
)
def test_what_is_chosen_is_called_as_it_is_sent(choice, sent):
    assert Asked(tools=[LOOK], tool_choice=choice).body["tool_choice"] == sent


LOST = [
    {"type": "mcp_approval_request", "id": "a", "name": "n", "arguments": "{}", "server_label": "s"},
    {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
    {"type": "configuration_update", "reasoning": {"effort": "low"}},
    {"type": "compaction", "encrypted_content": "x"},
    {"type": "compaction_trigger"},
    {"type": "program", "id": "p", "call_id": "c", "code": "x", "fingerprint": "f"},
    {"type": "program_output", "id": "p", "call_id": "c", "result": "x", "status": "completed"},
    {"type": "tool_search_call", "execution": "server", "arguments": {}},
    {"type": "tool_search_output", "execution": "server", "tools": []},
]


@pytest.mark.parametrize("item", LOST, ids=lambda item: item["type"])
def test_items_no_chat_has_room_for_are_left_out_as_a_loss(item):
    asked = Asked(input=[USER, item])
    assert asked.body["messages"] == [USER]
    assert asked.told == {"input[1]": ("dropped", True)}


def test_a_kept_conversation_goes_on_with_its_tools():
    """Those that came as items of an earlier turn too."""
    asked = Asked(keeps=True, previous_response_id="resp_1", input=[USER], tools=[LOOK])
    assert asked.body["messages"] == []
    asked.wire.resume(asked.body, [MORE, USER])
    assert names(asked) == ["look", "mcp__x__look", "mcp__x__exec"]
