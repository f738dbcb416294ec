"""Responses and the client's own server, which keeps its responses itself: untouched, until the two meet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import muxi_llm
from muxi_llm.kept.store import MemoryStore
from tests.drop_in.test_responses import CLAUDE, GIVEN, LLAMA, SAID, TEXT, THINKING, Talk
from tests.support import anthropic, responses
from tests.support.bodies import CALL, chat, error, message
from tests.support.upstream import Received, Respond, Upstream
from tests.support.world import answer, environment

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")

GPT = "gpt-5"
THEIRS = "resp_68aa"
AND = {"role": "user", "content": "And?"}
FULL = responses.response(
    "From OpenAI", id=THEIRS, store=True, tools=[], tool_choice="auto", parallel_tool_calls=True
)


def openai_too(received: Received) -> Respond:
    """The world, with OpenAI's Responses in it."""
    if "/openai/v1/responses" not in received.path:
        return answer(received)
    if "/input_items" in received.path:
        return Respond(json={"object": "list", "data": [FULL["output"][0]], "has_more": False})
    if received.method != "POST" or not received.path.endswith("/responses"):
        return Respond(json=FULL)
    if received.json.get("stream"):
        return Respond(chunks=responses.told(FULL))
    return Respond(json=FULL)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """All providers on loopback, keys in the environment."""
    with Upstream(openai_too) as upstream:
        for name, value in environment(upstream).items():
            monkeypatch.setenv(name, value)
        yield upstream


@pytest.fixture(params=["sync", "async"])
def talk(request: pytest.FixtureRequest) -> Talk:
    """Both clients."""
    return Talk(request.param)


CALLS: dict[str, Any] = {
    "create": lambda c: c.responses.create(model=GPT, input="Hi", previous_response_id=THEIRS, store=True),
    "items": lambda c: c.responses.create(
        model=GPT,
        input=[responses.thought("x", encrypted_content="gAAA"), {"type": "item_reference", "id": "msg_1"}],
    ),
    "conversation": lambda c: c.responses.create(model=GPT, input="Hi", conversation="conv_1"),
    "background": lambda c: c.responses.create(model=GPT, input="Hi", background=True),
    "stream": lambda c: list(c.responses.create(model=GPT, input="Hi", stream=True)),
    "retrieve": lambda c: c.responses.retrieve(THEIRS),
    "delete": lambda c: c.responses.delete(THEIRS),
    "cancel": lambda c: c.responses.cancel(THEIRS),
    "input items": lambda c: c.responses.input_items.list(THEIRS, limit=3),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_own_server_s_business(name: str, world: Upstream) -> None:
    """Path, body and answer are the original client's, byte for byte."""
    answers = []
    for module in (openai, muxi_llm):
        with module.OpenAI() as client:
            answers.append(repr(CALLS[name](client)))
    original, ours = world.requests
    assert (ours.method, ours.path, ours.body) == (original.method, original.path, original.body)
    assert answers[0] == answers[1]


def test_the_own_server_s_bytes_come_through(world: Upstream) -> None:
    """Also where arguments of ours are given, whole and streamed."""
    client: Any = muxi_llm.OpenAI()
    raw = client.responses.with_raw_response.create(model=GPT, input="Hi", fallback_models=[CLAUDE])
    assert raw.content == json.dumps(FULL).encode()
    create = client.responses.with_streaming_response.create
    with create(model=GPT, input="Hi", stream=True, fallback_models=[CLAUDE]) as reply:
        assert b"".join(reply.iter_bytes()) == b"".join(responses.told(FULL))


def test_a_kept_conversation_moves_to_the_own_server(talk: Talk, world: Upstream) -> None:
    """Its history goes as input: OpenAI knows neither our ids nor our sealed thinking."""
    world.script = [Respond(json=message(THINKING, TEXT))]
    thinking: Any = {"reasoning": {"effort": "high"}, "max_output_tokens": 20000}
    first = talk("create", model=CLAUDE, input="Hi", **thinking)
    response = talk("create", model=GPT, input="And?", previous_response_id=first.id)
    assert response.id == THEIRS
    said = {"type": "message", "role": "assistant", "status": "completed", "content": [responses.text(TEXT)]}
    assert world.requests[-1].json == {"model": GPT, "input": [GIVEN, said, AND]}


def test_what_the_own_server_cannot_use_is_declared(talk: Talk, world: Upstream) -> None:
    """Where it answers, and only there."""
    world.script = [Respond(json=message(THINKING, TEXT))]
    thinking: Any = {"reasoning": {"effort": "high"}, "max_output_tokens": 20000}
    first = talk("create", model=CLAUDE, input="Hi", **thinking)
    down = Respond(status=503, json=error("down"), headers={"Retry-After": "0"})
    for script, declared in (([], True), ([down], False)):
        world.script = script
        chain: Any = {
            "model": GPT,
            "fallback_models": [CLAUDE],
            "retries": 0,
            "previous_response_id": first.id,
        }
        raw = talk("with_raw_response.create", input="And?", **chain)
        assert ("input=dropped" in raw.headers.get("x-muxi-adaptations", "")) is declared


def test_pitfall_53_its_items_move_too(talk: Talk, world: Upstream) -> None:
    """Items the client sends itself, or names, and calls with ids that OpenAI would refuse."""
    long = "c" * 80
    world.script = [Respond(json=chat(None, finish="tool_calls", tool_calls=[{**CALL, "id": long}]))]
    first = talk("create", model=LLAMA, input="Hi")
    items = [{"type": "item_reference", "id": first.output[0].id}, responses.output(long)]
    talk("create", model=GPT, input=items)
    call, result = world.requests[-1].json["input"]
    assert (call["type"], call["call_id"], len(call["call_id"])) == ("function_call", result["call_id"], 64)
    assert "id" not in call


@pytest.mark.parametrize("before", ["resp_muxi_0", None], ids=["response", "item"])
def test_what_is_gone_is_refused_for_the_own_server_too(
    before: str | None, talk: Talk, world: Upstream
) -> None:
    """OpenAI could say no more of it than we can."""
    items = "Hi" if before else [{"type": "item_reference", "id": "msg_muxi_0_0"}]
    with pytest.raises(openai.BadRequestError, match="not found"):
        talk("create", model=GPT, input=items, previous_response_id=before)
    assert world.requests == []


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_chain_there_and_back(streamed: bool, talk: Talk, world: Upstream) -> None:
    """OpenAI answers, then is down, then is back: one conversation all along."""
    down = Respond(status=503, json=error("down"), headers={"Retry-After": "0"})
    chain: Any = {"model": GPT, "fallback_models": [LLAMA], "retries": 0, "stream": streamed}

    def ask(text: str, before: Any) -> Any:
        answered = talk("create", input=text, previous_response_id=before, **chain)
        return answered[-1].response if streamed else answered

    first = ask("Hi", openai.omit)
    assert (first.id, first.output_text) == (THEIRS, "From OpenAI")
    world.script = [down]
    second = ask("And?", first.id)
    assert second.output_text == TEXT
    assert [turn["content"] for turn in world.requests[-1].json["messages"]] == ["Hi", "From OpenAI", "And?"]
    assert world.requests[-2].json["previous_response_id"] == THEIRS  # OpenAI has its own memory
    ask("So?", second.id)
    body = world.requests[-1].json
    assert "previous_response_id" not in body
    assert [item["role"] for item in body["input"]] == ["user", "assistant", "user", "assistant", "user"]
    assert [item.get("id") for item in body["input"]] == [None, "msg_1", None, None, None]


def test_a_stream_of_the_own_server_that_breaks_early_falls_back(talk: Talk, world: Upstream) -> None:
    """Its first events tell of nothing yet, so another provider may begin anew."""
    world.script = [Respond(chunks=responses.told(FULL)[:2], cut=True)]
    events = talk("create", model=GPT, input="Hi", fallback_models=[CLAUDE], retries=0, stream=True)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].response.output_text == TEXT
    assert talk("retrieve", events[-1].response.id) == events[-1].response


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_options_alone_change_nothing(streamed: bool, talk: Talk, world: Upstream) -> None:
    """A request with options of ours, but for the own server alone: its body as given, nothing kept here."""
    muxi_llm.config.response_store = store = MemoryStore()
    asked = {"model": GPT, "input": "Hi", "previous_response_id": THEIRS}
    answered = talk("create", **asked, retries=0, stream=streamed)
    assert world.requests[-1].json == {**asked, "stream": streamed}
    assert (answered[-1].response if streamed else answered).id == THEIRS
    assert store.get(THEIRS) is None


