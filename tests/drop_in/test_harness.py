"""The harness around the drop-in clients: the same stages as around the faces, on every road."""

from __future__ import annotations

import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

import muxi_llm
from muxi_llm import harness
from muxi_llm.errors import KillSwitchActiveError
from tests.support.bodies import HELLO, chat, chat_stream, embeddings, message
from tests.support.upstream import Respond, Upstream

MESSAGE = {"model": "claude-sonnet-5", "max_tokens": 9, "messages": HELLO}


@pytest.fixture
def client(upstream: Upstream) -> Any:
    with muxi_llm.OpenAI(api_key="sk-1", base_url=f"{upstream.url}/v1") as client:
        yield client


def said(client: Any, **params: Any) -> str:
    return client.chat.completions.create(model="gpt-4", messages=HELLO, **params).choices[0].message.content


def streamed(client: Any, **params: Any) -> str:
    chunks = client.chat.completions.create(model="gpt-4", messages=HELLO, stream=True, **params)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


ROADS = {
    "quick": said,
    "other": lambda client, **params: said(client, extra_headers={"x-a": "b"}, **params),
    "parse": lambda client, **params: (
        client.chat.completions.parse(model="gpt-4", messages=HELLO, **params).choices[0].message.content
    ),
}


@pytest.mark.parametrize("road", ROADS)
def test_the_cache_is_asked_first(client: Any, upstream: Upstream, road: str) -> None:
    """Whether it is asked for by the call alone or configured: it is one and the same."""
    upstream.script = [Respond(json=chat("One")), Respond(json=chat("Two"))]
    assert [ROADS[road](client, cache="memory") for _ in range(2)] == ["One", "One"]
    harness.configure(cache="memory")
    assert [ROADS[road](client) for _ in range(2)] == ["One", "One"]
    assert [ROADS[road](client.with_options(tenant="b")) for _ in range(2)] == ["Two", "Two"]
    assert len(upstream.requests) == 2


def test_streams_come_back_as_streams(client: Any, upstream: Upstream) -> None:
    harness.configure(cache="memory")
    upstream.script = [Respond(chunks=chat_stream("Hel", "lo"))]
    assert [streamed(client) for _ in range(2)] == ["Hello", "Hello"]
    assert len(upstream.requests) == 1


def test_embeddings_are_kept(client: Any, upstream: Upstream) -> None:
    harness.configure(cache="memory")
    upstream.script = [Respond(json=embeddings())]
    first, second = (client.embeddings.create(model="e", input="x") for _ in range(2))
    assert (first, len(upstream.requests)) == (second, 1)


@pytest.mark.parametrize("answer", ["kept", "cut off"])
def test_anthropics_own_answers_are_kept_byte_for_byte(upstream: Upstream, answer: str) -> None:
    """Unless they were cut off."""
    harness.configure(cache="memory")
    body = {**message("Hi"), "novel": [1]}
    if answer == "cut off":
        body["stop_reason"] = "max_tokens"
    upstream.script = [Respond(json=body), Respond(json={**body, "novel": [2]})]
    with muxi_llm.Anthropic(api_key="k", base_url=upstream.url) as client:
        first, second = (client.messages.create(**MESSAGE) for _ in range(2))
    assert first.novel == [1]
    assert second.novel == ([1] if answer == "kept" else [2])
    assert len(upstream.requests) == (1 if answer == "kept" else 2)


@pytest.mark.parametrize("state", [{"container": "container_1"}, {"thread": {"type": "new"}}], ids=repr)
def test_what_a_server_remembers_is_asked_each_time(upstream: Upstream, state: dict[str, Any]) -> None:
    """The same words are another turn then, and must reach it."""
    harness.configure(cache="memory", singleflight=True)
    upstream.script = [Respond(json=message("One"), delay=0.1), Respond(json=message("Two"))]

    async def scenario() -> list[str]:
        async with muxi_llm.AsyncAnthropic(api_key="k", base_url=upstream.url) as client:
            calls = [client.messages.create(**MESSAGE, extra_body=state) for _ in range(2)]
            return [answer.content[0].text for answer in await asyncio.gather(*calls)]

    assert sorted(asyncio.run(scenario())) == ["One", "Two"]


