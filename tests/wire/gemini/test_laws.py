"""What holds for every conversation and every reply on Gemini's wire."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.anthropic import assistant, call, result, system, text, user
from tests.support.gemini import GEMINI, GEMINI_3, Codec, encode, function_call, reply, sse
from tests.support.length import long

WORDS = st.text("abc é\n 1", max_size=6)
SIGNATURES = st.sampled_from([None, "S", "T"])
PARTS = st.lists(
    st.one_of(
        st.builds(text, WORDS),
        st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}),
        st.just({"type": "file", "file": {"file_data": "data:text/plain,hello"}}),
    ),
    max_size=3,
)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Any conversation OpenAI would take: instructions anywhere, parallel calls, results of each call."""
    messages: list[dict[str, Any]] = []
    for turn in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            messages.append(system(draw(WORDS)))
        messages.append(
            user(draw(st.one_of(WORDS.filter(bool), PARTS.map(lambda parts: [*parts, text("x")]))))
        )
        names = draw(st.lists(st.sampled_from(["f", "a.b", "t" * 70]), max_size=3))
        calls = [call(name, {"a": 1}, f"call:{turn}:{index}") for index, name in enumerate(names)]
        messages.append(assistant(draw(st.one_of(st.none(), WORDS)), *calls))
        messages += [result(draw(st.one_of(WORDS, PARTS)), made["id"]) for made in calls]
    return [*messages, user("and?")] if draw(st.booleans()) else messages


@settings(max_examples=long(100, 33), deadline=None)
@given(conversations(), st.sampled_from([GEMINI, GEMINI_3]))
def test_every_conversation_is_one_there(messages, model):
    """Roles alternate, each call is answered in the next turn and nothing else is in it, nothing is empty or
    mutated; it is the user who begins and ends.
    """
    before = deepcopy(messages)
    turns = encode(messages, model=model)["contents"]
    assert messages == before
    assert turns[0]["role"] == "user"
    assert turns[-1]["role"] == "user" or any("functionCall" in part for part in turns[-1]["parts"])
    assert all(
        one["role"] != other["role"] or "functionResponse" in one["parts"][0]
        for one, other in pairwise(turns)
    )
    assert all(turn["parts"] and {"text": ""} not in turn["parts"] for turn in turns)
    for turn, following in pairwise(turns):
        called = [part["functionCall"]["id"] for part in turn["parts"] if "functionCall" in part]
        answered = [
            part["functionResponse"]["id"] for part in following["parts"] if "functionResponse" in part
        ]
        assert called == answered
        assert len(answered) in {0, len(following["parts"])}


def texts(thought: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Parts of text, signed or not."""

    def made(said: str, signature: str | None) -> dict[str, Any]:
        part: dict[str, Any] = {"text": said} | ({"thought": True} if thought else {})
        return part | ({"thoughtSignature": signature} if signature else {})

    return st.builds(made, WORDS, SIGNATURES)


REPLIES = st.lists(
    st.one_of(
        texts(thought=False),
        texts(thought=True),
        st.builds(function_call, st.sampled_from(["f", "g"]), st.just({"a": [1, None]}), SIGNATURES),
        st.just({"executableCode": {"language": "PYTHON", "code": "1"}}),
        st.just({"inlineData": {"mimeType": "image/png", "data": "aGk="}}),
    ),
    max_size=6,
)
USAGE = {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3}


@settings(max_examples=long(100, 33), deadline=None)
@given(REPLIES, st.lists(st.integers(1, 400), max_size=6), st.data())
def test_a_stream_adds_up_to_the_unstreamed_answer(parts, cuts, data):
    """However its bytes are split and its parts are spread over events."""
    whole = Codec().whole(reply(*parts, usage=USAGE))
    places = sorted({0, len(parts), *data.draw(st.lists(st.integers(0, len(parts)), max_size=3))})
    spread = [reply(*parts[one:other], finish=None) for one, other in pairwise(places)]
    stream = b"".join(sse(*spread, reply(usage=USAGE)))
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    streamed = Codec(stream_options={"include_usage": True}).streamed(
        *(stream[one:other] for one, other in pairwise(places))
    )
    assert streamed.model_dump(exclude_none=True) == whole.model_dump(exclude_none=True)


@settings(max_examples=long(100, 33), deadline=None)
@given(REPLIES)
def test_what_was_said_goes_back_as_it_came(parts):
    """Each signature on the part it came on, or on the text it ends."""
    message = Codec().whole(reply(*parts)).choices[0].message.model_dump(exclude_none=True)
    if not any(message.get(name) for name in ("content", "tool_calls", "extra_content")):
        return
    turn = encode([message])["contents"][1]
    assert signatures(turn["parts"]) == signatures(parts)
    assert "".join(part.get("text", "") for part in turn["parts"] if "thought" not in part) == (
        message.get("content") or ""
    )
    assert [part["functionCall"]["name"] for part in turn["parts"] if "functionCall" in part] == [
        part["functionCall"]["name"] for part in parts if "functionCall" in part
    ]


def signatures(parts: list[dict[str, Any]]) -> list[str]:
    return [part["thoughtSignature"] for part in parts if "thoughtSignature" in part]
