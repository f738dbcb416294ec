"""What holds for every conversation on Converse's wire."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.anthropic import assistant, call, result, system, text, tool, user
from tests.support.aws import CLAUDE, LLAMA, NOVA, OLD_CLAUDE, Codec

MARK = {"cache_control": {"type": "ephemeral"}}
WORDS = st.text("abc é\n 1", max_size=6)
PARTS = st.lists(
    st.one_of(
        st.builds(text, WORDS),
        st.just(text("kept", **MARK)),
        st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}),
        st.just({"type": "file", "file": {"file_data": "data:text/plain,hello", "filename": "a.txt"}}),
    ),
    max_size=3,
)
THOUGHTS = st.lists(
    st.sampled_from(
        [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "redacted_thinking", "data": "opaque"},
            {"type": "thinking", "thinking": "unsigned", "signature": ""},
        ]
    ),
    max_size=2,
)
ARGUMENTS = st.sampled_from(["", "{}", '{"a": 1}', "no json"])


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Any conversation OpenAI would take: instructions anywhere, parallel calls, results of each call."""
    messages = []
    for turn in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            messages.append(system(draw(WORDS), draw(st.sampled_from(["system", "developer"]))))
        messages.append(user([*draw(PARTS), text("x")]))
        names = draw(st.lists(st.sampled_from(["f", "a.b", "t" * 70]), max_size=3))
        calls = [call(name, draw(ARGUMENTS), f"call:{turn}:{index}") for index, name in enumerate(names)]
        marked = draw(st.sampled_from([{}, MARK]))
        said = assistant(draw(st.one_of(st.none(), WORDS)), *calls, **marked)
        messages.append(said | {"thinking_blocks": draw(THOUGHTS)})
        messages += [result(draw(st.one_of(WORDS, PARTS)), made["id"]) for made in calls]
    return [*messages, user("and?")] if draw(st.booleans()) else messages


PARAMETERS = st.fixed_dictionaries(
    {"model": st.sampled_from([CLAUDE, OLD_CLAUDE, NOVA, LLAMA, "anthropic.claude-opus-4-6-v1"])},
    optional={
        "reasoning_effort": st.sampled_from(["none", "minimal", "low", "high"]),
        "tools": st.sampled_from([[tool()], [tool("a.b") | MARK, tool("t" * 70, strict=True)]]),
        "tool_choice": st.sampled_from(["auto", "none", "required"]),
        "parallel_tool_calls": st.booleans(),
        "max_tokens": st.sampled_from([1, 5000]),
        "temperature": st.sampled_from([0, 0.5, 1.5]),
        "stop": st.sampled_from(["x", ["\n", "x"]]),
    },
)


def test_pitfall_45_parts_everywhere():
    """Whoever speaks: a string and a list of parts say the same."""
    parts = [system([text("s")]), user([text("u")]), assistant([text("a")], call()), result([text("r")])]
    strings = [system("s"), user("u"), assistant("a", call()), result("r")]
    assert Codec(parts, tools=[tool()]).out == Codec(strings, tools=[tool()]).out


@settings(max_examples=80, deadline=None)
@given(messages=conversations(), body=PARAMETERS)
def test_every_request_is_one_that_aws_takes(messages, body):
    """By its model of the service (the codec's support checks that), and by the rules that it does not tell."""
    before = deepcopy((messages, body))
    codec = Codec(messages, **body)
    assert (messages, body) == before  # the caller's objects are the caller's
    turns = codec.out["messages"]
    assert turns[0]["role"] == "user"
    assert all(first["role"] != second["role"] for first, second in pairwise(turns))
    blocks = [block for turn in turns for block in turn["content"]]
    assert all(block["text"].strip() for block in blocks if "text" in block)
    everything = [*blocks, *codec.out.get("system", ()), *codec.out.get("toolConfig", {}).get("tools", ())]
    assert sum("cachePoint" in block for block in everything) <= 4
    if any("toolUse" in block for block in blocks):
        assert codec.out["toolConfig"]["tools"]


@settings(max_examples=40, deadline=None)
@given(messages=conversations(), body=PARAMETERS)
def test_results_answer_the_calls_before_them(messages, body):
    """All of a turn's, in one turn, in order, before anything else that is said there."""
    turns = Codec(messages, **body).out["messages"]
    for asking, answering in pairwise(turns):
        asked = [block["toolUse"]["toolUseId"] for block in asking["content"] if "toolUse" in block]
        blocks = [block for block in answering["content"] if "cachePoint" not in block]
        told = [block["toolResult"]["toolUseId"] for block in blocks if "toolResult" in block]
        assert asked == told
        assert all("toolResult" in block for block in blocks[: len(told)])
