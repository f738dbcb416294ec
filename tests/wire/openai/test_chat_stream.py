"""OpenAI's chat streams: every trap of the field, whole or cut, tells the same chunks or an error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.models import ChatCompletionChunk
from muxi_llm.wire.base import Ledger, Profile, WireError
from muxi_llm.wire.openai.chat import OpenAIChat, OpenAIInbound
from muxi_llm.wire.openai.reply import FAILURES
from muxi_llm.wire.openai.stream import OpenAIStreamDecoder
from tests.support.bodies import CALL, HELLO, LOGPROBS, USAGE, chat_stream, chunk, sse
from tests.support.cuts import PLACES, bytewise, cut
from tests.support.length import long

INCOMPLETE = WireError("incomplete", "the stream ended without a finish_reason")


def inbound() -> OpenAIInbound:
    return OpenAIInbound(Ledger("the client's request"))


def streamed(*pieces: bytes, n: int | None = None) -> list[Any]:
    """Every item of a stream that came in these pieces."""
    codec = OpenAIChat("gpt-4", Ledger("acme"), Profile())
    codec.encode_request({"messages": HELLO, "n": n}, stream=True)
    decoder = codec.stream_decoder(created=0)
    return [item for piece in pieces for item in decoder.feed(piece)] + decoder.finish()


def text_of(items: list[Any]) -> str:
    """What the first choice says."""
    return "".join(
        i.choices[0].delta.content or "" for i in items if not isinstance(i, WireError) and i.choices
    )


ROLE, FINISH = chunk({"role": "assistant", "content": ""}), chunk({}, finish="stop")
HI = chunk({"content": "Hi"})
NO_CHOICES = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": []}
WHOLE = b"".join(chat_stream("H", "i"))
COMMENTS = b": OPENROUTER PROCESSING\n\n:\n\n"
PINGS = b'event: ping\ndata: {"type": "ping"}\n\ndata:\n\n'


def annotated(**fields: Any) -> dict[str, Any]:
    """A chunk whose choice has no delta, as Azure's content filter sends them."""
    return {**chunk(), "choices": [{"index": 0, "finish_reason": None, **fields}]}


TRAPS: dict[str, bytes] = {
    "LF": WHOLE,
    "CRLF": WHOLE.replace(b"\n", b"\r\n"),
    "CR": WHOLE.replace(b"\n", b"\r"),
    "multi-line data": b"".join(
        b"data: " + json.dumps(body, indent=1).replace("\n", "\ndata: ").encode() + b"\n\n" for body in (ROLE, HI, FINISH)
    )
    + inbound().encode_end(),
    "comments": COMMENTS + WHOLE.replace(b"\n\n", b"\n\n" + COMMENTS),
    "a null first": b"data: null\n\n" + WHOLE,  # llama.cpp, for several prompts
    "pitfall_73 pings": PINGS + WHOLE.replace(b"\n\n", b"\n\n" + PINGS),
    "event lines": WHOLE.replace(b"data:", b"event: chunk\ndata:"),
    "data: without space": WHOLE.replace(b"data: ", b"data:"),
    "no [DONE]": b"".join(chat_stream("H", "i", done=False)),
    "no trailing blank line": WHOLE.removesuffix(b"\n\n"),
    "no [DONE], no trailing blank line": b"".join(chat_stream("H", "i", done=False)).removesuffix(b"\n\n"),
    "[DONE] with white space": WHOLE.replace(b"[DONE]", b"[DONE] "),
    "BOM": b"\xef\xbb\xbf" + WHOLE,
    "pitfall_10 no finish_reason anywhere": b"".join(chat_stream("H", "i", finish=None)),
    "pitfall_13 first chunk with empty choices": b"".join([*sse(NO_CHOICES, done=False), WHOLE]),
    "pitfall_13 choices that are null beside usage": b"".join(sse(ROLE, HI, FINISH, {**chunk(), "choices": None, "usage": USAGE})),
    "usage chunk with empty choices": b"".join(sse(ROLE, HI, FINISH, chunk(usage=USAGE))),
    "pitfall_14 usage on the last choice": b"".join(sse(ROLE, HI, {**FINISH, "usage": USAGE})),
    "usage on every chunk": b"".join(sse(*({**body, "usage": USAGE} for body in (ROLE, HI, FINISH)))),
    "mislabelled object": WHOLE.replace(b"chat.completion.chunk", b"chat.completion"),
    "duplicated role": b"".join(chat_stream("H", "i")).replace(b'{"content"', b'{"role": "assistant", "content"'),
    "pitfall_09 no role": b"".join(sse(HI, FINISH)),
    "finish_reason empty until there is one": WHOLE.replace(b'"finish_reason": null', b'"finish_reason": ""'),
    "a choice after its end": b"".join(sse(ROLE, HI, FINISH, chunk({"content": ""}), done=False)),
    "finish_reason twice": b"".join(sse(ROLE, HI, FINISH, FINISH)),
    "a choice without delta": b"".join(sse(ROLE, HI, annotated(), annotated(delta=None), FINISH)),
    "index and labels missing": b"".join(sse({"choices": [{"delta": {"content": "Hi"}}]}, {"choices": [{"finish_reason": "stop"}]})),
    "content as parts": b"".join(sse(chunk({"content": [{"type": "text", "text": "Hi"}]}), FINISH)),
    "more after [DONE]": WHOLE + b"data: garbage\n\n" + WHOLE,
    "error field that is null": b"".join(sse(*({**body, "error": None} for body in (ROLE, HI, FINISH)))),
}  # fmt: skip


