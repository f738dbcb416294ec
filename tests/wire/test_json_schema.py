"""JSON answers: the words that ask for them, and schemas in the dialects that enforce them."""

from __future__ import annotations

import copy
import json
import re
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib._pydantic import to_strict_json_schema
from pydantic import BaseModel, ConfigDict, Field, create_model

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.wire.base import Json, Ledger
from muxi_llm.wire.json_schema import (
    closed_schema,
    is_strict,
    json_instruction,
    one_root,
    renamed_keys,
    require_all,
    with_properties,
)
from tests.support.length import long


def test_the_words_for_any_json() -> None:
    """One object, nothing around it."""
    assert "JSON object" in json_instruction()
    assert "no code fence" in json_instruction()


def test_the_words_for_a_schema_hold_it_whole() -> None:
    """As JSON, on a line of its own."""
    schema = {"type": "object", "properties": {"größe": {"type": "integer", "minimum": 1}}}
    *_, last = json_instruction(schema).splitlines()
    assert json.loads(last) == schema


# ------------------------------------------------------------------------------------------ closed


def closed(schema: Json) -> tuple[Json, str | None]:
    """The closed schema and what it lost."""
    ledger = Ledger("acme")
    out = closed_schema(schema, ledger, "tools")
    return out, ledger.entries[0].detail if ledger.entries else None


OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}
CLOSED = {**OBJECT, "additionalProperties": False}

CLOSINGS: dict[str, tuple[Json, Json]] = {
    "an object": (OBJECT, CLOSED),
    "an object without properties": ({"type": "object"}, {"type": "object", "additionalProperties": False}),
    "an object that may be null": (
        {"type": ["object", "null"]},
        {"type": ["object", "null"], "additionalProperties": False},
    ),
    "properties without a type": (
        {"properties": {"a": {}}},
        {"properties": {"a": {}}, "additionalProperties": False},
    ),
    "one that is closed": (CLOSED, CLOSED),
    "no object": ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
    "in an array": ({"type": "array", "items": OBJECT}, {"type": "array", "items": CLOSED}),
    "in a union": ({"anyOf": [OBJECT, {"type": "null"}]}, {"anyOf": [CLOSED, {"type": "null"}]}),
    "in definitions": (
        {"$defs": {"A": OBJECT}, "definitions": {"B": OBJECT}},
        {"$defs": {"A": CLOSED}, "definitions": {"B": CLOSED}},
    ),
    "properties named like keywords": (
        {"type": "object", "properties": {"minimum": {}, "properties": OBJECT, "enum": OBJECT}},
        {
            "type": "object",
            "properties": {"minimum": {}, "properties": CLOSED, "enum": CLOSED},
            "additionalProperties": False,
        },
    ),
    "data that looks like a schema": (
        {"enum": [OBJECT], "const": OBJECT, "default": OBJECT, "examples": [{"minimum": 1}]},
        {"enum": [OBJECT], "const": OBJECT, "default": OBJECT, "examples": [{"minimum": 1}]},
    ),
    "a schema that is a boolean": ({"items": True}, {"items": True}),
}


@pytest.mark.parametrize(("schema", "expected"), CLOSINGS.values(), ids=CLOSINGS)
def test_objects_are_closed(schema: Json, expected: Json) -> None:
    """Every one, however deep; nothing else changes, nothing is lost."""
    before = copy.deepcopy(schema)
    assert closed(schema) == (expected, None)
    assert schema == before


LOSSES: dict[str, tuple[Json, Json, str]] = {
    "bounds": ({"type": "integer", "minimum": 1, "maximum": 9}, {"type": "integer"}, "maximum, minimum"),
    "bounds deep down": (
        {"type": "array", "minItems": 2, "items": {"anyOf": [{"type": "string", "maxLength": 3}]}},
        {"type": "array", "items": {"anyOf": [{"type": "string"}]}},
        "maxLength, minItems",
    ),
    "a map": (
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "additionalProperties": False},
        "additionalProperties",
    ),
    "an open object": ({**OBJECT, "additionalProperties": True}, CLOSED, "additionalProperties"),
    "patternProperties": (
        {"type": "object", "patternProperties": {"^x": {}}},
        {"type": "object", "additionalProperties": False},
        "patternProperties",
    ),
}


@pytest.mark.parametrize(("schema", "expected", "lost"), LOSSES.values(), ids=LOSSES)
def test_what_is_not_enforced_is_told(schema: Json, expected: Json, lost: str) -> None:
    """Once, by name; strict mode refuses it."""
    assert closed(schema) == (expected, f"schema keywords not enforced there: {lost}")
    with pytest.raises(UnsupportedParameterError, match="tools dropped"):
        closed_schema(schema, Ledger("acme", strict=True), "tools")


