"""OpenAI's Responses, outbound: replies and streams as chat completions."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.wire.base import WireError
from tests.support.bodies import events
from tests.support.cuts import bytewise
from tests.support.responses import (
    CITED,
    GPT,
    SEARCH,
    Codec,
    custom_call,
    function_call,
    refusal,
    response,
    said,
    text,
    thought,
    told,
)


def test_the_whole_value():
    """Every field of OpenAI's, and nothing made up."""
    raw = response("Hi", service_tier="default")
    raw["usage"]["cost"] = 4
    assert Codec().whole(raw).model_dump(exclude_unset=True) == {
        "id": "resp_1",
        "object": "chat.completion",
        "created": 9,
        "model": "gpt-4.1-2025",
        "service_tier": "default",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "finish_reason": "stop",
                "native_finish_reason": "completed",
                "logprobs": None,
            }
        ],
        "usage": {
            "cost": 4,
            "prompt_tokens": 5,
            "completion_tokens": 2,
            "total_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 1},
        },
    }


def test_a_reply_that_says_little():
    """Compatible servers leave things out; a missing usage stays missing."""
    value = Codec().whole(
        {"output": [{"type": "message", "content": [{"type": "output_text", "text": "a"}]}]}
    )
    assert (value.id, value.model, value.created, value.usage) == ("", "gpt-4.1", 1, None)
    assert (
        Codec().whole({"output": [], "usage": {"input_tokens": 1, "output_tokens": 2}}).usage.total_tokens
        == 3
    )


CALLS = [function_call(), function_call(call_id="call_2")]
FINISHES = {
    "pitfall_22 calls": (CALLS, "completed", None, "tool_calls"),
    "text": (["a"], "completed", None, "stop"),
    "length": (["a"], "incomplete", "max_output_tokens", "length"),
    "pitfall_24 filtered": (["a"], "incomplete", "content_filter", "content_filter"),
    "a reason yet to come": (["a"], "incomplete", "max_messages", "length"),
    "no reason": (["a"], "incomplete", None, "length"),
    "cut off in a call": (CALLS, "incomplete", "max_output_tokens", "length"),
}


@pytest.mark.parametrize(("items", "status", "reason", "finish"), FINISHES.values(), ids=FINISHES.keys())
def test_finishes(items, status, reason, finish):
    """The chat form's reason, and Responses' own beside it; streamed or not."""
    details = {"incomplete_details": {"reason": reason} if reason else None}
    raw = response(*items, status=status, **details)
    for value in (Codec().whole(raw), Codec().streamed(*told(raw))):
        choice = value.choices[0]
        native = reason if status == "incomplete" else status
        assert choice.finish_reason == finish
        assert choice.model_extra.get("native_finish_reason") == native


SAID: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "texts are one": (["a", "b"], {"content": "ab"}),
    "parts are one": ([said("a", "b")], {"content": "ab"}),
    "nothing": ([], {"content": ""}),
    "pitfall_71 refusal": ([said(refusal("no"))], {"content": None, "refusal": "no"}),
    "both": ([said("a", refusal("no"))], {"content": "a", "refusal": "no"}),
    "a step of a built-in tool": ([SEARCH, "a"], {"content": "a"}),
    "a part yet to come": ([said({"type": "output_audio"}, "a")], {"content": "a"}),
    "pitfall_40 calls alone": ([function_call()], {"content": None}),
    "summaries": ([thought("a", "b"), "c"], {"reasoning_content": "a\n\nb", "content": "c"}),
    "thinking before its summary": (
        [thought("short", content=("long",)), thought("b"), "c"],
        {"reasoning_content": "long\n\nb"},
    ),
    "citations": (
        ["ab", said(text("cd", CITED, {"type": "file_citation", "file_id": "f"}))],
        {
            "content": "abcd",
            "annotations": [
                {
                    "type": "url_citation",
                    "url_citation": {"url": "https://e.com", "title": "E", "start_index": 2, "end_index": 3},
                }
            ],
            "citations": [{"type": "file_citation", "file_id": "f"}],
        },
    ),
}


@pytest.mark.parametrize(("items", "wanted"), SAID.values(), ids=SAID.keys())
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_what_is_said(items, wanted, streams):
    """Fields of the message; streamed the same as whole."""
    raw = response(*items)
    value = Codec().streamed(*told(raw)) if streams else Codec().whole(raw)
    message = value.choices[0].message.model_dump()
    assert {name: message[name] for name in wanted} == wanted


