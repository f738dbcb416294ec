"""Cohere's chat wire, theirs → ours: whole answers and streams, which must say the same."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Fault, Ledger, Profile, WireError
from muxi_llm.wire.cohere.chat import CohereChat, CohereModels
from tests.support.cohere import (
    CITATION,
    COUNTED,
    USAGE,
    Codec,
    call,
    called,
    end,
    event,
    part,
    said,
    sse,
    start,
    told,
    tool,
)

WANTED = {"stream": True, "stream_options": {"include_usage": True}}
LEGACY = {"functions": [tool()["function"]]}


def message_of(value):
    """The one message of an answer, without what is not said."""
    return value.choices[0].message.model_dump(exclude_none=True)


# ------------------------------------------------------------------------------------ whole answers


def test_a_whole_answer():
    value = Codec().read(said("Hi"))
    assert value.model_dump(exclude_unset=True) == {
        "id": "c-1",
        "object": "chat.completion",
        "created": 7,
        "model": "command-a-03-2025",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
                "native_finish_reason": "COMPLETE",
            }
        ],
        "usage": COUNTED,
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(said(None), {"content": ""}, id="nothing said"),
        pytest.param(said(None, content="Hi"), {"content": "Hi"}, id="a string"),
        pytest.param(
            said(None, content=[{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hi"}]),
            {"content": "Hi", "reasoning_content": "Hm."},
            id="thinking",
        ),
        pytest.param(
            said(None, tool_plan="I call f.", tool_calls=[call()]),
            {"reasoning_content": "I call f.", "tool_calls": [call()]},
            id="pitfall_40_a_plan_and_a_call",
        ),
        pytest.param(
            said("So.", tool_calls=[call(), call("g", call_id="g_1")]),
            {"content": "So.", "tool_calls": [call(), call("g", call_id="g_1")]},
            id="text and calls",
        ),
        pytest.param(
            said(None, tool_calls=[call(arguments="null")]), {"tool_calls": [call(arguments="{}")]}, id="null"
        ),
        pytest.param(
            said(citations=[CITATION]), {"content": "Hi", "citations": [CITATION]}, id="pitfall_50_citations"
        ),
    ],
)
def test_what_a_message_becomes(body, message):
    assert message_of(Codec().read(body)) == {"role": "assistant", **message}


def test_pitfall_70_answered_in_the_legacy_form():
    value = Codec(**LEGACY).read(said(None, tool_calls=[call()], finish="TOOL_CALL"))
    assert message_of(value) == {"role": "assistant", "function_call": call()["function"]}
    assert value.choices[0].finish_reason == "function_call"


@pytest.mark.parametrize(
    ("reason", "finish", "when_called"),
    [
        ("COMPLETE", "stop", "tool_calls"),
        ("STOP_SEQUENCE", "stop", "tool_calls"),
        ("MAX_TOKENS", "length", "length"),
        ("TOOL_CALL", "stop", "tool_calls"),
        ("ERROR_TOXIC", "content_filter", "content_filter"),
        ("SOMETHING_NEW", "SOMETHING_NEW", "tool_calls"),
    ],
)
def test_pitfall_22_finish_reasons(reason, finish, when_called):
    assert Codec().read(said(finish=reason)).choices[0].finish_reason == finish
    choice = Codec().read(said(finish=reason, tool_calls=[call()])).choices[0]
    assert (choice.finish_reason, choice["native_finish_reason"]) == (when_called, reason)


@pytest.mark.parametrize(("reason", "status"), [("ERROR", 500), ("TIMEOUT", 504), ("USER_CANCEL", 499)])
def test_a_failure_is_no_answer(reason, status):
    """Whole or streamed, whatever was said before it."""
    with pytest.raises(WireError) as caught:
        Codec().read(said(finish=reason))
    fault = caught.value.fault
    assert (fault.status, fault.code, fault.message) == (status, reason, f"Cohere broke off: {reason}")
    *_, last = Codec(stream=True).stream(*sse(start(), *part("text", "Hi"), end(reason, error="It broke.")))
    assert last.fault == Fault(status, "It broke.", type=reason, code=reason)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        pytest.param(USAGE, COUNTED, id="pitfall_58_cached_ones_included"),
        pytest.param(
            {"billed_units": {"input_tokens": 3.0, "output_tokens": 2.0}},
            {
                "prompt_tokens": 3,
                "completion_tokens": 2,
                "total_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 0},
                "billed_units": {"input_tokens": 3.0, "output_tokens": 2.0},
            },
            id="billed ones alone",
        ),
        pytest.param(
            {"tokens": {"input_tokens": 3, "output_tokens": 2, "image_tokens": 9}},
            {
                "prompt_tokens": 3,
                "completion_tokens": 2,
                "total_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 0, "image_tokens": 9},
            },
            id="images",
        ),
    ],
)
def test_usage(usage, counted):
    value = Codec().read({**said(), "usage": usage})
    assert value.usage.model_dump(exclude_unset=True) == counted


def test_without_usage():
    assert Codec().read({**said(), "usage": None}).usage is None


def test_logprobs():
    """Of a piece of several tokens: that of all of them."""
    items = [{"text": "Hi", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}, {"token_ids": [3]}]
    value = Codec().read({**said(), "logprobs": items})
    assert [item.model_dump() for item in value.choices[0].logprobs.content] == [
        {"token": "Hi", "logprob": -0.75, "bytes": [72, 105], "top_logprobs": []},
        {"token": "", "logprob": 0, "bytes": [], "top_logprobs": []},
    ]


@pytest.mark.parametrize(
    "body",
    [{}, {"finish_reason": "COMPLETE"}, {**said(), "message": "Hi"}, {**said(), "message": {"content": 1}}],
    ids=str,
)
def test_replies_that_make_no_sense(body):
    with pytest.raises(WireError, match="not a chat answer") as caught:
        Codec().read(body)
    assert caught.value.kind == "malformed"


def test_an_error_in_band():
    with pytest.raises(WireError) as caught:
        Codec().read({"error": {"message": "no", "code": 429}})
    assert caught.value.fault.status == 429


def test_errors():
    """Cohere's have a message and an id, nothing else."""
    fault = CohereChat.decode_fault(401, b'{"id":"e-1","message":"invalid api token"}')
    assert (fault.status, fault.message) == (401, "invalid api token")