def test_other_betas_are_other_questions(upstream: Upstream) -> None:
    harness.configure(cache="memory")
    upstream.script = [Respond(json=message("One")), Respond(json=message("Two"))]
    with muxi_llm.Anthropic(api_key="k", base_url=upstream.url) as client:
        said = [
            client.messages.create(**MESSAGE, extra_headers={"anthropic-beta": beta}).content[0].text
            for beta in ("a", "b", "a")
        ]
    assert said == ["One", "Two", "One"]


def test_equal_calls_at_once_are_one_request(upstream: Upstream) -> None:
    harness.configure(singleflight=True)
    upstream.script = [Respond(json=chat("Hi"), delay=0.2)]

    async def scenario() -> list[Any]:
        async with muxi_llm.AsyncOpenAI(api_key="k", base_url=f"{upstream.url}/v1") as client:
            calls = [client.chat.completions.create(model="m", messages=HELLO) for _ in range(8)]
            return await asyncio.gather(*calls)

    values = asyncio.run(scenario())
    assert [value.choices[0].message.content for value in values] == ["Hi"] * 8
    assert len(upstream.requests) == 1


def test_an_open_breaker_is_a_connection_error(client: Any, upstream: Upstream) -> None:
    harness.configure(breaker=1)
    upstream.script = [Respond(status=500, json={"error": {"message": "no"}})]
    with pytest.raises(openai.InternalServerError):
        said(client, retries=0)
    with pytest.raises(openai.APIConnectionError, match="Circuit breaker OPEN"):
        said(client)
    assert len(upstream.requests) == 1


def test_a_breaker_is_its_models_at_its_server(client: Any, upstream: Upstream) -> None:
    """Whoever calls; another model there is not concerned."""
    harness.configure(breaker=1)
    upstream.script = [Respond(status=500, json={"error": {"message": "no"}}), Respond(json=chat("Hi"))]
    with pytest.raises(openai.InternalServerError):
        said(client, retries=0)
    other = {"messages": HELLO, "api_key": "k", "base_url": f"{upstream.url}/v1"}
    with pytest.raises(openai.APIConnectionError, match=re.escape(f"OPEN for (openai, {upstream.url}/v1)")):
        muxi_llm.ChatCompletion.create("openai/gpt-4", **other)
    assert muxi_llm.ChatCompletion.create("openai/m", **other).choices[0].message.content == "Hi"
    assert len(upstream.requests) == 2


def test_another_url_of_the_same_server_is_another_call(client: Any, upstream: Upstream) -> None:
    upstream.script = [Respond(json=chat("One")), Respond(json=chat("Two"))]
    asked = [said(client, cache="memory", extra_query={"version": number}) for number in "112"]
    assert asked == ["One", "One", "Two"]


def test_an_open_breaker_on_anthropics_client(upstream: Upstream) -> None:
    harness.configure(breaker=1)
    upstream.script = [Respond(status=500, json={"error": {"type": "api_error", "message": "no"}})]
    with muxi_llm.Anthropic(api_key="k", base_url=upstream.url, max_retries=0) as client:
        with pytest.raises(anthropic.InternalServerError):
            client.messages.create(**MESSAGE)
        with pytest.raises(anthropic.APIConnectionError):
            client.messages.create(**MESSAGE)
    assert len(upstream.requests) == 1


def test_the_kill_switch(client: Any, upstream: Upstream, tmp_path: Path) -> None:
    harness.configure(kill_switch=tmp_path)
    (tmp_path / "killswitch").touch()
    with pytest.raises(KillSwitchActiveError):
        said(client)
    assert upstream.requests == []


# ------------------------------------------------------------------------------------------- keys


def keys_of(upstream: Upstream) -> list[str]:
    return [
        (request.headers.get("x-api-key") or request.headers["authorization"]).removeprefix("Bearer ")
        for request in upstream.requests
    ]


