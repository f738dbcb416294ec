"""Off-schema values: what a caller's usual code reads of them is of the right type, whatever came."""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.models import ChatCompletion, ChatCompletionChunk, Completion
from muxi_llm.wire.base import WireError, build_value, read_value
from muxi_llm.wire.mending import count_of
from tests.support.bodies import CALL, USAGE, chat, chunk, completion
from tests.support.length import long

CONTENTS: dict[str, tuple[Any, Any]] = {
    "a text": ("Hi", "Hi"),
    "nothing": (None, None),
    "parts": ([{"type": "text", "text": "H"}, {"type": "text", "text": "i"}], "Hi"),
    "an object": ({"name": "Ada"}, '{"name":"Ada"}'),
    "a list": ([1, "a"], '[1,"a"]'),
    "a list of objects": ([{"name": "Ada"}], '[{"name":"Ada"}]'),
    "a number": (5, "5"),
}


@pytest.mark.parametrize(("content", "text"), CONTENTS.values(), ids=CONTENTS)
def test_content_is_text(content: Any, text: Any) -> None:
    """A server that parsed a structured answer has it told as it was said."""
    assert build_value(ChatCompletion, chat(content, finish="eos")).choices[0].message.content == text
    assert (
        build_value(ChatCompletionChunk, chunk({"content": content}, finish="eos")).choices[0].delta.content
        == text
    )


def test_thinking_among_the_parts() -> None:
    """Is not what the model said, however deep it is."""
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "Hi"},
    ]
    message = build_value(ChatCompletion, chat(parts)).choices[0].message
    assert (message.content, message.reasoning_content) == ("Hi", "hm")


def test_what_is_beside_a_text_and_is_not_of_its_type() -> None:
    """Is not told: who reads it would trip over it."""
    beside = {"annotations": 5, "audio": [1], "function_call": "f", "refusal": 7}
    for kind, body in (
        (ChatCompletion, chat("Hi", **beside)),
        (ChatCompletionChunk, chunk({"content": "Hi", **beside})),
    ):
        choice = build_value(kind, {**body, "usage": 5}).choices[0]  # `usage` has it mended
        said = choice.message if kind is ChatCompletion else choice.delta
        assert (said.content, said.refusal) == ("Hi", "7")
        assert not {"annotations", "audio", "function_call"} & said.model_dump(exclude_unset=True).keys()


REASONS = {"eos": "stop", "time_limit": "length", "bored": "bored", "": "stop", None: "stop", 5: "5"}


@pytest.mark.parametrize(("said", "told"), REASONS.items(), ids=repr)
def test_why_an_answer_ended(said: Any, told: str) -> None:
    """In OpenAI's words; a word nobody knows stays what it is, and is no `stop`."""
    choice = build_value(ChatCompletion, {**chat(finish=said), "object": ""}).choices[0]
    assert choice.finish_reason == told
    assert choice.get("native_finish_reason") == (None if not said else str(said))


CALLS: dict[str, tuple[Any, Any]] = {
    "arguments as an object": ({"function": {"name": "f", "arguments": {"a": 1}}}, ("function", "f", '{"a":1}')),
    "no arguments": ({"function": {"name": "f"}}, ("function", "f", "{}")),
    "no name": ({"function": {"arguments": "{}"}}, ("function", "", "{}")),
    "a custom tool": ({"custom": {"name": "f", "input": {"a": 1}}}, ("custom", "f", '{"a":1}')),
    "a vendor's own type": ({"type": "builtin_function", "function": {"name": "f", "arguments": "{}"}}, ("builtin_function", "f", "{}")),
    "an odd type": ({"type": 5, "function": {"name": "f", "arguments": "{}"}}, ("5", "f", "{}")),
    "an odd custom beside": ({"type": "function", "custom": 5, "function": {"name": "f"}}, ("function", "f", "{}")),
}  # fmt: skip


@pytest.mark.parametrize(("call", "told"), CALLS.values(), ids=CALLS)
def test_calls(call: Any, told: Any) -> None:
    """Each has a type, a name, and a text."""
    (made,) = (
        build_value(ChatCompletion, chat(tool_calls=[{"id": 7, **call}])).choices[0].message.tool_calls or ()
    )
    called = made["custom"] if made.type == "custom" else made["function"]
    text = called["input"] if made.type == "custom" else called["arguments"]
    assert (made.id, made.type, called["name"], text) == ("7", *told)


@pytest.mark.parametrize(
    "call", [{}, {"function": "f"}, {"type": "custom", "custom": 1}, {"type": "function"}]
)
def test_a_call_of_nothing_is_no_call(call: Any) -> None:
    """It cannot be carried out, and without it the answer is another."""
    with pytest.raises(WireError, match="calls nothing"):
        build_value(ChatCompletion, chat(tool_calls=[call]))


