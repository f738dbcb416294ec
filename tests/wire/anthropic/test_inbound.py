"""What an Anthropic client is answered: whole messages and errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from muxi_llm.errors import InvalidRequestError, connection_error, incomplete_stream, status_error
from muxi_llm.models import ChatCompletion
from muxi_llm.wire.anthropic.inbound import AnthropicInbound
from muxi_llm.wire.base import Ledger, fault_of
from muxi_llm.wire.requesting import RAW_ARGUMENTS
from tests.support.anthropic import Codec, call, text, tool_use
from tests.support.anthropic_inbound import Client, signed
from tests.support.anthropic_validator import read, validate
from tests.support.bodies import chat, message

REDACTED = {"type": "redacted_thinking", "data": "opaque"}
URL = "https://acme.example/v1"


def choice(finish: str | None, *, said: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """An answer whose choice has these fields."""
    raw = chat(**(said or {}))
    raw["choices"][0].update(finish_reason=finish, **fields)
    return raw


def test_pitfall_78_an_answer_in_the_clients_terms():
    """An id of Anthropic's kind, the model as it was asked for."""
    assert Client().answered() == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [text("Hi")],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 2,
        },
    }


def test_a_message_has_every_field_that_anthropics_have():
    """Clients of typed languages ask for each."""
    value = ChatCompletion.model_validate(chat("Hi", tool_calls=[call()]))
    told = json.loads(Client().wire.encode_response(value))
    assert (told["container"], told["stop_details"]) == (None, None)
    assert [block.get("citations", block.get("caller")) for block in told["content"]] == [
        [],
        {"type": "direct"},
    ]
    assert told["usage"]["service_tier"] is told["usage"]["cache_creation"] is None


def test_an_answer_without_an_id_has_one():
    """Made of the time, the only thing there is."""
    assert Client().answered({**chat(), "id": ""})["id"] == "msg_1"


def test_only_the_first_answer_is_told():
    """Anthropic's messages hold no other."""
    client = Client()
    raw = chat()
    raw["choices"].append({**raw["choices"][0], "index": 1})
    assert client.answered(raw)["content"] == [text("Hi")]
    assert client.told == {"n": ("dropped", False)}


# ----------------------------------------------------------------------------------------- content

CUSTOM = {"id": "x", "type": "custom", "custom": {"name": "f", "input": "free text"}}
CONTENTS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "text": ({"text": "Hi"}, [text("Hi")]),
    "nothing": ({"text": ""}, []),
    "pitfall_40 calls alone": ({"text": None, "tool_calls": [call()]}, [tool_use()]),
    "pitfall_26 thinking, text, calls": (
        {"tool_calls": [call()], "thinking_blocks": [signed(), REDACTED], "reasoning_content": "hm"},
        [signed(), REDACTED, text("Hi"), tool_use()],
    ),
    "pitfall_27 a signature alone": ({"thinking_blocks": [signed("")]}, [signed(""), text("Hi")]),
    "thinking nobody signed": ({"reasoning": "hm"}, [signed(signature=""), text("Hi")]),
    "pitfall_6 parallel calls": (
        {"text": None, "tool_calls": [call("f", {"a": 1}), call("g", call_id="toolu_2")]},
        [tool_use("f", {"a": 1}), tool_use("g", call_id="toolu_2")],
    ),
    "pitfall_7 no arguments": ({"text": None, "tool_calls": [call(arguments="null")]}, [tool_use()]),
    "pitfall_68 arguments that are no object": (
        {"text": None, "tool_calls": [call(arguments="[1]")]},
        [tool_use(arguments={RAW_ARGUMENTS: "[1]"})],
    ),
    "pitfall_68 arguments that are no JSON": (
        {"text": None, "tool_calls": [call(arguments='{"a')]},
        [tool_use(arguments={RAW_ARGUMENTS: '{"a'})],
    ),
    "a custom tool": (
        {"text": None, "tool_calls": [CUSTOM]},
        [tool_use(arguments={RAW_ARGUMENTS: "free text"}, call_id="x")],
    ),
    "a call without an id": (
        {"text": None, "tool_calls": [call(), call(call_id="")]},
        [tool_use(), tool_use(call_id="toolu_1_1")],
    ),
    "a legacy call": (
        {"text": None, "function_call": {"name": "f", "arguments": '{"a":1}'}},
        [tool_use(arguments={"a": 1}, call_id="toolu_1_0")],
    ),
    "a refusal in the model's words": ({"text": None, "refusal": "No."}, [text("No.")]),
    "blocks that were kept": (
        {"extra_content": {"anthropic": {"content": [text("a"), text("b")]}}},
        [text("a"), text("b")],
    ),
}


