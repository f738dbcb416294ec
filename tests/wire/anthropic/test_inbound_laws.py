"""What holds for every conversation an Anthropic client has, and for every answer it reads."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.models import ChatCompletion, ChatCompletionChunk
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.anthropic.inbound import AnthropicInbound
from muxi_llm.wire.base import Ledger, WireError, dumps, read_value
from muxi_llm.wire.openai.stream import OpenAIStreamDecoder
from tests.support.anthropic import Codec, check, text, tool_use
from tests.support.anthropic import told as told_by_anthropic
from tests.support.anthropic_inbound import (
    EPHEMERAL,
    Client,
    answer,
    assistant,
    chunk_of,
    signed,
    there_and_back,
    user,
)
from tests.support.anthropic_validator import read, told
from tests.support.bodies import USAGE, chat, chunk, message, sse
from tests.support.length import long
from tests.wire.anthropic.test_laws import BLOCKS, STOPS, USAGES, numbered

WORDS = st.text("ab é1", min_size=1, max_size=5).map(lambda said: f"x{said}y")
REDACTED = {"type": "redacted_thinking", "data": "opaque"}

# ------------------------------------------------------------------------- there and back: requests

SOURCES = [
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
    {"type": "image", "source": {"type": "url", "url": "https://e.com/a.png"}},
    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}},
    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hé"}, "title": "t"},
    {"type": "document", "source": {"type": "url", "url": "https://e.com/a.pdf"}},
    {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
    {"type": "search_result", "source": "s", "title": "t", "content": [text("a")]},
]
SAID = st.lists(st.one_of(WORDS.map(text), st.sampled_from(SOURCES)), min_size=1, max_size=3)
THOUGHTS = st.lists(st.sampled_from([signed(), signed(""), REDACTED]), max_size=2)
INPUTS = st.sampled_from([{}, {"a": 1}, {"a": {"b": [None, "é"]}}, {"_raw_arguments": "no json"}])
REGULAR = st.builds(lambda thoughts, said: thoughts + said, THOUGHTS, st.lists(WORDS.map(text), max_size=2))
RESULTS = st.one_of(WORDS, SAID)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Any conversation Anthropic would take: calls are answered in the turn behind them."""
    turns: list[dict[str, Any]] = []
    made: list[str] = []
    for turn in range(draw(st.integers(1, 4))):
        results = [answer(draw(RESULTS), call_id, is_error=draw(st.booleans())) for call_id in made]
        content: Any = results + draw(SAID if not results else st.one_of(st.just([]), SAID))
        turns.append(user(draw(WORDS) if not results and draw(st.booleans()) else content))
        made = [f"toolu_{turn}_{index}" for index in range(draw(st.integers(0, 2)))]
        said = draw(REGULAR) + [tool_use("f", draw(INPUTS), call_id) for call_id in made]
        turns.append(assistant(*(said or [text("ok")])))
    results = [answer(draw(RESULTS), call_id) for call_id in made]
    last = [*results, text("and?")]
    if draw(st.booleans()):
        last[-1] = {**last[-1], "cache_control": EPHEMERAL}
    return [*turns, user(last)]


PARAMETERS = st.fixed_dictionaries(
    {
        "max_tokens": st.integers(1, 9000),
        "tools": st.just(
            [
                {
                    "name": "f",
                    "description": "d",
                    "input_schema": {"type": "object"},
                    "cache_control": EPHEMERAL,
                }
            ]
        ),
    },
    optional={
        "system": st.one_of(
            WORDS, st.just([text("a"), text("b")]), st.just([text("a", cache_control=EPHEMERAL)])
        ),
        "temperature": st.sampled_from([0, 0.5, 1]),
        "stop_sequences": st.just(["a", "b"]),
        "stream": st.just(True),
        "tool_choice": st.sampled_from(
            [
                {"type": "auto"},
                {"type": "none"},
                {"type": "any", "disable_parallel_tool_use": True},
                {"type": "tool", "name": "f"},
            ]
        ),
        "metadata": st.just({"user_id": "u"}),
        "service_tier": st.sampled_from(["auto", "standard_only"]),
    },
)


def blockwise(sent: dict[str, Any]) -> dict[str, Any]:
    """*sent* as our outbound half writes it: contents as blocks, a result of plain text as a string."""
    turns = []
    for turn in sent["messages"]:
        content = [text(turn["content"])] if isinstance(turn["content"], str) else turn["content"]
        turns.append({**turn, "content": [_flat(block) for block in content]})
    return {**sent, "messages": turns}


def _flat(block: dict[str, Any]) -> dict[str, Any]:
    content = block.get("content")
    if (
        block["type"] == "tool_result"
        and isinstance(content, list)
        and [p["type"] for p in content] == ["text"]
    ):
        return {**block, "content": content[0]["text"]}
    return block