@pytest.mark.parametrize("data", TRAPS.values(), ids=TRAPS)
def test_stream_traps(data: bytes) -> None:
    """Each tells `Hi`, whole, whether it comes at once or byte by byte; every chunk can be read the usual way."""
    items = streamed(data)
    assert streamed(*bytewise(data)) == items
    assert [type(item) for item in items] == [ChatCompletionChunk] * len(items)
    assert text_of(items) == "Hi"
    choices = [choice for item in items for choice in item.choices]
    assert {(choice.index, choice.finish_reason) for choice in choices} <= {(0, None), (0, "stop")}
    assert {item.object for item in items} == {"chat.completion.chunk"}


def test_utf8_split_across_chunks() -> None:
    """No character is lost between two reads."""
    data = "".join(
        f"data: {json.dumps(chunk({'content': text}), ensure_ascii=False)}\n\n" for text in ("grü", "ße 🦊")
    )
    items = streamed(*bytewise(data.encode() + inbound().encode_end()))
    assert text_of(items) == "grüße 🦊"


DELTAS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "tool call": ({"tool_calls": [{"index": 0, **CALL}]}, {"tool_calls": [{"index": 0, **CALL}]}),
    "pitfall_68 arguments as an object": (
        {"tool_calls": [{"index": 0, **CALL, "function": {"name": "f", "arguments": {"a": 1}}}]},
        {"tool_calls": [{"index": 0, **CALL}]},
    ),
    "a tool call without index": ({"tool_calls": [CALL]}, {"tool_calls": [{"index": 0, **CALL}]}),
    "arguments that are null": (
        {"tool_calls": [{"function": {"name": "f", "arguments": None}}]},
        {"tool_calls": [{"index": 0, "id": "call_chatcmpl-1_0", "function": {"name": "f", "arguments": None}}]},
    ),
    "pitfall_70 legacy call": ({"function_call": {"arguments": "{"}}, {"function_call": {"arguments": "{"}}),
    "pitfall_71 refusal": ({"refusal": "No."}, {"refusal": "No."}),
    "reasoning_content": ({"reasoning_content": "hm"}, {"reasoning_content": "hm"}),
    "reasoning": ({"reasoning": "hm"}, {"reasoning": "hm"}),
    "Mistral's thinking": (
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
        {"content": "", "reasoning_content": "hm"},
    ),
    "an unknown field": ({"audio": {"id": "x"}}, {"audio": {"id": "x"}}),
}  # fmt: skip