# -------------------------------------------------------------------------------- OpenAI's dialect


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Point(BaseModel):
    """A place."""

    x: int
    y: int = 0


class Plain(BaseModel):
    name: str
    nick: str | None = None
    size: int = Field(3, description="in cm")
    colour: Colour = Colour.RED
    kind: Literal["a", "b"]


class Nested(BaseModel):
    points: list[Point]
    either: Point | Plain
    maybe: Point | None = None
    by_name: dict[str, Point]
    pair: tuple[int, str]


class Described(BaseModel):
    """References with siblings: strict mode refuses them, their words must not be lost."""

    origin: Point = Field(description="where it starts")
    colour: Colour = Field(Colour.BLUE, title="Paint")
    always: Point = None  # type: ignore[assignment]


class Tree(BaseModel):
    """A model that holds itself: Pydantic makes its root a reference."""

    label: str
    children: list[Tree] = []


class Tangled(BaseModel):
    """A reference with a sibling, to itself."""

    label: str
    inner: Tangled = Field(None, description="one more")  # type: ignore[assignment]


class Awkward(BaseModel):
    """Fields named like keywords."""

    properties: dict[str, int]
    default: None = None
    required: list[Point]
    enum: Point


class Empty(BaseModel):
    """No field at all."""


MODELS = [Plain, Nested, Described, Tree, Awkward, Empty]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_strict_schemas_are_openais(model: type[BaseModel]) -> None:
    """What OpenAI's own client would send."""
    schema = model.model_json_schema()
    before = copy.deepcopy(schema)
    assert require_all(schema) == to_strict_json_schema(model)
    assert schema == before


def nodes(schema: Any) -> list[Json]:
    """Every object in a schema."""
    if isinstance(schema, list):
        return [node for item in schema for node in nodes(item)]
    return [schema, *nodes(list(schema.values()))] if isinstance(schema, dict) else []


def test_a_root_that_is_a_reference_keeps_its_definitions() -> None:
    """The root must be an object, and what it refers to must be there."""
    strict = require_all(Tree.model_json_schema())
    assert strict["type"] == "object"
    assert strict["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    assert strict["$defs"]["Tree"]["required"] == ["label", "children"]


def test_a_reference_to_itself_ends() -> None:
    """And keeps its words, beside the one alternative; OpenAI's client would never come back."""
    strict = require_all(Tangled.model_json_schema())
    assert all(node.keys() == {"$ref"} for node in nodes(strict) if "$ref" in node)
    assert strict["properties"]["inner"] == {
        "description": "one more",
        "anyOf": [{"$ref": "#/$defs/Tangled"}],
    }
    assert is_strict(strict)


def family(count: int) -> type[BaseModel]:
    """Classes that all refer to each other, each field with a description."""
    fields = {f"to{i}": (f"C{i}", Field(description=f"to {i}")) for i in range(count)}
    classes = {f"C{i}": create_model(f"C{i}", **fields) for i in range(count)}  # type: ignore[call-overload]
    for made in classes.values():
        made.model_rebuild(_types_namespace=classes)
    return classes["C0"]


def test_a_schema_grows_with_the_classes_not_with_the_ways_through_them() -> None:
    """Twice the classes refer to each other four times as often, and that is all."""
    sizes = {count: len(str(require_all(family(count).model_json_schema()))) for count in (5, 10, 20)}
    assert sizes[10] < 4.5 * sizes[5]
    assert sizes[20] < 4.5 * sizes[10]


def test_open_objects_are_closed() -> None:
    """What a class allows beside its fields was not asked for; strict mode refuses the permission."""

    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")
        a: int

    strict = require_all(Open.model_json_schema())
    assert strict["additionalProperties"] is False
    assert is_strict(strict)


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Owner(BaseModel):
    pet: Cat | Dog = Field(discriminator="kind")
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]]


