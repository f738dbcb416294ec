"""OpenAI, and servers of one's own that speak its wire: `openai/…` with another `base_url`."""

from __future__ import annotations

from typing import Any

import pytest

import muxi_llm
from muxi_llm import ChatCompletion
from muxi_llm.runtime import using
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.utils.streaming import collect
from tests.support.bodies import CALL, HELLO, chat, chat_stream, chunk, sse

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")

OWN = {"api_key": "k", "base_url": "http://gpu.test:8000/v1", "retries": 0}
RESULT = {"role": "tool", "tool_call_id": CALL["id"], "content": "x"}
SIGNED = {**CALL, "extra_content": {"google": {"thought_signature": "s"}}}
DETAILS = [{"type": "reasoning.text", "text": "hm", "index": 0}]


def sent(model: str, messages: Any, *answers: Answer, **how: Any) -> dict[str, Any]:
    """The body of the request that goes out."""
    script = Scripted(*(answers or [Answer(json=chat())]))
    with using(script):
        ChatCompletion.create(model=model, messages=messages, **{**OWN, **how})
    return script.bodies[-1]  # type: ignore[no-any-return]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_server_of_ones_own_gets_back_what_it_gave(streamed: bool) -> None:
    """Thinking in words and in whatever form it likes, the state of calls; under any name of a model."""
    turn = {"reasoning_content": "hm", "reasoning_details": DETAILS, "tool_calls": [SIGNED]}
    deltas = [{"role": "assistant", "reasoning_content": "hm", "reasoning_details": DETAILS},
              {"tool_calls": [{"index": 0, **SIGNED}]}]  # fmt: skip
    answer = (
        Answer(chunks=sse(*map(chunk, deltas), chunk({}, finish="tool_calls")))
        if streamed
        else Answer(json=chat(None, finish="tool_calls", **turn))
    )
    with using(Scripted(answer)):
        got = ChatCompletion.create(model="openai/my-model", messages=HELLO, stream=streamed, **OWN)
        message = (collect(got) if streamed else got).choices[0].message
    for form in (message, message.model_dump()):
        out = sent("openai/my-model", [*HELLO, form, RESULT])["messages"][1]
        assert {name: out[name] for name in turn} == turn
        assert "extra_content" not in out
        # Another server, even of the same wire, gets what was thought in words, and no more.
        other = sent("openai/my-model", [*HELLO, form, RESULT], base_url="http://other.test/v1")["messages"][
            1
        ]
        assert other["reasoning_content"] == "hm"
        assert other["tool_calls"] == [CALL]
        assert "reasoning_details" not in other


def test_openai_itself_gets_none_of_it() -> None:
    """By its host, or by a model of its own behind a proxy: it answers 400 to any of these fields."""
    message = {
        "role": "assistant", "content": None, "reasoning_content": "hm", "reasoning": "hm",
        "reasoning_details": DETAILS, "tool_calls": [SIGNED],
    }  # fmt: skip
    for how in ({}, {"base_url": "https://eu.api.openai.com/v1"}):
        for model in ("gpt-4.1", "o3", "ft:gpt-4o:acme::1"):
            out = sent(f"openai/{model}", [*HELLO, message, RESULT], **how)["messages"][1]
            assert out == {"role": "assistant", "content": None, "tool_calls": [CALL]}
    out = sent("openai/gpt-oss-20b", [*HELLO, message, RESULT])["messages"][1]
    assert out == message


def test_what_templates_of_open_models_know() -> None:
    """No developer, and a tool's result as one string; OpenAI has both."""
    messages = [
        {"role": "developer", "content": "A"}, *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {**RESULT, "content": [{"type": "text", "text": "x"}]},
    ]  # fmt: skip
    own = sent("openai/my-model", messages)["messages"]
    assert own[0]["role"] == "system"
    assert own[-1] == RESULT
    assert sent("openai/gpt-4.1", messages)["messages"] == messages


def test_calls_do_not_change_the_class() -> None:
    """What one instance is taken for is nobody else's."""
    sent("openai/my-model", HELLO)
    assert muxi_llm.providers.registry.find("openai").reasoning_replay_support is False


def test_streams_are_streams() -> None:
    with using(Scripted(Answer(chunks=chat_stream("a", "b")))):
        assert (
            "".join(
                part.choices[0].delta.content or ""
                for part in ChatCompletion.create(model="openai/x", messages=HELLO, stream=True, **OWN)
                if part.choices
            )
            == "ab"
        )
