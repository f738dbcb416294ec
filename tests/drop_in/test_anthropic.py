"""The Anthropic drop-in clients: Anthropic's own, with every provider behind `model=`."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from anthropic import types
from pydantic import BaseModel

import muxi_llm
from muxi_llm.wire.state import seal
from tests.support import bodies
from tests.support.anthropic_client import CLAUDE, LATER, ask, stream
from tests.support.anthropic_validator import plain, told
from tests.support.bodies import CALL, HELLO, chunk, sse
from tests.support.upstream import Respond, Upstream
from tests.support.world import answer

TOOL: Any = {
    "name": "weather",
    "description": "Weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


# ------------------------------------------------------------------------------ Anthropic itself


def _parsed(client: Any) -> Any:
    return client.messages.parse(model=CLAUDE, max_tokens=9, messages=HELLO, output_format=Person)


class Person(BaseModel):
    name: str


def _streamed(client: Any) -> Any:
    with stream(client, CLAUDE) as events:
        return events.get_final_message()


BETAS = ["files-api-2025-04-14", "context-1m-2025-08-07"]
CALLS: dict[str, Any] = {
    "create": lambda c: ask(c, CLAUDE, system="Be brief", stop_sequences=["x"]),
    "an unknown field": lambda c: ask(c, CLAUDE, extra_body={"new": {"a": None}}),
    "create, streamed": lambda c: list(ask(c, CLAUDE, stream=True)),
    "stream": _streamed,
    "parse": _parsed,
    "headers": lambda c: ask(c, CLAUDE, extra_headers={"X-One": "1"}, extra_query={"a": "b"}),
    "beta": lambda c: c.beta.messages.create(model=CLAUDE, max_tokens=9, messages=HELLO, betas=BETAS),
    "count": lambda c: c.messages.count_tokens(model=CLAUDE, messages=HELLO),
    "batch": lambda c: c.messages.batches.create(
        requests=[{"custom_id": "1", "params": {"model": "openai/x", "max_tokens": 1, "messages": HELLO}}]
    ),
    "models": lambda c: list(c.models.list()),
}


def anthropics(received: Any) -> Respond:
    """Loopback Anthropic, with what `answer` has not."""
    path = received.path.partition("?")[0]
    if path.endswith("/count_tokens"):
        return Respond(json={"input_tokens": 11})
    if path.endswith("/batches"):
        return Respond(json={"id": "msgbatch_1", "type": "message_batch"})
    if path.endswith("/models"):
        return Respond(json={"data": [{"id": CLAUDE, "type": "model"}], "has_more": False})
    if "output_config" in received.json:
        return Respond(json=bodies.message('{"name": "Ada"}'))
    return answer(received)


@pytest.mark.parametrize("name", CALLS)
def test_anthropic_gets_what_it_always_got(name: str, world: Upstream) -> None:
    """Path, body and headers to the byte, and the same objects back."""
    world.respond = anthropics
    values = []
    for module in (anthropic, muxi_llm):
        with module.Anthropic(default_headers={"X-Mine": "1"}) as client:
            values.append(CALLS[name](client))
    original, ours = world.requests
    assert (ours.method, ours.path, ours.body) == (original.method, original.path, original.body)
    assert ours.headers == original.headers
    assert values[0] == values[1]
    assert type(values[0]) is type(values[1])


def test_betas_are_told_to_anthropic(world: Upstream) -> None:
    """The header that `betas=` becomes is kept with arguments of ours as well."""
    client: Any = muxi_llm.Anthropic()
    client.beta.messages.create(model=CLAUDE, max_tokens=9, messages=HELLO, betas=BETAS, retries=0)
    request = world.requests[0]
    assert request.path == "/anthropic/v1/messages"
    assert request.headers["anthropic-beta"] == ",".join(BETAS)
    assert request.headers["anthropic-version"] == client.default_headers["anthropic-version"]
    assert request.headers["authorization"] == "Bearer sk-anthropic"
    assert "x-muxi-llm-options" not in request.headers
    assert request.json == {"model": CLAUDE, "max_tokens": 9, "messages": HELLO}


@pytest.mark.parametrize("options", [{}, {"retries": 0}])
def test_the_prefix_is_for_us_alone(options: dict[str, Any], world: Upstream) -> None:
    """`anthropic/…` is Anthropic, which does not know the prefix; nothing else of the request changes."""
    client = muxi_llm.Anthropic()
    ask(client, CLAUDE)
    ask(client, f"anthropic/{CLAUDE}", **options)
    plainly, prefixed = world.requests
    assert prefixed.json == plainly.json
    assert prefixed.headers["anthropic-version"] == plainly.headers["anthropic-version"]


def test_retries_of_untouched_requests_are_the_originals(world: Upstream) -> None:
    """Its own loop, its own header that counts."""
    world.script = [Respond(529, json=bodies.error(), **LATER)]
    ask(muxi_llm.Anthropic(), CLAUDE)
    assert [r.headers["x-stainless-retry-count"] for r in world.requests] == ["0", "1"]


# ------------------------------------------------------------------------------- other providers


def test_any_provider(world: Upstream) -> None:
    """With its own key and none of the client's headers; the message is Anthropic's, in the client's terms."""
    client = muxi_llm.Anthropic(default_headers={"X-Secret": "mine"})
    message = ask(client, system="Be brief")
    assert isinstance(message, types.Message)
    assert plain(message) == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "openai/gpt-4",
        "content": [{"type": "text", "text": "Hello from loopback", "citations": []}],
        "stop_reason": "end_turn",
        "usage": {
            "input_tokens": 5,
            "output_tokens": 2,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }
    assert message._request_id == "req_1"
    assert message.muxi.model == "openai/gpt-4"  # type: ignore[attr-defined]
    (request,) = world.requests
    assert request.path == "/openai/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer sk-openai"
    assert not {"x-secret", "anthropic-version", "x-stainless-lang"} & request.headers.keys()
    assert request.json["messages"] == [{"role": "system", "content": "Be brief"}, *HELLO]


