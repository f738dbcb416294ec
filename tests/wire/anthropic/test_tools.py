"""Tools for Anthropic: definitions, choice, names, and the two ways to a JSON schema."""

from __future__ import annotations

from typing import Any

import pytest
from openai import pydantic_function_tool
from pydantic import BaseModel

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from tests.support.anthropic import (
    CLAUDE,
    OLD_CLAUDE,
    Codec,
    assistant,
    call,
    check,
    encode,
    result,
    text,
    tool,
    tool_use,
    user,
)

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
LONG = "mcp__" + "a_very_long_namespace__" * 3 + "search"


class Weather(BaseModel):
    """Looks it up."""

    city: str


def tools(*definitions: Any, **body: Any) -> list[dict[str, Any]]:
    """*definitions*, encoded and checked."""
    out = encode(tools=list(definitions), **body)
    check(out)
    return out["tools"]


# ------------------------------------------------------------------------------------- definitions


def test_fault_20_definitions():
    """Name, description and schema; a tool without parameters takes none."""
    assert tools(tool(description="d", parameters=SCHEMA), tool("g")) == [
        {"name": "f", "description": "d", "input_schema": SCHEMA},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]


def test_pitfall_55_tools_keep_their_order():
    """Another order would be another cached prefix."""
    names = ["z", "a", "m", "b"]
    assert [made["name"] for made in tools(*map(tool, names))] == names


@pytest.mark.parametrize(
    "given",
    [
        {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA},
        {"name": "f", "description": "d", "input_schema": SCHEMA},
    ],
    ids=["flat", "Anthropic's own"],
)
def test_other_forms_of_a_definition(given):
    """The Responses API's flat form, and Anthropic's own."""
    assert tools(given) == [{"name": "f", "description": "d", "input_schema": SCHEMA}]


def test_server_tools_pass():
    """Anthropic's own tools mean something to Anthropic only."""
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    (made,) = tools(search)
    assert made == search
    assert made is not search


def test_pydantic_tools():
    """What the openai package makes of a model class, strict as it is."""
    (made,) = tools(pydantic_function_tool(Weather))
    assert (made["name"], made["strict"]) == ("Weather", True)
    assert made["input_schema"]["properties"] == {"city": {"title": "City", "type": "string"}}


def test_pitfall_69_strict_tools():
    """Strictness is passed on, with the schema as Anthropic enforces it."""
    bounded = {**SCHEMA, "properties": {"a": {"type": "string", "maxLength": 3}}}
    codec = Codec(tools=[tool(strict=True, parameters=bounded)], max_tokens=1)
    assert codec.out["tools"] == [{"name": "f", "strict": True, "input_schema": CLOSED}]
    assert codec.told == {"tools[0]": ("dropped", True)}
    assert bounded["properties"]["a"]["maxLength"] == 3


def test_strict_tools_of_a_model_that_enforces_nothing():
    """Is a loss, and the schema stays whole."""
    codec = Codec(model=OLD_CLAUDE, tools=[tool(strict=True, parameters=SCHEMA)], max_tokens=1)
    assert codec.out["tools"] == [{"name": "f", "input_schema": SCHEMA}]
    assert codec.told == {"tools[0].function.strict": ("dropped", True)}


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"type": "custom", "custom": {"name": "f"}}, UnsupportedParameterError, "take JSON, not free text"),
        ({"type": "function", "function": {}}, InvalidRequestError, "is not a tool: name is missing"),
        (
            {"type": "function", "function": "f"},
            InvalidRequestError,
            "is not a tool: a string stands where none can",
        ),
    ],
    ids=["free text", "no name", "no object"],
)
def test_what_is_no_tool(given, kind, said):
    """The error says which."""
    with pytest.raises(kind, match=rf"tools\[1\]:? .*{said}") as caught:
        tools(tool(), given)
    assert (type(caught.value), caught.value.param) == (kind, "tools[1]")


# ------------------------------------------------------------------------------------------- names


def test_pitfall_54_long_names_are_shortened_and_mapped_back():
    """In the definition, the choice and the history; replies say the caller's name."""
    choice = {"type": "function", "function": {"name": LONG}}
    codec = Codec([user(), assistant(None, call(LONG)), result()], tools=[tool(LONG)], tool_choice=choice)
    short = codec.out["tools"][0]["name"]
    assert len(short) == 64
    assert codec.out["tool_choice"]["name"] == codec.out["messages"][1]["content"][0]["name"] == short
    assert codec.told["tools[0].function.name"] == ("changed", False)
    reply = codec.whole({"content": [tool_use(short)], "stop_reason": "tool_use"})
    assert reply.choices[0].message.tool_calls[0].function.name == LONG


def test_pitfall_54_shortened_names_stay_apart():
    """And are the same in every call."""
    first, second = (made["name"] for made in tools(tool(LONG), tool(f"{LONG}2")))
    assert first != second
    assert [first] == [made["name"] for made in tools(tool(LONG))]
    assert tools(tool("a.b"), tool("a_b"))[0]["name"].startswith("a_b_")


# ------------------------------------------------------------------------------------------ choice


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"}),
        ({"type": "tool", "name": "f"}, {"type": "tool", "name": "f"}),
        (None, None),
    ],
    ids=str,
)
def test_pitfall_65_choice(choice, sent):
    """OpenAI's words in Anthropic's."""
    assert encode(tools=[tool()], tool_choice=choice).get("tool_choice") == sent