@pytest.mark.parametrize("given", ["nothing", "the variable's key"])
def test_openais_pool(upstream: Upstream, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """`OPENAI_KEYS` is picked up: keys take turns, a limited one is swapped within the call."""
    monkeypatch.setenv("OPENAI_KEYS", "a,b,c")
    if given != "nothing":
        monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setattr("muxi_llm.providers.openai.OpenAIProvider.base_url", f"{upstream.url}/v1")
    upstream.script = [Respond(json=chat()), Respond(status=429, json={}), Respond(json=chat())]
    with muxi_llm.OpenAI() as client:
        client.base_url = f"{upstream.url}/v1"
        assert [said(client), said(client)] == ["Hi", "Hi"]
    assert keys_of(upstream) == ["a", "b", "c"]


def test_anthropics_pool(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_KEYS", "a,b")
    monkeypatch.setattr("muxi_llm.providers.anthropic.AnthropicProvider.base_url", upstream.url)
    upstream.script = [Respond(status=401, json={}), Respond(json=message("Hi"))]
    with muxi_llm.Anthropic(base_url=upstream.url) as client:
        assert client.messages.create(**MESSAGE).content[0].text == "Hi"
    assert keys_of(upstream) == ["a", "b"]


def test_a_clients_own_key_is_no_pools(
    client: Any, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is another server's: keys go to their own provider only."""
    monkeypatch.setenv("OPENAI_KEYS", "a,b")
    upstream.script = [Respond(json=chat())]
    assert said(client) == "Hi"
    assert keys_of(upstream) == ["sk-1"]


# ------------------------------------------------------------------------------------ the kill switch

ELSEWHERE: dict[str, Any] = {
    "moderations": lambda client: client.moderations.create(input="x"),
    "images": lambda client: client.images.generate(prompt="x"),
    "speech": lambda client: client.audio.speech.create(input="x", model="m", voice="alloy"),
    "transcriptions": lambda client: client.audio.transcriptions.create(file=b"x", model="m"),
    "files": lambda client: client.files.create(file=b"x", purpose="batch"),
    "batches": lambda client: client.batches.create(
        input_file_id="f", endpoint="/v1/responses", completion_window="24h"
    ),
    "models": lambda client: client.models.list(),
    "chat": lambda client: client.chat.completions.create(model="m", messages=[]),
}


@pytest.fixture
def switched_off(tmp_path: Path) -> None:
    (tmp_path / "killswitch").touch()
    harness.configure(kill_switch=tmp_path)


@pytest.mark.usefixtures("switched_off")
@pytest.mark.parametrize("ask", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_the_kill_switch_stops_every_endpoint(ask: Any, upstream: Upstream) -> None:
    async def asked() -> None:
        async with muxi_llm.AsyncOpenAI(api_key="sk-1", base_url=upstream.url) as client:
            answer = ask(client)
            await (answer if inspect.isawaitable(answer) else anext(aiter(answer)))

    with pytest.raises(muxi_llm.KillSwitchActiveError):
        ask(muxi_llm.OpenAI(api_key="sk-1", base_url=upstream.url))
    with pytest.raises(muxi_llm.KillSwitchActiveError):
        asyncio.run(asked())
    assert upstream.requests == []


@pytest.mark.usefixtures("switched_off")
@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.messages.batches.create(requests=[]),
        lambda client: client.models.list(),
        lambda client: client.messages.create(model="m", max_tokens=1, messages=[]),
    ],
    ids=["batches", "models", "messages"],
)
def test_the_kill_switch_stops_anthropics_too(ask: Any, upstream: Upstream) -> None:
    """By Anthropic's own class, as all its errors."""

    async def asked() -> None:
        async with muxi_llm.AsyncAnthropic(api_key="sk-1", base_url=upstream.url) as client:
            answer = ask(client)
            await (answer if inspect.isawaitable(answer) else anext(aiter(answer)))

    with pytest.raises(anthropic.InternalServerError, match="Kill switch active"):
        ask(muxi_llm.Anthropic(api_key="sk-1", base_url=upstream.url))
    with pytest.raises(anthropic.InternalServerError, match="Kill switch active"):
        asyncio.run(asked())
    assert upstream.requests == []
