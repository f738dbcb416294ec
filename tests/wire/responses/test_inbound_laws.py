"""What holds for every conversation, every reply and every stream of Responses, in both directions."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.models import ChatCompletion, ChatCompletionChunk
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Ledger, build_value
from muxi_llm.wire.responses.inbound_request import Conversation
from muxi_llm.wire.responses.inbound_tools import Toolbox
from tests.support.bodies import chat, chunk
from tests.support.cuts import PLACES, cut
from tests.support.length import long
from tests.support.responses import (
    CITED,
    REASONER,
    SEARCH,
    Asked,
    Codec,
    check,
    custom_call,
    encode,
    function_call,
    output,
    refusal,
    response,
    said,
    text,
    thought,
    told,
)

WORDS = st.text("abc é\n1", max_size=6)
SAID = WORDS.filter(bool)
ARGUMENTS = st.sampled_from(["{}", '{"a": 1}', '{"a": {"b": [null]}}', "no json"])
BLOCK = {"type": "thinking", "thinking": "h", "signature": "s"}
BLOCKS = st.sampled_from([[BLOCK], [BLOCK, {"type": "redacted_thinking", "data": "d"}]])
STATE = st.fixed_dictionaries({"x": st.dictionaries(SAID, WORDS, min_size=1, max_size=2)})
PARTS = st.lists(
    st.one_of(
        st.builds(lambda words: {"type": "text", "text": words}, WORDS),
        st.just({"type": "image_url", "image_url": {"url": "https://e.com/a.png", "detail": "low"}}),
        st.just({"type": "file", "file": {"file_data": "data:,a", "filename": "a"}}),
    ),
    max_size=3,
)


def call(call_id: str, arguments: str, *, custom: bool = False) -> dict[str, Any]:
    if custom:
        return {"id": call_id, "type": "custom", "custom": {"name": "g", "input": arguments}}
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}}


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Any conversation: instructions anywhere, parallel calls, results of each call in any order."""
    messages: list[dict[str, Any]] = []
    for turn in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            messages.append({"role": draw(st.sampled_from(["system", "developer"])), "content": draw(WORDS)})
        messages.append({"role": "user", "content": draw(st.one_of(WORDS, PARTS))})
        kinds = draw(st.lists(st.booleans(), max_size=3))
        long = "c" * draw(st.sampled_from([1, 70]))
        calls = [call(f"{long}{turn}{i}", draw(ARGUMENTS), custom=kind) for i, kind in enumerate(kinds)]
        answer: dict[str, Any] = {
            "role": "assistant",
            "content": draw(SAID if not calls else st.one_of(st.none(), SAID)),
        }
        if draw(st.booleans()):
            answer["refusal"] = "no"
        messages.append({**answer, "tool_calls": calls} if calls else answer)
        for made in draw(st.permutations(calls)):
            messages.append(
                {"role": "tool", "tool_call_id": made["id"], "content": draw(st.one_of(WORDS, PARTS))}
            )
    return messages


PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["gpt-4.1", REASONER]),
        "reasoning_effort": st.sampled_from(["none", "low", "high"]),
        "tools": st.sampled_from(
            [[{"type": "function", "function": {"name": "f"}}], [{"type": "custom", "custom": {"name": "g"}}]]
        ),
        "tool_choice": st.sampled_from(
            ["auto", "none", "required", {"type": "function", "function": {"name": "f"}}]
        ),
        "parallel_tool_calls": st.booleans(),
        "response_format": st.sampled_from(
            [
                {"type": "json_object"},
                {"type": "json_schema", "json_schema": {"name": "x", "schema": {"a": 1}}},
            ]
        ),
        "logprobs": st.booleans(),
        "temperature": st.sampled_from([0, 0.5, 2]),
        "max_tokens": st.integers(1, 30_000),
        "store": st.booleans(),
        "user": st.just("u"),
    },
)


@settings(max_examples=long(100, 33), deadline=None)
@given(conversations(), PARAMETERS)
def test_every_request_is_one_by_the_vendors_types(messages, parameters):
    """Whatever the conversation; and nothing of the caller's is changed."""
    before = deepcopy((messages, parameters))
    check(encode(messages, **parameters))
    assert (messages, parameters) == before


@settings(max_examples=long(100, 33), deadline=None)
@given(conversations())
def test_a_conversation_there_and_back(messages):
    """Chat → items → chat is the same conversation, but for ids that were too long."""
    back = Conversation(Ledger("x"), Toolbox(Ledger("x")))
    for item in encode(messages)["input"]:
        back.add(item, "")
    short = {made["id"]: made["id"] for message in messages for made in message.get("tool_calls", ())}
    ids = iter(made["id"] for message in back.messages() for made in message.get("tool_calls", ()))
    short = {call_id: next(ids) for call_id in short}
    for message in messages:
        for made in message.get("tool_calls", ()):
            made["id"] = short[made["id"]]
        if "tool_call_id" in message:
            message["tool_call_id"] = short[message["tool_call_id"]]
    assert back.messages() == messages


