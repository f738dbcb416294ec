"""Converse, theirs → ours: replies and streams, which must say the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.wire.base import WireError
from tests.support.anthropic import result, tool, user
from tests.support.aws import Codec, event, exception, frame, redacted, reply, stream, thought, use
from tests.support.bodies import HELLO
from tests.support.cuts import PLACES, bytewise, cut

USAGE = {"stream_options": {"include_usage": True}}
WEB = {"location": {"web": {"url": "https://x.example"}}, "title": "X"}
PAGE = {"location": {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}}, "title": "D"}


def cited(said: str, *citations: Any) -> dict[str, Any]:
    return {"citationsContent": {"content": [{"text": said}], "citations": list(citations)}}


def messages_of(raw: dict[str, Any], **body: Any) -> list[dict[str, Any]]:
    """The choice *raw* amounts to, unstreamed and streamed, as far as it says something."""
    values = [Codec(**body).whole(raw), Codec(**body).streamed(*stream(raw))]
    return [value.choices[0].message.model_dump(exclude_none=True) for value in values]


def both(raw: dict[str, Any], **body: Any) -> dict[str, Any]:
    """The message *raw* amounts to, the same both ways."""
    whole, streamed = messages_of(raw, **body)
    assert streamed == whole
    assert whole.pop("role") == "assistant"
    return whole


# ---------------------------------------------------------------------------------------- messages


def test_text():
    assert both(reply({"text": "Hello"})) == {"content": "Hello"}
    assert both(reply()) == {"content": ""}


def test_pitfall_40_calls():
    """Arguments are text, those of nothing too; content is null beside calls alone."""
    said = both(reply(use("f", {"a": 1}, "c1"), use("g", {}, "c2", type="tool_use"), stop="tool_use"))
    assert said == {
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
            {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ]
    }


def test_pitfall_54_tools_go_by_the_callers_names():
    name = "mcp.server/" + "t" * 70
    codec = Codec(tools=[tool(name)])
    short = codec.out["toolConfig"]["tools"][0]["toolSpec"]["name"]
    assert codec.told == {"tools[0].function.name": ("changed", False)}
    for value in (codec.whole(reply(use(short))), codec.streamed(*stream(reply(use(short))))):
        assert value.choices[0].message.tool_calls[0].function.name == name


def test_pitfall_70_the_oldest_form_is_answered_in_its_own():
    """One call: that form holds no more, and no ids."""
    raw = reply({"text": "x"}, use("f", {"a": 1}), use("f", {}, "c2"), stop="tool_use")
    said = both(raw, functions=[{"name": "f"}])
    assert said == {"content": "x", "function_call": {"name": "f", "arguments": '{"a":1}'}}


def test_pitfall_27_29_thinking():
    """As text to read and as blocks to send back: signed, signed without a word, secret."""
    raw = reply(thought("hm"), thought(""), redacted(b"\xff\x00"), thought("unsigned", ""), {"text": "x"})
    said = both(raw)
    assert said["reasoning_content"] == "hmunsigned"
    assert said["thinking_blocks"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "thinking", "thinking": "", "signature": "sig"},
        {"type": "redacted_thinking", "data": "\xff\x00"},
    ]
    assert "extra_content" not in said


def test_pitfall_50_citations():
    """Of web pages as annotations, of documents as they came; the turn itself rides along."""
    raw = reply({"text": "ab"}, cited("cd", WEB), cited("ef", PAGE))
    said = both(raw)
    place = {"url": "https://x.example", "title": "X", "start_index": 2, "end_index": 4}
    assert said["content"] == "abcdef"
    assert said["annotations"] == [{"type": "url_citation", "url_citation": place}]
    assert said["citations"] == [PAGE]
    assert said["extra_content"] == {"bedrock": {"content": raw["output"]["message"]["content"]}}


TURNS: dict[str, list[dict[str, Any]]] = {
    "text": [{"text": "x"}],
    "calls": [{"text": "x"}, use("f", {"a": 1}, "c1"), use("f", {}, "c2")],
    "26 thinking": [thought(), redacted(), {"text": "x"}, use("f", {}, "c1")],
    "citations": [cited("cd", PAGE)],
    "text after a call": [use("f", {}, "c1"), {"text": "x"}],
    "a server's tool": [use("s", {"q": 1}, "s1", type="server_tool_use"), {"text": "x"}],
}


@pytest.mark.parametrize("blocks", TURNS.values(), ids=TURNS)
def test_pitfall_56_an_answer_sent_back_is_the_one_that_came(blocks):
    """Block by block, whether it came whole or streamed."""
    for message in messages_of(reply(*blocks)):
        results = [result("r", made["id"]) for made in message.get("tool_calls") or ()]
        sent = Codec([user(), message, *results, user("and?")], tools=[tool("f"), tool("s")])
        assert sent.out["messages"][1]["content"] == blocks


def test_a_servers_own_call_is_none_of_the_callers():
    raw = reply(use("s", {"q": 1}, type="server_tool_use"), {"text": "x"})
    assert "tool_calls" not in both(raw)


# -------------------------------------------------------------------------------- ends and the cost


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("24 model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("something_new", "something_new"),
    ],
)
def test_reasons_to_stop(reason, finish):
    """Theirs is kept beside ours."""
    reason = reason.removeprefix("24 ")
    raw = reply({"text": "x"}, stop=reason)
    for value in (Codec().whole(raw), Codec().streamed(*stream(raw))):
        assert value.choices[0].finish_reason == finish
        assert value.choices[0]["native_finish_reason"] == reason


@pytest.mark.parametrize(("reason", "finish"), [("end_turn", "tool_calls"), ("max_tokens", "length")])
def test_pitfall_22_a_call_is_one_whatever_the_provider_says(reason, finish):
    raw = reply(use(), stop=reason)
    assert Codec().whole(raw).choices[0].finish_reason == finish
    assert Codec().streamed(*stream(raw)).choices[0].finish_reason == finish


@pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
def test_pitfall_25_an_answer_the_model_spoilt_is_an_error(reason):
    """One that may be tried again."""
    raw = reply({"text": "x"}, stop=reason)
    with pytest.raises(WireError, match="could not be read") as caught:
        Codec().whole(raw)
    assert caught.value.fault.status == 500
    assert Codec().items(*stream(raw))[-1].fault == caught.value.fault


def test_pitfall_58_usage_counts_cached_tokens_in():
    """What else is told of the answer stays on it."""
    counted = {"inputTokens": 5, "outputTokens": 2, "totalTokens": 14}
    details = [{"ttl": "1h", "inputTokens": 4}]
    usage = counted | {"cacheReadInputTokens": 3, "cacheWriteInputTokens": 4, "cacheDetails": details}
    raw = reply({"text": "x"}, usage=usage, trace={"guardrail": {}})
    for value in (Codec().whole(raw), Codec(**USAGE).streamed(*stream(raw))):
        assert value.usage.prompt_tokens == 12
        assert value.usage.completion_tokens == 2
        assert value.usage.total_tokens == 14
        assert value.usage.prompt_tokens_details.cached_tokens == 3
        assert value.usage.prompt_tokens_details["cache_write_tokens"] == 4
        assert value.usage["cacheDetails"] == details
    whole = Codec().whole(raw)
    assert whole["metrics"] == {"latencyMs": 3}
    assert whole["trace"] == {"guardrail": {}}
    last = Codec(**USAGE).items(*stream(raw))[-1]
    assert (last.choices, last["metrics"], last["trace"]) == ([], {"latencyMs": 3}, {"guardrail": {}})


def test_a_reply_without_usage():
    raw = {name: value for name, value in reply({"text": "x"}).items() if name != "usage"}
    assert Codec().whole(raw).usage is None


@pytest.mark.parametrize("raw", [{}, {"output": {"message": {"content": [{"toolUse": {}}]}}}, [1]])
def test_a_reply_that_is_none(raw):
    with pytest.raises(WireError, match="not a Converse reply") as caught:
        Codec().whole(raw)
    assert caught.value.kind == "malformed"


# ------------------------------------------------------------------------------------------ streams


def test_pitfall_5_8_9_10_11_the_chunks_one_by_one():
    """The role first; a call's id and name once; one end; usage only where it was asked for."""
    raw = reply({"text": "ab"}, use("f", {"a": 1}), stop="tool_use")
    items = Codec().items(*stream(raw, cut=1000))
    deltas = [item.choices[0].delta.model_dump(exclude_unset=True) for item in items]
    start = {"id": "tooluse_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert deltas == [
        {"role": "assistant", "content": None},
        {"content": "ab"},
        {"tool_calls": [{"index": 0, **start}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]},
        {},
    ]
    assert [item.choices[0].finish_reason for item in items] == [None] * 4 + ["tool_calls"]
    assert {(item.object, item.created) for item in items} == {("chat.completion.chunk", 1)}