def test_logprobs():
    """Told beside the text they are about, in both forms."""
    entry = {"token": "Hi", "logprob": -0.5, "bytes": [72], "top_logprobs": []}
    raw = response(said({**text("Hi"), "logprobs": [entry]}))
    stream = b"".join(told(raw)).replace(b'"delta": "Hi"', b'"delta": "Hi", "logprobs": [%s]' % _json(entry))
    for value in (Codec().whole(raw), Codec().streamed(stream), Codec().streamed(*told(raw, deltas=False))):
        assert value.choices[0].logprobs.model_dump() == {"content": [entry], "refusal": None}


def _json(value: Any) -> bytes:
    import orjson

    return orjson.dumps(value)


def test_custom_calls_come_back():
    """With their input as it is."""
    value = Codec().whole(response(custom_call()))
    assert value.choices[0].message.tool_calls[0].model_dump() == {
        "id": "call_1",
        "type": "custom",
        "custom": {"name": "g", "input": "x y"},
    }


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_pitfall_70_answers_in_the_legacy_form(streams):
    """Who asked with `functions` reads `function_call`, of which there is one."""
    raw = response(function_call(), function_call("g", "{}", call_id="call_2"))
    codec = Codec(functions=[{"name": "f"}])
    choice = (codec.streamed(*told(raw)) if streams else codec.whole(raw)).choices[0]
    assert choice.finish_reason == "function_call"
    assert choice.message.function_call.model_dump() == {"name": "f", "arguments": '{"a":1}'}
    assert choice.message.tool_calls is None


# ------------------------------------------------------------------------------------------- errors

FAILURES = {
    "server": ({"code": "server_error", "message": "oops"}, 500, "oops"),
    "pitfall_21 rate": ({"code": "rate_limit_exceeded", "message": "slow"}, 429, "slow"),
    "prompt": ({"code": "invalid_prompt", "message": "no"}, 400, "no"),
    "no error": (None, 500, "the response was failed"),
}


@pytest.mark.parametrize(("error", "status", "message"), FAILURES.values(), ids=FAILURES.keys())
def test_pitfall_16_failures(error, status, message):
    """A response that failed is an error, streamed or not, with the status its code stands for."""
    raw = response("a", status="failed", error=error)
    with pytest.raises(WireError) as caught:
        Codec().whole(raw)
    assert caught.value.partial == "a"
    *chunks, last = Codec().items(*told(raw))
    assert last == caught.value
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "a"
    for fault in (caught.value.fault, last.fault):
        assert (fault.status, fault.message) == (status, message)


BROKEN = {
    "an error object": ({"error": {"message": "no", "code": 429}}, "fault"),
    "cancelled": (response(status="cancelled"), "fault"),
    "not finished": (response(status="in_progress"), "malformed"),
    "no output": ({"object": "response"}, "malformed"),
    "no object": ([], "malformed"),
    "items that are none": ({"output": ["a"]}, "malformed"),
}


@pytest.mark.parametrize(("raw", "kind"), BROKEN.values(), ids=BROKEN.keys())
def test_replies_that_are_no_answer(raw, kind):
    with pytest.raises(WireError) as caught:
        Codec().whole(raw)
    assert caught.value.kind == kind


ERROR_EVENTS = {
    "flat": (b'data: {"type":"error","code":"rate_limit_exceeded","message":"slow"}', 429, "slow", None),
    "nested": (
        b'event: error\ndata: {"type":"error","error":{"type":"server_error","message":"x"}}',
        500,
        "x",
        "server_error",
    ),
    "pitfall_16 chat's": (b'data: {"error":{"message":"no","type":"api_error"}}', 500, "no", "api_error"),
    "no JSON": (b"event: error\ndata: gone", 500, "gone", None),
}


@pytest.mark.parametrize(
    ("event", "status", "message", "kind"), ERROR_EVENTS.values(), ids=ERROR_EVENTS.keys()
)
def test_pitfall_15_errors_in_a_stream(event, status, message, kind):
    """The last item, and nothing after it."""
    head, *_ = told(response("a"))
    *chunks, last = Codec().items(head, event + b"\n\n", *told(response("b")))
    assert len(chunks) == 1
    assert (last.kind, last.fault.status, last.message, last.fault.type) == ("fault", status, message, kind)


CUT = {
    "pitfall_17 in the middle": told(response("abc", function_call()))[:-1],
    "pitfall_74 chat's terminator is none": [*told(response("abc"))[:-1], b"data: [DONE]\n\n"],
    "nothing at all": [],
}


@pytest.mark.parametrize("pieces", CUT.values(), ids=CUT.keys())
def test_streams_that_end_too_soon(pieces):
    """An error, never an answer."""
    *chunks, last = Codec().items(*pieces)
    assert last == WireError("incomplete", "the stream ended without response.completed")
    assert not any(chunk.choices[0].finish_reason for chunk in chunks)


