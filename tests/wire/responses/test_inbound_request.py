"""OpenAI's Responses, inbound: a client's items as messages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.responses import (
    CITED,
    SEARCH,
    USER,
    Asked,
    custom_call,
    function_call,
    output,
    refusal,
    said,
    text,
    thought,
)


def messages(*items: Any, **body: Any) -> list[dict[str, Any]]:
    """The messages of these items, without those of the default input."""
    return Asked(input=list(items), **body).body["messages"]


PNG = "data:image/png;base64,aGk="
CALLED = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
CALLED_2 = {**CALLED, "id": "call_2"}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "ok"}
RESULT_2 = {**RESULT, "tool_call_id": "call_2"}


def assistant(content: Any = None, *calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    out = {"role": "assistant", "content": content, **fields}
    return {**out, "tool_calls": list(calls)} if calls else out


PARTS = {
    "text": ({"type": "input_text", "text": "a"}, {"type": "text", "text": "a"}),
    "image": (
        {"type": "input_image", "image_url": PNG, "detail": "low", "file_id": None},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
    ),
    "pitfall_47 no detail": (
        {"type": "input_image", "image_url": PNG},
        {"type": "image_url", "image_url": {"url": PNG}},
    ),
    "file": (
        {"type": "input_file", "file_data": "data:,a", "filename": "a.txt"},
        {"type": "file", "file": {"file_data": "data:,a", "filename": "a.txt"}},
    ),
    "file by URL": (
        {"type": "input_file", "file_url": "https://e.com/a.pdf"},
        {"type": "file", "file": {"file_url": "https://e.com/a.pdf"}},
    ),
    "audio": (
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
    ),
    "pitfall_72 mark": (
        {"type": "input_text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
    ),
}


@pytest.mark.parametrize(("part", "wanted"), PARTS.values(), ids=PARTS.keys())
def test_pitfall_45_parts(part, wanted):
    """Of a message and, pitfall 49, of a tool's output alike."""
    assert messages({"type": "message", "role": "user", "content": [part]}) == [
        {"role": "user", "content": [wanted]}
    ]
    answered = messages(function_call(), output(told=[part]))
    assert answered[-1]["content"] == [wanted]


TURNS: dict[str, tuple[list[Any], list[Any]]] = {
    "messages": (
        [
            {"role": "developer", "content": "d"},
            USER,
            {"role": "assistant", "content": "a"},
            {"role": "system", "content": "s"},
        ],
        [{"role": "developer", "content": "d"}, USER, assistant("a"), {"role": "system", "content": "s"}],
    ),
    "an assistant's parts": ([said("a", "b")], [assistant("ab")]),
    "pitfall_71 refusal": ([said(refusal("no"))], [assistant(None, refusal="no")]),
    "text and refusal": ([said("a", refusal("no"))], [assistant("a", refusal="no")]),
    "a call after a text": ([said("a"), function_call(), output()], [assistant("a", CALLED), RESULT]),
    "pitfall_40 a call alone": ([function_call(), output()], [assistant(None, CALLED), RESULT]),
    "pitfall_44 parallel calls": (
        [function_call(), function_call(call_id="call_2"), output(), output("call_2")],
        [assistant(None, CALLED, CALLED_2), RESULT, RESULT_2],
    ),
    "pitfall_44 one after another": (
        [function_call(), output(), function_call(call_id="call_2"), output("call_2")],
        [assistant(None, CALLED), RESULT, assistant(None, CALLED_2), RESULT_2],
    ),
    "pitfall_44 a result too late": (
        [function_call(), function_call(call_id="call_2"), output("call_2"), USER, output()],
        [assistant(None, CALLED, CALLED_2), RESULT_2, RESULT, USER],
    ),
    "an id used again": (
        [function_call(), output(), USER, function_call(), output()],
        [assistant(None, CALLED), RESULT, USER, assistant(None, CALLED), RESULT],
    ),
    "two messages in a row": ([said("a"), said("b")], [assistant("a"), assistant("b")]),
    "a text after a call": (
        [function_call(), said("b"), output()],
        [assistant(None, CALLED), RESULT, assistant("b")],
    ),
    "a custom call": (
        [custom_call(), output(kind="custom_tool_call_output")],
        [
            assistant(None, {"id": "call_1", "type": "custom", "custom": {"name": "g", "input": "x y"}}),
            RESULT,
        ],
    ),
    "summaries": ([thought("a", "b"), said("c")], [assistant("c", reasoning_content="a\n\nb")]),
    "thinking cut off": ([thought("a"), USER], [USER]),
    "reasoning between calls": (
        [
            thought("a"),
            function_call(),
            thought("b"),
            function_call(call_id="call_2"),
            output(),
            output("call_2"),
        ],
        [{**assistant(None, CALLED, CALLED_2), "reasoning_content": "a\n\nb"}, RESULT, RESULT_2],
    ),
}


@pytest.mark.parametrize(("items", "wanted"), TURNS.values(), ids=TURNS.keys())
def test_items_become_messages(items, wanted):
    """What the model did between two other voices is one message; results follow their calls."""
    assert messages(*items) == wanted


def test_instructions_come_first():
    """As one message of the system's, or as the items they are."""
    assert messages(USER, instructions="be brief") == [{"role": "system", "content": "be brief"}, USER]
    assert messages(USER, instructions=[{"role": "developer", "content": "d"}]) == [
        {"role": "developer", "content": "d"},
        USER,
    ]


FOREIGN = thought("hm", encrypted_content="gAAA", id="rs_9")
KEPT = {
    "pitfall_32 reasoning of OpenAI's": [FOREIGN, said("a")],
    "open reasoning": [thought(content=("hm",)), said("a")],
    "a phase": [said("a", phase="final_answer")],
    "citations": [said(text("a", CITED))],
    "built-in tools": [SEARCH, said("a")],
}


@pytest.mark.parametrize("items", KEPT.values(), ids=KEPT.keys())
def test_turns_with_more_than_a_chat_can_say_keep_their_items(items):
    """For a provider that speaks Responses; to others the text says it."""
    (message,) = messages(*items)
    assert message["content"] == "a"
    assert message["extra_content"] == {"openai": {"output": items}}


def test_what_only_responses_can_be_told_is_declared():
    assert Asked(input=[SEARCH, said(text("a", CITED))]).told == {
        "input[0]": ("dropped", True),
        "input[1].content": ("moved", False),
    }
