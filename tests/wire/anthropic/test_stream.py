"""Anthropic's streams as chunks: what each event becomes, and how a stream may end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from muxi_llm.wire.base import WireError
from tests.support.anthropic import OLD_CLAUDE, Codec, text, told, tool, tool_use
from tests.support.bodies import events, message, message_stream

THOUGHT = {"type": "thinking", "thinking": "hm hm hm", "signature": "sig"}
REDACTED = {"type": "redacted_thinking", "data": "opaque"}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
WEB = {"type": "web_search_result_location", "url": "https://e.com", "title": "E", "cited_text": "c"}

START = {"type": "message_start", "message": {**message(), "content": [], "stop_reason": None}}
STOP = {"type": "message_stop"}


def end(stop: str = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 9, **usage}}


def begun(block: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def over(index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def deltas(*pieces: bytes, **body: Any) -> list[dict[str, Any]]:
    """The deltas of a stream's chunks, without empty fields."""
    items = Codec(tools=[tool()], **body).items(*pieces)
    return [choice.delta.model_dump(exclude_none=True) for item in items for choice in item.choices]


# ------------------------------------------------------------------------------------- what is told


def test_the_chunks_of_a_text():
    """A role first (pitfall_09), then text, then one reason to finish (pitfall_10)."""
    chunks = Codec().items(*message_stream("Hel", "lo"))
    assert [chunk.choices[0].delta.model_dump(exclude_none=True) for chunk in chunks] == [
        {"role": "assistant"},
        {"content": "Hel"},
        {"content": "lo"},
        {},
    ]
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, None, None, "stop"]
    assert chunks[-1].choices[0]["native_finish_reason"] == "end_turn"
    assert {(chunk.id, chunk.model, chunk.created, chunk.object) for chunk in chunks} == {
        ("msg_1", "claude-sonnet-4-5", 1, "chat.completion.chunk")
    }