@pytest.mark.parametrize(("delta", "expected"), DELTAS.values(), ids=DELTAS)
def test_deltas(delta: dict[str, Any], expected: dict[str, Any]) -> None:
    """What a delta adds, in the form that clients accumulate."""
    first, *_ = streamed(*sse(chunk(delta), FINISH))
    assert first.choices[0].delta.model_dump(exclude_unset=True) == expected


def test_logprobs_in_a_stream() -> None:
    """Beside the delta they belong to."""
    body = chunk({"content": "Hi"})
    body["choices"][0]["logprobs"] = LOGPROBS
    assert streamed(*sse(body, FINISH))[0].choices[0].logprobs.model_dump() == LOGPROBS


def calls(*deltas: tuple[int, str | None, str]) -> bytes:
    """A stream of tool call deltas: index, id, arguments."""
    return b"".join(
        sse(*(chunk({"tool_calls": [{"index": i, "id": c, "function": {"arguments": a}}]}) for i, c, a in deltas))
    )  # fmt: skip


INDEXES: dict[str, tuple[list[tuple[int, str | None, str]], list[int]]] = {
    "as OpenAI does": ([(0, "a", ""), (0, None, "{"), (1, "b", ""), (1, None, "{")], [0, 0, 1, 1]),
    "pitfall_06 interleaved": ([(0, "a", ""), (1, "b", ""), (0, None, "{"), (1, None, "{")], [0, 1, 0, 1]),
    "pitfall_08 the id repeated": ([(0, "a", "{"), (0, "a", "}")], [0, 0]),
    "an empty id after the first": ([(0, "a", "{"), (0, "", "}")], [0, 0]),
    "an id that comes late": ([(0, None, "{"), (0, "a", "}")], [0, 0]),
    "every call at index 0": ([(0, "a", "{}"), (0, "b", "{"), (0, None, "}"), (0, "c", "{}")], [0, 1, 1, 2]),
    "calls from 1 on": ([(1, "a", "{}"), (2, "b", "{"), (2, None, "}")], [0, 1, 1]),
    "some calls at index 0": ([(0, "a", "{}"), (1, "b", "{}"), (0, "c", "{}")], [0, 1, 2]),
}


@pytest.mark.parametrize(("deltas", "indexes"), INDEXES.values(), ids=INDEXES)
def test_tool_calls_have_an_index_each(deltas: list[tuple[int, str | None, str]], indexes: list[int]) -> None:
    """Clients put arguments together by index, so two calls must not share one."""
    *items, _end = streamed(calls(*deltas))
    assert [item.choices[0].delta.tool_calls[0].index for item in items] == indexes


# ------------------------------------------------------------------------- what is not an answer

FAULTS: dict[str, tuple[bytes, int, str]] = {
    "an error object": (b'data: {"error": {"message": "m", "type": "server_error"}}\n\n', 500, "m"),
    "OpenRouter's": (b'data: {"error": {"code": 429, "message": "m"}, "choices": []}\n\n', 429, "m"),
    "a string": (b'data: {"error": "m"}\n\n', 500, "m"),
    "vLLM's": (b'data: {"object": "error", "message": "m", "code": 400}\n\n', 400, "m"),
    "an event named error": (b'event: error\ndata: {"message": "m", "code": 503}\n\n', 503, "m"),
    "an event named error, in prose": (b"event: error\ndata: m\n\n", 500, "m"),
    "the last event, not ended": (b'data: {"error": {"code": 429, "message": "m"}}', 429, "m"),
}


@pytest.mark.parametrize(("data", "status", "message"), FAULTS.values(), ids=FAULTS)
def test_pitfall_16_an_error_in_a_stream_ends_it(data: bytes, status: int, message: str) -> None:
    """The text before it is kept, nothing comes after it, and the end adds no second error."""
    *chunks, error = streamed(*sse(ROLE, HI, done=False), data + (WHOLE if data.endswith(b"\n\n") else b""))
    assert text_of(chunks) == "Hi"
    assert (error.kind, error.fault.status, error.message) == ("fault", status, message)


