"""What holds for every conversation and every reply on Anthropic's wire."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.models import ChatCompletion
from tests.support.anthropic import (
    CLAUDE,
    OLD_CLAUDE,
    Codec,
    assistant,
    call,
    check,
    encode,
    result,
    system,
    text,
    told,
    tool,
    tool_use,
    user,
)
from tests.support.bodies import message
from tests.support.length import long

THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "sig"}
SIGNATURE_ONLY = {"type": "thinking", "thinking": "", "signature": "sig"}
REDACTED = {"type": "redacted_thinking", "data": "opaque"}

WORDS = st.text("abc é\n 1", max_size=6)
PARTS = st.lists(
    st.one_of(
        st.builds(text, WORDS),
        st.just({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}),
        st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}),
        st.just(
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}}
        ),
        st.just({"type": "file", "file": {"file_data": "data:text/plain,hello"}}),
    ),
    max_size=3,
)
THOUGHTS = st.lists(st.sampled_from([THOUGHT, SIGNATURE_ONLY, REDACTED]), max_size=2)
ARGUMENTS = st.sampled_from(["", "{}", '{"a": 1}', '{"a": {"b": [null]}}', "no json"])


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Any conversation OpenAI would take: instructions anywhere, parallel calls, results of each call."""
    messages = []
    for turn in range(draw(st.integers(1, 5))):
        if draw(st.booleans()):
            messages.append(
                system(
                    draw(st.one_of(WORDS, st.just([text("s")]))),
                    draw(st.sampled_from(["system", "developer"])),
                )
            )
        messages.append(
            user(draw(st.one_of(WORDS.filter(str.strip), PARTS.map(lambda parts: [*parts, text("x")]))))
        )
        names = draw(st.lists(st.sampled_from(["f", "a.b", "t" * 70]), max_size=3))
        calls = [call(name, draw(ARGUMENTS), f"call:{turn}:{index}") for index, name in enumerate(names)]
        said = assistant(draw(st.one_of(st.none(), WORDS)), *calls)
        thoughts = draw(THOUGHTS)
        messages.append(said | {"thinking_blocks": thoughts} if thoughts else said)
        messages += [result(draw(st.one_of(WORDS, PARTS)), made["id"]) for made in calls]
    return [*messages, user("and?")] if draw(st.booleans()) else messages


PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(
            [CLAUDE, OLD_CLAUDE, "claude-opus-4-6", "claude-sonnet-5", "claude-opus-5-5"]
        ),
        "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh"]),
        "tools": st.sampled_from(
            [[tool()], [tool("a.b"), tool("t" * 70, strict=True, parameters={"type": "object"})]]
        ),
        "tool_choice": st.sampled_from(
            ["auto", "none", "required", {"type": "function", "function": {"name": "f"}}]
        ),
        "parallel_tool_calls": st.booleans(),
        "response_format": st.just(
            {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
        ),
        "temperature": st.sampled_from([0, 0.5, 1, 2]),
        "max_tokens": st.integers(1, 30_000),
        "stop": st.sampled_from(["a", ["b", " "]]),
        "user": st.just("u"),
    },
)


@settings(max_examples=long(120, 40), deadline=None)
@given(conversations(), PARAMETERS)
def test_every_request_is_one_by_the_vendors_types(messages, parameters):
    """Whatever the conversation: valid, roles alternate, results answer the turn before, nothing is mutated."""
    before = deepcopy((messages, parameters))
    out = encode(messages, **parameters)
    assert (messages, parameters) == before
    check(out)
    assert [turn["role"] for turn in out["messages"]] == [
        "user" if index % 2 == 0 else "assistant" for index in range(len(out["messages"]))
    ]
    for turn, following in zip(out["messages"], [*out["messages"][1:], {"content": []}], strict=True):
        kinds = [block["type"] for block in turn["content"]]
        assert kinds
        assert all(block["text"].strip() for block in turn["content"] if block["type"] == "text")
        assert kinds == sorted(kinds, key=lambda kind: kind != "tool_result")
        called = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
        answered = [block["tool_use_id"] for block in following["content"] if block["type"] == "tool_result"]
        assert called == answered or not following["content"]


# ----------------------------------------------------------------------------------------- replies