def test_fault_41_pitfall_08_a_calls_id_and_name_are_told_once():
    """In its first delta; after it only arguments (pitfall_07: of its own block)."""
    stream = told(tool_use("f", {"a": 1}), tool_use("g", {}, "toolu_2"), stop="tool_use", cut=4)
    calls = [made for said in deltas(*stream) for made in said.get("tool_calls", ())]
    assert calls == [
        {"index": 0, "id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"a"'}},
        {"index": 0, "function": {"arguments": ":1}"}},
        {"index": 1, "id": "toolu_2", "type": "function", "function": {"name": "g", "arguments": ""}},
        {"index": 1, "function": {"arguments": "{}"}},
    ]


def test_pitfall_05_calls_are_counted_by_themselves():
    """Not by the index of their blocks, which count text and thinking too."""
    stream = told(
        THOUGHT, "x", tool_use(), SEARCH, FOUND, tool_use("g", {"b": 2}, "toolu_2"), stop="tool_use"
    )
    indexes = [made["index"] for said in deltas(*stream) for made in said.get("tool_calls", ())]
    assert sorted(set(indexes)) == [0, 1]
    assert indexes == sorted(indexes)


def test_pitfall_06_parallel_calls_stay_apart():
    """Even where a server interleaves their fragments."""
    stream = events(
        START,
        begun(tool_use("f", None, "a"), 0),
        begun(tool_use("g", None, "b"), 1),
        delta(1, type="input_json_delta", partial_json='{"b":'),
        delta(0, type="input_json_delta", partial_json='{"a":'),
        delta(1, type="input_json_delta", partial_json="2}"),
        delta(0, type="input_json_delta", partial_json="1}"),
        over(0),
        over(1),
        end("tool_use"),
        STOP,
    )
    calls = Codec(tools=[tool()]).streamed(*stream).choices[0].message.tool_calls
    assert [(made.id, made.function.arguments) for made in calls] == [("a", '{"a":1}'), ("b", '{"b":2}')]


INPUTS = {
    "whole in the start": [begun(tool_use("f", {"a": 1})), over()],
    "in fragments": [begun(tool_use("f")), delta(type="input_json_delta", partial_json='{"a":1}'), over()],
    "fragments count": [
        begun(tool_use("f", {"x": 0})),
        delta(type="input_json_delta", partial_json='{"a":1}'),
        over(),
    ],
    "never closed": [begun(tool_use("f")), delta(type="input_json_delta", partial_json='{"a":1}')],
    "whole, never closed": [begun(tool_use("f", {"a": 1}))],
}


@pytest.mark.parametrize("block", INPUTS.values(), ids=INPUTS.keys())
def test_where_a_calls_input_may_be(block):
    """Compatible servers differ from Anthropic and from each other."""
    value = Codec(tools=[tool()]).streamed(*events(START, *block, end("tool_use"), STOP))
    assert value.choices[0].message.tool_calls[0].function.arguments == '{"a":1}'
    assert value.choices[0].finish_reason == "tool_calls"


LLAMA = b"""\
event: message_start
data: {"type":"message_start","message":{"id":"chatcmpl-KGE1","type":"message","role":"assistant",\
"content":[],"model":"tiny-bigram","stop_reason":null,"stop_sequence":null,\
"usage":{"cache_read_input_tokens":426,"input_tokens":1,"output_tokens":0}}}

event: content_block_start
data: {"type":"content_block_start","index":0,\
"content_block":{"type":"tool_use","id":"LHO3","name":"get_weather"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},\
"usage":{"output_tokens":95}}

event: message_stop
data: {"type":"message_stop"}

"""


def test_llama_cpp():
    """Begins a call without an input."""
    value = Codec(tools=[tool()], stream_options={"include_usage": True}).streamed(LLAMA)
    (made,) = value.choices[0].message.tool_calls
    assert (made.id, made.function.name, made.function.arguments) == ("LHO3", "get_weather", "{}")
    assert (value.id, value.model, value.choices[0].finish_reason) == (
        "chatcmpl-KGE1",
        "tiny-bigram",
        "tool_calls",
    )
    assert (value.usage.prompt_tokens, value.usage.completion_tokens) == (427, 95)


def test_thinking_is_told_as_text_and_then_as_it_is():
    """The signed block at its end, once; what has no text is told as a block only."""
    stream = told(THOUGHT, REDACTED, {**THOUGHT, "thinking": ""}, "x", cut=4)
    assert deltas(*stream)[1:-2] == [
        {"reasoning_content": "hm h"},
        {"reasoning_content": "m hm"},
        {"thinking_blocks": [THOUGHT]},
        {"thinking_blocks": [REDACTED]},
        {"thinking_blocks": [{**THOUGHT, "thinking": ""}]},
    ]


def test_thinking_that_begins_with_text():
    """As some servers do; a text may too."""
    stream = events(
        START,
        begun(THOUGHT),
        over(),
        begun(text("He"), 1),
        delta(1, type="text_delta", text="y"),
        over(1),
        end(),
        STOP,
    )
    message_ = Codec().streamed(*stream).choices[0].message
    assert (message_.reasoning_content, message_.thinking_blocks, message_.content) == (
        "hm hm hm",
        [THOUGHT],
        "Hey",
    )


def test_pitfall_50_citations_are_told_at_the_end_of_their_text():
    """With its place in the whole answer."""
    cited = deltas(*told("ab", text("cd", citations=[WEB])))[3]
    assert cited["annotations"][0]["url_citation"] == {
        "url": "https://e.com",
        "title": "E",
        "start_index": 2,
        "end_index": 4,
    }


def test_server_tools_are_kept_for_the_next_turn():
    """Not shown as calls; in the last delta, as the whole turn must come back."""
    said = deltas(*told("I look.", SEARCH, FOUND, "Done."))
    assert [delta_["content"] for delta_ in said[1:-1]] == ["I look.", "Done."]
    assert said[-1] == {
        "extra_content": {"anthropic": {"content": [text("I look."), SEARCH, FOUND, text("Done.")]}}
    }


def test_input_that_was_cut_off():
    """Arguments are told as far as they came; a turn to be sent back holds an object all the same."""
    cut = {"type": "input_json_delta", "partial_json": '{"query": "we'}
    stream = events(START, begun({**SEARCH, "input": {}}), delta(**cut), over(), end("max_tokens"), STOP)
    value = Codec().streamed(*stream)
    kept = value.choices[0].message.extra_content["anthropic"]["content"]
    assert kept[0]["input"] == {"_raw_arguments": '{"query": "we'}
    stream = events(START, begun(tool_use()), delta(**cut), over(), end("max_tokens"), STOP)
    choice = Codec(tools=[tool()]).streamed(*stream).choices[0]
    assert (choice.message.tool_calls[0].function.arguments, choice.finish_reason) == (
        '{"query": "we',
        "length",
    )


def test_pitfall_70_functions():
    """The old form: one call, without index and id; a second one has no place in it."""
    body = {"functions": [{"name": "f"}]}
    stream = told("x", tool_use("f", {"a": 1}), tool_use("g", {"b": 2}, "toolu_2"), stop="tool_use")
    items = Codec(**body).items(*stream)
    said = [item.choices[0].delta.function_call for item in items]
    assert [made.model_dump(exclude_none=True) for made in said if made] == [
        {"name": "f", "arguments": ""},
        {"arguments": '{"a":1}'},
    ]
    assert items[-1].choices[0].finish_reason == "function_call"
    assert all(item.choices[0].delta.tool_calls is None for item in items)


FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}


