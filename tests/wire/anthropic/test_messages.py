"""Whole replies of Anthropic's Messages in the chat form, and sent back again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from muxi_llm.models import ChatCompletion
from muxi_llm.wire.base import WireError
from tests.support.anthropic import (
    OLD_CLAUDE,
    Codec,
    check,
    encode,
    result,
    text,
    tool,
    tool_use,
    turns,
    user,
)
from tests.support.bodies import message

THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "sig"}
SIGNATURE_ONLY = {"type": "thinking", "thinking": "", "signature": "sig2"}
REDACTED = {"type": "redacted_thinking", "data": "opaque"}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [
        {
            "type": "web_search_result",
            "url": "https://e.com",
            "title": "E",
            "encrypted_content": "abc",
            "page_age": None,
        }
    ],
}
WEB = {
    "type": "web_search_result_location",
    "url": "https://e.com",
    "title": "E",
    "encrypted_index": "i",
    "cited_text": "c",
}
PAGE = {
    "type": "char_location",
    "cited_text": "c",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 1,
}


def read(*blocks: Any, stop: str = "end_turn", **fields: Any) -> ChatCompletion:
    """The value of a reply with *blocks*."""
    return Codec(tools=[tool()]).whole(message(*blocks, stop=stop, **fields))


def said(*blocks: Any, **fields: Any) -> Any:
    """Its message."""
    return read(*blocks, **fields).choices[0].message


# ---------------------------------------------------------------------------------------- the value


def test_the_whole_value():
    """Every field of OpenAI's, and nothing made up."""
    assert read("Hi").model_dump(exclude_unset=True) == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": 1,
        "model": "claude-sonnet-4-5",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
                "native_finish_reason": "end_turn",
            }
        ],
        "usage": {
            "prompt_tokens": 5,
            "completion_tokens": 2,
            "total_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        },
    }


def test_a_reply_that_says_little():
    """Compatible servers leave things out; a missing usage stays missing."""
    value = Codec().whole({"content": [text("Hi")]})
    assert (value.id, value.model, value.usage) == ("", "claude-sonnet-4-5", None)
    assert value.choices[0].finish_reason == "stop"


def test_text_blocks_are_one_text():
    """In order, with nothing between them."""
    assert said("a", "b ", "c").content == "ab c"


CONTENTS = {
    "pitfall_40 calls alone": ([tool_use()], None),
    "pitfall_40 empty text beside calls": ([text(""), tool_use()], None),
    "text beside calls": (["a", tool_use()], "a"),
    "empty text": ([text("")], ""),
}


@pytest.mark.parametrize(("blocks", "content"), CONTENTS.values(), ids=CONTENTS.keys())
def test_content(blocks, content):
    """Null where there are only calls, a string otherwise."""
    assert said(*blocks).content == content


def test_no_blocks_at_all():
    """Claude may have nothing to add."""
    assert Codec().whole({**message(), "content": []}).choices[0].message.content == ""


# -------------------------------------------------------------------------------------- tool calls


def test_fault_22_calls_are_calls():
    """With their ids, their arguments as a JSON string (pitfall_68), in order."""
    value = read("x", tool_use("f", {"a": "é", "b": [1]}), tool_use("g", None, "toolu_2"), stop="tool_use")
    assert value.choices[0].finish_reason == "tool_calls"
    assert [made.model_dump() for made in value.choices[0].message.tool_calls] == [
        {
            "id": "toolu_1",
            "type": "function",
            "function": {"name": "f", "arguments": '{"a":"é","b":[1]}'},
        },
        {"id": "toolu_2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_a_call_without_input():
    """As llama.cpp begins one; its arguments are none."""
    value = Codec(tools=[tool()]).whole(
        {"content": [{"type": "tool_use", "id": "LHO3", "name": "get_weather"}], "stop_reason": "tool_use"}
    )
    assert value.choices[0].message.tool_calls[0].function.arguments == "{}"


def test_pitfall_70_functions_are_answered_in_their_form():
    """One call without an id."""
    codec = Codec(functions=[{"name": "f"}])
    choice = codec.whole(message("x", tool_use("f", {"a": 1}), stop="tool_use")).choices[0]
    assert choice.finish_reason == "function_call"
    assert choice.message.function_call.model_dump() == {"name": "f", "arguments": '{"a":1}'}
    assert choice.message.tool_calls is None


def test_pitfall_70_and_come_back_in_it():
    """The old form has no ids: call and result still match, whatever blocks the reply had."""
    codec = Codec(functions=[{"name": "f"}])
    first = codec.whole(message(THOUGHT, "a", "b", tool_use("f"), stop="tool_use")).choices[0].message
    answered = [user(), first.model_dump(), {"role": "function", "name": "f", "content": "1"}]
    call_turn, result_turn = encode(answered, functions=[{"name": "f"}])["messages"][1:]
    assert call_turn["content"][-1]["id"] == result_turn["content"][0]["tool_use_id"]


FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}


def test_pitfall_57_a_forced_tool_is_an_answer():
    """Its input is the text, and no call is seen."""
    codec = Codec(model=OLD_CLAUDE, response_format=FORMAT)
    choice = codec.whole(message(tool_use("answer", {"a": 1}), stop="tool_use")).choices[0]
    assert (choice.message.content, choice.message.tool_calls) == ('{"a":1}', None)
    assert (choice.finish_reason, choice["native_finish_reason"]) == ("stop", "tool_use")
    cut = codec.whole(message(tool_use("answer"), stop="max_tokens")).choices[0]
    assert (cut.message.content, cut.finish_reason) == ("{}", "length")


# ----------------------------------------------------------------------------------- finish reasons

REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "pause_turn": "stop",
    "something_new": "something_new",
    None: "stop",
}


