"""What the clients are given is made plain once, for whichever call and road: no try asks for something else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest

import muxi_llm
from muxi_llm.errors import InvalidRequestError
from tests.core.test_plain import Scalar
from tests.support import responses
from tests.support.bodies import HELLO
from tests.support.upstream import Received, Respond, Upstream
from tests.support.world import answer, environment

BUSY = Respond(503, headers={"retry-after-ms": "1"}, json={"error": {"message": "busy"}})
SAY = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
FLAT = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
CLAUDES = {"name": "f", "input_schema": {"type": "object", "properties": {}}}


def told(received: Received) -> Respond:
    """What a provider says."""
    own = received.path.endswith("/responses")
    return Respond(json=responses.response(responses.said("Hi"))) if own else answer(received)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """All providers on loopback, each too busy for the first request of a test."""
    tries: list[str] = []

    def respond(received: Received) -> Respond:
        tries.append(received.path)
        return BUSY if len(tries) == 1 else told(received)

    with Upstream(respond) as upstream:
        for name, value in environment(upstream).items():
            monkeypatch.setenv(name, value)
        yield upstream


def one_pass(*items: Any) -> Iterator[Any]:
    """What can be read once."""
    yield from items


def chat(**more: Any) -> dict[str, Any]:
    return {
        "messages": one_pass({"role": "user", "content": one_pass(*SAY["content"])}),
        "tools": one_pass(TOOL),
        "stop": one_pass("x"),
        **more,
    }


def response(**more: Any) -> dict[str, Any]:
    return {"input": one_pass({"role": "user", "content": "Hi"}), "tools": one_pass(FLAT), **more}


def message(**more: Any) -> dict[str, Any]:
    return {"max_tokens": 9, "messages": one_pass(SAY), "tools": one_pass(CLAUDES), **more}


ASKED: dict[str, Callable[[Any, str], Any]] = {
    "chat": lambda client, model: client.chat.completions.create(model=model, **chat()),
    "a stream": lambda client, model: client.chat.completions.create(model=model, **chat(stream=True)),
    "parse": lambda client, model: client.chat.completions.parse(model=model, **chat(tools=openai.omit)),
    "responses": lambda client, model: client.responses.create(model=model, **response()),
    "messages": lambda client, model: client.messages.create(model=model, **message()),
    "more of the body": lambda client, model: client.chat.completions.create(
        model=model, messages=HELLO, extra_body={"tools": one_pass(TOOL)}
    ),
    "messages, more of the body": lambda client, model: client.messages.create(
        model=model, **message(extra_body={"stop_sequences": one_pass("x")})
    ),
}


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("model", ["", "groq/m", "mistral/m"])
@pytest.mark.parametrize("name", ASKED)
def test_every_try_asks_the_same(name: str, model: str, colour: str, busy: Upstream) -> None:
    """What came as iterators is there each time, at the client's own server and at others."""
    vendor, own = ("Anthropic", "claude-new") if name.startswith("messages") else ("OpenAI", "gpt-4o")
    kind = getattr(muxi_llm, vendor if colour == "sync" else f"Async{vendor}")

    async def main() -> None:
        async with kind() as client:
            said = await ASKED[name](client, model or own)
            if name == "a stream":
                await said.close()

    if colour == "async":
        asyncio.run(main())
    else:
        with kind() as client:
            said = ASKED[name](client, model or own)
            if name == "a stream":
                said.close()
    first, second = (request.json for request in busy.requests)
    assert first == second
    for given in ("messages", "input", "tools", "stop", "stop_sequences"):
        assert first.get(given, ["not asked for"])
    assert first.keys() & {"tools", "stop"}


def test_fallbacks_ask_the_same(busy: Upstream) -> None:
    """Behind the client's own server."""
    muxi_llm.OpenAI(max_retries=0).chat.completions.create(
        model="gpt-4o", fallback_models=["groq/m"], **chat()
    )
    first, second = (request.json for request in busy.requests)
    assert first["messages"] == second["messages"] == [SAY]


def test_numbers_of_other_libraries(world: Upstream) -> None:
    """Such as numpy's, wherever OpenAI's or Anthropic's client writes the body."""
    client, half, nine = muxi_llm.OpenAI(), Scalar(0.5), Scalar(9)
    client.responses.create(model="groq/m", input="Hi", temperature=half, max_output_tokens=nine)
    client.chat.completions.parse(model="gpt-4o", messages=HELLO, temperature=half)
    muxi_llm.Anthropic().messages.create(
        model="groq/m", messages=HELLO, max_tokens=9, extra_body={"temperature": half}
    )
    assert [request.json.get("temperature") for request in world.requests] == [0.5] * 3
    assert world.requests[0].json["max_completion_tokens"] == 9


UNFIT: dict[str, tuple[Any, str]] = {
    "half a character": ("a\ud83d", "holds half of a surrogate pair"),
    "an object": (object(), "must be JSON data, not object"),
    "nan": (float("nan"), "nan, which JSON has no form for"),
}


@pytest.mark.parametrize("model", ["", "groq/m"])
@pytest.mark.parametrize("name", UNFIT)
def test_what_cannot_be_sent_is_named(name: str, model: str, world: Upstream) -> None:
    """By its field, before anything is sent, in the errors of each client."""
    value, says = UNFIT[name]
    client = muxi_llm.OpenAI()
    with pytest.raises(InvalidRequestError, match=rf"input\[0\].content.*{says}"):
        client.responses.create(model=model or "gpt-4o", input=[{"role": "user", "content": value}])
    with pytest.raises(InvalidRequestError, match=rf"messages\[0\].content.*{says}"):
        client.chat.completions.parse(model=model or "gpt-4o", messages=[{"role": "user", "content": value}])
    with pytest.raises(anthropic.BadRequestError, match=rf"messages\[0\].content.*{says}"):
        muxi_llm.Anthropic().messages.create(
            model=model or "claude-new", max_tokens=9, messages=[{"role": "user", "content": value}]
        )
    assert not world.requests


def test_a_header_that_is_no_ascii_is_the_originals_business(world: Upstream) -> None:
    """No field of the body is to blame."""
    for client in (muxi_llm.OpenAI(), muxi_llm.Anthropic()):
        with pytest.raises(UnicodeEncodeError):
            client.post("/x", cast_to=object, body={"a": 1}, options={"headers": {"x-a": "\ud83d"}})
    with pytest.raises(UnicodeEncodeError):
        muxi_llm.OpenAI().post("/x", cast_to=object, options={"headers": {"x-a": "\ud83d"}})
    assert not world.requests