# ----------------------------------------------------------------------------------------- replies

ITEMS = st.lists(
    st.one_of(
        st.builds(said, SAID),
        st.builds(lambda words: said(text(words, CITED)), SAID),
        st.builds(lambda words: said(words, refusal("no")), SAID),
        st.builds(lambda words: said(refusal(words)), SAID),
        st.builds(thought, SAID, SAID),
        st.builds(lambda words: thought("short", content=(words,), encrypted_content="gAAA"), SAID),
        st.builds(lambda words: function_call(arguments=words), ARGUMENTS),
        st.builds(lambda words: custom_call(given=words), SAID),
        st.just(SEARCH),
    ),
    max_size=5,
)
STATUSES = st.sampled_from(["completed", "incomplete"])


def numbered(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each with ids of its own."""
    return [
        {**item, "id": f"i_{n}", **({"call_id": f"call_{n}"} if "call_id" in item else {})}
        for n, item in enumerate(items)
    ]


def facts(value: ChatCompletion) -> dict[str, Any]:
    return value.model_dump(exclude_none=True)


@settings(max_examples=long(150, 50), deadline=None)
@given(ITEMS.map(numbered), STATUSES, st.integers(1, 9), st.booleans(), st.booleans(), PLACES)
def test_a_streamed_reply_is_the_unstreamed_one(items, status, size, deltas, repeat, places):
    """Whatever its items, however fragments and bytes are cut, whoever tells them."""
    codec = Codec(stream_options={"include_usage": True})
    raw = response(*items, status=status, incomplete_details={"reason": "max_output_tokens"})
    stream = b"".join(told(raw, cut=size, deltas=deltas, repeat=repeat))
    assert facts(codec.streamed(*cut(stream, places))) == facts(codec.whole(raw))


@settings(max_examples=long(100, 33), deadline=None)
@given(ITEMS.map(numbered))
def test_a_reply_sent_back_is_the_one_that_came(items):
    """Where the provider keeps responses, item by item; else without what could not be found."""
    message = Codec().whole(response(*items)).choices[0].message.model_dump()
    sent = encode([message], store=True)["input"]
    if message.get("extra_content"):
        assert sent == items
    assert [made.get("call_id") for made in sent if "call_id" in made] == [
        made["call_id"] for made in items if "call_id" in made
    ]


# ----------------------------------------------------------------------------------------- inbound

ANSWERS = st.fixed_dictionaries(
    {"content": st.one_of(st.none(), SAID)},
    optional={
        "reasoning_content": SAID,
        "thinking_blocks": BLOCKS,
        "refusal": SAID,
        "extra_content": STATE,
        "tool_calls": st.lists(ARGUMENTS, min_size=1, max_size=3).map(
            lambda all_: [call(f"call_{n}", arguments) for n, arguments in enumerate(all_)]
        ),
    },
)
FINISHES = st.sampled_from(["stop", "length", "content_filter", "tool_calls"])


def deltas_of(answer: dict[str, Any], size: int) -> list[dict[str, Any]]:
    """The answer's deltas, in the order providers have, its texts in fragments of *size*."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None}]
    for name in ("reasoning_content", "thinking_blocks", "content", "refusal"):
        whole = answer.get(name) or ""
        if isinstance(whole, str):
            deltas += [{name: whole[at : at + size]} for at in range(0, len(whole), size)]
        else:
            deltas += [{name: [block]} for block in whole]
    for index, made in enumerate(answer.get("tool_calls", ())):
        arguments = made["function"]["arguments"]
        begun = {**made, "index": index, "function": {"name": "f", "arguments": ""}}
        deltas.append({"tool_calls": [begun]})
        for at in range(0, len(arguments), size):
            deltas.append(
                {"tool_calls": [{"index": index, "function": {"arguments": arguments[at : at + size]}}]}
            )
    return [*deltas, {"extra_content": answer["extra_content"]}] if "extra_content" in answer else deltas


def chunks_of(deltas: list[dict[str, Any]], finish: str) -> list[ChatCompletionChunk]:
    said_ = [build_value(ChatCompletionChunk, chunk(delta)) for delta in deltas]
    counted = chunk({}, finish=finish, usage=chat()["usage"])
    return [*said_, build_value(ChatCompletionChunk, counted)]


@settings(max_examples=long(120, 40), deadline=None)
@given(ANSWERS, FINISHES, st.integers(1, 9))
def test_a_streamed_response_is_the_unstreamed_one(answer, finish, size):
    """Its events keep to the life-cycle, and the last one tells what a whole answer would be."""
    raw = chat(answer.pop("content"), finish=finish, **answer)
    streamed = Asked().streamed(chunks_of(deltas_of(raw["choices"][0]["message"], size), finish))
    assert streamed[-1]["response"] == Asked().whole(raw)


@settings(max_examples=long(120, 40), deadline=None)
@given(ANSWERS, FINISHES, st.randoms(use_true_random=False))
def test_deltas_in_any_order(answer, finish, random):
    """The life-cycle is kept, and nothing said is lost."""
    deltas = deltas_of(answer, 2)
    places = sorted(range(len(deltas)), key=lambda _: random.random())
    shuffled = _in_order([deltas[place] for place in places], deltas)
    (*_, last) = Asked().streamed(chunks_of(shuffled, finish))
    value = collect(chunks_of(shuffled, finish)).choices[0].message
    items = last["response"]["output"]
    parts = [part for item in items if item["type"] == "message" for part in item["content"]]
    assert "".join(part.get("text", "") for part in parts) == (value.content or "")
    assert "".join(part.get("refusal", "") for part in parts) == (value.refusal or "")
    calls = {item["call_id"]: item["arguments"] for item in items if item["type"] == "function_call"}
    assert calls == {made["id"]: made["function"]["arguments"] for made in answer.get("tool_calls", ())}


def _in_order(shuffled: list[dict[str, Any]], deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mixed across texts and calls, each of them in its own order."""

    def source(delta: dict[str, Any]) -> tuple[str, int]:
        (name, *_) = delta
        return name, delta["tool_calls"][0]["index"] if name == "tool_calls" else 0

    queues: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for delta in deltas:
        queues.setdefault(source(delta), []).append(delta)
    return [queues[source(delta)].pop(0) for delta in shuffled]


@settings(max_examples=long(120, 40), deadline=None)
@given(ANSWERS.filter(lambda answer: answer["content"] or "refusal" in answer or "tool_calls" in answer))
def test_an_answer_sent_back_is_the_one_that_was_given(answer):
    """Chat → response → chat: text, calls, thinking and state, each as it was."""
    items = Asked().whole(chat(answer["content"], **{k: v for k, v in answer.items() if k != "content"}))[
        "output"
    ]
    results = [output(made["id"]) for made in answer.get("tool_calls", ())]
    (message, *_) = Asked(input=[*items, *results]).body["messages"]
    assert message == {"role": "assistant", **answer}


@st.composite
def turns(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A turn as a reasoning model has it: thoughts, built-in tools, a text, calls."""
    open_thought = thought(content=("hm",), id="rs_2")
    before = [thought("s", encrypted_content="gAAA"), open_thought, SEARCH]
    texts = [said("a"), said("a", phase="commentary"), said(text("a", CITED)), said(refusal("no"))]
    calls = [function_call(), custom_call(call_id="call_2"), function_call(call_id="call_3", namespace="n")]
    items = draw(st.lists(st.sampled_from(before), unique_by=id, max_size=3))
    items += draw(st.lists(st.sampled_from(texts), max_size=1))
    return items + draw(st.lists(st.sampled_from(calls), unique_by=id, min_size=not items, max_size=3))


@settings(max_examples=long(100, 33), deadline=None)
@given(turns())
def test_a_turn_through_a_chat_to_responses(turn):
    """Responses → chat → Responses: it reaches a provider of the same wire item by item, or says the same."""
    kinds = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
    results = [output(item["call_id"], kind=kinds[item["type"]]) for item in turn if item["type"] in kinds]
    user = {"role": "user", "content": "Hi"}
    body = Asked(input=[user, *turn, *results, user]).body
    sent = encode(body["messages"])["input"]
    if "extra_content" in body["messages"][1]:
        assert sent == [user, *turn, *results, user]
    elif any(item["type"] in {"message", *kinds} for item in turn):
        assert [_essence(item) for item in sent] == [_essence(item) for item in [user, *turn, *results, user]]
    else:
        assert sent == [user, user]


def _essence(item: dict[str, Any]) -> tuple[Any, ...]:
    content = item.get("content")
    if isinstance(content, list):
        content = "".join(part.get("text") or part.get("refusal") for part in content)
    return (
        item.get("role"),
        content,
        item.get("call_id"),
        item.get("arguments", item.get("input", item.get("output"))),
    )
