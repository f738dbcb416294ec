"""Cohere's chat wire, ours → theirs: every parameter arrives, moves, or is told to be lost."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from tests.support.cohere import Codec, call, tool

USER = {"role": "user", "content": "Hello"}
PIXEL = "data:image/png;base64,AAAA"
REASONER = "command-a-reasoning-08-2025"


def test_the_smallest_request():
    codec = Codec()
    assert codec.out == {"model": "command-a-03-2025", "messages": [USER], "stream": False}
    assert codec.told == []
    assert codec.wire.path == "/v2/chat"


# ------------------------------------------------------------------------------------------ messages


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
@pytest.mark.parametrize(
    ("content", "sent"),
    [
        pytest.param("Be terse.", "Be terse.", id="text"),
        pytest.param(
            ["Be", "terse."], [{"type": "text", "text": "Be"}, {"type": "text", "text": "terse."}], id="parts"
        ),
    ],
)
def test_pitfall_45_content_is_text_or_parts_in_every_role(role, content, sent):
    assert Codec([{"role": role, "content": content}, USER]).out["messages"][0] == {
        "role": role,
        "content": sent,
    }


def test_pitfall_38_a_later_system_message_stays_where_it_is():
    messages = [USER, {"role": "system", "content": "Be terse."}, USER]
    assert Codec(messages).out["messages"] == messages


@pytest.mark.parametrize(
    ("image", "sent"),
    [
        pytest.param({"url": PIXEL}, {"url": PIXEL}, id="pitfall_47_no_detail_is_invented"),
        pytest.param({"url": PIXEL, "detail": "low"}, {"url": PIXEL, "detail": "low"}, id="detail"),
        pytest.param("https://x.test/a.png", {"url": "https://x.test/a.png"}, id="pitfall_46_a_bare_url"),
    ],
)
def test_images(image, sent):
    codec = Codec([{"role": "user", "content": [{"type": "image_url", "image_url": image}]}])
    assert codec.out["messages"][0]["content"] == [{"type": "image_url", "image_url": sent}]


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        pytest.param(
            {"content": "I look.", "tool_calls": [call()]},
            {"content": "I look.", "tool_calls": [call()]},
            id="text and a call",
        ),
        pytest.param(
            {"content": None, "tool_calls": [call()]}, {"tool_calls": [call()]}, id="pitfall_40_no_text"
        ),
        pytest.param({"content": None, "refusal": "No."}, {"content": "No."}, id="pitfall_71_refusal"),
        pytest.param(
            {"content": [{"type": "refusal", "refusal": "No."}]},
            {"content": [{"type": "text", "text": "No."}]},
            id="a refusal part",
        ),
        pytest.param(
            {"content": None, "reasoning_content": "I will call f.", "tool_calls": [call()]},
            {"tool_calls": [call()], "tool_plan": "I will call f."},
            id="the plan before a call",
        ),
        pytest.param(
            {"content": None, "reasoning": "I will call f.", "tool_calls": [call()]},
            {"tool_calls": [call()], "tool_plan": "I will call f."},
            id="by its other name",
        ),
        pytest.param(
            {"tool_calls": [{"id": "f_1", "type": "custom", "custom": {"name": "f", "input": '{"a":1}'}}]},
            {"tool_calls": [call()]},
            id="a custom call",
        ),
    ],
)
def test_an_assistants_turn(message, sent):
    codec = Codec([USER, {"role": "assistant", **message}])
    assert codec.out["messages"][1] == {"role": "assistant", **sent}
    assert codec.told == []


@pytest.mark.parametrize(
    ("arguments", "sent", "told"),
    [
        pytest.param('{"a": 1}', '{"a": 1}', [], id="kept as they are"),
        pytest.param("", "{}", [], id="none"),
        pytest.param(None, "{}", [], id="missing"),
        pytest.param({"a": 1}, '{"a":1}', [], id="pitfall_68_an_object"),
        pytest.param('{"a": ', '{"_raw_arguments":"{\\"a\\": "}', [("changed", True)], id="pitfall_68_half"),
        pytest.param("[1]", '{"_raw_arguments":"[1]"}', [("changed", True)], id="pitfall_68_no_object"),
    ],
)
def test_arguments(arguments, sent, told):
    codec = Codec([USER, {"role": "assistant", "tool_calls": [call(arguments=arguments)]}])
    assert codec.out["messages"][1]["tool_calls"][0]["function"]["arguments"] == sent
    assert [(action, loss) for _, action, loss in codec.told] == told


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"content": None}, "messages[1]"),
        ({"content": "Hi", "reasoning_content": "Hm"}, "messages[1].reasoning_content"),
    ],
    ids=["an empty turn", "pitfall_28_thoughts of a finished turn"],
)
def test_what_is_left_out_of_a_turn(message, param):
    codec = Codec([USER, {"role": "assistant", **message}, USER])
    assert codec.told == [(param, "dropped", False)]
    assert "Hm" not in str(codec.out)


@pytest.mark.parametrize("content", ["21 C", [{"type": "text", "text": "21 C"}]], ids=["text", "parts"])
def test_pitfall_41_a_tools_result(content):
    """A message of its own, by the call's id."""
    codec = Codec([{"role": "tool", "tool_call_id": "f_1", "content": content}])
    assert codec.out["messages"] == [{"role": "tool", "tool_call_id": "f_1", "content": content}]