@pytest.mark.parametrize(("fields", "content"), CONTENTS.values(), ids=CONTENTS)
def test_a_message_as_content_blocks(fields, content):
    """In Anthropic's order, each call a block."""
    assert Client().answered(**fields)["content"] == content


def test_a_container_is_told():
    """The code a server tool ran is found there again."""
    kept = {"anthropic": {"container": {"id": "c", "expires_at": "t"}}}
    assert Client().answered(extra_content=kept)["container"] == {"id": "c", "expires_at": "t"}


# ------------------------------------------------------------------------------------ stop reasons

CALLED = {"text": None, "tool_calls": [call()]}
STOPS: dict[str, tuple[dict[str, Any], str]] = {
    "stop": (choice("stop"), "end_turn"),
    "length": (choice("length"), "max_tokens"),
    "content_filter": (choice("content_filter"), "refusal"),
    "calls": (choice("tool_calls", said=CALLED), "tool_use"),
    "a legacy call": (
        choice("function_call", said={"text": None, "function_call": {"name": "f", "arguments": ""}}),
        "tool_use",
    ),
    "pitfall_22 calls, whatever was said": (choice("stop", said=CALLED), "tool_use"),
    "pitfall_22 calls, whatever Anthropic said": (
        choice("stop", said=CALLED, native_finish_reason="end_turn"),
        "tool_use",
    ),
    "calls that are none": (choice("tool_calls"), "end_turn"),
    "calls cut off": (choice("length", said=CALLED), "max_tokens"),
    "a reason nobody knows": (choice("bored"), "bored"),
    "none": (choice(None), "end_turn"),
    "pitfall_24 pause_turn": (choice("stop", native_finish_reason="pause_turn"), "pause_turn"),
    "pitfall_24 the window": (
        choice("length", native_finish_reason="model_context_window_exceeded"),
        "model_context_window_exceeded",
    ),
    "a stop sequence": (choice("stop", native_finish_reason="stop_sequence"), "stop_sequence"),
    "no reason at all": (choice("stop", native_finish_reason=["stop"]), "end_turn"),
    "another provider's own": (choice("stop", native_finish_reason="STOP"), "end_turn"),
}


@pytest.mark.parametrize(("raw", "reason"), STOPS.values(), ids=STOPS)
def test_why_it_stopped(raw, reason):
    """Calls are calls whatever the provider said, unless they are cut off."""
    completion = ChatCompletion.construct(**raw)
    assert Client().answered(completion)["stop_reason"] == reason


SEQUENCES: dict[str, tuple[list[str], dict[str, Any], str | None]] = {
    "vLLM": (["a", "b"], {"stop_reason": "b"}, "b"),
    "SGLang": (["a", "b"], {"matched_stop": "b"}, "b"),
    "Anthropic, the only one": (["a"], {"native_finish_reason": "stop_sequence"}, "a"),
    "Anthropic, one of two": (["a", "b"], {"native_finish_reason": "stop_sequence"}, None),
}


@pytest.mark.parametrize(("asked", "fields", "sequence"), SEQUENCES.values(), ids=SEQUENCES)
def test_which_sequence_it_stopped_at(asked, fields, sequence):
    """As far as the provider tells."""
    answered = Client(stop_sequences=asked).answered(choice("stop", **fields))
    assert (answered["stop_reason"], answered["stop_sequence"]) == ("stop_sequence", sequence)


def test_a_stop_nobody_asked_for_is_no_stop_sequence():
    """vLLM tells the model's own end token in the same place, as text or number."""
    for own in ("</s>", 128_009):
        answered = Client(stop_sequences=["a"]).answered(choice("stop", stop_reason=own))
        assert (answered["stop_reason"], answered["stop_sequence"]) == ("end_turn", None)


REFUSALS: dict[str, tuple[dict[str, Any], list[Any], str | None]] = {
    "OpenAI's, in words": (choice("stop", said={"text": None, "refusal": "No."}), [text("No.")], "No."),
    "a filter's": (choice("content_filter"), [text("Hi")], None),
    "pitfall_24 Anthropic's": (
        choice("content_filter", said={"refusal": "Harm."}, native_finish_reason="refusal"),
        [text("Hi")],
        "Harm.",
    ),
    "Anthropic's, before a word": (
        choice("content_filter", said={"text": "", "refusal": "Harm."}, native_finish_reason="refusal"),
        [],
        "Harm.",
    ),
}


