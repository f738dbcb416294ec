"""OpenAI's chat wire: requests as they were written, answers and streams of near-compatible servers too."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.errors import MuxiLLMError, incomplete_stream, status_error
from muxi_llm.models import ChatCompletion
from muxi_llm.wire.base import Ledger, Profile, WireError, dumps
from muxi_llm.wire.inbound import message_of
from muxi_llm.wire.openai.chat import (
    OpenAIChat,
    OpenAIInbound,
)
from muxi_llm.wire.openai.reply import FAILURES
from tests.support.bodies import CALL, HELLO, LOGPROBS, chat
from tests.support.length import long


def wire(model: str = "gpt-4") -> OpenAIChat:
    return OpenAIChat(model, Ledger("acme"), Profile())


def inbound() -> OpenAIInbound:
    return OpenAIInbound(Ledger("the client's request"))


def decoded(*body: Any, **fields: Any) -> ChatCompletion:
    """The answer in a body (an ordinary one with *fields* in its message, if none is given)."""
    return wire().decode_response(dumps(body[0] if body else chat(**fields)), created=0)


NAMES = st.sampled_from(
    ["index", "message", "finish_reason", "content", "tool_calls", "function", "arguments", "text", "type"]
)


# ---------------------------------------------------------------------------------- ours → theirs

REQUESTS: dict[str, dict[str, Any]] = {
    "an ordinary one": {"temperature": 0.3, "max_tokens": 5},
    "pitfall_11 usage not wanted": {"stream_options": {"include_usage": False}},
    "pitfall_12 nothing said about usage": {},
    "pitfall_45 content as parts": {
        "messages": [{"role": r, "content": [{"type": "text", "text": "a"}]} for r in ("system", "user", "assistant")]
    },
    "pitfall_47 an image without detail": {
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}]
    },
    "pitfall_60b a stop of white space": {"stop": ["\n"]},
    "pitfall_70 legacy functions": {"functions": [{"name": "f"}], "function_call": {"name": "f"}},
    "pitfall_76 max_completion_tokens": {"max_completion_tokens": 5},
    "content that is null": {"messages": [{"role": "assistant", "content": None, "tool_calls": []}]},
    "a parameter nobody knows": {"top_k": 4},
}  # fmt: skip


@pytest.mark.parametrize("params", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_requests_go_out_as_written(params: dict[str, Any], stream: bool) -> None:
    """Nothing is invented, nothing is left out, and the caller's own object is not touched."""
    body = {"messages": HELLO, **params}
    before = json.dumps(body)
    encoded = wire().encode_request(body, stream=stream)
    assert encoded == {"model": "gpt-4", **body, **({"stream": True} if stream else {})}
    assert json.dumps(body) == before


def test_pitfall_60c_the_model_name_is_the_providers_own() -> None:
    """Slashes and all."""
    assert wire("meta-llama/Llama-3/x").encode_request({}, stream=False)["model"] == "meta-llama/Llama-3/x"


# ---------------------------------------------------------------------------------- theirs → ours


def test_an_ordinary_answer() -> None:
    """Typed, and readable by item."""
    value = decoded()
    assert (value.id, value.model, value.created, value.usage.total_tokens) == ("chatcmpl-1", "gpt-4", 1, 7)  # type: ignore[union-attr]
    assert value["choices"][0]["message"]["content"] == "Hi"
    assert value.choices[0].finish_reason == "stop"


def test_several_answers() -> None:
    """`n` choices, in their order."""
    body = chat()
    body["choices"] = [
        {**body["choices"][0], "index": i, "message": {"role": "assistant", "content": str(i)}}
        for i in range(3)
    ]
    assert [choice.message.content for choice in decoded(body).choices] == ["0", "1", "2"]


def test_logprobs() -> None:
    """As OpenAI types them."""
    body = chat()
    body["choices"][0]["logprobs"] = LOGPROBS
    logprobs = decoded(body).choices[0].logprobs
    assert logprobs is not None
    assert logprobs.model_dump() == LOGPROBS