MALFORMED = [
    b"<html>",
    b'{"choices": [',
    b"[]",
    b'"x"',
    b'{"choices": [1]}',
    b'{"choices": "none"}',
]


@pytest.mark.parametrize("data", MALFORMED, ids=repr)
def test_garbage_in_a_stream_ends_it(data: bytes) -> None:
    """One error, then nothing."""
    *chunks, error = streamed(*sse(ROLE, HI, done=False), b"data: " + data + b"\n\n", WHOLE)
    assert text_of(chunks) == "Hi"
    assert error.kind == "malformed"


CUT: dict[str, tuple[list[bytes], int]] = {
    "nothing came": ([], 1),
    "only a comment": ([b": hello\n\n"], 1),
    "no stream at all": ([b'{"error": "x"}'], 1),
    "no finish_reason": (sse(ROLE, HI, done=False), 1),
    "half an event": ([*sse(ROLE, HI, done=False), b'data: {"id": "chatc'], 1),
    "half an event after finish_reason": ([*sse(ROLE, HI, FINISH, done=False), b'data: {"id": "chatc'], 1),
    "half a [DONE]": ([*sse(ROLE, HI, done=False), b"data: [DO"], 1),
    "one of two choices open": (
        sse(ROLE, {**HI, "choices": [{"index": 1, "delta": {}}]}, FINISH, done=False),
        2,
    ),
    "one of two choices never seen": (sse(ROLE, HI, FINISH, done=False), 2),
    "only usage": (sse(chunk(usage=USAGE), done=False), 1),
}


@pytest.mark.parametrize(("pieces", "n"), CUT.values(), ids=CUT)
def test_pitfall_17_a_cut_stream_is_incomplete(pieces: list[bytes], n: int) -> None:
    """Never `finish_reason="stop"`, never an end without a word."""
    items = streamed(*pieces, n=n)
    assert items[-1] == INCOMPLETE
    assert INCOMPLETE not in items[:-1]


def two_choices() -> list[dict[str, Any]]:
    """Chunks of two answers, interleaved; the second ends last."""
    said = [(0, "H"), (1, "Y"), (0, "i"), (1, "o"), (0, None), (1, None)]
    return [
        {**chunk(), "choices": [{"index": i, "delta": {"content": t} if t else {}, "finish_reason": None if t else "stop"}]}
        for i, t in said
    ]  # fmt: skip


@pytest.mark.parametrize("n", [None, 1, 2], ids=repr)
def test_interleaved_choices(n: int | None) -> None:
    """Each keeps its index; the stream is whole when all have ended."""
    items = streamed(*sse(*two_choices(), done=False), n=n)
    assert [(c.index, c.delta.content) for i in items for c in i.choices][:4] == [
        (0, "H"),
        (1, "Y"),
        (0, "i"),
        (1, "o"),
    ]
    assert INCOMPLETE not in items


STREAMS = {
    "one choice": (sse(ROLE, HI, FINISH, chunk(usage=USAGE)), 1),
    "no [DONE]": (sse(ROLE, HI, FINISH, done=False), 1),
    "two choices": (sse(*two_choices()), 2),
    "CRLF": ([b"".join(sse(ROLE, HI, FINISH)).replace(b"\n", b"\r\n")], 1),
}


@pytest.mark.parametrize(("pieces", "n"), STREAMS.values(), ids=STREAMS)
def test_pitfall_17_cut_at_any_byte(pieces: list[bytes], n: int) -> None:
    """Reported as whole only if the terminator came or every choice had its `finish_reason`."""
    data = b"".join(pieces)
    for end in range(len(data)):
        items = streamed(data[:end], n=n)
        finished = {c.index for i in items if i != INCOMPLETE for c in i.choices if c.finish_reason}
        assert (items[-1] == INCOMPLETE) or len(finished) == n or b"data: [DONE]" in data[:end]