def test_the_list_of_models():
    wire = CohereModels("", Ledger("cohere"), Profile())
    listed = wire.decode_response(b'{"models":[{"name":"command-a","endpoints":["chat"]}]}', created=7)
    assert (listed.data[0].id, listed.data[0]["endpoints"]) == ("command-a", ["chat"])
    assert wire.path == "/v1/models?page_size=1000"


# ------------------------------------------------------------------------------------------- streams


def deltas(*events, **params):
    """The deltas of a stream's chunks."""
    items = Codec(stream=True, **params).stream(*sse(*events))
    return [choice.delta.model_dump(exclude_unset=True) for item in items for choice in item.choices]


def test_a_stream():
    first, second, third, last = Codec(stream=True).stream(*told("Hi", " you"))
    assert first.model_dump(exclude_unset=True) == {
        "id": "c-1",
        "object": "chat.completion.chunk",
        "created": 7,
        "model": "command-a-03-2025",
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": None},
                "finish_reason": None,
                "logprobs": None,
            }
        ],
    }
    assert [chunk.choices[0].delta.content for chunk in (second, third)] == ["Hi", " you"]
    assert (last.choices[0].finish_reason, last.choices[0]["native_finish_reason"]) == ("stop", "COMPLETE")
    assert {chunk.id for chunk in (first, second, third, last)} == {"c-1"}


def test_pitfall_11_usage_when_it_is_asked_for():
    *_, last = Codec(**WANTED).stream(*told("Hi"))
    assert last.choices == []
    assert last.usage.model_dump(exclude_unset=True) == COUNTED
    assert Codec(**WANTED).stream(*sse(start(), end(usage=None)))[-1].usage is None


