"""Converse, ours → theirs: tools and thinking, and what has to agree with them."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from tests.support.anthropic import assistant, call, result, text, tool, user
from tests.support.aws import CLAUDE, LLAMA, NOVA, OLD_CLAUDE, Codec

NAMED = {"type": "function", "function": {"name": "f"}}
CALLED = [user(), assistant(None, call()), result()]
OPEN = {"json": {"type": "object"}}
EMPTY = {"json": {"type": "object", "properties": {}}}
SPEC = {"toolSpec": {"name": "f", "inputSchema": EMPTY}}
ONE = {"type": "auto", "disable_parallel_tool_use": True}


# ------------------------------------------------------------------------------------------- tools


def test_pitfall_55_definitions():
    """In the order given; a schema that may be anything is an object all the same."""
    parameters = {"properties": {"a": {"type": "string"}}}
    codec = Codec(tools=[tool("f", description="Does.", parameters=parameters), tool("a", description="")])
    assert codec.out["toolConfig"] == {
        "tools": [
            {
                "toolSpec": {
                    "name": "f",
                    "description": "Does.",
                    "inputSchema": {"json": {"type": "object", **parameters}},
                }
            },
            {"toolSpec": {"name": "a", "inputSchema": EMPTY}},
        ]
    }


@pytest.mark.parametrize(
    ("model", "strict", "told"),
    [(CLAUDE, True, {}), (OLD_CLAUDE, None, {"tools[0].function.strict": ("dropped", True)})],
)
def test_pitfall_69_strict_tools(model, strict, told):
    codec = Codec(tools=[tool(strict=True)], model=model)
    assert codec.out["toolConfig"]["tools"][0]["toolSpec"].get("strict") is strict
    assert codec.told == told


def test_converses_own_tools_pass():
    own: list[Any] = [{"systemTool": {"name": "nova_grounding"}}, SPEC]
    assert Codec(tools=own, model=NOVA).out["toolConfig"] == {"tools": own}


def test_tools_that_are_none():
    with pytest.raises(InvalidRequestError, match=r"tools\[0\] is not a tool"):
        Codec(tools=[{"type": "function", "function": {}}])
    with pytest.raises(UnsupportedParameterError, match="JSON, not free text"):
        Codec(tools=[{"type": "custom", "custom": {"name": "f"}}])
    with pytest.raises(UnsupportedParameterError, match="no web_search tool"):
        Codec(tools=[{"type": "web_search"}])


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {"auto": {}}),
        ("required", {"any": {}}),
        (NAMED, {"tool": {"name": "f"}}),
        ({"type": "any"}, {"any": {}}),
        (None, None),
    ],
)
def test_pitfall_65_choices(choice, sent):
    codec = Codec(tools=[tool()], tool_choice=choice)
    assert codec.out["toolConfig"].get("toolChoice") == sent
    assert codec.told == {}


def test_choices_without_a_counterpart():
    codec = Codec(tools=[tool()], tool_choice={"type": "allowed_tools"})
    assert codec.out["toolConfig"] == {"tools": [SPEC]}
    assert codec.told == {"tool_choice": ("dropped", True)}
    unforced = Codec(tools=[tool()], tool_choice="required", model="anthropic.claude-opus-5-5")
    assert unforced.out["toolConfig"]["toolChoice"] == {"auto": {}}
    assert unforced.told == {"tool_choice": ("changed", True)}


def test_pitfall_65_no_calls_wanted():
    """Tools nobody has called are left out: nothing else is what "none" means."""
    codec = Codec(tools=[tool()], tool_choice="none")
    assert list(codec.out) == ["messages"]
    assert codec.told == {"tools": ("changed", False)}


@pytest.mark.parametrize("tools", [{"tools": [tool()], "tool_choice": "none"}, {}], ids=["none", "no tools"])
def test_pitfall_65_no_more_calls_wanted(tools):
    """Bedrock wants the tools of earlier calls, so that these are forbidden in words."""
    codec = Codec(CALLED, **tools)
    assert codec.out["toolConfig"] == {
        "tools": [SPEC if tools else {"toolSpec": {"name": "f", "inputSchema": OPEN}}]
    }
    assert codec.out["system"] == [{"text": "Do not call any tool now. Answer in words."}]
    assert codec.told == {"tool_choice": ("changed", True)}


@pytest.mark.parametrize(("choice", "told"), [("none", {}), ("required", {"tool_choice": ("dropped", True)})])
def test_a_choice_among_no_tools(choice, told):
    codec = Codec(tool_choice=choice)
    assert list(codec.out) == ["messages"]
    assert codec.told == told


@pytest.mark.parametrize("choice", [None, "auto"])
def test_pitfall_65_one_call_at_a_time(choice):
    """Claude's own field; Bedrock refuses a choice beside it."""
    codec = Codec(tools=[tool()], tool_choice=choice, parallel_tool_calls=False)
    assert codec.fields == {"tool_choice": ONE}
    assert codec.out["toolConfig"] == {"tools": [SPEC]}
    assert codec.told == {}