def test_azure(world: Upstream) -> None:
    """Its paths look different; what is kept here is found all the same."""
    client = muxi_llm.AzureOpenAI(azure_endpoint=world.url, api_key="k", api_version="2026-01-01")
    first = client.responses.create(model=LLAMA, input="Hi")
    assert client.responses.retrieve(first.id) == first
    assert [request.path for request in world.requests] == ["/groq/v1/chat/completions"]


def test_without_an_openai_key(talk: Talk, world: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """Conversations need none, nor does reading what is kept."""
    monkeypatch.delenv("OPENAI_API_KEY")
    first = talk("create", model=LLAMA, input="Hi")
    talk("create", model=LLAMA, input="And?", previous_response_id=first.id)
    assert world.requests[-1].json["messages"] == [GIVEN, SAID, AND]
    assert talk("retrieve", first.id) == first


def test_signed_thinking_survives_a_detour(talk: Talk, world: Upstream) -> None:
    """Anthropic, Groq, Anthropic: its own thinking comes back to it, and only to it."""
    use = anthropic.tool_use(arguments={"a": 1})
    world.script = [Respond(json=message(THINKING, use, stop="tool_use"))]
    thinking: Any = {"reasoning": {"effort": "high"}, "max_output_tokens": 20000}
    tools: Any = [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}]
    first = talk("create", model=CLAUDE, input="Hi", tools=tools, **thinking)
    second = talk("create", model=LLAMA, input=[responses.output("toolu_1")], previous_response_id=first.id)
    assert "sig==" not in world.requests[-1].body.decode()
    talk("create", model=CLAUDE, input="And?", previous_response_id=second.id, tools=tools, **thinking)
    assert world.requests[-1].json["messages"][1]["content"][0] == THINKING