def test_pitfall_05_pitfall_06_pitfall_08_parallel_calls():
    """An index of their own, dense; the id and name once."""
    events = [*called('{"a"', ":1}", index=4), *called(index=7, name="g", call_id="g_1"), end("TOOL_CALL")]
    assert deltas(start(), *events)[1:] == [
        {"tool_calls": [{"index": 0, **call(arguments="")}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
        {"tool_calls": [{"index": 1, **call("g", "", "g_1")}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {},
    ]


@pytest.mark.parametrize(
    ("fragments", "arguments"),
    [
        ((), "{}"),
        (("null",), "{}"),
        (("nu", "ll"), "{}"),
        (("", "{}"), "{}"),
        (("n", "x"), "nx"),
        (("{", "null}"), "{null}"),
    ],
    ids=str,
)
def test_pitfall_07_no_arguments(fragments, arguments):
    value = collect(Codec(stream=True).stream(*sse(start(), *called(*fragments), end("TOOL_CALL"))))
    assert value.choices[0].message.tool_calls[0].function.arguments == arguments


def test_arguments_told_with_the_start():
    begun = event("tool-call-start", {"tool_calls": call(arguments='{"a":1}')}, index=0)
    value = collect(Codec(stream=True).stream(*sse(start(), begun, event("tool-call-end"), end("TOOL_CALL"))))
    assert value.choices[0].message.tool_calls[0].function.arguments == '{"a":1}'


def test_pitfall_70_a_call_in_the_legacy_form():
    """There is room for one."""
    events = [*called("{}"), *called("{}", name="g"), end("TOOL_CALL")]
    value = collect(Codec(stream=True, **LEGACY).stream(*sse(start(), *events)))
    assert value.choices[0].message.function_call.model_dump() == {"name": "f", "arguments": "{}"}
    assert value.choices[0].message.tool_calls is None
    assert value.choices[0].finish_reason == "function_call"


LOGPROBS = {"text": "Hi", "token_ids": [1], "logprobs": [-0.5]}


@pytest.mark.parametrize(
    ("events", "whole"),
    [
        pytest.param(part("text", "Hi", " you"), said("Hi you"), id="text"),
        pytest.param([], said(None), id="nothing"),
        pytest.param(
            [*part("thinking", "Hm", "."), *part("text", "Hi", index=1)],
            said(None, content=[{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hi"}]),
            id="thinking",
        ),
        pytest.param(
            [event("tool-plan-delta", {"tool_plan": text}) for text in ("I ", "call.", "")]
            + called('{"a":', "1}"),
            said(None, tool_plan="I call.", tool_calls=[call()]),
            id="a plan and a call",
        ),
        pytest.param(
            [*part("text", "Hi"), event("citation-start", {"citations": CITATION}), event("citation-end")],
            said("Hi", citations=[CITATION]),
            id="citations",
        ),
        pytest.param(
            [event("citation-start", {"citations": [CITATION, CITATION]}), *part("text", "Hi")],
            said("Hi", citations=[CITATION, CITATION]),
            id="citations in a list",
        ),
        pytest.param(
            [
                event("content-delta", {"content": {"text": "Hi"}}, logprobs=LOGPROBS),
                event("debug", prompt="x"),
            ],
            {**said("Hi"), "logprobs": [LOGPROBS]},
            id="logprobs",
        ),
    ],
)
def test_a_stream_amounts_to_the_whole_answer(events, whole):
    """Deltas put together are the unstreamed answer, its cost included."""
    codec = Codec(**WANTED)
    streamed = collect(codec.stream(*sse(start(), *events, end()))).model_dump(exclude_none=True)
    assert streamed == codec.read(whole).model_dump(exclude_none=True)


STREAM = b"".join(
    sse(
        start(),
        *part("thinking", "Hm. é"),
        *part("text", "Grüße", " 🌍", index=1),
        event("citation-start", {"citations": CITATION}),
        *called('{"a":', "1}"),
        end("TOOL_CALL"),
    )
)


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_pitfall_75_however_the_bytes_are_cut(cuts):
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(places)]
    whole, cut = (Codec(stream=True).stream(*bytes_) for bytes_ in ([STREAM], pieces))
    assert cut == whole
    assert not any(isinstance(item, WireError) for item in cut)


@settings(max_examples=40, deadline=None)
@given(length=st.integers(0, STREAM.index(b"event: message-end") + 20))
def test_pitfall_17_a_stream_cut_off_is_incomplete(length):
    """Anywhere before its end is told; never a finished answer."""
    *chunks, last = Codec(stream=True).stream(STREAM[:length])
    assert last == WireError("incomplete", "the stream ended without message-end")
    assert all(chunk.choices[0].finish_reason is None for chunk in chunks)


def test_what_comes_after_the_end_is_not_read():
    decoder = Codec(stream=True).wire.stream_decoder(created=7)
    decoder.feed(b"".join(told("Hi")))
    assert decoder.over
    assert decoder.feed(told("Hi")[0]) == []
    assert decoder.finish() == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"message":"too many requests","code":429}', "fault"),
        (b'{"type":"error","message":"too many requests","code":429}', "fault"),
        (b'{"type":"content-delta"}', "malformed"),
        (b"[1]", "malformed"),
        (b"{", "malformed"),
    ],
    ids=["pitfall_16_no_event", "pitfall_16_an_error", "half an event", "no object", "no JSON"],
)
def test_pitfall_15_what_breaks_a_stream(data, kind):
    """It is the last thing told, and the stream is over."""
    begun = sse(start())[0]
    _, error = Codec(stream=True).stream(begun, b"data: " + data + b"\n\n", *told("Hi"))
    assert error.kind == kind
    assert error.fault is None or (error.fault.status, error.fault.message) == (429, "too many requests")