@pytest.mark.parametrize(("given", "said"), [({"a": 1, "b": "é"}, '{"a":1,"b":"é"}'), ({}, "{}")])
def test_pitfall_57_a_forced_tool_is_an_answer(given, said):
    """Its fragments are text, and no call is seen."""
    value = Codec(model=OLD_CLAUDE, response_format=FORMAT).streamed(
        *told(tool_use("answer", given), stop="tool_use", cut=5)
    )
    choice = value.choices[0]
    assert (choice.message.content, choice.message.tool_calls, choice.finish_reason) == (said, None, "stop")


def test_pitfall_54_names_are_mapped_back():
    """As in a whole reply."""
    codec = Codec(tools=[tool("a.b")])
    (short,) = codec.wire._reader._tools.names
    value = codec.streamed(*told(tool_use(short), stop="tool_use"))
    assert value.choices[0].message.tool_calls[0].function.name == "a.b"


def test_pitfall_24_refusals():
    """With what the provider says of them."""
    refused = told("I", stop="refusal", stop_details={"type": "refusal", "explanation": "Not this."})
    choice = Codec().streamed(*refused).choices[0]
    assert (choice.finish_reason, choice.message.refusal, choice.message.content) == (
        "content_filter",
        "Not this.",
        "I",
    )


def test_a_container():
    """Comes with the end of the answer."""
    value = Codec().streamed(*told("x", container={"id": "container_1"}))
    assert value.choices[0].message.extra_content == {"anthropic": {"container": {"id": "container_1"}}}


# ------------------------------------------------------------------------------------------- usage


@pytest.mark.parametrize("asked", [None, {}, {"include_usage": False}])
def test_pitfall_11_no_usage_chunk_unless_asked(asked):
    """Every chunk has its choice."""
    chunks = Codec(stream_options=asked).items(*message_stream("Hi"))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_pitfall_11_pitfall_12_the_usage_chunk():
    """Last, without choices; pitfall_04, pitfall_14: counts come with two events, the last one wins."""
    chunks = Codec(stream_options={"include_usage": True}).items(
        *events(START, end(input_tokens=None, cache_read_input_tokens=3), STOP)
    )
    assert [chunk.usage is not None for chunk in chunks] == [False, False, True]
    assert chunks[-1].choices == []
    usage = chunks[-1].usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (8, 9, 17)
    assert usage.prompt_tokens_details.cached_tokens == 3