def test_pitfall_70_the_legacy_form():
    """Functions, and calls without ids, whose results come in order."""
    history = [
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "21 C"},
    ]
    codec = Codec(history, functions=[tool()["function"]], function_call={"name": "f"})
    assert codec.out["messages"][1]["tool_calls"] == [call("f", "{}", "muxi_call_1")]
    assert codec.out["messages"][2] == {"role": "tool", "tool_call_id": "muxi_call_1", "content": "21 C"}
    assert codec.out["tools"] == [tool()]
    assert codec.out["tool_choice"] == "REQUIRED"


@pytest.mark.parametrize(
    ("message", "kind", "param"),
    [
        ({"role": "tool", "content": "x"}, InvalidRequestError, "messages[0].tool_call_id"),
        ({"role": "assistant", "tool_calls": [{"id": "x"}]}, InvalidRequestError, "messages[0]"),
        (
            {"role": "user", "content": [{"type": "hologram"}]},
            UnsupportedParameterError,
            "messages[0].content[0]",
        ),
    ],
    ids=["a result of no call", "no call", "an unknown part"],
)
def test_messages_that_make_no_sense(message, kind, param):
    with pytest.raises(kind) as caught:
        Codec([message])
    assert caught.value.param == param


def test_the_callers_objects_stay_as_they_are():
    messages = [USER, {"role": "assistant", "content": None, "tool_calls": [call(arguments="x")]}]
    tools = [tool(strict=True)]
    before = deepcopy((messages, tools))
    Codec(messages, tools=tools, extra={"documents": ["d"]}, response_format={"type": "json_object"})
    assert (messages, tools) == before


# --------------------------------------------------------------------------------------------- tools


def test_fault_08_tools_are_sent():
    """In the order given (pitfall 55), with what they are described by."""
    tools = [tool("b", description="Does b."), tool("a")]
    codec = Codec(tools=tools)
    assert codec.out["tools"] == tools
    assert "strict_tools" not in codec.out
    assert codec.told == []


def test_a_tool_without_parameters():
    codec = Codec(tools=[{"type": "function", "function": {"name": "f", "description": ""}}])
    empty = {"type": "object", "properties": {}}
    assert codec.out["tools"] == [{"type": "function", "function": {"name": "f", "parameters": empty}}]