@given(st.lists(st.text(max_size=5), max_size=6), PLACES, st.sampled_from([b"\n", b"\r\n", b"\r"]))
@settings(max_examples=long(100, 33), deadline=None)
def test_cutting_does_not_matter(texts: list[str], places: list[int], end: bytes) -> None:
    """The chunks are those of the whole, whatever the reads and the line ends."""
    data = b"".join(chat_stream(*texts)).replace(b"\n", end)
    items = streamed(*cut(data, places))
    assert items == streamed(data)
    assert text_of(items) == "".join(texts)


NAMES = st.sampled_from(
    ["index", "delta", "finish_reason", "content", "tool_calls", "function", "arguments", "id", "type"]
)
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "stop"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)
CHOICES = st.lists(st.dictionaries(NAMES, SHAPES), max_size=2)


@given(CHOICES | SHAPES)
@settings(max_examples=long(300, 100), deadline=None)
def test_no_json_whatever_breaks_the_codec(choices: Any) -> None:
    """Values or a `WireError`, never another exception; and what was read can be told on."""
    body = {"choices": choices}
    items = streamed(*sse(body))
    assert all(isinstance(item, ChatCompletionChunk | WireError) for item in items)
    assert all(inbound().encode_chunk(item) for item in items if not isinstance(item, WireError))


def test_chunks_go_out_as_they_came() -> None:
    """A stream encoded again is the stream."""
    items = streamed(*sse(ROLE, HI, FINISH, chunk(usage=USAGE)))
    data = b"".join(inbound().encode_chunk(item) for item in items) + inbound().encode_end()
    assert streamed(data) == items
    assert [json.loads(line[6:]) for line in data.split(b"\n\n")[:-2]] == [
        ROLE,
        HI,
        FINISH,
        chunk(usage=USAGE),
    ]


def test_the_vendors_own_client_is_told_what_came() -> None:
    """A failure by its word alone and an end that nobody told are for it to see."""
    for finish, words in (("error", ["error"]), (None, [None])):
        decoder = OpenAIStreamDecoder(ChatCompletionChunk, mends=False)
        items = decoder.feed(b"".join(sse({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})))
        assert [item.choices[0].finish_reason for item in items if not isinstance(item, WireError)] == words
        assert (len(items), decoder.finish()) == (1, [])


ASIDE = {
    "a ping": b'{"type": "ping"}',
    "sources": b'{"sources": [{"source": {"name": "a.pdf"}}]}',
    "no choices": b'{"id": "x", "choices": null}',
    "a comment in data": b": OPENROUTER PROCESSING",
}


@pytest.mark.parametrize("data", ASIDE.values(), ids=ASIDE)
@pytest.mark.parametrize("place", range(4))
def test_what_is_no_chunk_is_passed_over(data: bytes, place: int) -> None:
    """Wherever it stands."""
    pieces = sse(ROLE, HI, FINISH)
    assert streamed(*pieces[:place], b"data: " + data + b"\n\n", *pieces[place:]) == streamed(*pieces)


def test_what_was_said_instead_of_an_answer_is_quoted() -> None:
    """It may tell why there is none."""
    (error,) = streamed(b'data: {"detail": "out of memory"}\n\n')
    assert error == WireError(
        "incomplete", 'the stream ended without a finish_reason: {"detail": "out of memory"}'
    )


@pytest.mark.parametrize("reason", FAILURES)
def test_an_answer_that_failed_is_told_and_then_raised(reason: str) -> None:
    """What was said with it is handed out; nothing comes after it."""
    *chunks, error = streamed(*sse(ROLE, HI, chunk({"content": "!"}, finish=reason), HI))
    assert text_of(chunks) == "Hi!"
    assert (error.kind, error.fault.status, error.fault.code) == ("fault", FAILURES[reason], reason)