MESSAGES: dict[str, tuple[dict[str, Any], str, Any]] = {
    "tool calls": ({"tool_calls": [CALL]}, "tool_calls", [CALL]),
    "a custom tool's call": (
        {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}]},
        "tool_calls",
        [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}],
    ),
    "pitfall_68 arguments as an object": (
        {"tool_calls": [{**CALL, "function": {"name": "f", "arguments": {"a": 1}}}]},
        "tool_calls",
        [CALL],
    ),
    "pitfall_68 no arguments": (
        {"tool_calls": [{**CALL, "function": {"name": "f"}}]},
        "tool_calls",
        [{**CALL, "function": {"name": "f", "arguments": "{}"}}],
    ),
    "pitfall_68 arguments that are no JSON": (
        {"tool_calls": [{**CALL, "function": {"name": "f", "arguments": '{"a":'}}]},
        "tool_calls",
        [{**CALL, "function": {"name": "f", "arguments": '{"a":'}}],
    ),
    "a tool call without type": (
        {"tool_calls": [{"id": "call_1", "function": CALL["function"]}]},
        "tool_calls",
        [CALL],
    ),
    "no tool calls": ({"tool_calls": None}, "tool_calls", None),
    "pitfall_70 the legacy call": (
        {"function_call": {"name": "f", "arguments": "{}"}},
        "function_call",
        {"name": "f", "arguments": "{}"},
    ),
    "pitfall_71 a refusal": ({"content": None, "refusal": "No."}, "refusal", "No."),
    "reasoning_content": ({"reasoning_content": "hm"}, "reasoning_content", "hm"),
    "reasoning": ({"reasoning": "hm"}, "reasoning", "hm"),
    "annotations": ({"annotations": []}, "annotations", []),
    "no role": ({"role": None}, "role", "assistant"),
    "content as parts": ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "content", "ab"),
    "parts without text": ({"content": [{"type": "text"}, {"type": "image"}]}, "content", ""),
    "Mistral's thinking": (
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]}]},
        "reasoning_content",
        "hm",
    ),
    "Databricks' reasoning": (
        {"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}, {"type": "text", "text": "a"}]},
        "reasoning_content",
        "hm",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("message", "field", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_messages(message: dict[str, Any], field: str, expected: Any) -> None:
    """What OpenAI's client would show, or what its users' code needs in place of a server's habit."""
    value = decoded(text=None, **message)
    assert value.choices[0].message.model_dump(exclude_unset=True)[field] == expected


def test_reasoning_has_one_name() -> None:
    """Groq and OpenRouter say `reasoning`; `reasoning_content` reads both."""
    assert decoded(reasoning="hm").choices[0].message.reasoning_content == "hm"
    assert decoded(reasoning_content="hm").choices[0].message.reasoning_content == "hm"
    assert decoded().choices[0].message.reasoning_content is None


def test_an_answer_without_labels() -> None:
    """Indexes, the object's name and why it ended are made up for; what is missing besides is null."""
    value = decoded(
        {"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}, "index": None}]}
    )
    assert [(c.index, c.message.content, c.finish_reason) for c in value.choices] == [
        (0, "a", "stop"),
        (1, "b", "stop"),
    ]
    assert (value.object, value.id, value.usage) == ("chat.completion", None, None)


@pytest.mark.parametrize("message", [None, "Hi", []], ids=repr)
def test_a_choice_without_message_is_malformed(message: object) -> None:
    """There is nothing in it to read."""
    with pytest.raises(WireError, match="the reply has no message: ") as caught:
        decoded({"choices": [{"index": 0, "message": message}]})
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize("reason", FAILURES)
def test_an_answer_that_failed_is_an_error(reason: str) -> None:
    """With what there was of it, and the status its reason stands for."""
    with pytest.raises(WireError) as caught:
        decoded(chat("Half an ans", finish=reason))
    assert caught.value.fault is not None
    assert (caught.value.fault.status, caught.value.partial) == (FAILURES[reason], "Half an ans")


def test_no_choices_are_no_answer() -> None:
    """As nothing at all in their place is none."""
    with pytest.raises(WireError, match="no choices"):
        decoded({**chat(), "choices": []})


def test_the_vendors_own_client_is_told_what_came() -> None:
    """It judges for itself."""
    codec = wire()
    codec.mends = False
    body = {**chat(finish="error", tool_calls=[{"id": ""}]), "usage": {**APART}}
    choice = codec.decode_response(dumps(body), created=0).choices[0]
    assert (choice.finish_reason, choice.message.tool_calls[0].id) == ("error", "")  # type: ignore[comparison-overlap,index]


APART = {
    "prompt_tokens": 291,
    "completion_tokens": 26,
    "total_tokens": 513,
    "completion_tokens_details": {"reasoning_tokens": 196},
}


@pytest.mark.parametrize(
    ("total", "reasoning", "said"), [(513, 196, 222), (317, 20, 26), (600, 196, 26), (317, None, 26)]
)
def test_reasoning_counted_apart_is_counted_in(total: int, reasoning: int | None, said: int) -> None:
    """Where the total says that it is apart."""
    usage = {**APART, "total_tokens": total, "completion_tokens_details": {"reasoning_tokens": reasoning}}
    assert decoded({**chat(), "usage": usage}).usage.completion_tokens == said  # type: ignore[union-attr]


def test_a_call_goes_by_its_type() -> None:
    """Not by what else is beside it; and a call of nothing is none."""
    nothing = {"name": "", "input": ""}
    both = [{**CALL, "custom": nothing}, {"id": "c", "type": "custom", "custom": nothing, "function": {}}]
    message = decoded(tool_calls=both, function_call={"name": "", "arguments": ""}).choices[0].message
    assert [call.model_dump() for call in message.tool_calls or ()] == [
        CALL,
        {"id": "c", "type": "custom", "custom": nothing},
    ]
    assert message.function_call is None


# ------------------------------------------------------------------------------------ inbound half


def test_requests_come_in_as_they_were_written() -> None:
    """Every field, `model` and `stream` among them."""
    body = {"model": "acme/m", "messages": HELLO, "stream": True, "whatever": {"x": None}}
    assert inbound().decode_request(dumps(body)) == body


@pytest.mark.parametrize("data", [b"[]", b'"x"', b"null", b"{", b""], ids=repr)
def test_a_request_must_be_an_object(data: bytes) -> None:
    """Anything else is malformed."""
    with pytest.raises(WireError) as caught:
        inbound().decode_request(data)
    assert caught.value.kind == "malformed"


ANSWERS = [
    chat(),
    chat(finish="length"),
    chat(tool_calls=[CALL], reasoning="hm"),
    {**chat(), "usage": {"prompt_tokens": None}},
]


@pytest.mark.parametrize("body", ANSWERS, ids=["ordinary", "cut off", "extensions", "off-schema"])
def test_answers_go_out_as_they_came(body: dict[str, Any]) -> None:
    """Every field the provider sent, no invented ones, no warning about odd ones."""
    assert json.loads(inbound().encode_response(decoded(body))) == body


def test_half_a_pair_goes_out_as_it_came() -> None:
    """As an escape; clients read it as they would from the server."""
    value = wire().decode_response(dumps(chat("@")).replace(b"@", b"\\ud83d"), created=0)
    assert b"\\ud83d" in inbound().encode_response(value)
    assert json.loads(inbound().encode_response(value))["choices"][0]["message"]["content"] == "\ud83d"


def test_pitfall_74_done_ends_a_chat_stream() -> None:
    """Once, at the end."""
    assert inbound().encode_end() == b"data: [DONE]\n\n"


ERRORS = {
    "a status": status_error(429, "slow down", url="http://x", headers={}, body=None),
    "pitfall_15 a cut": incomplete_stream("cut off", url="http://x"),
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_pitfall_15_an_error_goes_out_as_an_event(error: MuxiLLMError) -> None:
    """One that our own decoder, like OpenAI's client, takes for an error; no [DONE] is in it."""
    data = inbound().encode_fault(error)  # type: ignore[arg-type]
    assert b"[DONE]" not in data
    (item,) = wire().stream_decoder(created=0).feed(data)
    assert isinstance(item, WireError)
    assert item.fault is not None
    assert item.kind == "fault"
    assert item.fault.message == message_of(error)  # type: ignore[arg-type]
    assert item.fault.code == error.code  # type: ignore[attr-defined]


SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "stop"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)
CHOICES = st.lists(st.dictionaries(NAMES, SHAPES), max_size=2)


def outcome(body: Any) -> Any:
    """The answer told on, or the complaint."""
    try:
        return inbound().encode_response(decoded(body))
    except WireError as error:
        return error.kind


@given(CHOICES | SHAPES)
@settings(max_examples=long(300, 100), deadline=None)
def test_no_json_whatever_breaks_the_codec(choices: Any) -> None:
    """An answer that can be told on, or a `WireError`; never another exception."""
    told = outcome({"choices": choices})
    assert told == "malformed" or json.loads(told)["object"] == "chat.completion"
