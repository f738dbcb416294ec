"""The Anthropic drop-in clients as clients: keys, servers, connections, async, the package itself."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import _base_client, _client
from anthropic.lib.credentials import AccessToken

import muxi_llm
from tests.support import bodies
from tests.support.anthropic_client import CLAUDE, LATER, ask, stream
from tests.support.bodies import HELLO
from tests.support.patience import PATIENCE
from tests.support.upstream import Respond, Upstream
from tests.support.world import answer


def test_a_key_is_needed_for_anthropic_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one the others work, and Anthropic's models say what is missing, as the original does."""
    with Upstream(answer) as upstream:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{upstream.url}/v1")
        client = muxi_llm.Anthropic()
        assert ask(client).content[0].text == "Hello from loopback"
        with pytest.raises(TypeError, match="authentication method"):
            ask(client, CLAUDE)
        with pytest.raises(anthropic.AuthenticationError, match="ANTHROPIC_API_KEY"):
            ask(client, f"anthropic/{CLAUDE}")
        assert len(upstream.requests) == 1


def test_own_http_client_carries_every_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """`http_client=` sends the routed calls too, and survives `with_options`."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    seen: list[str] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.host)
        return httpx2.Response(200, json=bodies.chat() if "openai" in request.url.host else bodies.message())

    http = httpx2.Client(transport=httpx2.MockTransport(respond))
    client = muxi_llm.Anthropic(auth_token="t", http_client=http)
    ask(client, CLAUDE)
    ask(client.with_options(max_retries=0))
    assert seen == ["api.anthropic.com", "api.openai.com"]


@pytest.mark.parametrize(
    ("model", "sent"), [("deepseek/v3", "deepseek/v3"), (f"anthropic/{CLAUDE}", CLAUDE), ("m", "m")]
)
def test_a_server_of_the_clients_own(model: str, sent: str) -> None:
    """`base_url` and `auth_token`: names of other providers without a key here are that server's."""
    with Upstream(answer) as own:
        ask(muxi_llm.Anthropic(auth_token="t", base_url=own.url), model)
        (request,) = own.requests
        assert (request.path, request.json["model"]) == ("/v1/messages", sent)
        assert request.headers["authorization"] == "Bearer t"


@pytest.mark.parametrize("options", [{}, {"retries": 0}])
def test_openrouter_by_base_url_keeps_its_model_names(options: dict[str, Any], keys: None) -> None:
    """A program that talks to OpenRouter by the anthropic client goes on doing so."""
    seen: list[httpx2.Request] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json=bodies.message())

    http = httpx2.Client(transport=httpx2.MockTransport(respond))
    client = muxi_llm.Anthropic(auth_token="k", base_url="https://openrouter.ai/api", http_client=http)
    for model in ("anthropic/claude-sonnet-4.5", "openai/gpt-5"):
        ask(client, model, **options)
        assert str(seen[-1].url) == "https://openrouter.ai/api/v1/messages"
        assert json.loads(seen[-1].content)["model"] == model


def test_tokens_made_on_demand(world: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """`credentials=`: asked where Anthropic is, kept by `with_options`, never told to others."""
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    asked: list[int] = []

    def credentials(**_: Any) -> Any:
        asked.append(1)
        return AccessToken(token="minted", expires_at=None)

    client = muxi_llm.Anthropic(credentials=credentials).with_options(max_retries=0)
    ask(client)
    assert not asked
    for options in ({}, {"retries": 0}):
        ask(client, CLAUDE, **options)
        assert world.requests[-1].headers["authorization"] == "Bearer minted"
    assert world.requests[0].headers["authorization"] == "Bearer sk-openai"
    assert len(asked) == 1


def test_leaving_a_stream_frees_its_connection() -> None:
    """`with`, and the rest is never read."""
    with Upstream(
        lambda received: Respond(chunks=[*bodies.chat_stream("a", done=False, finish=None), 30.0])
    ) as own:
        client = muxi_llm.Anthropic(api_key="k")
        muxi_llm.openai_api_key, muxi_llm.openai_base_url = "k", own.url  # type: ignore[attr-defined]
        with stream(client) as events:
            next(iter(events))
        assert own.closed_early.wait(PATIENCE)


def test_the_hook_is_where_it_was() -> None:
    """What we override in Anthropic's private parts exists there, with the arguments we know."""
    for base in (_base_client.SyncAPIClient, _base_client.AsyncAPIClient):
        assert list(inspect.signature(base._attempt_request).parameters) == [
            "self", "options", "stream", "retries_taken", "call",
        ]  # fmt: skip
    for name in ("_should_retry", "_should_retry_exception", "_process_response_data", "_validate_headers"):
        assert name in vars(_base_client.BaseClient)
    assert "_make_status_error_from_response" in vars(_base_client.BaseClient)
    assert _client._is_base_client(muxi_llm.Anthropic(api_key="k"))


def test_async(world: Upstream) -> None:
    """The async client: plain, streamed, parsed, counted, a fallback, an error, a broken stream."""

    async def main() -> None:
        async with muxi_llm.AsyncAnthropic() as client:
            texts = [(await ask(client, model)).content[0].text for model in (CLAUDE, "openai/gpt-4")]
            async with stream(client) as events:
                texts.append((await events.get_final_message()).content[0].text)
            texts.append(
                "".join(
                    [
                        getattr(getattr(e, "delta", None), "text", "")
                        async for e in await ask(client, stream=True)
                    ]
                )
            )
            raw = await client.messages.with_raw_response.create(model="groq/a", max_tokens=9, messages=HELLO)
            assert raw.headers["x-muxi-model"] == "groq/a"
            world.script = [Respond(503, json=bodies.error())]
            backup = await ask(client, CLAUDE, fallback_models=["openai/gpt-4"])
            texts.append(backup.content[0].text)
            beta = await client.beta.messages.create(model="groq/a", max_tokens=9, messages=HELLO)
            texts.append(beta.content[0].text)  # type: ignore[union-attr]
            assert texts == ["Hello from loopback"] * 6
            assert (
                await client.messages.count_tokens(model="openai/gpt-4", messages=HELLO)
            ).input_tokens == 8
            world.script = [Respond(429, json=bodies.error("slow"), **LATER)] * 2
            with pytest.raises(anthropic.RateLimitError):
                await ask(client, retries=1)
            broken = bodies.chat_stream("Hello", done=False, finish=None)
            world.script = [Respond(chunks=broken, cut=True)]
            with pytest.raises(anthropic.APIConnectionError) as caught:
                async with stream(client) as events:
                    await events.get_final_message()
            assert caught.value.partial_text == "Hello"  # type: ignore[attr-defined]
            assert not world.script
        assert client.is_closed()

    asyncio.run(main())


def test_without_the_package() -> None:
    """The name says what to install; all else works."""
    program = """
import sys
sys.modules["anthropic"] = None
from muxi_llm import *
import muxi_llm
OpenAI, ChatCompletion
try:
    from muxi_llm import Anthropic
except ImportError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "Anthropic needs the anthropic package: pip install 'muxi-llm[anthropic]'\n"