def test_an_end_that_is_not_told() -> None:
    """`[DONE]` says that all is there; why each answer ended is made up for, as in a whole reply."""
    called = {"index": 1, "delta": {"tool_calls": [{**CALL, "index": 0}]}}
    *_, first, second = streamed(*sse(HI, {**HI, "choices": [called]}))
    assert [(c.choices[0].index, c.choices[0].finish_reason) for c in (first, second)] == [
        (0, "stop"),
        (1, "tool_calls"),
    ]
    assert (first.id, first.model) == (HI["id"], HI["model"])


BARE = {"index": 1, "id": "a", "type": "function", "extra_content": {"x": 1}}
NAMED = {"index": 1, "function": {"name": "f", "arguments": "{"}}


def test_a_name_that_comes_late() -> None:
    """What was told of a call before its name is told with it, at the call's own position."""
    rest = {"index": 1, "function": {"arguments": "}"}}
    told = streamed(
        *sse(*(chunk({"tool_calls": [part]}) for part in (BARE, {"index": 1}, NAMED, rest)), FINISH)
    )
    first, _, call, more, _ = [item.choices[0].delta for item in told]
    assert first.tool_calls is None
    assert call.tool_calls[0].model_dump(exclude_none=True) == {**BARE, **NAMED, "index": 0}
    assert more.tool_calls[0].model_dump(exclude_none=True) == {**rest, "index": 0}


@pytest.mark.parametrize("end", [(chunk({}, finish="tool_calls"),), ()], ids=["finish", "[DONE]"])
def test_a_call_of_nothing(end: tuple[Any, ...]) -> None:
    """As in a whole reply: no answer that an agent could go on from. Beside a call, or a text, it is nothing."""
    *_, error = streamed(*sse(HI, chunk({"tool_calls": [BARE]}), *end))
    assert error == WireError("malformed", "a tool call calls nothing")
    *_, last = streamed(*sse(HI, chunk({"tool_calls": [BARE, {"index": 0, **CALL}]}), *end))
    assert last.choices[0].finish_reason == "tool_calls"
    *_, last = streamed(*sse(HI, chunk({"tool_calls": [BARE]}, finish="stop")))
    assert (last.choices[0].finish_reason, last.choices[0].delta.tool_calls) == ("stop", None)


def test_calls_without_ids_on_one_index() -> None:
    """A name behind arguments that are whole begins another call; a name repeated among them does not."""

    def part(arguments: str) -> Any:
        call = {"index": 0, "type": "function", "function": {"name": "f", "arguments": arguments}}
        return chunk({"tool_calls": [call]})

    items = streamed(*sse(part('{"a":'), part("1}"), part('{"a":2}'), FINISH))
    calls = [call for item in items for choice in item.choices for call in choice.delta.tool_calls or ()]
    odd = streamed(*sse(part("no {JSON}"), part('{"a":2}'), FINISH))
    assert {
        call.index for item in odd for choice in item.choices for call in choice.delta.tool_calls or ()
    } == {0}
    assert [(call.index, call.function.arguments) for call in calls] == [
        (0, '{"a":'),
        (0, "1}"),
        (1, '{"a":2}'),
    ]
    assert len({call.id for call in calls if call.id}) == 2


def test_the_cost_where_groq_puts_it() -> None:
    """On the last chunk, under a name of its own."""
    *_, last = streamed(*sse(HI, {**FINISH, "x_groq": {"usage": USAGE}}))
    assert last.usage.model_dump(exclude_unset=True) == USAGE


def test_an_empty_function_call_in_a_delta_is_none() -> None:
    """It would be a call of nothing."""
    first, *_ = streamed(*sse(chunk({"function_call": {"name": "", "arguments": ""}}), FINISH))
    assert first.choices[0].delta.function_call is None


def test_a_delta_beside_the_message_so_far() -> None:
    """Perplexity's last chunk: what was said already is not told again."""
    last = chunk({"content": "!"}, finish="stop")
    last["choices"][0]["message"] = {"role": "assistant", "content": "Hi!"}
    last["object"] = "chat.completion.done"
    *_, read = streamed(*sse(HI, last))
    assert (read.choices[0].delta.content, hasattr(read.choices[0], "message")) == ("!", False)