WEB = {
    "type": "web_search_result_location",
    "url": "https://e.com",
    "title": "E",
    "encrypted_index": "i",
    "cited_text": "c",
}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "é"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(WORDS, inner, max_size=2)),
    max_leaves=4,
)
BLOCKS = st.lists(
    st.one_of(
        st.builds(text, WORDS),
        st.builds(lambda said: text(said, citations=[WEB]), WORDS),
        st.builds(lambda said: {**THOUGHT, "thinking": said}, WORDS),
        st.just(REDACTED),
        st.builds(tool_use, st.sampled_from(["f", "g"]), st.dictionaries(WORDS, VALUES, max_size=2)),
        st.just(SEARCH),
        st.just(FOUND),
    ),
    max_size=5,
)
STOPS = st.sampled_from(["end_turn", "tool_use", "max_tokens", "refusal", "pause_turn"])
USAGES = st.fixed_dictionaries(
    {"input_tokens": st.integers(0, 99), "output_tokens": st.integers(0, 99)},
    optional={
        "cache_read_input_tokens": st.integers(0, 99),
        "cache_creation_input_tokens": st.integers(0, 99),
        "output_tokens_details": st.just({"thinking_tokens": 0}),
    },
)
ASKED = st.sampled_from(
    [
        {"tools": [tool()]},
        {"functions": [{"name": "f"}]},
        {
            "model": OLD_CLAUDE,
            "response_format": {"type": "json_schema", "json_schema": {"name": "f", "schema": {"a": 1}}},
        },
    ]
)


def numbered(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Calls with ids of their own."""
    return [
        {**block, "id": f"toolu_{index}"} if block["type"] == "tool_use" else block
        for index, block in enumerate(blocks)
    ]


def facts(value: ChatCompletion) -> dict[str, Any]:
    return value.model_dump(exclude_none=True)


@settings(max_examples=long(150, 50), deadline=None)
@given(
    BLOCKS.map(numbered), STOPS, USAGES, ASKED, st.integers(1, 9), st.lists(st.integers(0, 4000), max_size=8)
)
def test_a_streamed_answer_is_the_unstreamed_one(blocks, stop, usage, asked, cut, splits):
    """Whatever its blocks, however fragments and bytes are cut."""
    codec = Codec(stream_options={"include_usage": True}, **asked)
    raw = {**message(stop=stop, usage=usage), "content": blocks}
    stream = (
        b"".join(told(*blocks, stop=stop, usage=usage, cut=cut))
        if blocks
        else b"".join(told(text(""), stop=stop, usage=usage))
    )
    places = sorted({0, len(stream), *(place % len(stream) for place in splits)})
    pieces = [stream[start:end] for start, end in pairwise(places)]
    assert facts(codec.streamed(*pieces)) == facts(codec.whole(raw))


@settings(max_examples=long(100, 33), deadline=None)
@given(BLOCKS.map(numbered), STOPS, USAGES)
def test_what_every_answer_keeps_to(blocks, stop, usage):
    """Sums are right, calls have dense indexes and are told once, a finish comes last and once."""
    codec = Codec(tools=[tool()], stream_options={"include_usage": True})
    *chunks, counted = codec.items(*told(*(blocks or [text("")]), stop=stop, usage=usage))
    total = counted.usage
    assert (
        total.total_tokens
        == total.prompt_tokens + total.completion_tokens
        == sum(count for name, count in usage.items() if name != "output_tokens_details")
    )
    assert total.prompt_tokens_details.cached_tokens <= total.prompt_tokens
    assert [bool(chunk.choices[0].finish_reason) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert [chunk.choices[0].delta.role for chunk in chunks] == ["assistant", *[None] * (len(chunks) - 1)]
    calls = [made for chunk in chunks for made in chunk.choices[0].delta.tool_calls or ()]
    first = [made for made in calls if made.id]
    made_at = [block["id"] for block in blocks if block["type"] == "tool_use"]
    assert [(made.index, made.id) for made in first] == list(enumerate(made_at))
    assert all(made.function.name is None for made in calls if not made.id)


@settings(max_examples=long(100, 33), deadline=None)
@given(BLOCKS.map(numbered).filter(bool))
def test_an_answer_sent_back_is_the_one_that_came(blocks):
    """Block by block, but for empty text, which Anthropic does not take."""
    sent = Codec(tools=[tool()]).whole({**message(), "content": blocks}).choices[0].message.model_dump()
    results = [result("r", block["id"]) for block in blocks if block["type"] == "tool_use"]
    wanted = [block for block in blocks if block["type"] != "text" or block["text"].strip()]
    turns = encode([user(), sent, *results, user("and?")], tools=[tool()])["messages"]
    assert [turn["content"] for turn in turns if turn["role"] == "assistant"] == ([wanted] if wanted else [])