def test_a_call_of_nothing_beside_a_call_is_left_out() -> None:
    """Some servers send an empty one with each answer."""
    value = build_value(ChatCompletion, chat(tool_calls=[{"id": "a"}, CALL]))
    assert [call.id for call in value.choices[0].message.tool_calls or ()] == [CALL["id"]]


COUNTS: dict[Any, int | None] = {
    5: 5, 6.0: 6, "5": 5, "\u0665": None, "5" * 400: None, 10**400: None, -1: None, float("nan"): None,
    float("inf"): None, None: None, "many": None,
}  # fmt: skip


@pytest.mark.parametrize(("said", "count"), COUNTS.items(), ids=lambda value: str(value)[:9])
def test_counts(said: Any, count: int | None) -> None:
    """Numbers, or not known."""
    assert count_of(said) == count
    details = {"cached_tokens": said}
    body = {**chat(finish="eos"), "usage": {"prompt_tokens": said, "prompt_tokens_details": details}}
    usage = build_value(ChatCompletion, body).usage
    assert usage is not None
    assert usage.prompt_tokens == count
    assert usage.prompt_tokens_details.cached_tokens == count  # type: ignore[union-attr]


def test_what_is_no_usage() -> None:
    """Is not known either."""
    assert build_value(ChatCompletion, {**chat(), "usage": 5}).usage is None
    body = {**chat(finish="eos"), "usage": {**USAGE, "completion_tokens_details": 5}}
    assert build_value(ChatCompletion, body).usage.completion_tokens_details is None  # type: ignore[union-attr]


JUNK = st.sampled_from(
    [None, True, -1, 5, 1.5, 10**30, "", "x", [], [1], [[]], {}, {"type": "text"}, {"a": [{}]}]
)
BODIES = (
    (ChatCompletion, {**chat("Hi", tool_calls=[CALL], function_call={"name": "f", "arguments": ""}, refusal="No", annotations=[], audio={}), "usage": {**USAGE, "prompt_tokens_details": {}}}),
    (ChatCompletionChunk, {**chunk({"content": "Hi", "tool_calls": [{**CALL, "index": 0}], "function_call": {"name": "f"}}), "usage": USAGE}),
    (Completion, {**completion("Hi"), "usage": USAGE}),
)  # fmt: skip


@settings(max_examples=long(400, 133), deadline=None)
@given(st.data())
def test_whatever_came_is_of_its_type(data: Any) -> None:
    """Or there is no value: callers read texts and numbers without looking first."""
    kind, body = data.draw(st.sampled_from(BODIES))
    body = deepcopy(body)
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(list(places(body))))
        holder[key] = deepcopy(data.draw(JUNK))
    with suppress(WireError):
        value = read_value(kind, json.dumps(body).encode())  # type: ignore[type-var]
        assert isinstance(value.id, str | None)
        assert isinstance(value.created, int | None)
        for choice in value.choices:
            assert isinstance(choice.finish_reason, str | None)
            if kind is Completion:
                assert isinstance(choice.text, str)
            else:
                check_said(choice.message if kind is ChatCompletion else choice.delta)
        if value.usage is not None:
            assert isinstance(value.usage.prompt_tokens, int | None)


def check_said(said: Any) -> None:
    """A message or a delta."""
    for text in (said.content, said.refusal, said.role):
        assert isinstance(text, str | None)
    for call in said.tool_calls or ():
        function = getattr(call, "function", None)
        assert function is None or isinstance(function.name, str | None)
        assert function is None or isinstance(function.arguments, str | None)
    assert said.function_call is None or isinstance(said.function_call.arguments, str | None)


def places(raw: Any) -> Any:
    """Every place in *raw*, as what holds it and the key there."""
    inner = (
        list(raw.items()) if isinstance(raw, dict) else list(enumerate(raw)) if isinstance(raw, list) else []
    )
    for key, value in inner:
        yield raw, key
        yield from places(value)


LOGPROBS: dict[str, tuple[Any, Any]] = {
    "OpenAI's": ({"content": [{"token": "a"}]}, {"content": [{"token": "a"}]}),
    "of an older form": ({"tokens": ["a"]}, {"tokens": ["a"]}),
    "with odd tokens": ({"content": ["a"], "refusal": 5}, {"content": None, "refusal": None}),
    "none": ("x", None),
}


@pytest.mark.parametrize(("said", "told"), LOGPROBS.values(), ids=LOGPROBS)
def test_logprobs(said: Any, told: Any) -> None:
    """An object with lists of objects, or nothing."""
    body = chat(finish="eos")
    body["choices"][0]["logprobs"] = said
    logprobs = build_value(ChatCompletion, body).choices[0].logprobs
    assert (logprobs and logprobs.model_dump(exclude_unset=True, warnings=False)) == told
