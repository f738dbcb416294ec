"""Ollama's own API, theirs → ours: whole answers, streams, text completions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.models import ChatCompletionChunk
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Ledger, Profile, WireError
from muxi_llm.wire.ollama.chat import OllamaChat, OllamaGenerate

AT = "2026-08-07T06:08:09.335586Z"
COUNTS = {"prompt_eval_count": 11, "eval_count": 3, "total_duration": 5, "load_duration": 1}
CALL = {"function": {"name": "f", "arguments": {"a": 1}}}


def line(done: bool = False, **fields: Any) -> dict[str, Any]:
    """One line of a chat stream; the fields of its message, and of itself under `top`."""
    top = fields.pop("top", {})
    return {
        "model": "qwen3",
        "created_at": AT,
        "message": {"role": "assistant", **fields},
        "done": done,
        **top,
    }


def end(**top: Any) -> dict[str, Any]:
    return line(True, content="", top={"done_reason": "stop", **COUNTS, **top})


def wire(kind: Any = OllamaChat, **body: Any) -> Any:
    made = kind("qwen3", Ledger("ollama"), Profile())
    made.encode_request({"messages": [], "prompt": "x", **body}, stream=True)
    return made


def whole(raw: Any, **body: Any) -> Any:
    return wire(**body).decode_response(json.dumps(raw).encode(), created=7)


def bytes_of(*lines: Any) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in lines)


def told(*pieces: bytes, **body: Any) -> list[Any]:
    """What a stream's decoder says, the end of the connection included."""
    decoder = wire(**body).stream_decoder(created=7)
    return [item for piece in pieces for item in decoder.feed(piece)] + decoder.finish()


def deltas(*lines: Any, **body: Any) -> list[dict[str, Any]]:
    chunks = told(bytes_of(*lines), **body)
    return [chunk.choices[0].delta.model_dump(exclude_unset=True) for chunk in chunks]


# ----------------------------------------------------------------------------------- whole answers


def test_a_whole_answer():
    """Durations and other fields without a counterpart are kept under their own names."""
    value = whole(line(True, content="Hi", top={"done_reason": "stop", **COUNTS}))
    assert value.choices[0].message.content == "Hi"
    assert (value.choices[0].finish_reason, value.choices[0]["native_finish_reason"]) == ("stop", "stop")
    assert (value.model, value.created, value.object) == ("qwen3", 7, "chat.completion")
    assert value.id.startswith("chatcmpl-")
    assert (value["total_duration"], value["created_at"]) == (5, AT)
    assert value.usage.model_dump(exclude_unset=True) == {
        "prompt_tokens": 11,
        "completion_tokens": 3,
        "total_tokens": 14,
    }


def test_usage_out_of_the_cache():
    """Older versions leave the count out, newer ones say how much was there already."""
    assert whole(line(True, content="Hi")).usage.prompt_tokens == 0
    cached = whole(line(True, content="Hi", top={"prompt_eval_count": 9, "prompt_eval_cached_count": 8}))
    assert (cached.usage.prompt_tokens, cached.usage.prompt_tokens_details.cached_tokens) == (9, 8)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("load", "stop"),
        ("unload", "stop"),
        (None, "stop"),
        ("?", "?"),
    ],
)
def test_why_it_ended(reason, finish):
    choice = whole(line(True, content="", top={"done_reason": reason})).choices[0]
    assert (choice.finish_reason, choice["native_finish_reason"]) == (finish, reason)
    assert choice.message.content == ""


@pytest.mark.parametrize(("reason", "finish"), [("stop", "tool_calls"), ("length", "length")])
def test_pitfall_22_tool_calls(reason, finish):
    """Arguments become text, the reason to finish is theirs; pitfall_40: text absent stays absent."""
    calls = [
        {"id": "c1", **CALL},
        CALL,
        {"function": {"name": "g"}},
        {"function": {"name": "h", "arguments": "{}"}},
    ]
    choice = whole(line(True, content="", tool_calls=calls, top={"done_reason": reason})).choices[0]
    made = choice.message.tool_calls
    assert [(c.function.name, c.function.arguments) for c in made] == [
        ("f", '{"a":1}'),
        ("f", '{"a":1}'),
        ("g", "{}"),
        ("h", "{}"),
    ]
    assert made[0].id == "c1"
    assert len({c.id for c in made}) == 4
    assert all(c.id.startswith("call_") for c in made[1:])
    assert (choice.message.content, choice.finish_reason) == (None, finish)


def test_pitfall_70_legacy_answers():
    choice = whole(line(True, content="", tool_calls=[CALL]), functions=[{"name": "f"}]).choices[0]
    assert choice.message.function_call.arguments == '{"a":1}'
    assert (choice.message.tool_calls, choice.finish_reason) == (None, "function_call")