@pytest.mark.parametrize(("model", "choice"), [(CLAUDE, "required"), (OLD_CLAUDE, None), (NOVA, None)])
def test_one_call_at_a_time_elsewhere(model, choice):
    codec = Codec(tools=[tool()], tool_choice=choice, parallel_tool_calls=False, model=model)
    assert codec.fields is None
    assert codec.told == {"parallel_tool_calls": ("dropped", True)}


def test_pitfall_49_media_of_results_stand_beside_them_elsewhere():
    """Claude alone takes them inside; behind all results of the turn, with text beside a document."""
    file = {"type": "file", "file": {"file_data": "data:text/plain,hi", "filename": "a.txt"}}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    calls = [call("f", {}, "c1"), call("f", {}, "c2")]
    messages = [user(), assistant(None, *calls), result([file, text("t")], "c1"), result([picture], "c2")]
    codec = Codec(messages, tools=[tool()], model=NOVA)
    source = {"bytes": "aGk="}
    assert codec.out["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "c1", "content": [{"text": "t"}]}},
        {"toolResult": {"toolUseId": "c2", "content": [{"text": "(See what follows.)"}]}},
        {"document": {"format": "txt", "source": source, "name": "a"}},
        {"image": {"format": "png", "source": source}},
        {"text": "(See the document.)"},
    ]
    assert codec.told["messages[2].content"] == ("moved", False)


# ---------------------------------------------------------------------------------------- thinking


@pytest.mark.parametrize(
    ("model", "effort", "fields"),
    [
        (CLAUDE, "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        (CLAUDE, "none", None),
        (
            "eu.anthropic.claude-opus-4-6-v1",
            "high",
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        ),
        (NOVA, "minimal", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        (NOVA, "medium", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}),
        (NOVA, "none", {"reasoningConfig": {"type": "disabled"}}),
        ("openai.gpt-oss-120b-1:0", "high", {"reasoning_effort": "high"}),
        (LLAMA, "high", None),
        (LLAMA, "none", None),
    ],
)
def test_pitfall_36_67_each_vendor_in_its_own_way(model, effort, fields):
    codec = Codec(reasoning_effort=effort, model=model)
    assert codec.fields == fields
    assert ("reasoning_effort" in codec.told) is ((model, effort) in {(LLAMA, "high"), (NOVA, "minimal")})


def test_pitfall_35_a_budget_fits_below_the_maximum():
    codec = Codec(reasoning_effort="low", max_tokens=100, stop="x")
    assert codec.out["inferenceConfig"] == {"maxTokens": 2148, "stopSequences": ["x"]}
    assert codec.told == {"max_tokens": ("changed", False)}


def test_pitfall_62_thinking_fixes_sampling():
    """The model's own fields too."""
    codec = Codec(reasoning_effort="low", temperature=0.5, native={"top_k": 3})
    assert codec.fields == {"thinking": {"type": "enabled", "budget_tokens": 2048}}
    assert "inferenceConfig" not in codec.out
    assert codec.told == {"temperature": ("dropped", True), "top_k": ("dropped", True)}
    kept = Codec(reasoning_effort="low", temperature=1)
    assert kept.out["inferenceConfig"] == {"temperature": 1}


@pytest.mark.parametrize(
    "obstacle",
    [
        {"tools": [tool()], "tool_choice": "required"},
        {"messages": [*CALLED, user()], "tools": [tool()]},
        {"messages": [user(), assistant("So")]},
    ],
    ids=["57 forced call", "a call without its thinking", "an answer begun"],
)
def test_what_thinking_cannot_stand(obstacle):
    codec = Codec(reasoning_effort="low", **obstacle)
    assert codec.fields is None
    assert codec.told["reasoning_effort"] == ("dropped", True)


def test_thinking_goes_on_over_a_call_that_has_it():
    thoughts = [{"type": "thinking", "thinking": "hm", "signature": "sig"}]
    messages = [user(), assistant(None, call(), thinking_blocks=thoughts), result()]
    assert Codec(messages, tools=[tool()], reasoning_effort="low").fields == {
        "thinking": {"type": "enabled", "budget_tokens": 2048}
    }