@settings(max_examples=60, deadline=None)
@given(places=PLACES, size=st.integers(1, 9))
def test_the_chunks_do_not_depend_on_the_cuts(places, size):
    """Neither of the bytes nor, in sum, of the fragments."""
    raw = reply(thought("think"), cited("said", PAGE), use("f", {"a": "é"}, "c1"), stop="tool_use")
    data = b"".join(stream(raw, cut=size))
    assert Codec(**USAGE).items(*cut(data, places)) == Codec(**USAGE).items(data)
    assert messages_of(raw)[0] == Codec().streamed(data).choices[0].message.model_dump(exclude_none=True)


@pytest.mark.parametrize("missing", range(1, 6))
def test_pitfall_17_18_a_stream_cut_off_is_no_answer(missing):
    """Between frames or within one, unless all that is missing is the cost."""
    frames = stream(reply({"text": "abc"}))
    whole = b"".join(frames[:-missing])
    kinds = [getattr(item, "kind", None) for item in Codec().items(whole)]
    assert ("incomplete" in kinds) is (missing > 1)
    assert Codec().items(whole + frames[-missing][:9])[-1].kind == "incomplete"


def test_blocks_that_nobody_closed():
    """Are whole when the answer is."""
    frames = [item for item in stream(reply(use("f"), thought())) if b"contentBlockStop" not in item]
    said = Codec().streamed(*frames).choices[0].message
    assert said.tool_calls[0].function.arguments == "{}"
    assert said.thinking_blocks == [{"type": "thinking", "thinking": "hm", "signature": "sig"}]


