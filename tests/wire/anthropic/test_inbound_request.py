"""Anthropic's requests in the chat form, and what of them comes back to Anthropic."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.core.adapt import adapt
from muxi_llm.core.body import body_of
from muxi_llm.core.request import Request
from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.providers.openai import OpenAIProvider
from muxi_llm.wire.anthropic.inbound import AnthropicInbound
from muxi_llm.wire.base import Ledger, Profile, WireError, dumps
from muxi_llm.wire.requesting import RAW_ARGUMENTS
from tests.support.anthropic import call, check, text, tool, tool_use
from tests.support.anthropic_inbound import (
    EPHEMERAL,
    Client,
    answer,
    assistant,
    messages,
    signed,
    there_and_back,
    user,
)

REDACTED = {"type": "redacted_thinking", "data": "opaque"}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
MARK = {"cache_control": EPHEMERAL}


def document(kind: str, **source: Any) -> dict[str, Any]:
    return {"type": "document", "source": {"type": kind, **source}}


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": fields}


PDF = document("base64", media_type="application/pdf", data="aGk=")

# ---------------------------------------------------------------------------------------- messages

PARTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": (text("a"), text("a")),
    "pitfall_72 a breakpoint": (text("a", **MARK), text("a", **MARK)),
    "pitfall_46 an image inline": (PNG, PNG_PART),
    "pitfall_46 an image by its url": (
        {"type": "image", "source": {"type": "url", "url": "https://e.com/a.png"}},
        {"type": "image_url", "image_url": {"url": "https://e.com/a.png"}},
    ),
    "pitfall_72 an image with a breakpoint": ({**PNG, **MARK}, {**PNG_PART, **MARK}),
    "a PDF": (PDF, file(file_data="data:application/pdf;base64,aGk=")),
    "a PDF with a title": (
        {**PDF, "title": "a.pdf"},
        file(file_data="data:application/pdf;base64,aGk=", filename="a.pdf"),
    ),
    "a PDF by its url": (document("url", url="https://e.com/a.pdf"), file(file_url="https://e.com/a.pdf")),
    "an uploaded file": (document("file", file_id="file_1"), file(file_id="file_1")),
    "pitfall_48 a text document": (
        document("text", media_type="text/plain", data="hé"),
        file(file_data="data:text/plain;base64,aMOp"),
    ),
}
KEPT: dict[str, dict[str, Any]] = {
    "an uploaded image": {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    "an image to be transformed": {**PNG, "transformations": {}},
    "a document to be cited": {**PDF, "citations": {"enabled": True}},
    "a document of blocks": document("content", content=[text("a")]),
    "an uploaded file with a title": {**document("file", file_id="file_1"), "title": "t"},
    "a search result": {"type": "search_result", "source": "s", "title": "t", "content": [text("a")]},
}
BLOCKS = PARTS | {name: (block, block) for name, block in KEPT.items()}


@pytest.mark.parametrize(("block", "part"), BLOCKS.values(), ids=BLOCKS)
def test_a_users_block_is_a_part_and_comes_back_as_it_was(block, part):
    """Also within a tool's result, whose images are not turned into text (pitfall_49)."""
    turns = [user([block, text("?")]), assistant(tool_use()), user([answer([block, text("!")])])]
    said, _, result = messages(*turns)
    assert said == {"role": "user", "content": [part, text("?")]}
    assert result == {"role": "tool", "tool_call_id": "toolu_1", "content": [part, text("!")]}
    back = there_and_back(
        {"max_tokens": 9, "messages": turns, "tools": [{"name": "f", "input_schema": SCHEMA}]}
    )
    check(back)
    assert back["messages"] == turns


SYSTEMS: dict[str, tuple[Any, list[Any]]] = {
    "none": (None, []),
    "an empty one": ("", []),
    "a string": ("s", ["s"]),
    "pitfall_45 a block": ([text("s")], ["s"]),
    "pitfall_45 blocks": ([text("s"), text("t")], [[text("s"), text("t")]]),
    "pitfall_72 a breakpoint": ([text("s", **MARK)], [[text("s", **MARK)]]),
}


@pytest.mark.parametrize(("given", "wanted"), SYSTEMS.values(), ids=SYSTEMS)
def test_system_text_leads_the_messages(given, wanted):
    """As the string any server takes, where it is no more."""
    assert messages(system=given) == [*({"role": "system", "content": s} for s in wanted), user()]


def test_later_system_messages_stay_in_place():
    """Anthropic's newer form."""
    assert messages(user(), {"role": "system", "content": "s"}, user())[1] == {
        "role": "system",
        "content": "s",
    }