@pytest.mark.parametrize(
    "data", [b"data: nonsense\n\n", b'data: {"type":"response.output_item.added"}\n\n', b"data: []\n\n"]
)
def test_streams_that_make_no_sense(data):
    (error,) = Codec().items(data)
    assert error.kind == "malformed"


# ------------------------------------------------------------------------------------------ streams


def test_pitfall_08_calls_in_chunks():
    """Id, type and name once, then arguments alone; a dense index of their own; the role in the first chunk."""
    raw = response(thought("hm"), "a", *CALLS)
    chunks = Codec().items(*told(raw, cut=4))
    assert [chunk.choices[0].delta.role for chunk in chunks] == ["assistant", *[None] * (len(chunks) - 1)]
    made = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [(call.index, call.id, call.function.name, call.function.arguments) for call in made] == [
        (0, "call_1", "f", ""),
        (0, None, None, '{"a"'),
        (0, None, None, ":1}"),
        (1, "call_2", "f", ""),
        (1, None, None, '{"a"'),
        (1, None, None, ":1}"),
    ]


@pytest.mark.parametrize("wanted", [False, True])
def test_pitfall_11_usage_is_told_if_asked_for(wanted):
    """In one chunk of its own, the last."""
    chunks = Codec(stream_options={"include_usage": wanted}).items(*told(response("a")))
    counted = [chunk for chunk in chunks if chunk.usage]
    assert counted == ([chunks[-1]] if wanted else [])
    assert [chunk.choices for chunk in counted] == ([[]] if wanted else [])


def test_pitfall_73_what_a_stream_may_hold_besides():
    """Keep-alives, steps of built-in tools, events of later versions, and what follows the end."""
    whole = told(response("a"))
    extra = events({"type": "keepalive"}, {"type": "response.web_search_call.searching", "output_index": 0})
    noisy = [b": ping\n\n", whole[0], *extra, *whole[1:], *told(response("b")), b"data: [DONE]\n\n"]
    assert Codec().items(*noisy) == Codec().items(*whole)


SAYS_LITTLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "everything": (
        {"id": "r", "model": "n", "created_at": 8.9, "service_tier": "flex"},
        {"id": "r", "model": "n", "created": 8, "service_tier": "flex"},
    ),
    "no names": ({"created_at": 8}, {"model": GPT, "created": 8, "service_tier": None}),
    "no time": ({"id": "r", "model": "n", "created_at": None}, {"id": "r", "model": "n", "created": 1}),
    "nothing": ({}, {"model": GPT, "created": 1, "service_tier": None}),
}
"""What a stream's responses say of themselves → the head of its chunks."""


@pytest.mark.parametrize(("says", "head"), SAYS_LITTLE.values(), ids=SAYS_LITTLE)
def test_the_head_of_every_chunk(says, head):
    """What the server leaves out stays ours."""
    item = said("a")
    stream = events(
        {"type": "response.created", "response": {**says, "output": []}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {**says, "status": "completed", "output": [item]}},
    )
    for chunk in Codec().items(*stream):
        assert {name: getattr(chunk, name) for name in head} == head


def test_deltas_before_their_item():
    """Of a call that was never added, the arguments are told once its item is whole."""
    stream = [piece for piece in told(response(function_call())) if b"output_item.added" not in piece]
    call = Codec().streamed(*stream).choices[0].message.tool_calls[0]
    assert (call.id, call.function.arguments) == ("call_1", '{"a":1}')


def test_items_only_the_end_tells():
    """Some servers say everything in the last event."""
    raw = response(thought("hm"), "a", function_call())
    stream = [piece for piece in told(raw, deltas=False) if b"output_item" not in piece]
    assert Codec().streamed(*stream).model_dump() == Codec().streamed(*told(raw)).model_dump()


def test_thinking_told_twice():
    """Of the thinking and its summary the one that comes first."""
    item = thought("short", content=("long",))
    stream = told(response(item, "a"))
    summary = {
        "type": "response.reasoning_summary_text.delta",
        "output_index": 0,
        "summary_index": 0,
        "delta": "s",
    }
    late = next(index for index, piece in enumerate(stream) if b"reasoning_text.done" in piece)
    value = Codec().streamed(*stream[:late], *events(summary), *stream[late:])
    assert value.choices[0].message.reasoning_content == "long"


def test_texts_that_change_their_mind():
    """A whole text that does not go on from its deltas is not told again."""
    stream = [piece.replace(b'"delta": "ab"', b'"delta": "AB"') for piece in told(response("ab"))]
    assert Codec().streamed(*stream).choices[0].message.content == "AB"


def test_bytes_however_cut():
    """Byte by byte the same chunks."""
    stream = b"".join(told(response(thought("hé"), said("ä", refusal("ö")), function_call())))
    assert Codec().items(*bytewise(stream)) == Codec().items(stream)