def test_raw_response_tells_who_answered(world: Upstream) -> None:
    """`with_raw_response` has the provider's headers and ours; `parse` gives the message."""
    raw = muxi_llm.Anthropic().messages.with_raw_response.create(
        model="openai/gpt-4", max_tokens=9, messages=HELLO
    )
    assert raw.headers["x-muxi-model"] == "openai/gpt-4"
    assert raw.headers["x-muxi-attempts"] == "1"
    assert raw.headers["request-id"] == raw.request_id == "req_1"
    assert raw.parse().content[0].text == "Hello from loopback"  # type: ignore[union-attr]


THOUGHT = [{"type": "thinking", "thinking": "hm, so", "signature": "sig"}]
TEXT = {"type": "text", "text": "Hello you"}
CALLED = [
    {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}},
    {"type": "tool_use", "id": "call_2", "name": "g", "input": {}},
]
PARALLEL: Any = [
    {"role": "assistant", "content": None},
    {"tool_calls": [{**CALL, "index": 0, "function": {"name": "f", "arguments": ""}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]},
    {"tool_calls": [{"index": 1, "id": "call_2", "type": "function", "function": {"name": "g"}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
]
OPENAIS = {"type": "redacted_thinking", "data": seal({"extra_content": {"muxi_llm": {"giver": "openai"}}})}
"""Whose the thinking is, sealed: it goes back to nobody else."""

STREAMS: dict[str, tuple[Any, Any, str]] = {
    "text": ([{"content": "Hello "}, {"content": "you"}], [TEXT], "end_turn"),
    "reasoning": (
        [{"reasoning_content": "hm, "}, {"reasoning_content": "so"}, {"content": "Hello you"}],
        [{**THOUGHT[0], "signature": ""}, TEXT],
        "end_turn",
    ),
    "thinking blocks": (
        [{"reasoning_content": "hm, so", "thinking_blocks": THOUGHT}, {"content": "Hello you"}],
        [*THOUGHT, TEXT, OPENAIS],
        "end_turn",
    ),
    "parallel tools": (PARALLEL, CALLED, "tool_use"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_the_accumulating_stream(name: str, world: Upstream) -> None:
    """Anthropic's own helper ends at the right message, over events in Anthropic's order."""
    deltas, content, reason = STREAMS[name]
    finish = "tool_calls" if reason == "tool_use" else "stop"
    usage = chunk(usage={"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8})
    reply = Respond(chunks=sse(*map(chunk, deltas), chunk({}, finish=finish), usage))
    world.script = [reply] * 3
    client = muxi_llm.Anthropic()
    with stream(client) as events:
        message = events.get_final_message()
    assert plain(message)["content"] == content
    assert (message.stop_reason, message.usage.output_tokens) == (reason, 3)
    with client.messages.with_streaming_response.create(
        model="openai/gpt-4", max_tokens=9, messages=HELLO, stream=True
    ) as raw:
        assert told(raw.read())["content"] == content
    events = ask(client, stream=True)
    assert [event.type for event in events][-2:] == ["message_delta", "message_stop"]
    assert events.response.headers["x-muxi-model"] == "openai/gpt-4"


def test_a_loop_of_tools(world: Upstream) -> None:
    """Question, call, result, answer: as any program for Anthropic does it."""
    client, turns = muxi_llm.Anthropic(), [*HELLO]
    first = ask(client, messages=turns, tools=[TOOL])
    (use,) = first.content
    assert (use.type, use.name, use.input) == ("tool_use", "weather", {"city": "Paris"})
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}
    turns += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    last = ask(client, messages=turns, tools=[TOOL])
    assert last.content[0].text == "Hello from loopback"
    function = {"name": "weather", "arguments": '{"city":"Paris"}'}
    assert world.requests[-1].json["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]


@pytest.mark.parametrize("streamed", [False, True])
def test_the_tool_runner_sends_the_whole_conversation(streamed: bool, world: Upstream) -> None:
    """By itself it has Anthropic's servers remember it, which no other provider does."""

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """Weather of a city."""
        return f"sunny in {city}"

    if streamed:
        calls = [
            {
                "tool_calls": [
                    {**CALL, "index": 0, "function": {"name": "weather", "arguments": '{"city":"Rome"}'}}
                ]
            }
        ]
        world.script = [Respond(chunks=sse(*map(chunk, calls), chunk({}, finish="tool_calls")))]
    runner = muxi_llm.Anthropic().beta.messages.tool_runner(
        model="openai/gpt-4", max_tokens=9, messages=HELLO, tools=[weather], stream=streamed
    )
    assert runner.until_done().content[0].text == "Hello from loopback"
    city = "Rome" if streamed else "Paris"
    roles = [(turn["role"], turn["content"]) for turn in world.requests[-1].json["messages"]]
    assert roles == [("user", "Hello"), ("assistant", None), ("tool", f"sunny in {city}")]
    assert len(world.requests) == 2


def test_images(world: Upstream) -> None:
    """An image arrives as the provider's wire has it."""
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    ask(muxi_llm.Anthropic(), messages=[{"role": "user", "content": content}])
    (sent,) = world.requests[0].json["messages"]
    assert sent["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "text", "text": "What is this?"},
    ]


@pytest.mark.parametrize("model", [CLAUDE, "openai/gpt-4", "groq/llama-3.3-70b-versatile"])
def test_parse(model: str, world: Upstream) -> None:
    """`parse` gives an instance, on a provider of another wire too."""
    world.respond = lambda received: (
        anthropics(received) if "anthropic" in received.path else Respond(json=bodies.chat('{"name": "Ada"}'))
    )
    client = muxi_llm.Anthropic()
    parsed = client.messages.parse(model=model, max_tokens=9, messages=HELLO, output_format=Person)
    assert parsed.parsed_output == Person(name="Ada")


@pytest.mark.parametrize("beta", [False, True])
def test_tokens_of_another_providers_model_are_estimated(beta: bool, world: Upstream) -> None:
    """Locally, and said to be: nobody is asked."""
    client = muxi_llm.Anthropic()
    messages: Any = client.beta.messages if beta else client.messages
    raw = messages.with_raw_response.count_tokens(
        model="openai/gpt-4", messages=HELLO, system="Be brief", tools=[TOOL]
    )
    chat = [{"role": "system", "content": "Be brief"}, *HELLO]
    function = {"name": "weather", "description": TOOL["description"], "parameters": TOOL["input_schema"]}
    counted = muxi_llm.utils.token_counter.count_tokens(
        chat, "openai/gpt-4", tools=[{"type": "function", "function": function}]
    )
    assert raw.parse().input_tokens == counted
    assert raw.headers["x-muxi-token-count"] == "estimated"
    assert not world.requests


# -------------------------------------------------------------------------------------- fallbacks


@pytest.mark.parametrize(
    ("model", "fallbacks"),
    [
        (CLAUDE, ["openai/gpt-4"]),
        (["openai/gpt-4", f"anthropic/{CLAUDE}"], None),
        (["openai/gpt-4", CLAUDE], ["groq/a"]),
    ],
)
def test_chains(model: Any, fallbacks: Any, world: Upstream) -> None:
    """From Anthropic to others and back, from `fallback_models` or a list as `model`."""
    world.script = [Respond(503, json=bodies.error())]
    message = ask(muxi_llm.Anthropic(), model, fallback_models=fallbacks)
    assert message.content[0].text == "Hello from loopback"
    assert len(world.requests) == len(message.muxi.attempts) == 2
    paths = {request.path: request for request in world.requests}
    own, other = paths["/anthropic/v1/messages"], paths["/openai/v1/chat/completions"]
    assert own.json == {"model": CLAUDE, "max_tokens": 50, "messages": HELLO}
    assert own.headers["authorization"] == "Bearer sk-anthropic"
    assert other.headers["authorization"] == "Bearer sk-openai"


def test_default_chains_hold_here_too(world: Upstream) -> None:
    """Those of the configuration, for a model without a prefix as well."""
    muxi_llm.config.fallback = {"default_chains": {"chat": ["openai/gpt-4"]}}
    world.script = [Respond(503, json=bodies.error())]
    assert ask(muxi_llm.Anthropic(), CLAUDE).muxi.model == "openai/gpt-4"


def test_streams_fall_back_before_their_first_event(world: Upstream) -> None:
    """A stream that dies before it says anything; callbacks among the options."""
    seen: list[Any] = []
    start = bodies.message_stream(whole=False)[:1]
    world.script = [Respond(chunks=start, cut=True)]
    options = {
        "fallback_models": ["openai/gpt-4"],
        "fallback_config": {"fallback_callback": lambda *a: seen.append(a)},
    }
    with stream(muxi_llm.Anthropic(), CLAUDE, **options) as events:
        assert events.get_final_text() == "Hello from loopback"
        assert events.response.headers["x-muxi-attempts"] == "2"
    assert [told[:2] for told in seen] == [(f"anthropic/{CLAUDE}", "openai/gpt-4")]


def test_provider_options_and_strictness(world: Upstream) -> None:
    """`provider_options` reach their provider; `adapt="strict"` refuses what would be lost."""
    client = muxi_llm.Anthropic()
    ask(client, provider_options={"openai": {"seed": 7}})
    assert world.requests[0].json["seed"] == 7
    with pytest.raises(anthropic.BadRequestError, match="top_k"):
        ask(client, adapt="strict", extra_body={"top_k": 3})
    assert len(world.requests) == 1


def test_losses_are_told_where_the_program_asks(world: Upstream) -> None:
    """One warning, at the caller's own line; the same on the message and in a header. Anthropic loses none."""
    client = muxi_llm.Anthropic()
    lost: Any = {"max_tokens": 9, "messages": HELLO, "extra_body": {"top_k": 3}}
    with pytest.warns(muxi_llm.AdaptationWarning, match="top_k dropped") as warned:
        raw = client.messages.with_raw_response.create(model="openai/gpt-4", **lost)
    assert [warning.filename for warning in warned] == [__file__]
    assert raw.headers["x-muxi-adaptations"] == "top_k=dropped"
    assert [entry.param for entry in raw.parse().muxi.adaptations] == ["top_k"]  # type: ignore[attr-defined]
    whole: Any = client.messages.create(model=CLAUDE, fallback_models=["openai/gpt-4"], **lost)  # type: ignore[call-overload]
    assert whole.muxi.adaptations == ()
