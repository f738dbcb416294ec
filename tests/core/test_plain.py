"""What callers give is made plain once; what JSON has no form for is refused by its field's name."""

from __future__ import annotations

import enum
import math
from array import array
from collections import OrderedDict, UserDict, deque
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel, TypeAdapter

from muxi_llm import Completion, Embedding, OpenAI, errors, runtime
from muxi_llm.core.plain import made_plain
from muxi_llm.transport.scripted import Answer, Scripted
from tests.core import CHAIN, ask, failed, said
from tests.support.bodies import HELLO, chat, completion, embeddings

pytestmark = pytest.mark.usefixtures("keys")

DEEP = 10_000


class Text(str):
    __slots__ = ()


class Level(enum.StrEnum):
    HIGH = "high"


class Number(float):
    pass


class Count(int):
    pass


@dataclass
class Point:
    x: Any


class Model(BaseModel):
    a: int
    b: int | None = None


class Scalar:
    """As numpy's: no number of Python's, but it knows one."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def tolist(self) -> Any:
        return self._value


MADE: list[tuple[Any, Any]] = [
    ((1, (2, 3)), [1, [2, 3]]),
    (iter([iter([1])]), [[1]]),
    ({"a": deque([1]), "b": {1: (x for x in "ab")}}, {"a": [1], "b": {1: ["a", "b"]}}),
    (OrderedDict(a=UserDict(b=MappingProxyType({Text("c"): 1}))), {"a": {"b": {"c": 1}}}),
    ([Text("a"), Level.HIGH, Number(0.5), Count(2), True], ["a", "high", 0.5, 2, True]),
    ([Scalar(0.5), Scalar(True), array("d", [0.5])], [0.5, True, [0.5]]),
    ([Decimal("0.5"), Fraction(1, 2)], [0.5, 0.5]),
    ([Point((1,)), Model(a=1)], [{"x": [1]}, {"a": 1}]),
    ({1}, [1]),
]


@pytest.mark.parametrize(("value", "plain"), MADE, ids=lambda value: type(value).__name__)
def test_what_becomes_of_it(value, plain):
    """Down to the exact classes that JSON has."""
    made = made_plain({"field": value})["field"]
    assert made == plain
    assert type(made) is type(plain)
    assert orjson.dumps(made, option=orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_NON_STR_KEYS)


def test_a_class_that_an_answer_is_to_have_stays():
    """It becomes a schema later on."""
    assert made_plain({"response_format": Model}) == {"response_format": Model}


def test_dates_stay():
    """JSON writers know them."""
    assert made_plain({"a": [date(2026, 1, 2)]}) == {"a": [date(2026, 1, 2)]}


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), PLAIN))
def test_what_is_plain_is_not_even_copied(value):
    assert made_plain(value) is value


SELF: list[Any] = []
SELF.append(SELF)
NAMED: list[tuple[dict[str, Any], str]] = [
    ({"temperature": math.nan}, "temperature"),
    ({"temperature": Number("inf")}, "temperature"),
    ({"top_p": -math.inf}, "top_p"),
    ({"logit_bias": {"1": math.nan}}, "logit_bias.1"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": b"x"}]}]}, "messages[0].content[0].text"),
    ({"tools": [lambda city: city]}, "tools[0]"),
    ({"tools": [Model]}, "tools[0]"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": Model}}]}, "tools[0].function.parameters"),
    ({"metadata": {"x": object()}}, "metadata.x"),
    ({"user": "a \ud83d b"}, "user"),
    ({"messages": [*HELLO, {"role": "user", "content": "\udcad"}]}, "messages[1].content"),
    ({"metadata": {"\ud83d": "x"}}, "metadata"),
    ({"extra_body": {"a": ["\ud83d"]}}, "extra_body.a[0]"),
    ({"extra_body": {"a": math.nan}}, "extra_body.a"),
    ({"provider_options": {"openai": {"a": {"b": "\ud83d"}}}}, "provider_options.openai.a.b"),
]  # fmt: skip


@pytest.mark.parametrize(("params", "name"), NAMED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_json_has_no_form_for_is_refused_by_name(driver, params, name):
    """At once, nothing sent."""
    raised, script = ask(driver, retries=3, **params)
    assert isinstance(raised, errors.InvalidRequestError)
    assert (raised.param, script.calls) == (name, [])
    assert name in str(raised)


@pytest.mark.parametrize("deep", [SELF, "deep"], ids=["itself", "deep"])
def test_what_has_no_end_is_refused(driver, deep):
    if deep == "deep":
        deep = []
        for _ in range(DEEP):
            deep = [deep]
    raised, script = ask(driver, metadata={"a": deep})
    assert isinstance(raised, errors.InvalidRequestError)
    assert script.calls == []


def test_a_hint_goes_with_classes_and_functions(driver):
    assert "pydantic_function_tool" in str(ask(driver, tools=[Model])[0])
    assert "model_json_schema" in str(ask(driver, metadata={"a": Model})[0])
    assert "parameters" in str(ask(driver, tools=[print])[0])


def test_numbers_beyond_64_bits_are_sent(driver):
    _, script = ask(driver, said(), seed=2**70, user="\u00e9")
    assert b'"seed":%d' % 2**70 in script.calls[0].body
    raised, _ = ask(driver, seed=2**70, user="\ud83d")
    assert raised.param == "user"


# ----------------------------------------------------------------------------- every attempt

CALLS = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
TURN = [*HELLO, {"role": "assistant", "content": None, "tool_calls": CALLS}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "required": ("a",)}}}


def one_pass() -> dict[str, Any]:
    """Arguments that can be read once."""
    validated = TypeAdapter(list[ChatCompletionMessageParam]).validate_python(TURN)
    return {"messages": (m for m in validated), "tools": iter([TOOL]), "stop": (s for s in ["x"])}


def test_every_attempt_asks_the_same(driver):
    """Retries and fallbacks, whatever iterators the arguments held."""
    _, script = ask(driver, failed(503), failed(503), said(), **one_pass(), retries=1, fallback_models=CHAIN)
    for body in script.bodies:
        assert body["messages"][1]["tool_calls"] == CALLS
        assert body["tools"][0]["function"]["parameters"]["required"] == ["a"]
        assert body["stop"] == ["x"]


def test_every_attempt_of_a_client_asks_the_same():
    """At its own server too."""
    script = Scripted(failed(503), failed(503), Answer(json=chat("Hi")))
    with runtime.using(script):
        OpenAI().chat.completions.create(model="gpt-4", **one_pass())
    assert len({str(body) for body in script.bodies}) == 1
    assert script.bodies[0]["messages"][1]["tool_calls"] == CALLS


def test_inputs_of_the_other_endpoints(driver):
    _, script = driver.scripted(Embedding, Answer(json=embeddings()), model="openai/e", input=Scalar(["a"]))
    assert script.bodies[0]["input"] == ["a"]
    _, script = driver.scripted(Completion, Answer(json=completion()), model="openai/c", prompt=Text("x"))
    assert script.bodies[0]["prompt"] == "x"
