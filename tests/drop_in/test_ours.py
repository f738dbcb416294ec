"""Arguments of ours on the drop-in clients: for one call, for every request of a helper, for a client."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from openai.lib.responses_tool_runner import RegisteredFunction, ResponsesToolRunner
from openai.resources.chat.completions import AsyncCompletions, Completions
from openai.resources.responses import Responses
from pydantic import BaseModel

import muxi_llm
from tests.support import bodies, responses
from tests.support.anthropic_client import ask
from tests.support.bodies import HELLO
from tests.support.upstream import Respond, Upstream
from tests.support.world import answer

LLAMA = "groq/llama-3.3-70b-versatile"
GROQ = "/groq/v1/chat/completions"
GPT = "/openai/v1/chat/completions"
DOWN = Respond(status=503, json=bodies.error(), headers={"retry-after-ms": "1"})
TEXT = "Hello from loopback"


_open: list[Any] = []


def opened(kind: Any, **given: Any) -> Any:
    """A client that is closed when its test is over."""
    _open.append(kind(**given))
    return _open[-1]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _open:
        _open.pop().close()


def paths(world: Upstream) -> list[str]:
    return [request.path for request in world.requests]


# ----------------------------------------------------------------------------------- for a whole client


CALLS: dict[str, Any] = {
    "quick": lambda c: c.chat.completions.create(model="gpt-4", messages=HELLO),
    "other road": lambda c: c.chat.completions.create(model="gpt-4", messages=HELLO, extra_headers={"A": "b"}),
    "raw": lambda c: c.chat.completions.with_raw_response.create(model="gpt-4", messages=HELLO),
    "parse": lambda c: c.chat.completions.parse(model="gpt-4", messages=HELLO),
    "stream": lambda c: list(c.chat.completions.create(model="gpt-4", messages=HELLO, stream=True)),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_options_of_a_client(call: str, world: Upstream) -> None:
    """`with_options` takes arguments of ours for all calls; the client it is called on goes on without."""
    client = opened(muxi_llm.OpenAI, max_retries=0)
    other = client.with_options(fallback_models=[LLAMA])
    world.script = [DOWN]
    CALLS[call](other)
    world.script = [DOWN]
    with pytest.raises(openai.InternalServerError):
        CALLS["quick"](client)
    assert paths(world) == [GPT, GROQ, GPT]
    assert all("x-muxi" not in name for request in world.requests for name in request.headers)


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_where_parse_stood_once(colour: str, world: Upstream) -> None:
    """`client.beta.chat` is `client.chat`; what else is in beta stays OpenAI's."""
    asked: Any = {
        "model": "gpt-4", "messages": HELLO, "fallback_models": [LLAMA], "response_format": Person,
    }  # fmt: skip

    async def ask() -> Any:
        async with muxi_llm.AsyncOpenAI() as client:
            assert isinstance(client.beta, openai.resources.beta.AsyncBeta)
            return await client.beta.chat.completions.parse(**asked)

    world.script = [DOWN]
    said = (
        asyncio.run(ask())
        if colour == "async"
        else opened(muxi_llm.OpenAI).beta.chat.completions.parse(**asked)
    )
    assert said.choices[0].message.parsed == Person(name="Ada", age=36)
    assert paths(world) == [GPT, GROQ]


def test_options_are_handed_on(world: Upstream) -> None:
    """By further copies; a call's own argument goes before the client's."""
    client = opened(muxi_llm.OpenAI).with_options(fallback_models=[LLAMA], retries=1).copy(timeout=9.0)
    world.script = [DOWN, DOWN]
    client.chat.completions.create(model="gpt-4", messages=HELLO)
    assert paths(world) == [GPT, GPT, GROQ]
    assert client.timeout == 9.0
    world.script = [DOWN]
    call: Any = client.chat.completions.create
    call(model="gpt-4", messages=HELLO, retries=0)
    assert paths(world)[3:] == [GPT, GROQ]


def test_options_are_taken_back(world: Upstream) -> None:
    """By `None`, and all is as if there never were any."""
    client = opened(muxi_llm.OpenAI, max_retries=0).with_options(fallback_models=[LLAMA])
    world.script = [DOWN]
    with pytest.raises(openai.InternalServerError):
        client.with_options(fallback_models=None).chat.completions.create(model="gpt-4", messages=HELLO)
    assert paths(world) == [GPT]


