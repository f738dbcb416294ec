"""Streams and whole answers, one into the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

import muxi_llm
from muxi_llm.models import ChatCompletion, ChatCompletionChunk, Completion
from muxi_llm.transport.scripted import Answer
from muxi_llm.utils.streaming import acollect, chunks_of, collect
from muxi_llm.wire.base import WireError, build_value
from muxi_llm.wire.openai.stream import OpenAIStreamDecoder
from tests.conftest import Driver
from tests.support.bodies import CALL, HELLO, USAGE, chat, chat_stream, chunk, completion, sse
from tests.support.cuts import PLACES, cut
from tests.support.length import long

Json = dict[str, Any]


def typed(*bodies: Json) -> list[ChatCompletionChunk]:
    return [build_value(ChatCompletionChunk, body) for body in bodies]


def plain(value: Any) -> Json:
    return value.model_dump(exclude_unset=True, warnings=False)


def said(*deltas: Json) -> Json:
    """The message that deltas amount to."""
    return plain(collect(typed(*(chunk(delta) for delta in deltas))))["choices"][0]["message"]


# ----------------------------------------------------------------------------------------- collect


class City(BaseModel):
    name: str


async def later(chunks: list[ChatCompletionChunk]) -> AsyncIterator[ChatCompletionChunk]:
    for one in chunks:
        yield one


def test_an_answer_of_a_class(driver: Driver) -> None:
    """What was asked for by a class is an instance of it, once the stream is read."""
    script = [Answer(chunks=chat_stream('{"name": ', '"Oslo"}'))]
    chunks, _ = driver.scripted(
        muxi_llm.ChatCompletion,
        *script,
        model="openai/gpt-5",
        messages=HELLO,
        api_key="k",
        stream=True,
        response_format=City,
    )
    assert collect(iter(chunks), City).choices[0].message.parsed == City(name="Oslo")
    with pytest.raises(ValidationError) as raised:
        asyncio.run(acollect(later(chunks[:-2]), City))
    assert getattr(raised.value, "raw_content", None) == '{"name": '


def test_an_ordinary_stream() -> None:
    """A typed answer, as if it had not been streamed."""
    deltas = [chunk({"role": "assistant", "content": ""}), chunk({"content": "H"}), chunk({"content": "i"})]
    value = collect(typed(*deltas, chunk({}, finish="stop"), chunk(usage=USAGE)))
    assert isinstance(value, ChatCompletion)
    assert plain(value) == {
        **chat("Hi"),
        "choices": [
            {**chat()["choices"][0], "message": {"role": "assistant", "content": "Hi", "refusal": None}}
        ],
    }
    assert value.usage is not None
    assert value.usage.total_tokens == 7


def test_an_async_stream() -> None:
    """The same."""

    async def chunks() -> AsyncIterator[ChatCompletionChunk]:
        for one in typed(chunk({"content": "H"}), chunk({"content": "i"})):
            yield one

    assert asyncio.run(acollect(chunks())).choices[0].message.content == "Hi"


def test_an_iterator_is_enough() -> None:
    """Nothing is read twice."""

    def chunks() -> Iterator[ChatCompletionChunk]:
        yield from typed(chunk({"content": "Hi"}))

    assert collect(chunks()).choices[0].message.content == "Hi"


def test_a_stream_without_chunks() -> None:
    """There is no answer to make of it."""
    with pytest.raises(ValueError, match="the stream held no chunks"):
        collect([])


ARGUMENTS = [{"index": 0, "function": {"arguments": text}} for text in ('{"a"', ":1}")]
OPENING = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
BLANK = {"index": 0, "id": "", "type": "function", "function": {"name": "", "arguments": '{"a":1}'}}
CUSTOM = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "f", "input": ""}}
DETAIL = {"index": 0, "type": "reasoning.text", "format": "anthropic", "text": "h"}

MESSAGES: dict[str, tuple[list[Json], Json]] = {
    "pitfall_09 no role": ([{"content": "a"}], {"role": "assistant", "content": "a"}),
    "role in every delta": ([{"role": "assistant", "content": t} for t in "ab"], {"role": "assistant", "content": "ab"}),
    "no content": ([{"role": "assistant"}], {"content": None}),
    "content null, then text": ([{"content": None}, {"content": "a"}, {"content": None}], {"content": "a"}),
    "an empty text": ([{"content": ""}], {"content": ""}),
    "a tool call in fragments": ([{"tool_calls": [d]} for d in (OPENING, *ARGUMENTS)], {"content": None, "tool_calls": [CALL]}),
    "pitfall_08 id and name repeated": (
        [{"tool_calls": [OPENING]}, *({"tool_calls": [{**OPENING, **d, "function": {"name": "f", **d["function"]}}]} for d in ARGUMENTS)],
        {"tool_calls": [CALL]},
    ),
    "id and name empty after the first": ([{"tool_calls": [OPENING]}, {"tool_calls": [BLANK]}], {"tool_calls": [CALL]}),
    "two calls in one delta": (
        [{"tool_calls": [{"index": i, **CALL, "id": str(i)} for i in range(2)]}],
        {"tool_calls": [{**CALL, "id": "0"}, {**CALL, "id": "1"}]},
    ),
    "calls out of order, with a gap": (
        [{"tool_calls": [{"index": i, **CALL, "id": str(i)}]} for i in (3, 1)],
        {"tool_calls": [{**CALL, "id": "1"}, {**CALL, "id": "3"}]},
    ),
    "a custom tool's call": (
        [{"tool_calls": [CUSTOM]}, *({"tool_calls": [{"index": 0, "custom": {"input": t}}]} for t in "xy")],
        {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "xy"}}]},
    ),
    "a call of nothing": (
        [{"tool_calls": [{"index": 0, "id": "a", "type": "function"}]}, {"tool_calls": [{"index": 1, **CALL}]}],
        {"tool_calls": [CALL]},
    ),
    "calls of nothing alone": ([{"tool_calls": [{"index": 0, "id": "a"}]}], {"tool_calls": None}),
    "a call without a name": (
        [{"tool_calls": [{"index": 0, "id": "a", "function": {"name": None, "arguments": None}}]}],
        {"tool_calls": [{"id": "a", "type": "function", "function": {"name": "", "arguments": ""}}]},
    ),
    "pitfall_70 a legacy call": (
        [{"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "{"}}, {"function_call": {"arguments": "}"}}],
        {"function_call": {"name": "f", "arguments": "{}"}},
    ),
    "pitfall_71 a refusal": ([{"refusal": "N"}, {"refusal": "o."}], {"content": None, "refusal": "No."}),
    "reasoning_content": ([{"reasoning_content": t} for t in "hm"], {"content": None, "reasoning_content": "hm"}),
    "reasoning": ([{"reasoning": t} for t in "hm"], {"reasoning": "hm"}),
    "reasoning details, by index": (
        [{"reasoning_details": [DETAIL]}, {"reasoning_details": [{**DETAIL, "text": "m"}]}, {"reasoning_details": [{"index": 1, "data": "x"}]}],
        {"reasoning_details": [{**DETAIL, "text": "hm"}, {"index": 1, "data": "x"}]},
    ),
    "thinking blocks, one after the other": (
        [{"thinking_blocks": [{"type": "thinking", "thinking": t}]} for t in "ab"],
        {"thinking_blocks": [{"type": "thinking", "thinking": "a"}, {"type": "thinking", "thinking": "b"}]},
    ),
    "a list of texts": ([{"citations": ["a"]}, {"citations": ["b"]}], {"citations": ["a", "b"]}),
    "audio": (
        [{"audio": {"id": "x", "data": "aa"}}, {"audio": {"id": "x", "data": "bb", "expires_at": 7}}],
        {"audio": {"id": "x", "data": "aabb", "expires_at": 7}},
    ),
    "a field that changes its kind": ([{"x_mood": "good"}, {"x_mood": {"a": 1}}, {"x_mood": 7}], {"x_mood": 7}),
}  # fmt: skip


@pytest.mark.parametrize(("deltas", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_messages(deltas: list[Json], expected: Json) -> None:
    """Fragments are put together, repetitions are not."""
    assert said(*deltas) == {"role": "assistant", "content": None, "refusal": None, **expected}


def logprob(token: str) -> Json:
    return {"token": token, "logprob": -0.5, "bytes": None, "top_logprobs": []}


def test_logprobs_are_put_together() -> None:
    """Each chunk has those of its own tokens."""
    chunks = typed(*(chunk({"content": text}) for text in "Hi"), chunk({}, finish="stop"))
    for one, text in zip(chunks, "Hi", strict=False):
        one.choices[0].logprobs = build_value(ChatCompletionChunk, with_logprobs(text)).choices[0].logprobs
    logprobs = collect(chunks).choices[0].logprobs
    assert logprobs is not None
    assert [entry.token for entry in logprobs.content or ()] == ["H", "i"]


def with_logprobs(text: str) -> Json:
    body = chunk({"content": text})
    body["choices"][0]["logprobs"] = {"content": [logprob(text)], "refusal": None}
    return body


USAGES: dict[str, tuple[list[Json], Any]] = {
    "at the end": ([chunk({}), chunk(usage=USAGE)], 7),
    "pitfall_14 with a finish_reason": ([{**chunk({}, finish="stop"), "usage": USAGE}, chunk({})], 7),
    "growing": ([{**chunk({}), "usage": {**USAGE, "total_tokens": n}} for n in (1, 2, 7)], 7),
    "null after it": ([chunk(usage=USAGE), {**chunk({}), "usage": None}], 7),
    "off-schema": ([chunk(usage={"total_tokens": "7"})], 7),
}


@pytest.mark.parametrize(("bodies", "total"), USAGES.values(), ids=USAGES)
def test_usage_is_the_last_one_seen(bodies: list[Json], total: Any) -> None:
    """On whichever chunk it rides."""
    usage = collect(typed(*bodies)).usage
    assert usage is not None
    assert usage.total_tokens == total


def test_no_usage() -> None:
    """None is made up."""
    assert collect(typed(chunk({"content": "Hi"}))).usage is None


def test_pitfall_13_choices_may_be_empty() -> None:
    """First chunk and last; the head is what came last and says something."""
    azure = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [1]}
    value = collect(typed(azure, chunk({"content": "Hi"}), {**azure, "prompt_filter_results": []}))
    assert (value.id, value.model, value.created, value.object) == (
        "chatcmpl-1",
        "gpt-4",
        1,
        "chat.completion",
    )
    assert value.prompt_filter_results == [1]  # type: ignore[attr-defined]
    assert len(value.choices) == 1


def test_only_empty_choices() -> None:
    """An answer with none."""
    assert collect(typed(chunk())).choices == []


def test_what_else_chunks_carry() -> None:
    """Extensions of the chunk and the choice survive; padding and running totals do not."""
    one, two = (
        chunk({"content": "H"}, x=1, obfuscation="qx"),
        chunk({"content": "i"}, service_tier="flex", obfuscation="y"),
    )
    for body in (one, two):
        body["choices"][0] |= {
            "native_finish_reason": "end_turn",
            "message": {"role": "assistant", "content": "Hi"},
        }
    raw = plain(collect(typed(one, two)))
    assert (raw["x"], raw["service_tier"], "obfuscation" in raw) == (1, "flex", False)
    assert raw["choices"][0]["native_finish_reason"] == "end_turn"
    assert raw["choices"][0]["message"]["content"] == "Hi"


def test_chunks_of_other_clients() -> None:
    """Azure's annotations, read by OpenAI's client, have neither delta nor index."""
    odd = ChatCompletionChunk.construct(
        **{**chunk(), "choices": [{"delta": None, "content_filter_offsets": {}}]}
    )
    value = collect([*typed(chunk({"content": "Hi"}, finish="stop")), odd])
    assert (value.choices[0].message.content, value.choices[0].finish_reason) == ("Hi", "stop")


def test_the_chunks_are_not_changed() -> None:
    """They may be collected again."""
    chunks = typed(chunk({"tool_calls": [OPENING]}), chunk({"tool_calls": [ARGUMENTS[0]]}))
    before = [plain(one) for one in chunks]
    assert plain(collect(chunks)) == plain(collect(chunks))
    assert [plain(one) for one in chunks] == before


# --------------------------------------------------------------------------------------- chunks_of


def test_an_answer_as_chunks() -> None:
    """pitfall_10: content first, then one chunk that says why it ended; usage is for those who ask."""
    value = build_value(ChatCompletion, {**chat("Hi"), "system_fingerprint": "fp"})
    head = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4",
        "system_fingerprint": "fp",
    }
    content = {
        "index": 0,
        "delta": {"role": "assistant", "content": "Hi"},
        "finish_reason": None,
        "logprobs": None,
    }
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    chunks = chunks_of(value, usage=True)
    assert all(isinstance(one, ChatCompletionChunk) for one in chunks)
    assert [plain(one) for one in chunks] == [
        {**head, "choices": [content]},
        {**head, "choices": [end]},
        {**head, "choices": [], "usage": USAGE},
    ]


@pytest.mark.parametrize(
    ("body", "usage"), [(chat(), False), ({**chat(), "usage": None}, True)], ids=["not asked", "none"]
)
def test_pitfall_11_no_usage_unless_asked(body: Json, usage: bool) -> None:
    """Nor where there is none."""
    chunks = chunks_of(build_value(ChatCompletion, body), usage=usage)
    assert [one.usage for one in chunks] == [None, None]


def test_a_text_completion_is_its_own_chunk() -> None:
    """A streamed completion is a sequence of completions."""
    value = build_value(Completion, completion())
    assert chunks_of(value) == [value]


def test_the_answer_is_not_changed() -> None:
    """Tool calls get their index in the chunks only."""
    value = build_value(ChatCompletion, chat(None, tool_calls=[CALL]))
    chunks = chunks_of(value)
    assert chunks[0].choices[0].delta.tool_calls[0].index == 0
    assert plain(value) == chat(None, tool_calls=[CALL])


# -------------------------------------------------------------------------------------------- laws

TEXTS = st.text(max_size=12)
CALLS = st.builds(
    lambda name, arguments: {"type": "function", "function": {"name": name, "arguments": arguments}},
    st.sampled_from("fgh"),
    TEXTS,
)


@st.composite
def choices(draw: st.DrawFn, index: int) -> Json:
    """One answer, with whatever an answer may hold."""
    message: Json = {
        "role": "assistant",
        "content": draw(st.none() | TEXTS),
        "refusal": draw(st.none() | TEXTS),
    }
    for name in draw(st.sets(st.sampled_from(["reasoning", "reasoning_content", "x_text"]))):
        message[name] = draw(TEXTS)
    if calls := draw(st.lists(CALLS, max_size=3)):
        message["tool_calls"] = [{"id": f"call_{index}_{i}", **call} for i, call in enumerate(calls)]
    if draw(st.booleans()):
        message["function_call"] = {"name": "f", "arguments": draw(TEXTS)}
    tokens = draw(st.none() | st.lists(st.builds(logprob, TEXTS), min_size=1, max_size=3))
    finish = draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter", "function_call"]))
    logprobs = tokens and {"content": tokens, "refusal": None}
    return {"index": index, "message": message, "finish_reason": finish, "logprobs": logprobs}


@st.composite
def answers(draw: st.DrawFn) -> Json:
    body = {**chat(), "choices": [draw(choices(index)) for index in range(draw(st.integers(1, 3)))]}
    return {**body, "x_seen": draw(st.integers(1, 9)), "usage": draw(st.none() | st.just(USAGE))}


def normal(value: ChatCompletion) -> Json:
    """What matters of an answer: an absent usage is a null one."""
    return {"usage": None, **plain(value)}


@given(answers())
@settings(max_examples=long(150, 50), deadline=None)
def test_chunks_of_and_collect_are_inverse(body: Json) -> None:
    """An answer told in chunks and put together again is the answer."""
    value = build_value(ChatCompletion, body)
    assert normal(collect(chunks_of(value, usage=True))) == body


def pieces(draw: st.DrawFn, text: str | None) -> list[str | None]:
    """*text*, cut in a few places."""
    return [*cut(text, draw(PLACES))] if text else [text]


def deltas_of(draw: st.DrawFn, message: Json) -> list[Json]:
    """A message as a provider streams it: role, then each field in pieces, calls opened before they are filled."""
    deltas: list[Json] = [{"role": "assistant"}]
    for name, value in message.items():
        if isinstance(value, str) and name != "role":
            deltas += [{name: piece} for piece in pieces(draw, value)]
    for index, call in enumerate(message.get("tool_calls") or ()):
        opening = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
        parts = pieces(draw, call["function"]["arguments"])
        deltas += [
            {"tool_calls": [one]}
            for one in (opening, *({"index": index, "function": {"arguments": p}} for p in parts))
        ]
    if call := message.get("function_call"):
        deltas += [{"function_call": {"name": call["name"], "arguments": ""}}]
        deltas += [{"function_call": {"arguments": piece}} for piece in pieces(draw, call["arguments"])]
    return deltas


@st.composite
def streams(draw: st.DrawFn) -> tuple[Json, bytes]:
    """An answer, and the bytes of a stream that tells it, its choices interleaved."""
    body = draw(answers())
    head = {**body, "object": "chat.completion.chunk"}
    usage = head.pop("usage")
    queues = []
    for choice in body["choices"]:
        told = [{"index": choice["index"], "delta": delta} for delta in deltas_of(draw, choice["message"])]
        tokens = choice["logprobs"]["content"] if choice["logprobs"] else []
        told += [
            {"index": choice["index"], "delta": {}, "logprobs": {"content": [t], "refusal": None}}
            for t in tokens
        ]
        queues.append(
            [*told, {"index": choice["index"], "delta": {}, "finish_reason": choice["finish_reason"]}]
        )
    chunks = []
    while queues:
        queue = draw(st.sampled_from(queues))
        chunks.append({**head, "choices": [queue.pop(0)]})
        queues = [queue for queue in queues if queue]
    ending = [{**head, "choices": [], "usage": usage}] if usage else []
    return body, b"".join(sse(*chunks, *ending))


@given(streams(), PLACES)
@settings(max_examples=long(150, 50), deadline=None)
def test_concatenated_deltas_are_the_unstreamed_answer(stream: tuple[Json, bytes], places: list[int]) -> None:
    """However the answer is cut into deltas, its choices interleaved, and the bytes cut into reads."""
    body, data = stream
    decoder = OpenAIStreamDecoder(ChatCompletionChunk, answers=len(body["choices"]))
    items = [item for piece in cut(data, places) for item in decoder.feed(piece)] + decoder.finish()
    chunks = [item for item in items if not isinstance(item, WireError)]
    assert len(chunks) == len(items)
    assert normal(collect(chunks)) == body
