"""Tools, choices, schemas and thinking on their way to Gemini."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.wire.base import Ledger
from muxi_llm.wire.gemini.tools import gemini_schema
from tests.support.anthropic import assistant, call, tool, user
from tests.support.gemini import Codec, encode, function_call, reply

F = {"functionDeclarations": [{"name": "f"}]}


def calling(**body: Any) -> Any:
    """How functions may be called."""
    return encode(tools=[tool()], **body).get("toolConfig", {}).get("functionCallingConfig")


def test_a_tool():
    """In the order given, schema and all."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    out = encode(tools=[tool("f", description="d", parameters=schema), tool("g")])
    declared = [{"name": "f", "description": "d", "parametersJsonSchema": schema}, {"name": "g"}]
    assert out["tools"] == [{"functionDeclarations": declared}]
    assert "toolConfig" not in out


def test_tools_of_geminis_own():
    """As they are, beside functions."""
    assert encode(tools=[{"googleSearch": {}}, tool()])["tools"] == [{"googleSearch": {}}, F]
    codec = Codec(web_search_options={})
    assert codec.out["tools"] == [{"googleSearch": {}}]
    assert codec.told == {"web_search_options": ("moved", False)}


NAMED = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (None, None),
        ("auto", None),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (NAMED, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        ({"name": "f"}, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [NAMED]}},
            {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED]}},
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
        ),
    ],
    ids=str,
)
def test_pitfall_65_choices(choice, config):
    assert calling(tool_choice=choice) == config


def test_a_choice_that_makes_no_sense_there():
    codec = Codec(tools=[tool()], tool_choice={"type": "custom"})
    assert codec.told == {"tool_choice": ("dropped", True)}
    codec = Codec(tool_choice="required")
    assert codec.told == {"tool_choice": ("dropped", True)}
    assert Codec(tool_choice="none").told == {}


def test_pitfall_69_strict_keeps_arguments_to_their_schema():
    """By the mode that does so and leaves the choice."""
    assert encode(tools=[tool(strict=True)])["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}


def test_parallel_calls_cannot_be_switched_off():
    assert Codec(tools=[tool()], parallel_tool_calls=False).told == {"parallel_tool_calls": ("dropped", True)}
    assert Codec(tools=[tool()], parallel_tool_calls=True).told == {}


def test_pitfall_54_names_are_shortened_and_given_back():
    """Everywhere the same, and under the caller's own name in the answer."""
    codec = Codec([user(), assistant(None, call("t" * 70))], tools=[tool("t" * 70), tool("1a")])
    (declared,) = codec.out["tools"]
    short, digit = (function["name"] for function in declared["functionDeclarations"])
    assert len(short) == 64
    assert digit == "_1a"
    assert codec.told == {f"tools[{index}].function.name": ("changed", False) for index in (0, 1)}
    assert codec.out["contents"][1]["parts"][0]["functionCall"]["name"] == short
    calls = codec.whole(reply(function_call(short), function_call("_1a"))).choices[0].message.tool_calls
    assert [made.function.name for made in calls] == ["t" * 70, "1a"]


def test_pitfall_70_functions_of_the_legacy_form():
    """Are answered in it."""
    codec = Codec(functions=[{"name": "f"}], function_call={"name": "f"})
    assert codec.out["tools"] == [F]
    assert codec.out["toolConfig"]["functionCallingConfig"] == {"mode": "ANY", "allowedFunctionNames": ["f"]}
    choice = codec.whole(reply(function_call("f", {"a": 1}), function_call("g"))).choices[0]
    assert (choice.finish_reason, choice.message.function_call.arguments) == ("function_call", '{"a":1}')
    assert choice.message.tool_calls is None


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"type": "custom", "custom": {"name": "f"}}, UnsupportedParameterError, "take JSON, not free text"),
        ({"type": "function"}, InvalidRequestError, r"tools\[0\] is not a tool"),
    ],
    ids=["custom", "no function"],
)
def test_what_is_no_function(given, error, says):
    with pytest.raises(error, match=says):
        encode(tools=[given])


# ----------------------------------------------------------------------------------------- schemas

STRING = {"type": "string"}