def test_pitfall_69_strict_tools():
    """For all of them at once; what the grammar does not know is left out and told."""
    parameters = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
    codec = Codec(tools=[tool(strict=True, parameters=parameters)])
    assert codec.out["strict_tools"] is True
    assert codec.out["tools"][0]["function"] == {
        "name": "f",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}},
            "additionalProperties": False,
        },
    }
    assert codec.told == [("tools[0]", "dropped", True)]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", None),
        ("none", "NONE"),
        ("required", "REQUIRED"),
        ("any", "REQUIRED"),
        ({"type": "required"}, "REQUIRED"),
    ],
    ids=str,
)
def test_pitfall_65_tool_choice(choice, sent):
    codec = Codec(tools=[tool()], tool_choice=choice)
    assert codec.out.get("tool_choice") == sent
    assert codec.told == []


ALLOWED = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "b"}}]}


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        pytest.param({"type": "function", "function": {"name": "b"}}, "REQUIRED", id="one"),
        pytest.param({"type": "function", "name": "b"}, "REQUIRED", id="one, flat"),
        pytest.param({"type": "allowed_tools", "allowed_tools": ALLOWED}, None, id="some"),
        pytest.param(
            {"type": "allowed_tools", "allowed_tools": {**ALLOWED, "mode": "required"}},
            "REQUIRED",
            id="of some",
        ),
    ],
)
def test_pitfall_65_certain_tools(choice, sent):
    """Cohere chooses among all it is given: the others are not."""
    codec = Codec(tools=[tool("a"), tool("b")], tool_choice=choice)
    assert codec.out["tools"] == [tool("b")]
    assert codec.out.get("tool_choice") == sent
    assert codec.told == [("tool_choice", "changed", False)]


def test_the_only_tool_is_chosen_without_a_change():
    assert Codec(tools=[tool()], tool_choice={"function": {"name": "f"}}).told == []


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"tool_choice": "required"}, [("tool_choice", "dropped", True)]),
        ({"tool_choice": "none"}, []),
        ({"tools": [tool()], "tool_choice": {"type": "mcp"}}, [("tool_choice", "dropped", True)]),
    ],
    ids=["nothing to choose from", "nothing wanted", "unknown"],
)
def test_choices_that_cannot_be_sent(params, told):
    codec = Codec(**params)
    assert "tool_choice" not in codec.out
    assert codec.told == told


@pytest.mark.parametrize(
    ("params", "kind", "hint"),
    [
        (
            {"tools": [{"type": "custom", "custom": {"name": "x"}}]},
            UnsupportedParameterError,
            "tools[0]: Cohere's tools are functions",
        ),
        (
            {"tools": [{"type": "function", "function": {}}]},
            InvalidRequestError,
            "tools[0].function.name is missing",
        ),
        (
            {"tools": [tool()], "tool_choice": {"function": {"name": "g"}}},
            InvalidRequestError,
            "names none of the tools",
        ),
    ],
    ids=["free text", "nameless", "a missing tool"],
)
def test_tools_that_make_no_sense(params, kind, hint):
    with pytest.raises(kind, match=hint.replace("[", r"\[")):
        Codec(**params)