@settings(max_examples=long(150, 50), deadline=None)
@given(conversations(), PARAMETERS)
def test_a_request_comes_back_to_anthropic_as_it_was(turns, parameters):
    """By way of the chat form, and it is one by the vendor's types."""
    sent = {"messages": turns, **parameters}
    back = there_and_back(sent)
    check(back)
    assert {**back, "model": "m"} == {**blockwise(sent), "model": "m"}


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([2048, 8192, 24_576]), st.integers(25_000, 60_000))
def test_a_budget_of_the_table_comes_back(budget, most):
    """Others are rounded, which is told."""
    thinking = {"type": "enabled", "budget_tokens": budget}
    assert (
        there_and_back({"messages": [user()], "max_tokens": most, "thinking": thinking})["thinking"]
        == thinking
    )


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["low", "medium", "high", "xhigh", "max"]))
def test_an_effort_comes_back(effort):
    """On the models that have it."""
    asked = {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}
    back = there_and_back({"messages": [user()], "max_tokens": 9, **asked}, "claude-opus-4-7")
    assert {name: back[name] for name in asked} == asked


# -------------------------------------------------------------------------------------- bad bodies

SENT: dict[str, Any] = {
    "model": "m",
    "system": [text("a", cache_control=EPHEMERAL)],
    "messages": [
        user([text("a"), *SOURCES]),
        assistant(signed(), text("x", citations=[{"url": "u"}]), tool_use(cache_control=EPHEMERAL)),
        user([answer([text("q")])]),
    ],
    "tools": [
        {"name": "f", "input_schema": {"type": "object"}},
        {"type": "web_search_20250305", "name": "w"},
    ],
    "tool_choice": {"type": "tool", "name": "f"},
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "output_config": {
        "format": {"type": "json_schema", "schema": {"type": "object", "properties": {"a": {}}}}
    },
    "metadata": {"user_id": "u"},
    "service_tier": "auto",
    "stop_sequences": ["a"],
}


JUNK = [None, 1, 1.5, True, "x", [], {}, [1], [[]], {"type": "text"}]


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every container in *node* with every key of it."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    return [place for key in keys for place in ((node, key), *places(node[key]))]


@settings(max_examples=long(200, 66), deadline=None)
@given(st.data())
def test_a_body_with_anything_wrong_is_read_or_refused(data):
    """Never an error of Python's own."""
    body = deepcopy(SENT)
    holder, key = data.draw(st.sampled_from(places(body)), label="place")
    holder[key] = data.draw(st.sampled_from(JUNK))
    with suppress(WireError):
        taken = AnthropicInbound(Ledger("the client's request")).decode_request(dumps(body))
        assert all(turn["role"] for turn in taken["messages"])


# ------------------------------------------------------------------------- there and back: answers


def stop_of(blocks: list[dict[str, Any]], stop: str) -> str:
    """pitfall_22: calls are calls, and no others are."""
    called = any(block["type"] == "tool_use" for block in blocks)
    if stop in {"end_turn", "tool_use", "pause_turn"}:
        return "tool_use" if called else stop.replace("tool_use", "end_turn")
    return stop


def counted(usage: dict[str, Any]) -> dict[str, Any]:
    """Every count there."""
    return {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, **usage}


@settings(max_examples=long(150, 50), deadline=None)
@given(BLOCKS.map(numbered), STOPS, USAGES)
def test_a_message_of_anthropics_is_itself_again(blocks, stop, usage):
    """But for empty text, which is nothing there."""
    raw = {**message(stop=stop, usage=usage), "content": blocks}
    answered = Client().answered(Codec().whole(raw))
    assert [b for b in answered["content"] if b.get("text") != ""] == [
        b for b in blocks if b.get("text") != ""
    ]
    assert answered["stop_reason"] == stop_of(blocks, stop)
    assert answered["usage"] == counted(usage)


def facts(answered: dict[str, Any]) -> dict[str, Any]:
    """What an answer says, by kind: the order in which a stream told its kinds is its provider's."""
    content = answered["content"]
    thoughts = [b for b in content if b["type"] == "thinking"]
    return {
        "text": "".join(b["text"] for b in content if b["type"] == "text"),
        "unsigned": "".join(b["thinking"] for b in thoughts if not b["signature"]),
        "signed": [b for b in thoughts if b["signature"]],
        "calls": sorted((b for b in content if b["type"] == "tool_use"), key=lambda b: b["id"]),
        "redacted": [b for b in content if b["type"] == "redacted_thinking"],
        "others": [b for b in content if b["type"].startswith(("server_tool", "web_search"))],
        **{name: answered.get(name) for name in ("id", "model", "stop_reason", "stop_sequence", "usage")},
    }