def test_a_call_cut_off_by_the_limit():
    """Its half arguments are the caller's to see; sent back they are an object."""
    raw = reply(use("f", {"a": 1}), {"text": "x"}, stop="max_tokens")
    at = {"contentBlockIndex": 0}
    frames = stream(raw, cut=1000)
    frames[2] = event("contentBlockDelta", {"delta": {"toolUse": {"input": '{"a'}}, **at})
    message = Codec().streamed(*frames).choices[0].message
    assert message.tool_calls[0].function.arguments == '{"a'
    kept = message["extra_content"]["bedrock"]["content"]
    assert kept[0]["toolUse"]["input"] == {"_raw_arguments": '{"a'}


def test_what_is_not_known_is_passed_over():
    """Events, starts and deltas yet to come; empty fragments."""
    at = {"contentBlockIndex": 0}
    frames = stream(reply({"text": "x"}))
    frames[1:1] = [
        event("somethingNew", {}),
        event("contentBlockStart", {"start": {"image": {"format": "png"}}, **at}),
        event("contentBlockDelta", {"delta": {"image": {}}, **at}),
        event("contentBlockDelta", {"delta": {"text": ""}, **at}),
        event("contentBlockDelta", {"delta": {"toolUse": {"input": ""}}, "contentBlockIndex": 7}),
    ]
    assert Codec().streamed(*frames).choices[0].message.content == "x"


@pytest.mark.parametrize(
    ("broken", "status"),
    [
        (exception("throttlingException"), 429),
        (exception("modelStreamErrorException"), 500),
        (exception("modelStreamErrorException", originalStatusCode=503), 503),
        (exception("internalServerException"), 500),
        (exception("validationException"), 400),
        (exception("serviceUnavailableException"), 503),
        (exception("modelTimeoutException"), 408),
        (exception("accessDeniedException"), 403),
        (
            frame(
                b"", {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "broken"}
            ),
            500,
        ),
    ],
    ids=lambda value: value if isinstance(value, int) else "frame",
)
def test_pitfall_15_16_an_exception_in_the_stream_is_an_error(broken, status):
    """And the last item, whatever follows."""
    frames = stream(reply({"text": "x"}))
    items = Codec().items(*frames[:2], broken, *frames[2:])
    error = items[-1]
    assert (error.kind, error.fault.status, error.fault.message) == ("fault", status, "broken")
    assert error.fault.code
    assert [item for item in items if isinstance(item, WireError)] == [error]


@pytest.mark.parametrize(
    "bad",
    [
        event("messageStop", b"no json"),
        event("messageStop", {}),
        event("contentBlockDelta", [1]),
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"redactedContent": "x"}}}),
        b"\0" * 16,
    ],
    ids=["no JSON", "no reason", "no object", "no base64", "no frame"],
)  # fmt: skip
def test_events_that_make_no_sense(bad):
    begun = stream(reply({"text": "x"}))[:2]
    *chunks, error = Codec().items(*begun, bad, *begun)
    assert error.kind == "malformed"
    assert len(chunks) == 2


def test_byte_by_byte():
    """A body as long as a network makes it."""
    raw = reply({"text": "Hello"}, use("f", {"a": 1}), stop="tool_use")
    pieces = bytewise(b"".join(stream(raw)))
    assert Codec(HELLO).items(*pieces) == Codec(HELLO).items(b"".join(pieces))


# ------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (400, b'{"message": "bad"}', (400, "bad", None)),
        (403, b'{"Message": "no"}', (403, "no", None)),
        (400, b'{"__type": "com.amazon.coral#AccessDenied", "message": "no"}', (400, "no", "AccessDenied")),
        (424, b'{"message": "m", "originalStatusCode": 503}', (503, "m", None)),
        (424, b'{"message": "m", "originalStatusCode": 0}', (424, "m", None)),
        (502, b"<html>", (502, "<html>", None)),
    ],
)
def test_pitfall_21_error_bodies(status, body, told):
    fault = Codec().wire.decode_fault(status, body)
    assert (fault.status, fault.message, fault.type) == told