def test_pitfall_41_results_come_first_then_the_text():
    """Right behind the calls, in their order, whatever the client's order."""
    turn = user([text("a"), answer("1", "x"), PNG, answer([text("2")], "y", is_error=True, **MARK)])
    assert messages(assistant(tool_use()), turn)[1:] == [
        {"role": "tool", "tool_call_id": "x", "content": "1"},
        {"role": "tool", "tool_call_id": "y", "content": "2", "is_error": True, **MARK},
        {"role": "user", "content": [text("a"), PNG_PART]},
    ]


def test_a_turn_of_results_alone_says_nothing_else():
    """No empty user message; a result may be empty."""
    nothing = {"type": "tool_result", "tool_use_id": "x"}
    for empty in (nothing, {**nothing, "content": ""}, {**nothing, "content": []}):
        assert messages(user([empty])) == [{"role": "tool", "tool_call_id": "x", "content": ""}]


def test_a_turn_without_a_block_is_an_empty_one():
    """Whoever is asked may refuse it."""
    assert messages(user([])) == [user("")]


def test_pitfall_42_messages_of_one_role_stay_apart():
    """Merging is for those that need it."""
    assert messages(user("a"), user("b")) == [user("a"), user("b")]


ASSISTANTS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "text": ([text("a")], {"content": "a"}),
    "nothing": ([], {"content": ""}),
    "pitfall_40 calls alone": ([tool_use()], {"content": None, "tool_calls": [call()]}),
    "text and calls": ([text("a"), tool_use()], {"content": "a", "tool_calls": [call()]}),
    "pitfall_68 arguments that were no object": (
        [tool_use(arguments={RAW_ARGUMENTS: "no json"})],
        {"content": None, "tool_calls": [call(arguments="no json")]},
    ),
    "pitfall_26 thinking first": (
        [signed(), REDACTED, text("a")],
        {"content": "a", "reasoning_content": "hm", "thinking_blocks": [signed(), REDACTED]},
    ),
    "pitfall_27 a signature alone": ([signed(""), text("a")], {"content": "a", "thinking_blocks": [signed("")]}),
    "pitfall_29 redacted thinking": ([REDACTED, text("a")], {"content": "a", "thinking_blocks": [REDACTED]}),
    "thinking nobody signed": ([signed(signature=""), text("a")], {"content": "a", "reasoning_content": "hm"}),
    "pitfall_72 a breakpoint": ([text("a", **MARK)], {"content": "a", **MARK}),
    "pitfall_72 a breakpoint on a call": (
        [text("a"), tool_use(**MARK)],
        {"content": "a", "tool_calls": [call()], **MARK},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("blocks", "said"), ASSISTANTS.values(), ids=ASSISTANTS)
def test_an_assistants_turn_in_the_chat_form(blocks, said):
    """Without anything a request has no place for."""
    assert messages(assistant(*blocks)) == [{"role": "assistant", **said}]


def test_an_assistants_turn_may_be_a_string():
    """A prefill usually is."""
    assert messages(user(), {"role": "assistant", "content": "("})[1] == {"role": "assistant", "content": "("}


SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
CITED = text("a", citations=[{"type": "char_location", "cited_text": "c"}])
IRREGULAR = {
    "a server tool": [SEARCH, text("a")],
    "citations": [CITED],
    "text after a call": [tool_use(), text("a")],
    "pitfall_72 a breakpoint after a call": [tool_use(), text("a", **MARK)],
    "pitfall_72 a breakpoint in the middle": [text("a", **MARK), tool_use()],
}


@pytest.mark.parametrize("blocks", IRREGULAR.values(), ids=IRREGULAR)
def test_a_turn_beyond_the_chat_form_rides_along_verbatim(blocks):
    """Its text and calls are there for other providers."""
    said = messages(assistant(signed(), *blocks, signed("unsigned", "")))[0]
    assert said["content"] == "a"
    assert said["extra_content"] == {"anthropic": {"content": [signed(), *blocks]}}
    assert said.keys().isdisjoint({"annotations", "cache_control", "citations", "refusal"})


def test_pitfall_28_signed_thinking_is_for_anthropic_alone():
    """Another provider is sent none, and the loss is told: nothing is silent (pitfall_37)."""
    body, needs = body_of("chat", Client(user(), assistant(signed(), text("a", **MARK)), user()).body)
    ledger = Ledger("openai")
    sent, _ = adapt(Request("chat", body, needs=needs), OpenAIProvider(), Profile(), ledger)
    assert sent["messages"][1] == {"role": "assistant", "content": "a"}
    assert [entry.param for entry in ledger.entries] == [
        "messages[].cache_control",
        "messages[].reasoning_content",
        "messages[].thinking_blocks",
    ]


# -------------------------------------------------------------------------------------- parameters

SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sampling": ({"temperature": 0, "top_p": 0.5}, {"temperature": 0, "top_p": 0.5}),
    "stops": ({"stop_sequences": ["a"]}, {"stop": ["a"]}),
    "no stops": ({"stop_sequences": []}, {}),
    "null": ({"temperature": None, "tools": None, "tool_choice": None, "container": None}, {}),
    "user": ({"metadata": {"user_id": "u"}}, {"user": "u"}),
    "no user": ({"metadata": {}}, {}),
    "any tier": ({"service_tier": "auto"}, {"service_tier": "auto"}),
    "the standard tier": ({"service_tier": "standard_only"}, {"service_tier": "default"}),
    "a stream is counted": (
        {"stream": True},
        {"stream": True, "stream_options": {"include_usage": True}},
    ),
    "no stream": ({"stream": False}, {}),
    "a tool": ({"tools": [{"name": "f", "input_schema": SCHEMA}]}, {"tools": [tool(parameters=SCHEMA)]}),
    "a custom tool, strict": (
        {"tools": [{"type": "custom", "name": "f", "description": "d", "input_schema": SCHEMA, "strict": True}]},
        {"tools": [tool(description="d", parameters=SCHEMA, strict=True)]},
    ),
    "pitfall_72 a tool with a breakpoint": (
        {"tools": [{"name": "f", "input_schema": SCHEMA, **MARK}]},
        {"tools": [{**tool(parameters=SCHEMA), **MARK}]},
    ),
    "pitfall_65 auto": ({"tool_choice": {"type": "auto"}}, {"tool_choice": "auto"}),
    "pitfall_65 any": ({"tool_choice": {"type": "any"}}, {"tool_choice": "required"}),
    "pitfall_65 none": ({"tool_choice": {"type": "none"}}, {"tool_choice": "none"}),
    "pitfall_65 one tool, one call": (
        {"tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": False},
    ),
    "pitfall_67 off": ({"thinking": {"type": "disabled"}}, {"reasoning_effort": "none"}),
    "pitfall_67 between tools": ({"thinking": {"type": "between_tools"}}, {"reasoning_effort": "none"}),
    "pitfall_67 1024": ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"reasoning_effort": "minimal"}),
    "pitfall_67 2048": ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"reasoning_effort": "low"}),
    "pitfall_67 8192": ({"thinking": {"type": "enabled", "budget_tokens": 8192}}, {"reasoning_effort": "medium"}),
    "pitfall_67 24576": ({"thinking": {"type": "enabled", "budget_tokens": 24_576}}, {"reasoning_effort": "high"}),
    "pitfall_67 adaptive": ({"thinking": {"type": "adaptive"}}, {"reasoning_effort": "high"}),
    "pitfall_67 effort": ({"output_config": {"effort": "low"}}, {"reasoning_effort": "low"}),
    "pitfall_67 both": (
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
        {"reasoning_effort": "max"},
    ),
    "a schema": (
        {"output_config": {"format": {"type": "json_schema", "schema": CLOSED}}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": CLOSED, "strict": True}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "wanted"), SAME.values(), ids=SAME)
def test_a_parameter_in_the_chat_form(given, wanted):
    """Whatever has a counterpart is told by it, and nobody need be warned."""
    client = Client(**given)
    assert client.body == {"model": "m", "max_tokens": 9, "messages": [user()], **wanted}
    assert client.told == {}


OPEN = {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 10_000}}
OFF = {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}
EXAMPLES = {"tools": [{"name": "f", "input_schema": {}, "input_examples": [{}], "defer_loading": True}]}
TOLD: dict[str, tuple[dict[str, Any], str, str, bool]] = {
    "mcp_servers": ({"mcp_servers": []}, "mcp_servers", "dropped", True),
    "container": ({"container": "c"}, "container", "dropped", True),
    "context_management": ({"context_management": {}}, "context_management", "dropped", True),
    "caching by itself": ({"cache_control": EPHEMERAL}, "cache_control", "dropped", False),
    "a tier nobody knows": ({"service_tier": "x"}, "service_tier", "dropped", True),
    "a budget in between": (BUDGET, "thinking.budget_tokens", "changed", True),
    "a budget below all": (
        {"thinking": {"type": "enabled", "budget_tokens": 1}}, "thinking.budget_tokens", "changed", True
    ),
    "thinking not shown": (
        {"thinking": {"type": "adaptive", "display": "omitted"}}, "thinking.display", "dropped", False
    ),
    "effort without thinking": (OFF, "output_config.effort", "dropped", True),
    "a schema OpenAI is not strict about": (OPEN, "output_config.format", "changed", False),
    "examples": (EXAMPLES, "tools[0].input_examples", "dropped", True),
    "loaded later": (EXAMPLES, "tools[0].defer_loading", "dropped", False),
}  # fmt: skip


@pytest.mark.parametrize(("given", "param", "action", "loss"), TOLD.values(), ids=TOLD)
def test_pitfall_37_what_the_chat_form_has_no_room_for_is_told(given, param, action, loss):
    """In strict mode a loss is refused, by name."""
    assert Client(**given).told[param] == (action, loss)
    if loss:
        with pytest.raises(UnsupportedParameterError) as caught:
            Client(strict=True, **given)
        assert caught.value.param == param


def test_a_budget_is_the_most_not_the_least():
    """Rounded down, so that nothing costs more than was allowed."""
    assert Client(**BUDGET).body["reasoning_effort"] == "medium"
    assert Client(thinking={"type": "enabled", "budget_tokens": 1}).body["reasoning_effort"] == "minimal"


def test_an_effort_outranks_a_budget():
    """Newer clients send both for older models."""
    assert Client(**BUDGET, output_config={"effort": "low"}).body["reasoning_effort"] == "low"


def test_server_tools_are_kept_as_they_are():
    """Anthropic, the one that runs them, takes its own form."""
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    client = Client(tools=[search])
    assert client.body["tools"] == [search]
    assert there_and_back(client.sent)["tools"] == [search]


# -------------------------------------------------------------------------------------- bad bodies

BAD: dict[str, tuple[Any, str]] = {
    "no JSON": (b"{", "the reply is not JSON"),
    "no object": (b"[]", "the request body is not a JSON object"),
    "no messages": ({"messages": None}, "messages is None; a list is needed"),
    "no model": ({"model": None}, "model is None; a string is needed"),
    "a turn that is none": ({"messages": ["x"]}, "messages[0] must be an object, not 'x'"),
    "no role": ({"messages": [{}]}, "messages[0].role is missing; a string is needed"),
    "no content": ({"messages": [{"role": "user"}]}, "messages[0].content is missing; a string or a list is needed"),
    "a role nobody has": (
        {"messages": [{"role": "x", "content": ""}]},
        "messages[0].role must be one of user, assistant, system, not 'x'",
    ),
    "a block that is none": ({"messages": [user([1])]}, "messages[0].content[0] must be an object, not 1"),
    "a block without a type": ({"messages": [user([{}])]}, "messages[0].content[0].type is missing; a string is needed"),
    "a text without text": ({"messages": [user([{"type": "text"}])]}, "messages[0].content[0].text is missing; a string is needed"),
    "an image without data": (
        {"messages": [user([{"type": "image", "source": {"type": "base64", "media_type": "x"}}])]},
        "messages[0].content[0].source.data is missing; a string is needed",
    ),
    "an image without a source": ({"messages": [user([{"type": "image"}])]}, "messages[0].content[0].source is missing; an object is needed"),
    "a result of what": ({"messages": [user([{"type": "tool_result"}])]}, "messages[0].content[0].tool_use_id is missing; a string is needed"),
    "a call without a name": ({"messages": [assistant({"type": "tool_use", "id": "x"})]}, "messages[0] is not a message: name is missing"),
    "system of numbers": ({"system": 1}, "system is 1; a string or a list is needed"),
    "tools that are none": ({"tools": {}}, "tools is {}; a list is needed"),
    "a tool without a schema": ({"tools": [{"name": "f"}]}, "tools[0].input_schema is missing; an object is needed"),
    "a choice of what": ({"tool_choice": {"type": "x"}}, "tool_choice.type 'x' is none of auto, any, none, tool"),
    "a choice of which tool": ({"tool_choice": {"type": "tool"}}, "tool_choice.name is missing; a string is needed"),
    "thinking how": ({"thinking": {"type": "x"}}, "thinking.type 'x' is unknown"),
    "thinking how long": ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens is missing; a whole number is needed"),
    "what effort": ({"output_config": {"effort": "x"}}, "output_config.effort 'x' is unknown"),
    "a schema that is none": (
        {"output_config": {"format": {"schema": {"properties": 1}}}},
        "output_config.format.schema is no JSON schema",
    ),
    "stops that are none": ({"stop_sequences": "a"}, "stop_sequences is 'a'; a list is needed"),
    "whose request": ({"metadata": {"user_id": 1}}, "metadata.user_id is 1; a string is needed"),
    "a format without a schema": ({"output_config": {"format": {}}}, "output_config.format.schema is missing; an object is needed"),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "wanted"), BAD.values(), ids=BAD)
def test_a_bad_body_is_refused_by_the_fields_name(fields, wanted):
    """Never an error of Python's own."""
    data = dumps({"model": "m", "messages": [], **fields}) if isinstance(fields, dict) else fields
    with pytest.raises(WireError) as caught:
        AnthropicInbound(Ledger("the client's request")).decode_request(data)
    assert caught.value.kind == "malformed"
    assert caught.value.message.startswith(wanted)