# -------------------------------------------------------------------------------- how it may end


def last(*pieces: bytes) -> WireError:
    """The error that a stream ends in."""
    *chunks, error = Codec().items(*pieces)
    assert isinstance(error, WireError)
    assert not [chunk for chunk in chunks if isinstance(chunk, WireError)]
    return error


CUT = {
    "nothing": [],
    "a beginning": [START],
    "half a text": [START, begun(text("")), delta(type="text_delta", text="Hel")],
    "pitfall_18 all but its terminator": [START, begun(text("Hi")), over(), end()],
}


@pytest.mark.parametrize("stream", CUT.values(), ids=CUT.keys())
def test_pitfall_17_an_end_without_message_stop_is_no_end(stream):
    """Never a finished answer."""
    assert last(*events(*stream)) == WireError("incomplete", "the stream ended without message_stop")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("overloaded_error", 529),
        ("api_error", 500),
        ("rate_limit_error", 429),
        ("invalid_request_error", 400),
        ("timeout_error", 504),
        ("something_new", 500),
    ],
)
def test_pitfall_15_fault_26_an_error_event(kind, status):
    """Is an error with its status and its message (pitfall_21), and the last thing said."""
    broken = {"type": "error", "error": {"type": kind, "message": "So it is."}, "request_id": "req_1"}
    error = last(*events(START, broken, begun(text("more")), STOP))
    assert (error.kind, error.message, error.fault.status, error.fault.type) == (
        "fault",
        "So it is.",
        status,
        kind,
    )


NONSENSE = {
    "no JSON": b"data: {\n\n",
    "no object": b"data: []\n\n",
    "no type": b'data: {"index": 0}\n\n',
    "pitfall_03 a delta of no block": events(delta(7, type="text_delta", text="x"))[0],
    "a block without a kind": events(begun({}))[0],
    "a call without a name": events(begun({"type": "tool_use"}))[0],
    "OpenAI's terminator": b"data: [DONE]\n\n",
}


@pytest.mark.parametrize("piece", NONSENSE.values(), ids=NONSENSE.keys())
def test_what_makes_no_sense(piece):
    """Is a malformed stream; what comes after it is not read."""
    error = last(*events(START), piece, *message_stream("more"))
    assert error.kind == "malformed"


def test_pitfall_73_what_is_ignored():
    """Pings, events and deltas yet to come, and whatever follows the end."""
    stream = events(
        START,
        {"type": "ping"},
        {"type": "something_new", "index": 9},
        begun(text("")),
        delta(type="something_new", value=1),
        delta(type="text_delta", text="Hi"),
        over(),
        end(),
        STOP,
        delta(type="text_delta", text="more"),
    )
    value = Codec().streamed(*stream, b"data: [DONE]\n\n")
    assert value.choices[0].message.content == "Hi"


def test_an_end_without_a_reason():
    """Is none: the next event has it."""
    unfinished = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 1}}
    value = Codec().streamed(*events(START, begun(text("Hi")), over(), unfinished, end("max_tokens"), STOP))
    assert value.choices[0].finish_reason == "length"


def test_the_last_event_needs_no_blank_line():
    """Some servers forget it."""
    *stream, stop = message_stream("Hi")
    assert Codec().streamed(*stream, stop.rstrip()).choices[0].message.content == "Hi"


def test_a_head_that_says_little():
    """The model asked for stands in."""
    (first, *_) = Codec().items(*events({"type": "message_start", "message": {}}))
    assert (first.id, first.model) == ("", "claude-sonnet-4-5")
    assert json.loads(first.model_dump_json(exclude_unset=True))["choices"][0]["delta"] == {
        "role": "assistant",
        "content": None,
    }