@settings(max_examples=long(150, 50), deadline=None)
@given(BLOCKS.map(numbered), STOPS, USAGES, st.integers(1, 9))
def test_a_stream_of_anthropics_is_itself_again(blocks, stop, usage, cut):
    """Its events in order; what it said, by kind."""
    codec = Codec(stream_options={"include_usage": True})
    chunks = codec.items(*told_by_anthropic(*(blocks or [text("")]), stop=stop, usage=usage, cut=cut))
    said = facts(told(Client().streamed(*chunks)))
    raw = {**message(stop=stop_of(blocks, stop), usage=counted(usage)), "model": "m", "content": blocks}
    assert said == facts(raw)


# --------------------------------------------------------------------------- any provider's streams

ARGUMENTS = st.sampled_from(
    [
        "",
        "{}",
        " {} ",
        "null",
        '{"a": 1}',
        '{"a":{"b":"}"}}',
        '{"a":"\\"}"} ',
        "[1]",
        '"x"',
        "no json",
        "{}{}"[:2],
    ]
)


def pieces(draw: st.DrawFn, said: str) -> list[str]:
    """*said* in fragments."""
    places = sorted(draw(st.lists(st.integers(0, len(said)), max_size=3)))
    return [said[start:end] for start, end in zip([0, *places], [*places, len(said)], strict=True)]


@st.composite
def lanes(draw: st.DrawFn) -> list[list[list[dict[str, Any]]]]:
    """What goes on side by side: text, thinking, calls. A signed thought is told in one go."""
    made = [[[{"content": said}] for said in draw(st.lists(WORDS, max_size=3))]]
    if draw(st.booleans()):
        made.append([[{"reasoning_content": said}] for said in draw(st.lists(WORDS, max_size=3))])
    else:
        made.append([_thought(draw, block) for block in draw(THOUGHTS)])
    for index in range(draw(st.integers(0, 3))):
        first, *rest = pieces(draw, draw(ARGUMENTS))
        head = {"id": f"call_{index}", "type": "function", "function": {"name": "f", "arguments": first}}
        calls = [{"index": index, **head}, *({"index": index, "function": {"arguments": f}} for f in rest)]
        made.append([[{"tool_calls": [call]}] for call in calls])
    return made


def _thought(draw: st.DrawFn, block: dict[str, Any]) -> list[dict[str, Any]]:
    fragments = [{"reasoning_content": piece} for piece in pieces(draw, block.get("thinking", ""))]
    return [*fragments, {"thinking_blocks": [block]}]


@st.composite
def streams(draw: st.DrawFn) -> list[dict[str, Any]]:
    """These in any order, a reason to stop, and usage where providers tell it."""
    waiting = [lane for lane in draw(lanes()) if lane]
    chunks = [chunk({"role": "assistant", "content": ""})]
    while waiting:
        lane = draw(st.sampled_from(waiting))
        chunks += [chunk(delta) for delta in lane.pop(0)]
        waiting = [lane for lane in waiting if lane]
    stop = chunk({}, finish=draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter"])))
    where = draw(st.sampled_from(["nowhere", "with the stop", "after it", "both"]))
    chunks.append(stop | {"usage": USAGE} if where in {"with the stop", "both"} else stop)
    return [*chunks, chunk(usage=USAGE)] if where in {"after it", "both"} else chunks


@settings(max_examples=long(300, 100), deadline=None)
@given(streams())
def test_a_streamed_answer_is_the_unstreamed_one(chunks):
    """Whatever is mixed with what: events in order, adding up to what a whole answer says."""
    typed = [chunk_of(raw) for raw in chunks]
    assert facts(told(Client().streamed(*typed))) == facts(Client().answered(collect(typed)))


SAYS: dict[str, Any] = {
    "role": "assistant",
    "content": "Hi",
    "refusal": "no",
    "reasoning_content": "hm",
    "thinking_blocks": [signed()],
    "tool_calls": [{"index": 0, "id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    "function_call": {"name": "f", "arguments": "{}"},
    "extra_content": {"anthropic": {"container": {}}},
}
COUNTS = {
    **USAGE,
    "prompt_tokens_details": {"cached_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 1},
}


@settings(max_examples=long(200, 66), deadline=None)
@given(st.data())
def test_an_answer_with_anything_wrong_is_told_or_refused(data):
    """Servers send anything: never an error of Python's own, whole or streamed."""
    streamed = data.draw(st.booleans(), label="streamed")
    body = {**chunk(SAYS, finish="stop"), "usage": COUNTS} if streamed else {**chat(**SAYS), "usage": COUNTS}
    body = deepcopy(body)
    holder, key = data.draw(st.sampled_from(places(body)), label="place")
    holder[key] = data.draw(st.sampled_from(JUNK))
    with suppress(WireError):
        if streamed:
            items = OpenAIStreamDecoder(ChatCompletionChunk).feed(b"".join(sse(body)))
            said = Client().streamed(*(item for item in items if not isinstance(item, WireError)), {})
            assert [event["type"] for event in read(said)].count("message_start") == 1
        else:
            answered = Client().answered(read_value(ChatCompletion, dumps(body)))
            assert answered["role"] == "assistant"
