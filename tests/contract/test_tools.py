"""Every provider: tools, their calls and their results, or a refusal where there are none."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm import UnsupportedParameterError
from tests.contract.contact import CHATTERS, Contact, cells, kind_of, told
from tests.contract.heard import expected, heard
from tests.support.bodies import HELLO
from tests.support.speakers.base import Call, Said

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "integer"}}},
    "required": ["city"],
}
TOOLS = [
    {"type": "function", "function": {"name": name, "description": f"The {name}.", "parameters": SCHEMA}}
    for name in ("weather", "time")
]

ONE = Said(text=None, calls=(Call(),))
ANSWERS = {
    "single": ONE,
    "beside-text": Said(calls=(Call(),)),
    "parallel": Said(
        text=None, calls=(Call(), Call("time", {}, "call_def456"), Call("weather", {"city": "Rom"}, "call_3"))
    ),
    "same-tool-twice": Said(text=None, calls=(Call(), Call(id="call_def456"))),
    "empty-arguments": Said(text=None, calls=(Call("time", {}),)),
    "nested-unicode": Said(
        text=None, calls=(Call("weather", {"city": {"name": '北京 "👋" \\n', "n": None}}),)
    ),
}

WITH = [name for name in CHATTERS if kind_of(name).tools_support]
with_tools = pytest.mark.parametrize("name", WITH, indirect=True)


@pytest.mark.parametrize("name", sorted({*CHATTERS} - {*WITH}), indirect=True)
def test_a_provider_without_tools_refuses_them(contact: Contact) -> None:
    """They cannot be faked, and nothing was sent."""
    error = contact.ask(ONE, tools=TOOLS)
    assert isinstance(error, UnsupportedParameterError)
    assert contact.script.calls == []


@cells(ANSWERS, WITH)
def test_calls(contact: Contact, given: list[str]) -> None:
    """Names, arguments and ids, streamed and not."""
    for said in (ANSWERS[answer] for answer in given):
        whole = heard(contact.ask(said, tools=TOOLS))
        chunks = contact.ask(said, tools=TOOLS, stream=True, stream_options={"include_usage": True})
        assert heard(chunks) == whole == expected(said)
        if contact.speaker.names_calls:
            assert heard(chunks).ids == whole.ids == [call.id for call in said.calls]


@with_tools
def test_a_message_that_only_calls_has_no_text(quick: Contact) -> None:
    """`content` is null then, as at OpenAI."""
    assert quick.ask(ONE, tools=TOOLS).choices[0].message.content is None


@with_tools
def test_definitions(quick: Contact) -> None:
    """Both tools with their schemas, and a free choice."""
    heard(quick.ask(Said(), tools=TOOLS))
    asked = quick.asked
    assert list(asked.tools) == ["weather", "time"]
    for schema in asked.tools.values():
        assert set(schema["properties"]) == {"city", "days"}
        assert schema["required"] == ["city"]
        assert schema["properties"]["days"]["items"]["type"].lower() == "integer"
    assert asked.choice == "auto"


@with_tools
def test_a_tool_without_parameters(quick: Contact) -> None:
    heard(quick.ask(Said(), tools=[{"type": "function", "function": {"name": "now"}}]))
    assert list(quick.asked.tools) == ["now"]


CHOICES: dict[str, Any] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "weather": {"type": "function", "function": {"name": "weather"}},
}


@cells(CHOICES, WITH)
def test_tool_choice_is_kept_or_told_or_refused(quick: Contact, given: list[str]) -> None:
    for choice in given:
        value = quick.ask(ONE, tools=TOOLS, tool_choice=CHOICES[choice])
        if isinstance(value, UnsupportedParameterError):
            assert value.param == "tool_choice"
            continue
        heard(value)
        asked = quick.asked
        left_out = choice == "none" and not asked.tools  # nothing to call is nothing called
        assert asked.choice == choice or left_out or told(value, "tool_choice"), choice


@with_tools
def test_results_go_back(contact: Contact) -> None:
    """A model's own answer, sent back with the results of its calls: order, names and arguments."""
    said = Said(text="Moment…", calls=(Call(), Call("time", {}, "call_def456")))
    message = contact.ask(said, tools=TOOLS).choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"{call.function.name}: 12 °C"}
        for call in message.tool_calls
    ]
    value = contact.ask(Said(), tools=TOOLS, messages=[*HELLO, message, *results])
    assert heard(value) == expected(Said())
    assert contact.asked.facts == [
        ("user", "Hello"),
        ("assistant", "Moment…"),
        *(("call", call.name, call.arguments) for call in said.calls),
        *(("result", call.name, f"{call.name}: 12 °C") for call in said.calls),
    ]


@with_tools
@pytest.mark.parametrize("content", [None, ""], ids=["null", "empty"])
def test_a_turn_of_nothing_but_calls(quick: Contact, content: str | None) -> None:
    """Sent back by hand, without text; the result in parts."""
    call = {"id": "call_1", "type": "function", "function": {"name": "time", "arguments": "{}"}}
    turns = [
        *HELLO,
        {"role": "assistant", "content": content, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "noon"}]},
    ]
    heard(quick.ask(Said(), tools=TOOLS, messages=turns))
    asked = [fact for fact in quick.asked.facts if fact != ("assistant", "")]
    assert asked == [("user", "Hello"), ("call", "time", {}), ("result", "time", "noon")]