@pytest.mark.parametrize("kind", ["OpenAI", "AsyncOpenAI", "AzureOpenAI", "Anthropic", "AsyncAnthropic"])
def test_a_client_with_options_is_of_its_kind(kind: str, world: Upstream) -> None:
    """Same class, same connections, same settings."""
    azure: Any = {"azure_endpoint": world.url, "api_version": "1"} if kind == "AzureOpenAI" else {}
    client: Any = getattr(muxi_llm, kind)(api_key="k", max_retries=7, **azure)
    other = client.with_options(retries=0)
    assert type(other) is type(client)
    assert other._client is client._client
    assert (other.max_retries, other.api_key, other.base_url) == (7, "k", client.base_url)


# ---------------------------------------------------------------------------------------- for one call


def test_calls_do_not_mix(world: Upstream) -> None:
    """Many at once with one client, each with arguments of its own."""
    world.respond = lambda received: DOWN if "openai" in received.path else Respond(json=bodies.chat())

    async def ask(client: Any, number: int) -> Any:
        options = {"fallback_models": [f"groq/m{number}"]} if number % 2 else {"retries": 0}
        return await client.chat.completions.create(model="gpt-4", messages=HELLO, **options)

    async def ask_all() -> list[Any]:
        async with muxi_llm.AsyncOpenAI() as client:
            asked = (ask(client, number) for number in range(8))
            return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(ask_all())
    models = [getattr(getattr(answer, "muxi", None), "model", type(answer).__name__) for answer in answers]
    assert models == [f"groq/m{n}" if n % 2 else "InternalServerError" for n in range(8)]


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_what_is_put_in_a_method_s_place_is_called(
    colour: str, world: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tracers replace the vendor's methods after our classes were made; they must see every call."""
    seen: list[str] = []
    vendor: Any = Completions if colour == "sync" else AsyncCompletions
    original = vendor.create

    def traced(self: Any, **params: Any) -> Any:
        seen.append(params["model"])
        return original(self, **params)

    monkeypatch.setattr(vendor, "create", traced)
    call: dict[str, Any] = {"model": "gpt-4", "messages": HELLO, "fallback_models": [LLAMA]}
    world.script = [DOWN]

    async def ask() -> Any:
        async with muxi_llm.AsyncOpenAI() as client:
            return await client.chat.completions.create(**call)

    said = opened(muxi_llm.OpenAI).chat.completions.create(**call) if colour == "sync" else asyncio.run(ask())
    assert (said.choices[0].message.content, seen) == (TEXT, ["gpt-4"])
    assert paths(world) == [GPT, GROQ]


TRACER_FIRST = """
from openai.resources.chat.completions import Completions
seen, original = [], Completions.create
def traced(self, **params):
    seen.append(params["model"])
    return original(self, **params)
Completions.create = traced
import muxi_llm
client = muxi_llm.OpenAI()
client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "Hi"}])
print(seen)
"""


def test_a_tracer_that_comes_first(world: Upstream) -> None:
    """It was in the method's place when our classes were made."""
    done = subprocess.run([sys.executable, "-c", TRACER_FIRST], capture_output=True, text=True, check=True)
    assert done.stdout == "['gpt-4']\n"
    assert paths(world) == [GPT]


def test_other_resources_too(world: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the place of `responses.create` is called as well."""
    monkeypatch.setattr(Responses, "create", lambda self, **params: params)
    assert opened(muxi_llm.OpenAI).responses.create(model="gpt-5", input="Hi") == {
        "model": "gpt-5",
        "input": "Hi",
    }
    assert world.requests == []


# ------------------------------------------------------------------------- helpers of several requests


@anthropic.beta_tool
def weather(city: str) -> str:
    """Weather of a city."""
    return f"sunny in {city}"


WEATHER: Any = {
    "type": "function", "name": "weather", "strict": True,
    "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}},
        "required": ["city"], "additionalProperties": False,
    },
}  # fmt: skip
CHAIN: dict[str, Any] = {"fallback_models": [LLAMA], "retries": 0}


def anthropics(model: Any, **options: Any) -> str:
    """What Anthropic's tool runner ends with."""
    messages: Any = opened(muxi_llm.Anthropic).beta.messages
    runner = messages.tool_runner(model=model, max_tokens=9, messages=HELLO, tools=[weather], **options)
    text: str = runner.until_done().content[0].text
    return text


def openais(client: Any, **options: Any) -> str:
    """What OpenAI's ends with, whose requests are a dict."""
    function = RegisteredFunction(tool=WEATHER, execute=lambda given: f"sunny in {given['city']}")
    asked: Any = {"model": "openai/gpt-4", "input": "Hello", **options}
    return ResponsesToolRunner(functions=[function]).run(client, asked).output_text


RUNNERS: dict[str, Any] = {
    "anthropic": lambda: anthropics("openai/gpt-4", **CHAIN),
    "anthropic, a list": lambda: anthropics(["openai/gpt-4", LLAMA]),
    "openai": lambda: openais(opened(muxi_llm.OpenAI), **CHAIN),
    "openai, on the client": lambda: openais(opened(muxi_llm.OpenAI).with_options(**CHAIN)),
}


@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
@pytest.mark.parametrize("runner", RUNNERS)
def test_tool_runners(runner: str, world: Upstream) -> None:
    """Each request of the conversation has the arguments that the runner was given."""
    world.respond = lambda received: DOWN if received.path.startswith("/openai") else answer(received)
    assert RUNNERS[runner]() == TEXT
    assert [path.split("/")[1] for path in paths(world)] == ["openai", "groq", "openai", "groq"]
    assert world.requests[-1].json["messages"][-1]["content"] == "sunny in Paris"


# --------------------------------------------------------------------------- what a call tells of itself


class Person(BaseModel):
    """What is asked for."""

    name: str
    age: int


REPORTED: dict[str, Any] = {
    "response": lambda c, model: c.responses.create(model=model, input="Hi"),
    "parsed response": lambda c, model: c.responses.parse(model=model, input="Hi", text_format=Person),
    "parsed chat": lambda c, model: c.chat.completions.parse(
        model=model, messages=HELLO, response_format=Person
    ),
    "embedding": lambda c, model: c.embeddings.create(model=model, input="Hi"),
}


@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning", "ignore:Pydantic serializer:UserWarning")
@pytest.mark.parametrize("model", ["mistral/m", "gpt-4o"])
@pytest.mark.parametrize("name", REPORTED)
def test_every_answer_has_its_report(name: str, model: str, world: Upstream, server: Upstream) -> None:
    """Of a call of ours and of the original's own alike; no dump shows it."""
    given: Any = {"base_url": f"{server.url}/v1"} if model == "gpt-4o" else {}
    value = REPORTED[name](opened(muxi_llm.OpenAI, **given), model)
    assert value.muxi.model in {model, "openai/gpt-4o", f"openai/{value.model}"}
    assert [attempt.reason for attempt in value.muxi.attempts] == ["answered"]
    assert "muxi" not in value.model_dump()
    assert "attempts" not in repr(value)


def test_what_is_kept_has_none(world: Upstream) -> None:
    """Nobody was asked for it."""
    client: Any = opened(muxi_llm.OpenAI)
    first = client.responses.create(model=LLAMA, input="Hi")
    again = client.responses.retrieve(first.id)
    assert again == first
    assert not hasattr(again, "muxi")


STREAMS: dict[str, Any] = {
    "responses": (
        lambda **options: opened(muxi_llm.OpenAI).responses.create(
            model="gpt-5", input="Hi", stream=True, **options
        ),
        responses.told(responses.response("Hello"), deltas=True),
        b"response.output_text.done",
    ),
    "messages": (
        lambda **options: opened(muxi_llm.Anthropic).messages.create(
            model="claude-x", max_tokens=9, messages=HELLO, stream=True, **options
        ),
        bodies.message_stream("Hel", "lo"),
        b"content_block_stop",
    ),
    "chat": (
        lambda **options: opened(muxi_llm.OpenAI).chat.completions.create(
            model="gpt-4", messages=HELLO, stream=True, **options
        ),
        bodies.chat_stream("Hel", "lo"),
        b'"stop"',
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_of_the_own_server_that_breaks(name: str, world: Upstream) -> None:
    """With arguments of ours it tells what it had said, in whichever wire."""
    call, events, end = STREAMS[name]
    begun = next(place for place, event in enumerate(events) if end in event)
    world.script = [Respond(chunks=events[:begun], cut=True)]
    with pytest.raises((openai.APIConnectionError, anthropic.APIConnectionError)) as caught:
        list(call(retries=0))
    assert caught.value.partial_text == "Hello"  # type: ignore[union-attr]


def test_a_refusal_in_the_provider_s_own_words(world: Upstream) -> None:
    """As Anthropic's server would tell it: the status stands beside the message, not in it."""
    world.script = [Respond(429, json=bodies.error("slow down"))]
    with pytest.raises(anthropic.RateLimitError) as caught:
        ask(opened(muxi_llm.Anthropic), retries=0)
    body: Any = caught.value.body
    assert body["error"] == {"type": "rate_limit_error", "message": "slow down"}