def test_thinking():
    message = whole(line(True, content="Hi", thinking="hm")).choices[0].message
    assert (message.content, message["reasoning_content"]) == ("Hi", "hm")


LOGPROBS = [
    {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [{"token": "Ho", "logprob": -1.0}]},
    {"token": "!", "logprob": -0.1},
]


def test_logprobs():
    """As OpenAI's, with what Ollama leaves out."""
    first, second = whole(line(True, content="Hi!", top={"logprobs": LOGPROBS})).choices[0].logprobs.content
    assert (first.token, first.bytes, first.top_logprobs[0].token) == ("Hi", [72, 105], "Ho")
    assert (second.logprob, second.bytes, second.top_logprobs) == (-0.1, None, [])


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (b'{"error":"it broke"}', "fault", "it broke"),
        (b"<html>", "malformed", "not JSON"),
        (b"[]", "malformed", "not an answer"),
        (b"{}", "malformed", "not an answer"),
        (b'{"message":{"content":"x","tool_calls":[{}]},"done":true}', "malformed", "not an answer"),
        (json.dumps(line(content="Hi")).encode(), "incomplete", "before it is done"),
    ],
    ids=["fault", "html", "list", "nothing", "odd-call", "cut"],
)
def test_what_is_no_answer(data, kind, message):
    with pytest.raises(WireError, match=message) as caught:
        wire().decode_response(data, created=7)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("body", "message"),
    [(b'{"error":"model \'x\' not found"}', "model 'x' not found"), (b"Not Found", "Not Found")],
)
def test_an_errors_words(body, message):
    fault = OllamaChat.decode_fault(404, body)
    assert (fault.status, fault.message) == (404, message)


# ----------------------------------------------------------------------------------------- streams


def test_pitfall_09_pitfall_10_a_stream():
    """The role first, one reason to finish at the end, on an empty delta."""
    chunks = told(bytes_of(line(content="Hel"), line(content="lo"), end()))
    assert [chunk.choices[0].delta.model_dump(exclude_unset=True) for chunk in chunks] == [
        {"role": "assistant", "content": "Hel"},
        {"content": "lo"},
        {},
    ]
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, None, "stop"]
    assert chunks[2].choices[0]["native_finish_reason"] == "stop"
    assert chunks[2]["total_duration"] == 5
    assert len({chunk.id for chunk in chunks}) == 1


@pytest.mark.parametrize(
    "options", [{}, {"stream_options": {"include_usage": False}}], ids=["unasked", "false"]
)
def test_pitfall_11_usage_unasked(options):
    assert all(chunk.choices for chunk in told(bytes_of(line(content="Hi"), end()), **options))


def test_pitfall_11_usage_asked_for():
    """In a last chunk without choices."""
    *_, last = told(bytes_of(line(content="Hi"), end()), stream_options={"include_usage": True})
    assert (last.choices, last.usage.total_tokens) == ([], 14)


def test_pitfall_06_tool_calls_get_a_place_each():
    """Whole, each in its chunk, though Ollama may call all of them the first."""
    calls = [{"function": {"index": 0, "name": name, "arguments": {}}} for name in "fgh"]
    made = deltas(line(content="", tool_calls=calls[:2]), line(content="", tool_calls=calls[2:]), end())
    assert [[(c["index"], c["function"]["name"]) for c in delta.get("tool_calls", ())] for delta in made] == [
        [(0, "f"), (1, "g")],
        [(2, "h")],
        [],
    ]
    value = collect(told(bytes_of(line(content="", tool_calls=calls), end())))
    assert [c.function.name for c in value.choices[0].message.tool_calls] == ["f", "g", "h"]
    assert value.choices[0].finish_reason == "tool_calls"
    assert len({c.id for c in value.choices[0].message.tool_calls}) == 3


def test_pitfall_70_a_legacy_stream():
    chunks = told(bytes_of(line(content="", tool_calls=[CALL]), end()), functions=[{"name": "f"}])
    assert chunks[0].choices[0].delta.function_call.name == "f"
    assert chunks[1].choices[0].finish_reason == "function_call"


def test_a_thinking_stream():
    assert deltas(
        line(content="", thinking="h"), line(content="", thinking="m"), line(content="Hi"), end()
    ) == [
        {"role": "assistant", "reasoning_content": "h"},
        {"reasoning_content": "m"},
        {"content": "Hi"},
        {},
    ]


def test_logprobs_of_a_stream():
    chunks = told(bytes_of(line(content="Hi", top={"logprobs": LOGPROBS[:1]}), end()))
    assert chunks[0].choices[0].logprobs.content[0].logprob == -0.5
    assert chunks[1].choices[0].logprobs is None