def test_pitfall_65_a_choice_without_a_counterpart():
    """Is left out, which is a loss."""
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}
    codec = Codec(tools=[tool()], tool_choice=choice, max_tokens=1)
    assert "tool_choice" not in codec.out
    assert codec.told == {"tool_choice": ("dropped", True)}


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", {"type": "any", "disable_parallel_tool_use": True}),
        ("none", {"type": "none"}),
    ],
    ids=str,
)
def test_pitfall_65_one_call_at_a_time(choice, sent):
    """`parallel_tool_calls=False` is a property of the choice there."""
    assert encode(tools=[tool()], tool_choice=choice, parallel_tool_calls=False)["tool_choice"] == sent
    assert encode(tools=[tool()], tool_choice=choice, parallel_tool_calls=True).get("tool_choice") == (
        {"type": sent["type"]} if choice else None
    )


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "f"}}])
def test_models_that_cannot_be_made_to_call(choice):
    """The newest answer a forced choice with a 400; they are left to choose, and that is told."""
    codec = Codec(model="claude-opus-5-5", tools=[tool()], tool_choice=choice, max_tokens=1)
    assert codec.out["tool_choice"] == {"type": "auto"}
    assert codec.told == {"tool_choice": ("changed", True)}
    with pytest.raises(UnsupportedParameterError, match="cannot be made to call a tool"):
        Codec(model="claude-opus-5-5", tools=[tool()], tool_choice=choice, max_tokens=1, strict=True)


def test_a_choice_among_nothing():
    """Without tools there is nothing to be made to call."""
    assert Codec(tool_choice="required", max_tokens=1).told == {"tool_choice": ("dropped", True)}
    assert Codec(tool_choice="auto", max_tokens=1).told == {}


def test_calls_of_before_keep_their_tools():
    """Anthropic refuses calls in the history without tools; they are named, and not to be called."""
    said = [user(), assistant(None, call("f"), call("g", call_id="b")), result(), result(call_id="b")]
    codec = Codec(said, max_tokens=1)
    assert codec.out["tools"] == [{"name": name, "input_schema": {"type": "object"}} for name in "fg"]
    assert codec.out["tool_choice"] == {"type": "none"}
    assert codec.told == {"tools": ("added", False)}
    check(codec.out)


# ------------------------------------------------------------------------------------------- legacy


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, {"type": "auto", "disable_parallel_tool_use": True}),
        ("none", {"type": "none"}),
        ({"name": "f"}, {"type": "tool", "name": "f", "disable_parallel_tool_use": True}),
    ],
    ids=str,
)
def test_pitfall_70_functions_are_tools(choice, sent):
    """Of which one is called at a time: the old form holds one call."""
    out = encode(functions=[{"name": "f", "parameters": SCHEMA}], function_call=choice)
    assert out["tools"] == [{"name": "f", "input_schema": SCHEMA}]
    assert out["tool_choice"] == sent
    check(out)


# ------------------------------------------------------------------------------------- JSON schemas


def wanted(**fields: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, **fields}}


def test_pitfall_57_schemas_are_enforced_where_they_can_be():
    """By Anthropic itself, from 4.5 on, beside tools and thinking too."""
    out = encode(response_format=wanted(), tools=[tool()], model="claude-sonnet-5", reasoning_effort="low")
    assert out["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": CLOSED}}
    assert [made["name"] for made in out["tools"]] == ["f"]
    check(out)


@pytest.mark.parametrize(
    ("given", "sent"),
    [({"name": "reply"}, "reply"), ({"name": "my reply"}, "my_reply_"), ({"name": None}, "answer")],
)
def test_pitfall_57_older_models_are_made_to_call_a_tool(given, sent):
    """Whose input is the answer."""
    codec = Codec(response_format=wanted(**given), model=OLD_CLAUDE, max_tokens=1)
    (made,) = codec.out["tools"]
    assert made["input_schema"] == CLOSED
    assert made["name"].startswith(sent)
    assert codec.out["tool_choice"] == {"type": "tool", "name": made["name"]}
    assert codec.told == {"response_format": ("changed", False)}
    check(codec.out)


@pytest.mark.parametrize(
    ("model", "body"),
    [(OLD_CLAUDE, {"tools": [tool()]}), ("claude-3-7-sonnet", {"reasoning_effort": "low"})],
    ids=["tools", "thinking"],
)
def test_pitfall_57_but_not_beside_tools_or_thinking(model, body):
    """Those are asked in words; the caller's tools and thinking stay."""
    codec = Codec(
        [{"role": "system", "content": "Be brief."}, user()], response_format=wanted(), model=model, **body
    )
    assert codec.out["system"][0] == text("Be brief.")
    assert "JSON schema" in codec.out["system"][1]["text"]
    assert codec.told["response_format"] == ("changed", True)
    assert len(codec.out.get("tools", ())) == len(body.get("tools", ()))


def test_a_schema_that_is_none():
    """OpenAI lets it be left out: JSON of any kind is asked for, in words."""
    codec = Codec(response_format=wanted(schema=None), model=CLAUDE, max_tokens=1)
    assert "JSON object" in codec.out["system"]
    assert "output_config" not in codec.out
    assert codec.told == {"response_format": ("changed", True)}


@pytest.mark.parametrize("kind", ["text", "json_object"])
def test_other_formats(kind):
    """Text is what happens anyway; JSON mode is put into words before the codec."""
    assert Codec(response_format={"type": kind}, max_tokens=1).out.keys() == {
        "model",
        "messages",
        "max_tokens",
    }