def test_unions_told_apart_by_a_field() -> None:
    """Are `anyOf`, the only alternative strict mode has."""
    strict = require_all(Owner.model_json_schema())
    variants = {"anyOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}
    assert strict["properties"]["pets"]["items"] == variants
    assert strict["properties"]["pet"] == {"title": "Pet", **variants}
    assert is_strict(strict)


UNENFORCEABLE = {
    "a map": {"by_name": (dict[str, int], ...)},
    "anything": {"any": (Any, ...)},
    "a tuple": {"pair": (tuple[int, str], ...)},
    "a bare dict": {"raw": (dict, ...)},
}


@pytest.mark.parametrize("fields", UNENFORCEABLE.values(), ids=UNENFORCEABLE)
def test_what_strict_mode_cannot_say(fields: Any) -> None:
    """Is known as such, so that it may be asked for without."""
    schema = create_model("Made", **fields).model_json_schema()
    assert not is_strict(require_all(schema))


@pytest.mark.parametrize(
    "schema", [{"type": "string"}, {"anyOf": [{"type": "object"}]}, {**OBJECT, "anyOf": []}]
)
def test_a_root_that_is_no_object(schema: Json) -> None:
    assert not is_strict(schema)


# ------------------------------------------------------------------------------ tools' parameters

A, B, C = ({"type": kind} for kind in ("string", "integer", "boolean"))


@pytest.mark.parametrize(
    ("schema", "flat", "lost"),
    [
        ({"type": "object", "properties": {"a": A}}, {"type": "object", "properties": {"a": A}}, []),
        (
            {"type": "object", "properties": {"a": A, "b": B}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {"type": "object", "properties": {"a": A, "b": B}},
            ["anyOf"],
        ),
        (
            {"oneOf": [{"properties": {"a": A, "b": B}, "required": ["a", "b"]}, {"$ref": "#/$defs/x"}, True],
             "$defs": {"x": {"properties": {"a": C, "c": C}, "required": ["a"]}}},
            {"type": "object", "properties": {"a": A, "b": B, "c": C},
             "$defs": {"x": {"properties": {"a": C, "c": C}, "required": ["a"]}}},
            ["oneOf"],
        ),
        (
            {"required": ["z"], "allOf": [{"properties": {"a": A}, "required": ["a"]}, {"required": ["b"]}], "not": {}},
            {"type": "object", "properties": {"a": A}, "required": ["a", "b", "z"]},
            ["allOf", "not"],
        ),
    ],
)  # fmt: skip
def test_no_combinators_at_the_top(schema: Json, flat: Json, lost: list[str]) -> None:
    """All the alternatives' properties may be given; required is what each of them requires."""
    before = copy.deepcopy(schema)
    made, told = one_root(schema)
    assert {**made, "properties": {k: made["properties"][k] for k in sorted(made["properties"])}} == flat
    assert (told, schema) == (lost, before)


def test_objects_and_arrays_say_of_what() -> None:
    """OpenAI refuses those that do not; whole schemas stay the same object."""
    assert with_properties({"type": "object"}) == {"type": "object", "properties": {}}
    nested = {"type": "object", "properties": {"a": {"type": "array"}, "b": {"anyOf": [{"type": "object"}]}}}
    assert with_properties(nested)["properties"] == {
        "a": {"type": "array", "items": {}},
        "b": {"anyOf": [{"type": "object", "properties": {}}]},
    }
    whole = {"type": "object", "properties": {"type": {"type": "string", "enum": ["object"]}, "x": True}}
    assert with_properties(whole) is whole
    assert with_properties({"type": "object", "properties": {"x": True, "y": {"type": "array"}}})[
        "properties"
    ]["x"]


def test_property_names_outside_an_alphabet() -> None:
    """Are given others at the top, and told which; deeper down they may stay."""
    inner: Json = {"type": "object", "properties": {"b c": A}}
    schema: Json = {"type": "object", "properties": {"$a": inner, "ok": True}, "required": ["$a", "ok"]}
    made, back = renamed_keys(schema, re.compile(r"\w+"), lambda name: "x" + re.sub(r"\W", "_", name))
    assert made == {**schema, "properties": {"x_a": inner, "ok": True}, "required": ["x_a", "ok"]}
    assert back == {"x_a": "$a"}
    optional = {"properties": {"$a": A}}
    assert renamed_keys(optional, re.compile(r"\w+"), lambda _: "a")[0] == {"properties": {"a": A}}
    for plain in ({"type": "object", "properties": {"ok": A}}, {"properties": 3}):
        assert renamed_keys(plain, re.compile(r"\w+"), str) == (plain, {})


SCHEMAS = st.recursive(
    st.sampled_from([{"type": "string"}, {"type": "integer", "minimum": 1}, {"type": "object"}]),
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(
            lambda properties: {"type": "object", "properties": properties}
        ),
        inner.map(lambda items: {"type": "array", "items": items}),
        st.lists(inner, min_size=1, max_size=3).map(lambda variants: {"anyOf": variants}),
    ),
    max_leaves=10,
)


@given(SCHEMAS)
@settings(max_examples=long(100, 33), deadline=None)
def test_both_dialects_close_every_object_once_and_for_all(schema: Json) -> None:
    """Doing it again changes nothing."""
    for out in (require_all(schema), closed(schema)[0]):
        objects = [node for node in nodes(out) if node.get("type") == "object"]
        assert all(node["additionalProperties"] is False for node in objects)
    assert require_all(require_all(schema)) == require_all(schema)
    assert closed(closed(schema)[0]) == (closed(schema)[0], None)
    assert all(
        node["required"] == list(node["properties"])
        for node in nodes(require_all(schema))
        if "properties" in node
    )