SCHEMAS = {
    "as it is": ({"type": "object", "properties": {"a": STRING}, "required": ["a"]}, None, ""),
    "nullable": ({"type": ["string", "null"]}, None, ""),
    "closed": ({"type": "object", "additionalProperties": False}, None, ""),
    "open": ({"type": "object", "additionalProperties": STRING}, None, ""),
    "tuple": ({"type": "array", "prefixItems": [STRING], "items": STRING}, None, ""),
    "numbers": ({"enum": [1, 2.5]}, None, ""),
    "const": ({"const": "a"}, {"enum": ["a"]}, ""),
    "const null": ({"type": "null", "const": None}, {"type": "null"}, ""),
    "enum with null": ({"enum": ["a", None]}, {"enum": ["a"]}, ""),
    "enum of truth": ({"type": "boolean", "enum": [True]}, {"type": "boolean"}, ""),
    "definitions": (
        {"$ref": "#/definitions/A", "definitions": {"A": STRING}},
        {"$ref": "#/$defs/A", "$defs": {"A": STRING}},
        "",
    ),
    "beside a reference": (
        {"properties": {"a": {"$ref": "#/$defs/A", "description": "d", "default": 1}}, "$defs": {"A": STRING}},
        {"properties": {"a": {"anyOf": [{"$ref": "#/$defs/A"}], "description": "d"}}, "$defs": {"A": STRING}},
        "",
    ),
    "allOf of one": ({"allOf": [{"$ref": "#/$defs/A"}]}, {"$ref": "#/$defs/A"}, ""),
    "allOf of two": ({"type": "object", "allOf": [STRING, STRING]}, {"type": "object"}, "allOf"),
    "not read": ({"type": "string", "pattern": "a", "minLength": 1}, STRING, "minLength, pattern"),
    "names, not keywords": ({"properties": {"pattern": STRING, "const": STRING}}, None, ""),
    "not needed": ({"$schema": "x", "type": "string", "examples": ["a"], "default": "b"}, STRING, ""),
    "a schema that is none": ({"items": True}, {"items": {}}, ""),
}  # fmt: skip


@pytest.mark.parametrize(("schema", "out", "lost"), SCHEMAS.values(), ids=SCHEMAS)
def test_pitfall_51_schemas(schema, out, lost):
    """In the part of JSON schema Gemini reads; the caller's own is not touched, a loss is told."""
    before = deepcopy(schema)
    ledger = Ledger("google")
    assert gemini_schema(schema, ledger, "x") == (schema if out is None else out)
    assert schema == before
    told = [entry.detail for entry in ledger.entries]
    assert told == ([f"schema keywords not enforced there: {lost}"] if lost else [])


# ---------------------------------------------------------------------------------------- thinking

MINIMAL, LOW, HIGH = "minimal", "low", "high"


def level(name: str, shown: bool = True) -> dict[str, Any]:
    return {"thinkingLevel": name, "includeThoughts": shown}


def budget(tokens: int) -> dict[str, Any]:
    return {"thinkingBudget": tokens, "includeThoughts": True}


@pytest.mark.parametrize(
    ("model", "effort", "config", "told"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}, None),
        ("gemini-2.5-flash", MINIMAL, budget(1024), None),
        ("models/gemini-2.5-flash-lite", LOW, budget(2048), None),
        ("gemini-2.5-pro", HIGH, budget(24_576), None),
        ("gemini-2.5-pro", "xhigh", budget(32_768), None),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}, "changed"),
        ("gemini-2.0-flash", "none", None, None),
        ("gemini-2.0-flash", LOW, None, "dropped"),
        ("gemini-2.5-flash-image", LOW, None, "dropped"),
        ("gemini-3-flash-preview", MINIMAL, level(MINIMAL), None),
        ("gemini-3-flash-preview", "none", level(MINIMAL, shown=False), "changed"),
        ("gemini-3-pro-preview", "medium", level(LOW), "changed"),
        ("gemini-3.1-pro-preview", "medium", level("medium"), None),
        ("gemini-flash-latest", "max", level(HIGH), "changed"),
        ("gemini-flash-latest", "odd", level(HIGH), "changed"),
    ],
)
def test_pitfall_67_efforts(model, effort, config, told):
    """Through one table: a budget up to 2.5, a level since; what is not the same is told (pitfall_33)."""
    codec = Codec(model=model, reasoning_effort=effort)
    assert codec.out.get("generationConfig", {}).get("thinkingConfig") == config
    assert codec.told == ({"reasoning_effort": (told, True)} if told else {})
