"""What the next turn needs goes through the clients whose own wire has no place for it, and to its giver alone."""

from __future__ import annotations

from typing import Any

import pytest

import muxi_llm
from tests.support.anthropic_client import CLAUDE, ask
from tests.support.bodies import CALL, HELLO, chat, chunk, sse
from tests.support.upstream import Respond, Upstream

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")

MODEL = "openrouter/google/gemini-3-pro"
DETAILS = [
    {"type": "reasoning.text", "text": "hm", "index": 0},
    {"type": "reasoning.encrypted", "data": "x", "id": CALL["id"], "index": 1},
]
SIGNED = {**CALL, "extra_content": {"google": {"thought_signature": "s"}}}
TOOL: Any = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
FUNCTION: Any = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}
RESULT = {"type": "tool_result", "tool_use_id": CALL["id"], "content": "x"}
OUTPUT = {"type": "function_call_output", "call_id": CALL["id"], "output": "x"}


def whole() -> Respond:
    fields = {"reasoning": "hm", "reasoning_details": DETAILS}
    return Respond(json=chat(None, finish="tool_calls", tool_calls=[SIGNED], **fields))


def streamed() -> Respond:
    deltas = [
        {"role": "assistant", "reasoning": "hm", "reasoning_details": DETAILS[:1]},
        {"reasoning_details": DETAILS[1:], "tool_calls": [{"index": 0, **SIGNED}]},
    ]
    return Respond(chunks=sse(*map(chunk, deltas), chunk({}, finish="tool_calls")))


def state_sent(world: Upstream) -> tuple[Any, Any]:
    """What the last request says of the turn before."""
    turn = world.requests[-1].json["messages"][1]
    return turn.get("reasoning_details"), turn["tool_calls"][0].get("extra_content")


HOME = (DETAILS, SIGNED["extra_content"])


@pytest.mark.parametrize("stream", [False, True])
def test_anthropics_client(stream: bool, world: Upstream) -> None:
    """Back to who gave it, and not to others: neither another server nor Anthropic itself."""
    client = muxi_llm.Anthropic()
    world.script = [streamed() if stream else whole()]
    if stream:
        with client.messages.stream(model=MODEL, max_tokens=9, messages=HELLO, tools=[TOOL]) as events:
            first = events.get_final_message()
    else:
        first = ask(client, MODEL, tools=[TOOL])
    turns: Any = [
        *HELLO,
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [RESULT]},
    ]
    ask(client, MODEL, messages=turns, tools=[TOOL])
    assert state_sent(world) == HOME
    ask(client, "groq/llama", messages=turns, tools=[TOOL])
    assert state_sent(world) == (None, None)
    ask(client, CLAUDE, messages=turns, tools=[TOOL])
    kinds = [block["type"] for block in world.requests[-1].json["messages"][1]["content"]]
    assert kinds == ["tool_use"]


@pytest.mark.parametrize("stream", [False, True])
def test_responses(stream: bool, world: Upstream) -> None:
    """By items, and by the response that is kept."""
    client = muxi_llm.OpenAI()
    ask_ = {"model": MODEL, "tools": [FUNCTION]}
    world.script = [streamed() if stream else whole()]
    if stream:
        *_, last = client.responses.create(input="Hi", stream=True, **ask_)
        first = last.response
    else:
        first = client.responses.create(input="Hi", **ask_)
    client.responses.create(previous_response_id=first.id, input=[OUTPUT], **ask_)
    assert state_sent(world) == HOME
    items = [item.model_dump(exclude_none=True) for item in first.output]
    client.responses.create(input=[{"role": "user", "content": "Hi"}, *items, OUTPUT], store=False, **ask_)
    assert state_sent(world) == HOME
    client.responses.create(previous_response_id=first.id, input=[OUTPUT], **{**ask_, "model": "groq/llama"})
    assert state_sent(world) == (None, None)


def test_chat(world: Upstream) -> None:
    """A message as it came, and to the client's own server without what others gave."""
    client = muxi_llm.OpenAI()
    world.script = [whole()]
    message = client.chat.completions.create(model=MODEL, messages=HELLO).choices[0].message
    result: Any = {"role": "tool", "tool_call_id": CALL["id"], "content": "x"}
    for form in (message, message.model_dump()):
        client.chat.completions.create(model=MODEL, messages=[*HELLO, form, result])
        assert state_sent(world) == HOME
        client.chat.completions.create(model="gpt-4.1", messages=[*HELLO, form, result])
        assert state_sent(world) == (None, None)
        assert not world.requests[-1].json["messages"][1].keys() & {"reasoning", "extra_content"}


def test_pictures_that_a_model_makes(world: Upstream) -> None:
    """Told to Anthropic's client, which has no block for them, and an item of Responses."""
    images = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]
    world.script = [Respond(json=chat("Here", images=images))] * 2
    answer = ask(muxi_llm.Anthropic(), MODEL)
    assert [(entry.param, entry.loss) for entry in answer.muxi.adaptations] == [
        ("choices[0].message.images", True)
    ]
    made = muxi_llm.OpenAI().responses.create(model=MODEL, input="Hi")
    assert [item.type for item in made.output] == ["message", "image_generation_call"]