@pytest.mark.parametrize("reason", REASONS)
def test_pitfall_24_fault_23_finish_reasons(reason):
    """In OpenAI's words, and the provider's own beside them."""
    choice = read("Hi", stop=reason).choices[0]
    assert (choice.finish_reason, choice["native_finish_reason"]) == (REASONS[reason], reason)


@pytest.mark.parametrize(
    ("reason", "finish"), [("end_turn", "tool_calls"), ("tool_use", "tool_calls"), ("max_tokens", "length")]
)
def test_pitfall_22_a_call_is_a_call_whatever_the_reason(reason, finish):
    """But a call that was cut off is no call to make."""
    assert read(tool_use(), stop=reason).choices[0].finish_reason == finish


@pytest.mark.parametrize(
    ("details", "refusal"),
    [
        ({"stop_details": {"type": "refusal", "category": "bio", "explanation": "Not this."}}, "Not this."),
        ({"stop_details": {"type": "refusal", "category": None, "explanation": None}}, None),
        ({"stop_details": None}, None),
        ({}, None),
    ],
)
def test_pitfall_71_refusals_say_why(details, refusal):
    """As far as the provider does."""
    refused = said("I", stop="refusal", **details)
    assert refused.refusal == (refusal or "The provider stopped this answer.")
    assert refused.content == "I"
    assert said("I").refusal is None


# ------------------------------------------------------------------------------------------- usage


