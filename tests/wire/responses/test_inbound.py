"""OpenAI's Responses, inbound: a client's request as chat parameters, and a whole answer as a response."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from muxi_llm.errors import InvalidRequestError, RateLimitError, status_error
from muxi_llm.models import ChatCompletion
from muxi_llm.wire.base import Ledger, WireError, dumps
from muxi_llm.wire.responses.inbound import ResponsesInbound
from muxi_llm.wire.responses.inbound_request import history_of
from muxi_llm.wire.state import seal
from tests.support import anthropic
from tests.support.bodies import CALL, LOGPROBS, chat, message
from tests.support.responses import (
    CITED,
    USER,
    Asked,
    function_call,
    output,
    said,
    text,
    thought,
)

CALLED = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "ok"}


def assistant(content: Any = None, *calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    out = {"role": "assistant", "content": content, **fields}
    return {**out, "tool_calls": list(calls)} if calls else out


def messages(*items: Any, **body: Any) -> list[dict[str, Any]]:
    """The messages of these items, without those of the default input."""
    return Asked(input=list(items), **body).body["messages"]


def outputs(text_: str | None = "Hi", **fields: Any) -> list[dict[str, Any]]:
    """The output items of an answer."""
    return Asked().whole(chat(text_, **fields))["output"]


# --------------------------------------------------------------------------------------- parameters

SCHEMA = {"name": "x", "schema": {"type": "object"}, "strict": True}
PARAMETERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "same name": (
        {"temperature": 0, "top_p": 0.5, "parallel_tool_calls": False, "metadata": {"a": "b"}, "user": "u"},
        {"temperature": 0, "top_p": 0.5, "parallel_tool_calls": False, "metadata": {"a": "b"}, "user": "u"},
    ),
    "tier and cache": (
        {"service_tier": "flex", "prompt_cache_key": "k", "safety_identifier": "s"},
        {"service_tier": "flex", "prompt_cache_key": "k", "safety_identifier": "s"},
    ),
    "vendor's own": ({"top_k": 5}, {"top_k": 5}),
    "pitfall_76 limit": ({"max_output_tokens": 5}, {"max_completion_tokens": 5}),
    "null is nothing": ({"temperature": None, "store": None, "tools": None, "text": None}, {}),
    "pitfall_67 effort": ({"reasoning": {"effort": "high"}}, {"reasoning_effort": "high"}),
    "no effort": ({"reasoning": {"effort": None, "summary": None}}, {}),
    "verbosity": ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
    "plain text": ({"text": {"format": {"type": "text"}}}, {}),
    "json mode": (
        {"text": {"format": {"type": "json_object"}}},
        {"response_format": {"type": "json_object"}},
    ),
    "schema": (
        {"text": {"format": {"type": "json_schema", **SCHEMA}}},
        {"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
    ),
    "logprobs": ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
    "top_logprobs": ({"top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
    "no top_logprobs": ({"top_logprobs": 0}, {}),
    "pitfall_12 usage is always wanted": (
        {"stream": True},
        {"stream": True, "stream_options": {"include_usage": True}},
    ),
    "pitfall_69 tool": (
        {"tools": [{"type": "function", "name": "f", "parameters": {}, "strict": True, "description": None}]},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}}]},
    ),
    "custom tool": (
        {
            "tools": [
                {"type": "custom", "name": "g"},
                {
                    "type": "custom",
                    "name": "h",
                    "format": {"type": "grammar", "syntax": "regex", "definition": "d"},
                },
            ]
        },
        {
            "tools": [
                {"type": "custom", "custom": {"name": "g"}},
                {
                    "type": "custom",
                    "custom": {
                        "name": "h",
                        "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "d"}},
                    },
                },
            ]
        },
    ),
    "pitfall_65 auto": ({"tool_choice": "auto"}, {"tool_choice": "auto"}),
    "pitfall_65 named": (
        {"tool_choice": {"type": "function", "name": "f"}},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
    ),
    "pitfall_65 allowed": (
        {
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "f"}],
            }
        },
        {
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            }
        },
    ),
    "a choice yet to come": (
        {"tool_choice": {"type": "mcp", "server_label": "s"}},
        {"tool_choice": {"type": "mcp", "server_label": "s"}},
    ),
    "what happens anyway": (
        {"truncation": "disabled", "background": False, "stream_options": {"include_obfuscation": True}},
        {},
    ),
}


@pytest.mark.parametrize(("given", "wanted"), PARAMETERS.values(), ids=PARAMETERS.keys())
def test_parameters(given, wanted):
    """Each in its place, and no loss."""
    asked = Asked(**given)
    assert asked.body == {"model": "a/b", "messages": [USER]} | wanted
    assert not [entry for entry in asked.ledger.entries if entry.loss]


DECLARED: dict[str, tuple[dict[str, Any], dict[str, tuple[str, bool]]]] = {
    "truncation": ({"truncation": "auto"}, {"truncation": ("dropped", True)}),
    "max_tool_calls": ({"max_tool_calls": 3}, {"max_tool_calls": ("dropped", True)}),
    "include": ({"include": ["web_search_call.results"]}, {"include": ("dropped", True)}),
    "encrypted reasoning is ours": ({"include": ["reasoning.encrypted_content"]}, {}),
    "summary": ({"reasoning": {"summary": "auto"}}, {"reasoning.summary": ("dropped", False)}),
    "context": ({"reasoning": {"context": "auto"}}, {"reasoning.context": ("dropped", True)}),
    "built-in tool": ({"tools": [{"type": "web_search"}]}, {}),
    "run by the client": ({"tools": [{"type": "shell"}]}, {"tools[0]": ("changed", False)}),
    "of the client's own": ({"client_metadata": {"a": "b"}}, {"client_metadata": ("dropped", False)}),
    "store": ({"store": True}, {"store": ("dropped", False)}),
    "not stored": ({"store": False}, {}),
}


@pytest.mark.parametrize(("given", "told"), DECLARED.values(), ids=DECLARED.keys())
def test_what_a_chat_has_no_room_for_is_declared(given, told):
    assert Asked(**given).told == told


def test_built_in_tools_are_handed_on():
    """As they are: a provider that knows them will take them, another one says so."""
    assert Asked(tools=[{"type": "web_search"}]).body["tools"] == [{"type": "web_search"}]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "background": ({"background": True}, "background"),
    "templates": ({"prompt": {"id": "p"}}, "prompt"),
    "pitfall_77 previous_response_id": ({"previous_response_id": "resp_1"}, "previous_response_id"),
    "pitfall_77 conversation": ({"conversation": {"id": "conv_1"}}, "conversation"),
    "pitfall_77 item_reference": ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
    "pitfall_44 a call without a result": ({"input": [function_call()]}, "input"),
    "pitfall_44 a result without a call": ({"input": [output()]}, "input"),
    "an item nobody knows": ({"input": [{"type": "of_tomorrow"}]}, "input[0].type"),
    "an output without its call": (
        {"input": [{"type": "computer_call_output", "call_id": "c", "output": {}}]},
        "input",
    ),
    "a part of nobody's": ({"input": [{"role": "user", "content": [{"type": "x"}]}]}, "input[0].content[0]"),
    "an image by id": (
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
        "input[0].content[0]",
    ),
    "a seal broken": ({"input": [thought(encrypted_content="muxi1.AAAA"), said("a")]}, "input"),
}


@pytest.mark.parametrize(("given", "param"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_done_is_refused(given, param):
    """Clearly, and naming the field."""
    with pytest.raises(InvalidRequestError) as caught:
        Asked(**given)
    assert caught.value.param == param


SEALED = seal({"calls": 5})
OF_NOBODY_S_MAKING = dumps(
    {
        "input": [
            {"type": "reasoning", "encrypted_content": SEALED},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "o"},
        ]
    }
)
"""A state that was sealed elsewhere."""


@pytest.mark.parametrize("data", [b"[]", b"{", b"3", OF_NOBODY_S_MAKING])
def test_bodies_that_are_no_request(data):
    with pytest.raises(WireError) as caught:
        ResponsesInbound(Ledger("x")).decode_request(data)
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize(
    ("given", "param", "message"),
    [
        ({"input": 3}, "input", "input must be a string or a list of items, not 3"),
        ({"input": ["Hi there"]}, "input[0]", "input[0] must be an item, such as"),
        ({"input": [{}]}, "input[0]", "input[0] is not an item: role is missing"),
        ({"instructions": {"a": 1}}, "instructions", "instructions must be a string or a list of items"),
        ({"input": [{"type": []}]}, "input[0].type", "input[0].type must be a string, not []"),
        ({"text": []}, "text", "text must be an object, not []"),
        ({"text": {"format": "f"}}, "text.format", "text.format must be an object, not 'f'"),
        ({"include": [1]}, "include", "include must be a list of strings, not a list"),
        ({"tool_choice": {"type": []}}, "tool_choice", "tool_choice: a list stands where none can"),
        ({"tools": "f"}, "tools", "tools must be a list of tools, not 'f'"),
        ({"tools": [{}]}, "tools[0]", "tools[0] is not a tool: type is missing"),
        (
            {"input": [{"type": "reasoning", "summary": [{"text": 1}]}]},
            "input[0]",
            "input[0] is not an item: a number stands where none can",
        ),
    ],
)
def test_what_is_of_another_shape_is_named(given, param, message):
    with pytest.raises(InvalidRequestError, match=re.escape(message)) as caught:
        ResponsesInbound(Ledger("x")).decode_request(dumps({"input": "Hi", **given}))
    assert caught.value.param == param


# -------------------------------------------------------------------------------------------- state


def test_pitfall_77_a_conversation_that_is_kept():
    """The request waits for what was kept; then calls and results meet across the border."""
    before = Asked(keeps=True, input="What is it?", instructions="be brief")
    answer = before.whole(chat(None, tool_calls=[CALL], finish="tool_calls"))
    after = Asked(keeps=True, previous_response_id=answer["id"], input=[output()])
    assert (before.wire.store, before.wire.goes_on, after.wire.goes_on) == (True, False, True)
    assert after.body["messages"] == []
    after.wire.resume(after.body, history_of(before.wire.items, answer["output"]))
    assert after.body["messages"] == [
        {"role": "user", "content": "What is it?"},
        assistant(None, CALLED),
        RESULT,
    ]
    assert after.whole(chat("a"))["previous_response_id"] == answer["id"]


def test_conversations_by_id():
    """In either form; the answer says which."""
    for given in ("conv_1", {"id": "conv_1"}):
        asked = Asked(keeps=True, conversation=given, store=False)
        assert (asked.wire.conversation, asked.wire.store, asked.wire.goes_on) == ("conv_1", False, True)
        assert asked.whole(chat("a"))["conversation"] == {"id": "conv_1"}


def test_items_that_are_referred_to():
    """Found among what came before, or among what is known; one that is not is refused."""
    refers = [{"type": "item_reference", "id": name} for name in ("msg_1", "msg_2")]
    asked = Asked(keeps=True, input=refers)
    assert asked.wire.goes_on
    asked.wire.resume(asked.body, [], {"msg_1": said("a"), "msg_2": said("b")})
    assert asked.body["messages"] == [assistant("a"), assistant("b")]
    assert asked.wire.items == [said("a"), said("b")]
    asked = Asked(keeps=True, input=refers)
    asked.wire.resume(asked.body, [said("a"), USER, said("b", item_id="msg_2")])
    assert asked.body["messages"] == [assistant("a"), USER, assistant("b"), assistant("a"), assistant("b")]
    asked = Asked(keeps=True, input=refers)
    with pytest.raises(InvalidRequestError, match="'msg_2' not found"):
        asked.wire.resume(asked.body, [said("a")])


# ------------------------------------------------------------------------------------- the response


def test_the_whole_response():
    """Every field of OpenAI's, with what the request said."""
    tools = [{"type": "function", "name": "f", "parameters": {}, "strict": True}]
    asked = Asked(
        instructions="be brief", tools=tools, temperature=0.5, text={"verbosity": "low"}, metadata={"a": "b"}
    )
    assert asked.whole(chat("Hi", model="upstream")) == {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "background": False,
        "completed_at": None,
        "error": None,
        "frequency_penalty": 0.0,
        "incomplete_details": None,
        "instructions": "be brief",
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {"a": "b"},
        "model": "a/b",
        "output": [
            {
                "id": "msg_1_0",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}],
            }
        ],
        "parallel_tool_calls": True,
        "presence_penalty": 0.0,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": "default",
        "store": False,
        "temperature": 0.5,
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "tool_choice": "auto",
        "tools": [{"description": None, **tool} for tool in tools],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": 5,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 7,
        },
        "user": None,
    }