def test_an_empty_answer_and_a_last_line_with_text():
    assert deltas(end()) == [{"role": "assistant", "content": ""}, {}]
    assert deltas(line(True, content="Hi")) == [{"role": "assistant", "content": "Hi"}, {}]


@pytest.mark.parametrize(
    "rest",
    [b"", b'{"model":"qwen3","mess', bytes_of(line(content="more"))],
    ids=["clean", "half", "more"],
)
def test_pitfall_17_a_cut_stream(rest):
    """Is incomplete, never finished."""
    *chunks, last = told(bytes_of(line(content="Hi")) + rest)
    assert all(isinstance(chunk, ChatCompletionChunk) for chunk in chunks)
    assert (last.kind, last.message) == ("incomplete", 'the stream ended without "done": true')


def test_the_last_line_may_lack_its_end():
    assert told(bytes_of(line(content="Hi"), end())[:-1])[-1].choices[0].finish_reason == "stop"


def test_pitfall_16_an_error_in_the_stream():
    """Is a fault, and nothing follows it."""
    chunk, fault = told(bytes_of(line(content="Hi"), {"error": "out of memory"}, end()))
    assert chunk.choices[0].delta.content == "Hi"
    assert (fault.kind, fault.message, fault.fault.status) == ("fault", "out of memory", 500)


@pytest.mark.parametrize(
    "bad",
    [b"[]\n", b'{"message":3}\n', b'{"done":false}\n', b"no json\n"],
    ids=["list", "odd", "bare", "text"],
)
def test_lines_that_make_no_sense(bad):
    (error,) = told(bad)
    assert error.kind == "malformed"


def test_after_the_end_nothing_is_read():
    decoder = wire().stream_decoder(created=7)
    assert len(decoder.feed(bytes_of(line(content="Hi"), end(), line(content="no")))) == 2
    assert (decoder.over, decoder.feed(b"x\n"), decoder.finish()) == (True, [], [])


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 60), crlf=st.booleans())
def test_pitfall_75_it_does_not_matter_how_bytes_are_cut(size, crlf):
    data = bytes_of(
        line(content="", thinking="hm"), line(content="Grüße"), line(content="", tool_calls=[CALL]), end()
    )
    data = data.replace(b"\n", b"\r\n") if crlf else data
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert told(*pieces, stream_options={"include_usage": True}) == told(
        data, stream_options={"include_usage": True}
    )


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text(max_size=4), max_size=5), thoughts=st.text(max_size=4))
def test_a_stream_adds_up_to_the_whole_answer(texts, thoughts):
    """Text, thinking, calls, usage, reason: whichever way they came."""
    lines = [line(content="", thinking=thoughts), *(line(content=text) for text in texts)]
    lines.append(line(content="", tool_calls=[{"id": "c1", **CALL}]))
    streamed = collect(told(bytes_of(*lines, end()), stream_options={"include_usage": True}))
    one = line(True, content="".join(texts), thinking=thoughts, tool_calls=[{"id": "c1", **CALL}])
    expected = whole({**end(), "message": one["message"]})
    assert streamed.model_dump() == expected.model_dump()


# ------------------------------------------------------------------------------------- completions


def generated(text: str, done: bool = False, **fields: Any) -> dict[str, Any]:
    return {"model": "qwen3", "created_at": AT, "response": text, "done": done, **fields}


def test_a_whole_completion():
    raw = generated(
        " time", True, done_reason="length", context=[1, 2], logprobs=LOGPROBS, thinking="hm", **COUNTS
    )
    value = wire(OllamaGenerate).decode_response(json.dumps(raw).encode(), created=7)
    assert (value.object, value.choices[0].text, value.choices[0].finish_reason) == (
        "text_completion",
        " time",
        "length",
    )
    assert value.choices[0].logprobs.tokens == ["Hi", "!"]
    assert (value.usage.total_tokens, value["context"]) == (14, [1, 2])


def test_a_streamed_completion():
    lines = bytes_of(generated(" a"), generated(" time"), generated("", True, done_reason="stop", **COUNTS))
    chunks = told(lines, kind=OllamaGenerate, stream_options={"include_usage": True})
    assert [[(c.text, c.finish_reason) for c in chunk.choices] for chunk in chunks] == [
        [(" a", None)],
        [(" time", None)],
        [("", "stop")],
        [],
    ]
    assert chunks[-1].usage.total_tokens == 14


def test_a_cut_completion():
    assert told(bytes_of(generated(" a")), kind=OllamaGenerate)[-1].kind == "incomplete"