def test_pitfall_58_usage_counts_cached_tokens_in():
    """Anthropic counts them apart, OpenAI as part of the prompt."""
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 7,
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 3},
        "service_tier": "standard",
        "server_tool_use": {"web_search_requests": 1},
        "cache_creation": {"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 0},
        "inference_geo": None,
    }
    assert read(usage=usage).usage.model_dump(exclude_unset=True) == {
        "prompt_tokens": 117,
        "completion_tokens": 5,
        "total_tokens": 122,
        "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 7},
        "completion_tokens_details": {"reasoning_tokens": 3},
        "service_tier": "standard",
        "server_tool_use": {"web_search_requests": 1},
        "cache_creation": {"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 0},
    }


def test_pitfall_58_null_counts_are_none():
    """Servers say null where they mean 0."""
    usage = {"input_tokens": 4, "cache_read_input_tokens": None, "output_tokens": None}
    assert read(usage=usage).usage.total_tokens == 4


# ------------------------------------------------------------------------------ thinking, citations


def test_thinking():
    """As text, and as it came; without text there is none to show."""
    thought = said(THOUGHT, REDACTED, "x")
    assert (thought.reasoning_content, thought.thinking_blocks) == ("hm", [THOUGHT, REDACTED])
    opaque = said(SIGNATURE_ONLY, REDACTED, "x")
    assert (opaque.reasoning_content, opaque.thinking_blocks) == (None, [SIGNATURE_ONLY, REDACTED])
    assert said("x").thinking_blocks is None


def test_pitfall_50_citations():
    """Those of the web as OpenAI's annotations, at their place in the text; the others as they came."""
    cited = said("one ", text("two", citations=[WEB]), text("!", citations=[PAGE, {**WEB, "title": None}]))
    assert [note.model_dump() for note in cited.annotations] == [
        {
            "type": "url_citation",
            "url_citation": {"url": "https://e.com", "title": "E", "start_index": 4, "end_index": 7},
        },
        {
            "type": "url_citation",
            "url_citation": {"url": "https://e.com", "title": "", "start_index": 7, "end_index": 8},
        },
    ]
    assert cited["citations"] == [PAGE]
    assert said(text("x", citations=None)).annotations is None


# -------------------------------------------------------------------------------------- round trips

DIRECT = {"caller": {"type": "direct"}}
BY_CODE = {"caller": {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}}
REGULAR = {
    "text": [text("a")],
    "pitfall_26 thinking first": [THOUGHT, text("a"), tool_use()],
    "pitfall_27 signature only": [SIGNATURE_ONLY, tool_use()],
    "pitfall_29 redacted": [REDACTED, THOUGHT, tool_use("f", {"a": 1}), tool_use("g", {}, "toolu_2")],
}
IRREGULAR = {
    "text after a call": [tool_use(), text("a")],
    "thinking between": [THOUGHT, text("a"), SIGNATURE_ONLY, text("b")],
    "several texts": [text("a"), text("b")],
    "citations": [text("a", citations=[WEB])],
    "server tools": [text("I look."), SEARCH, FOUND, text("a", citations=[WEB]), text("b")],
    "called from code": [tool_use(**BY_CODE)],
    "a toolset's member": [tool_use(toolset_name="computer")],
    "a kind to come": [{"type": "compaction", "content": "c"}, text("a")],
}


def again(*blocks: dict[str, Any]) -> tuple[Any, list[dict[str, Any]]]:
    """The reply's message, and the blocks it becomes in the next request."""
    sent = said(*blocks, stop="tool_use").model_dump()
    results = [result("r", block["id"]) for block in blocks if block["type"] == "tool_use"]
    out = encode([user(), sent, *results, user("and?")], tools=[tool()])
    if blocks[0]["type"] != "compaction":  # a beta's, which the vendor's stable types do not have
        check(out)
    return sent, out["messages"][1]["content"]


@pytest.mark.parametrize("blocks", REGULAR.values(), ids=REGULAR.keys())
def test_a_turn_sent_back_is_the_turn_that_came(blocks):
    """The chat form and its thinking blocks are enough."""
    sent, back = again(*blocks)
    assert back == blocks
    assert "extra_content" not in sent


@pytest.mark.parametrize("blocks", IRREGULAR.values(), ids=IRREGULAR.keys())
def test_a_turn_the_chat_form_cannot_hold_is_kept_beside_it(blocks):
    """In its order, with all that came along."""
    sent, back = again(*blocks)
    assert back == blocks
    assert sent["extra_content"] == {"anthropic": {"content": blocks}}


def test_a_call_by_the_model_itself_is_nothing_special():
    """Which is what newer replies say of every call."""
    sent, back = again(tool_use(**DIRECT))
    assert back == [tool_use()]
    assert "extra_content" not in sent


def test_a_container_is_shown():
    """The code execution tool's; callers name it to go on in it."""
    container = {"id": "container_1", "expires_at": "2026-11-20T00:00:00Z"}
    message_ = said("x", container=container)
    assert message_.extra_content == {"anthropic": {"container": container}}
    assert turns(user(), message_.model_dump(), user())[1]["content"] == [text("x")]


# ------------------------------------------------------------------------------------------ faults


@pytest.mark.parametrize(
    "raw",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"content": null}',
        b'{"content": ["a"]}',
        b'{"content": [{"type": "tool_use"}]}',
        b'{"choices": []}',
    ],
)
def test_what_is_no_message(raw):
    """Is a malformed reply, never an empty answer or a crash."""
    with pytest.raises(WireError) as caught:
        Codec().wire.decode_response(raw, created=1)
    assert caught.value.kind == "malformed"


def test_pitfall_16_an_error_in_a_success():
    """Proxies answer 200 with one; its type tells the status."""
    raw = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(WireError) as caught:
        Codec().wire.decode_response(json.dumps(raw).encode(), created=1)
    fault = caught.value.fault
    assert (caught.value.kind, fault.status, fault.message, fault.type) == (
        "fault",
        529,
        "Overloaded",
        "overloaded_error",
    )