IDS = {
    "pitfall_78 a chat's": ("chatcmpl-1", None, "resp_1"),
    "Anthropic's": ("msg_01", None, "resp_01"),
    "a response's": ("resp_1", None, "resp_1"),
    "another": ("gen-1", None, "resp_gen-1"),
    "given": ("chatcmpl-1", "resp_mine", "resp_mine"),
}


@pytest.mark.parametrize(("given", "wanted", "told"), IDS.values(), ids=IDS.keys())
def test_pitfall_78_ids(given, wanted, told):
    asked = Asked()
    asked.wire.response_id = wanted
    assert asked.whole({**chat(), "id": given})["id"] == told


def test_pitfall_78_ids_of_providers_that_give_none():
    """The same for the same request, another for another."""
    one, same, other = (Asked(input=words).whole({**chat(), "id": ""})["id"] for words in ("a", "a", "b"))
    assert one == same != other
    assert one.startswith("resp_")


def test_usage_and_tier():
    """Details in their places; what the provider does not tell stays unknown."""
    details = {"prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 1}}
    usage = {**chat()["usage"], **details, "completion_tokens_details": {"reasoning_tokens": 1}}
    told = Asked().whole({**chat(), "usage": usage, "service_tier": "flex"})
    assert told["usage"]["input_tokens_details"] == {"cached_tokens": 3, "cache_write_tokens": 1}
    assert told["usage"]["output_tokens_details"] == {"reasoning_tokens": 1}
    assert told["service_tier"] == "flex"
    assert Asked().whole({**chat(), "usage": None})["usage"] is None


STATUSES = {
    "stop": ("stop", "completed", None),
    "calls": ("tool_calls", "completed", None),
    "length": ("length", "incomplete", "max_output_tokens"),
    "filtered": ("content_filter", "incomplete", "content_filter"),
}


@pytest.mark.parametrize(("finish", "status", "reason"), STATUSES.values(), ids=STATUSES.keys())
def test_statuses(finish, status, reason):
    """Of the response, and of its last item."""
    told = Asked().whole(chat("Hi", finish=finish))
    assert (told["status"], told["incomplete_details"]) == (status, reason and {"reason": reason})
    assert told["output"][-1]["status"] == status


def test_pitfall_20_items_in_their_order():
    """Reasoning, message, calls; each with an id of its own, calls under the ids of the chat."""
    items = outputs("Hi", reasoning_content="hm", tool_calls=[CALL, {**CALL, "id": "call_2"}])
    assert [(item["type"], item["id"]) for item in items] == [
        ("reasoning", "rs_1_0"),
        ("message", "msg_1_1"),
        ("function_call", "fc_1_2"),
        ("function_call", "fc_1_3"),
    ]
    assert items[0]["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert [item["call_id"] for item in items[2:]] == ["call_1", "call_2"]
    assert items[2]["arguments"] == '{"a":1}'


def test_pitfall_71_refusals():
    """A part of the message, after its text if there is one."""
    (item,) = outputs(None, refusal="no")
    assert item["content"] == [{"type": "refusal", "refusal": "no"}]
    (item,) = outputs("Hi", refusal="no")
    assert [part["type"] for part in item["content"]] == ["output_text", "refusal"]


def test_nothing_said():
    """No item rather than an empty one."""
    assert outputs(None) == outputs("") == []


def test_custom_calls():
    (item,) = outputs(
        None, tool_calls=[{"id": "call_1", "type": "custom", "custom": {"name": "g", "input": "x"}}]
    )
    wanted = {"id": "ctc_1_0", "type": "custom_tool_call", "call_id": "call_1", "name": "g", "input": "x"}
    assert item == {**wanted, "status": "completed"}


def test_pitfall_68_arguments_as_they_are():
    """A string, whatever is in it; of none, an empty object."""
    calls = [
        {**CALL, "id": f"call_{text_}", "function": {"name": "f", "arguments": text_}}
        for text_ in ("no json", "")
    ]
    assert [item["arguments"] for item in outputs(None, tool_calls=calls)] == ["no json", "{}"]


def test_pitfall_50_citations_and_logprobs():
    """In the text's part."""
    place = {name: value for name, value in CITED.items() if name != "type"}
    raw = chat("Hi", annotations=[{"type": "url_citation", "url_citation": place}])
    raw["choices"][0]["logprobs"] = {**LOGPROBS, "content": [{**LOGPROBS["content"][0], "bytes": None}]}
    (item,) = Asked().whole(raw)["output"]
    assert item["content"][0]["annotations"] == [CITED]
    assert item["content"][0]["logprobs"] == [
        {"token": "Hi", "logprob": -0.5, "bytes": [], "top_logprobs": []}
    ]


def test_one_answer_of_several():
    """A response holds one: the first."""
    raw = chat("a")
    raw["choices"] = [{**chat("b")["choices"][0], "index": 1}, *raw["choices"]]
    (item,) = Asked().whole(raw)["output"]
    assert item["content"][0]["text"] == "a"


BLOCKS = [
    {"type": "thinking", "thinking": "hm", "signature": "s"},
    {"type": "redacted_thinking", "data": "d"},
]
STATES: dict[str, dict[str, Any]] = {
    "thinking": {"reasoning_content": "hm", "thinking_blocks": BLOCKS},
    "pitfall_29 redacted only": {"thinking_blocks": BLOCKS[1:]},
    "a provider's state": {"extra_content": {"anthropic": {"content": [{"type": "text", "text": "a"}]}}},
    "all of it": {
        "reasoning_content": "hm",
        "thinking_blocks": BLOCKS,
        "extra_content": {"google": {"x": [1]}},
    },
    "thinking that is not signed": {"reasoning_content": "hm"},
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
@pytest.mark.parametrize("content", ["Hi", None])
def test_pitfall_28_state_comes_back(state, content):
    """What a client sends back of an answer is the message that was answered, state and all."""
    calls = [{**CALL, "extra_content": {"google": {"thought_signature": "t"}}}]
    items = outputs(content, tool_calls=calls, **state)
    assert messages(*items, output())[0] == assistant(content, *calls, **state)


def test_state_without_a_call_of_its_own():
    """An answer that only thought and stopped has one reasoning item, with all of the state."""
    (item,) = outputs(None, finish="length", reasoning_content="hm", extra_content={"google": {"x": 1}})
    assert item["encrypted_content"] == seal({"extra_content": {"google": {"x": 1}}})
    assert item["status"] == "incomplete"


def test_state_of_a_provider_that_speaks_responses():
    """Its items come back once, although the turn's own are there as well."""
    kept = {"openai": {"output": [thought(encrypted_content="gAAA"), said(text("a", CITED))]}}
    place = {name: value for name, value in CITED.items() if name != "type"}
    items = outputs("a", extra_content=kept, annotations=[{"type": "url_citation", "url_citation": place}])
    (message,) = messages(*items)
    assert message["extra_content"] == kept


def test_encoding_changes_nothing_of_the_value():
    raw = chat(
        "Hi", extra_content={"a": {"b": [1]}}, tool_calls=[{**CALL, "extra_content": {"a": {}, "c": 1}}]
    )
    value = ChatCompletion.model_validate(raw)
    Asked().wire.encode_response(value)
    assert value.model_dump(exclude_unset=True) == raw


def test_pitfall_21_errors_are_openais():
    """Message, type, code and param."""
    error = status_error(
        429, "slow", url="http://x", headers={}, body={"type": "t", "code": "c", "param": "p"}
    )
    assert isinstance(error, RateLimitError)
    assert json.loads(ResponsesInbound(Ledger("x")).encode_error(error)) == {
        "error": {"message": "slow", "type": "t", "code": "c", "param": "p"}
    }


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_pitfall_29_claude_behind_responses(streams):
    """Signed thinking goes to the client and comes back to Anthropic as it was, before its call."""
    turn = [*BLOCKS, {"type": "text", "text": "a"}, anthropic.tool_use("f", {"a": 1})]
    claude = anthropic.Codec(tools=[anthropic.tool()])
    asked = Asked()
    if streams:
        items = asked.streamed(claude.items(*anthropic.told(*turn, stop="tool_use")))[-1]["response"][
            "output"
        ]
    else:
        raw = claude.whole(message(*turn, stop="tool_use")).model_dump(exclude_none=True)
        items = asked.whole(raw)["output"]
    assert [item["type"] for item in items] == ["reasoning", "message", "function_call"]
    again = Asked(input=[USER, *items, output("toolu_1")]).body["messages"]
    assert anthropic.turns(*again)[1]["content"] == turn