# ---------------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("params", "sent"),
    [
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_completion_tokens": 6}, {"max_tokens": 6}),
        ({"max_tokens": 5, "max_completion_tokens": 6}, {"max_tokens": 6}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"top_p": 0.5}, {"p": 0.5}),
        ({"seed": 3}, {"seed": 3}),
        ({"frequency_penalty": 0.5, "presence_penalty": 0}, {"frequency_penalty": 0.5, "presence_penalty": 0}),
        ({"logprobs": True}, {"logprobs": True}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}),
        ({"extra": {"top_k": 5}}, {"k": 5}),
        ({"extra": {"k": 5, "citation_options": {"mode": "OFF"}}}, {"k": 5, "citation_options": {"mode": "OFF"}}),
    ],
    ids=str,
)  # fmt: skip
def test_pitfall_76_parameters(params: dict[str, Any], sent):
    codec = Codec(**params)
    added = {name: value for name, value in codec.out.items() if name not in {"model", "messages"}}
    assert added == {"stream": False, **sent}
    assert codec.told == []


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"logit_bias": {"1": 1}}, [("logit_bias", "dropped", True)]),
        ({"top_logprobs": 3}, [("top_logprobs", "dropped", True)]),
        ({"parallel_tool_calls": False}, [("parallel_tool_calls", "dropped", True)]),
        ({"user": "u", "store": True}, [("user", "dropped", False), ("store", "dropped", False)]),
        ({"n": 1, "logit_bias": {}, "store": False}, []),
    ],
    ids=str,
)
def test_pitfall_64_what_has_no_counterpart_is_told(params, told):
    codec = Codec(**params)
    assert codec.told == told
    assert codec.out.keys() == {"model", "messages", "stream"}


def test_pitfall_63_several_answers_are_refused():
    with pytest.raises(UnsupportedParameterError, match="one answer a call") as caught:
        Codec(n=2)
    assert caught.value.param == "n"


# --------------------------------------------------------------------------------- JSON and thinking

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
BY_SCHEMA = {"type": "json_schema", "json_schema": {"name": "A", "schema": SCHEMA, "strict": True}}


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, {"type": "json_object"}),
        (BY_SCHEMA, {"type": "json_object", "json_schema": SCHEMA}),
        ({"type": "json_schema", "json_schema": {"name": "A"}}, {"type": "json_object"}),
    ],
    ids=["text", "an object", "a schema", "a schema without one"],
)
def test_answers_in_json(wanted, sent):
    codec = Codec(response_format=wanted)
    assert codec.out.get("response_format") == sent
    assert codec.told == []


@pytest.mark.parametrize(
    "beside", [{"tools": [tool()]}, {"extra": {"documents": ["d"]}}], ids=["tools", "documents"]
)
@pytest.mark.parametrize("wanted", [{"type": "json_object"}, BY_SCHEMA], ids=["an object", "a schema"])
def test_pitfall_57_json_beside_tools_or_documents(beside, wanted):
    """Cohere refuses the combination: asked for in words, and told."""
    codec = Codec(response_format=wanted, **beside)
    assert "response_format" not in codec.out
    words, question = codec.out["messages"]
    assert (words["role"], question) == ("system", USER)
    assert ('"additionalProperties":false' in words["content"]) == (wanted is BY_SCHEMA)
    assert codec.told == [("response_format", "changed", True)]


@pytest.mark.parametrize(
    ("effort", "sent"),
    [
        ("none", {"type": "disabled"}),
        ("minimal", {"type": "enabled", "token_budget": 1024}),
        ("low", {"type": "enabled", "token_budget": 2048}),
        ("medium", {"type": "enabled", "token_budget": 8192}),
        ("high", {"type": "enabled", "token_budget": 24_576}),
        ("xhigh", {"type": "enabled"}),
    ],
)
def test_pitfall_67_effort_is_a_budget(effort, sent):
    codec = Codec(model=REASONER, reasoning_effort=effort)
    assert codec.out["thinking"] == sent
    assert codec.told == []


@pytest.mark.parametrize(("effort", "loss"), [("high", True), ("none", False)])
def test_pitfall_36_models_that_do_not_think(effort, loss):
    codec = Codec(reasoning_effort=effort)
    assert "thinking" not in codec.out
    assert codec.told == [("reasoning_effort", "dropped", loss)]


def test_empty_text_is_left_out():
    """Cohere refuses it, alone or among parts."""
    empty = {"type": "text", "text": ""}
    messages = [
        {"role": "user", "content": [empty, {"type": "text", "text": "go"}]},
        {"role": "assistant", "content": [empty]},
        USER,
    ]
    assert Codec(messages).out["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "go"}]},
        USER,
    ]