@pytest.mark.parametrize(("raw", "content", "explanation"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_says_why(raw, content, explanation):
    """The model's own words are shown as well, a provider's are not the model's."""
    answered = Client().answered(raw)
    assert answered["content"] == content
    assert answered["stop_reason"] == "refusal"
    assert answered["stop_details"] == {"type": "refusal", "category": None, "explanation": explanation}


# ------------------------------------------------------------------------------------------- usage

CACHED = {"prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30}}
USAGES: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "pitfall_58 cached tokens apart": (
        {"prompt_tokens": 100, **CACHED},
        {"input_tokens": 10, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 30},
    ),
    "pitfall_58 never below nothing": (
        {"prompt_tokens": 10, **CACHED},
        {"input_tokens": 0, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 0},
    ),
    "no details": ({"prompt_tokens": 5, "prompt_tokens_details": None}, {"input_tokens": 5}),
    "thinking": (
        {"prompt_tokens": 0, "completion_tokens_details": {"reasoning_tokens": 3}},
        {"output_tokens_details": {"thinking_tokens": 3}},
    ),
    "thinking uncounted": ({"prompt_tokens": 0, "completion_tokens_details": {}}, {}),
    "Anthropic's own counts": (
        {"prompt_tokens": 0, "server_tool_use": {"web_search_requests": 1}, "service_tier": None},
        {"server_tool_use": {"web_search_requests": 1}},
    ),
}


@pytest.mark.parametrize(("given", "told"), USAGES.values(), ids=USAGES)
def test_usage_as_anthropic_counts(given, told):
    """Every count is there, and each token counted once."""
    usage = {"completion_tokens": 2, "total_tokens": 0, **given}
    none = {"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    assert Client().answered({**chat(), "usage": usage})["usage"] == {**none, "output_tokens": 2, **told}


def test_usage_is_there_even_if_nobody_counted():
    """Clients read it without asking."""
    raw = chat()
    del raw["usage"]
    assert Client().answered(raw)["usage"]["output_tokens"] == 0


def test_a_message_of_anthropics_is_itself_again():
    """By way of the chat form."""
    raw = message(signed(), "Hi", tool_use(arguments={"a": [1]}), stop="tool_use")
    usage = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, **raw["usage"]}
    assert Client().answered(Codec().whole(raw)) == {**raw, "model": "m", "usage": usage}


# ------------------------------------------------------------------------------------------ errors

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
ERRORS: dict[str, tuple[Any, str]] = {
    **{
        f"{status}": (status_error(status, "no", url=URL, headers={}, body=None), kind)
        for status, kind in TYPES.items()
    },
    "refused here": (InvalidRequestError("no"), "invalid_request_error"),
    "no connection": (connection_error("no", url=URL), "api_error"),
    "too late": (connection_error("no", url=URL, timeout=True), "timeout_error"),
    "broken off": (incomplete_stream("no", url=URL), "api_error"),
}


@pytest.mark.parametrize(("error", "kind"), ERRORS.values(), ids=ERRORS)
def test_pitfall_15_an_error_is_told_as_anthropics(error, kind):
    """In a reply and in the middle of a stream alike."""
    wire = AnthropicInbound(Ledger("the client's request"))
    body = {"type": "error", "error": {"type": kind, "message": "no"}, "request_id": None}
    assert json.loads(wire.encode_error(error)) == body
    events = read(wire.encode_fault(error))
    assert events == [body]
    validate(events)


def test_every_type_is_read_back_as_its_status():
    """By our own outbound half: 402, say, does not become a 500 behind two gateways."""
    wire = AnthropicInbound(Ledger("the client's request"))
    for status in TYPES.keys() - {408, 422, 503}:  # told as 504, 400 and 500
        error = status_error(status, "no", url=URL, headers={}, body=None)
        assert fault_of(0, json.loads(wire.encode_error(error))).status == status


def test_pitfall_21_an_error_is_never_mute():
    """Its class speaks for it, if nothing else does; its request can be found."""
    error = status_error(500, "no", url=URL, headers={"x-request-id": "req_1"}, body=None)
    error.message = ""
    told = json.loads(AnthropicInbound(Ledger("the client's request")).encode_error(error))
    assert told["error"] == {"type": "api_error", "message": "InternalServerError"}
    assert told["request_id"] == "req_1"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("maximum context length is 8192", "prompt is too long: maximum context length is 8192"),
        ("prompt is too long: 9 > 8", "prompt is too long: 9 > 8"),
    ],
)  # fmt: skip
def test_a_prompt_too_long_is_told_in_anthropics_words(said, told):
    """Its clients compact the conversation when they read them."""
    error = status_error(400, said, url=URL, headers={}, body=None)
    body = json.loads(AnthropicInbound(Ledger("the client's request")).encode_error(error))
    assert body["error"] == {"type": "invalid_request_error", "message": told}
