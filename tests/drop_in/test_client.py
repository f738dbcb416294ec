"""The drop-in clients: OpenAI's own, with every provider behind `model=`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from pydantic import BaseModel

import muxi_llm
from tests.support import bodies
from tests.support.bodies import HELLO
from tests.support.patience import PATIENCE, until
from tests.support.upstream import Respond, Upstream
from tests.support.world import answer, environment


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """All providers on loopback, keys in the environment."""
    with Upstream(answer) as upstream:
        for name, value in environment(upstream).items():
            monkeypatch.setenv(name, value)
        yield upstream


def both(world: Upstream, call: Any) -> tuple[Any, Any]:
    """The same call by the original client and by ours: what each of them put on the wire."""
    for module in (openai, muxi_llm):
        with module.OpenAI() as client:
            call(client)
    original, ours = world.requests[-2:]
    return original, ours


CALLS = {
    "chat": lambda c: c.chat.completions.create(model="gpt-4", messages=HELLO, temperature=0.5, seed=1),
    "chat with nulls": lambda c: c.chat.completions.create(
        model="gpt-4", messages=HELLO, stop=None, extra_body={"x": None}
    ),
    "chat stream": lambda c: list(c.chat.completions.create(model="gpt-4", messages=HELLO, stream=True)),
    "odd role": lambda c: c.chat.completions.create(
        model="gpt-4", messages=[{"role": "critic", "content": "no"}]
    ),
    "reasoning": lambda c: c.chat.completions.create(
        model="o3", messages=HELLO, max_tokens=5, temperature=0.1
    ),
    "headers": lambda c: c.chat.completions.create(
        model="gpt-4", messages=HELLO, extra_headers={"X-One": "1"}, extra_query={"a": "b"}
    ),
    "completion": lambda c: c.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once"),
    "embedding": lambda c: c.embeddings.create(model="text-embedding-3-small", input="hi"),
    "models": lambda c: list(c.models.list()),
}

TRANSPORTS_OWN = {"host", "connection", "accept-encoding", "x-stainless-read-timeout"}


@pytest.mark.parametrize("name", CALLS)
def test_openai_gets_what_it_always_got(name: str, world: Upstream) -> None:
    """Body, path and headers as the original client sends them."""
    original, ours = both(world, CALLS[name])
    assert (ours.method, ours.path) == (original.method, original.path)
    assert (ours.json if ours.body else None) == (original.json if original.body else None)
    for header in original.headers.keys() - TRANSPORTS_OWN:
        assert ours.headers[header] == original.headers[header], header


def test_values_equal_the_originals(world: Upstream) -> None:
    """The same objects come back, with the same request id."""
    with openai.OpenAI() as original:
        one = original.chat.completions.create(model="gpt-4", messages=HELLO)
    other = muxi_llm.OpenAI().chat.completions.create(model="gpt-4", messages=HELLO)
    assert one.model_dump() == other.model_dump()
    assert isinstance(other, type(one))
    assert other.muxi.model == "openai/gpt-4"
    assert one._request_id == other._request_id == "req_1"


def test_any_provider(world: Upstream) -> None:
    """`provider/model` reaches that provider, with its own key and none of the client's headers."""
    client = muxi_llm.OpenAI(default_headers={"X-Secret": "mine"}, organization="org")
    response = client.chat.completions.create(model="anthropic/claude-3-haiku", messages=HELLO)
    assert response.choices[0].message.content == "Hello from loopback"
    request = world.requests[-1]
    assert request.path == "/anthropic/v1/messages"
    assert request.headers["x-api-key"] == "sk-anthropic"
    assert not {"authorization", "x-secret", "openai-organization"} & request.headers.keys()


def test_raw_response_tells_who_answered(world: Upstream) -> None:
    """`with_raw_response` has the provider's headers and ours."""
    client = muxi_llm.OpenAI()
    raw = client.chat.completions.with_raw_response.create(model="anthropic/claude-3-haiku", messages=HELLO)
    assert raw.headers["x-muxi-model"] == "anthropic/claude-3-haiku"
    assert raw.headers["x-muxi-attempts"] == "1"
    assert raw.headers["x-muxi-adaptations"] == "max_tokens=added"
    assert raw.headers["request-id"] == "req_a"
    assert raw.parse().choices[0].message.content == "Hello from loopback"


@pytest.mark.parametrize("model", ["gpt-4", "anthropic/claude-3-haiku"])
def test_streams(model: str, world: Upstream) -> None:
    """Plain streams, the accumulating helper and streaming responses."""
    client = muxi_llm.OpenAI()
    chunks = client.chat.completions.create(model=model, messages=HELLO, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello from loopback"
    with client.chat.completions.stream(model=model, messages=HELLO) as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.content == "Hello from loopback"
    with client.chat.completions.with_streaming_response.create(
        model=model, messages=HELLO, stream=True
    ) as response:
        assert list(response.iter_lines())[-2] == "data: [DONE]"


def test_parse(world: Upstream) -> None:
    """`parse` gives an instance, on a provider of another wire too."""

    class Person(BaseModel):
        name: str
        age: int

    client = muxi_llm.OpenAI()
    for model in ("gpt-4o", "groq/llama-3.3-70b-versatile"):
        parsed = client.chat.completions.parse(model=model, messages=HELLO, response_format=Person)
        assert parsed.choices[0].message.parsed == Person(name="Ada", age=36)


def test_fallback_models(world: Upstream) -> None:
    """Chains, with callbacks and exception classes among the options."""
    told: list[Any] = []
    world.script = [Respond(status=503, json=bodies.error())]
    config = {
        "fallback_callback": lambda *args: told.append(args),
        "retriable_errors": [openai.NotFoundError],
    }
    response = muxi_llm.OpenAI().chat.completions.create(
        model="gpt-4", messages=HELLO, fallback_models=["anthropic/claude-3-haiku"], fallback_config=config
    )
    assert response.choices[0].message.content == "Hello from loopback"
    assert told[0][:2] == ("openai/gpt-4", "anthropic/claude-3-haiku")
    assert isinstance(told[0][2], openai.InternalServerError)


def test_model_list_is_a_chain(world: Upstream) -> None:
    """`model=[...]` through the client."""
    world.script = [Respond(status=500, json=bodies.error())]
    models: Any = ["gpt-4", "groq/llama-3.3-70b-versatile"]
    muxi_llm.OpenAI().chat.completions.create(model=models, messages=HELLO)
    assert [request.path for request in world.requests] == [
        "/openai/v1/chat/completions",
        "/groq/v1/chat/completions",
    ]


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_max_retries_is_the_default_for_retries(retries: int, world: Upstream) -> None:
    """Attempts never multiply: the client's loop and the plan's do not both run."""
    world.script = [Respond(status=429, json=bodies.error("slow"), headers={"Retry-After": "0"})] * 8
    with pytest.raises(openai.RateLimitError) as caught:
        muxi_llm.OpenAI(max_retries=retries).chat.completions.create(model="gpt-4", messages=HELLO)
    assert len(world.requests) == retries + 1
    assert len(caught.value.attempts) == retries + 1  # type: ignore[attr-defined]


def test_retries_wins_over_max_retries(world: Upstream) -> None:
    """The call's own word is the last."""
    world.script = [Respond(status=500, json=bodies.error(), headers={"Retry-After": "0"})] * 8
    client: Any = muxi_llm.OpenAI(max_retries=5)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="gpt-4", messages=HELLO, retries=1)
    assert len(world.requests) == 2


def test_fault_04_arguments_of_the_client_are_honoured() -> None:
    """`api_key`, `base_url`, `timeout`, `default_headers`, `max_retries` of the constructor."""
    with Upstream(lambda received: Respond(json=bodies.chat(), delay=0.3)) as own:
        client = muxi_llm.OpenAI(
            api_key="sk-own", base_url=f"{own.url}/v1", max_retries=0, default_headers={"X-A": "b"}
        )
        client.chat.completions.create(model="gpt-4", messages=HELLO)
        request = own.requests[0]
        assert request.path == "/v1/chat/completions"
        assert request.headers["authorization"] == "Bearer sk-own"
        assert request.headers["x-a"] == "b"
        with pytest.raises(openai.APITimeoutError):
            client.with_options(timeout=0.05).chat.completions.create(model="gpt-4", messages=HELLO)
        assert until(lambda: len(own.requests) == 2)


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("meta-llama/Llama-3", "meta-llama/Llama-3"),
        ("openai/gpt-4", "openai/gpt-4"),  # its own name, whatever we call one so
        ("mistral/custom", "mistral/custom"),  # known, but without a key here: a proxy's own name
    ],
)
def test_fault_14_own_base_url_keeps_unknown_prefixes(model: str, sent: str) -> None:
    """A server of the client's own may have slashes in its models' names."""
    with Upstream(answer) as own:
        client = muxi_llm.OpenAI(api_key="k", base_url=f"{own.url}/v1")
        client.chat.completions.create(model=model, messages=HELLO)
        assert own.requests[0].json["model"] == sent


def test_unknown_prefix_at_openai_is_refused(world: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server is OpenAI itself, an unknown provider is a mistake worth naming."""
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(muxi_llm.InvalidModelError, match="did you mean anthropic"):
        muxi_llm.OpenAI().chat.completions.create(model="antropic/claude", messages=HELLO)


def test_openrouter_by_base_url_keeps_its_model_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that talks to OpenRouter by the openai client goes on doing so."""
    seen: list[httpx2.Request] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json=bodies.chat())

    monkeypatch.setenv("ANTHROPIC_API_KEY", "must not be used")
    own = httpx2.Client(transport=httpx2.MockTransport(respond))
    client = muxi_llm.OpenAI(api_key="k", base_url="https://openrouter.ai/api/v1", http_client=own)
    client.chat.completions.create(model="anthropic/claude-3", messages=HELLO)
    assert str(seen[0].url) == "https://openrouter.ai/api/v1/chat/completions"
    assert json.loads(seen[0].content)["model"] == "anthropic/claude-3"


def test_own_http_client_carries_every_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """`http_client=` sends the routed calls too, and survives `with_options`."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "ak")
    seen: list[str] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.host)
        return httpx2.Response(
            200, json=bodies.message() if "anthropic" in request.url.host else bodies.chat()
        )

    client = muxi_llm.OpenAI(api_key="k", http_client=httpx2.Client(transport=httpx2.MockTransport(respond)))
    client.chat.completions.create(model="gpt-4", messages=HELLO)
    client.with_options(max_retries=0).chat.completions.create(
        model="anthropic/claude-3-haiku", messages=HELLO
    )
    assert seen == ["api.openai.com", "api.anthropic.com"]


def test_an_openai_key_is_needed_unless_another_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the original without any key; with another provider's, that provider works."""
    with pytest.raises(openai.OpenAIError, match="api_key"):
        muxi_llm.OpenAI()
    with Upstream(answer) as upstream:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "ak")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"{upstream.url}/anthropic")
        client = muxi_llm.OpenAI()
        client.chat.completions.create(model="anthropic/claude-3-haiku", messages=HELLO)
        with pytest.raises(openai.AuthenticationError, match="OPENAI_API_KEY"):
            client.chat.completions.create(model="gpt-4", messages=HELLO)
        assert len(upstream.requests) == 1


def test_errors_are_the_call_s_own(world: Upstream) -> None:
    """Class, status, code, request id and attempts."""
    body = bodies.error("no such model", code="model_not_found", type="invalid_request_error")
    world.script = [Respond(status=404, json=body, headers={"x-request-id": "req_404"})]
    with pytest.raises(openai.NotFoundError) as caught:
        muxi_llm.OpenAI().chat.completions.create(model="gpt-9", messages=HELLO)
    error: Any = caught.value
    assert (error.status_code, error.code, error.request_id) == (404, "model_not_found", "req_404")
    assert [attempt.model for attempt in error.attempts] == ["openai/gpt-9"]


def test_a_stream_that_breaks_raises_with_its_text(world: Upstream) -> None:
    """Through OpenAI's own `Stream` as well."""
    world.script = [Respond(chunks=bodies.chat_stream("Hel", "lo", done=False, finish=None), cut=True)]
    stream = muxi_llm.OpenAI().chat.completions.create(model="groq/a", messages=HELLO, stream=True)
    with pytest.raises(openai.APIConnectionError) as caught:
        list(stream)
    assert caught.value.partial_text == "Hello"  # type: ignore[attr-defined]
    assert len(world.requests) == 1


def test_async(world: Upstream) -> None:
    """The async client: plain, streamed, parsed, raw, and a fallback."""

    async def main() -> list[str]:
        async with muxi_llm.AsyncOpenAI() as client:
            plain = await client.chat.completions.create(model="anthropic/claude-3-haiku", messages=HELLO)
            stream = await client.chat.completions.create(model="gpt-4", messages=HELLO, stream=True)
            streamed = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            raw = await client.chat.completions.with_raw_response.create(model="groq/a", messages=HELLO)
            completion = await client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once")
            vectors = await client.embeddings.create(model="text-embedding-3-small", input="hi")
            world.script = [Respond(status=503, json=bodies.error())]
            chain: Any = client.chat.completions.create
            backup = await chain(
                model="gpt-4", messages=HELLO, fallback_models=["groq/llama-3.3-70b-versatile"]
            )
            models = [model.id async for model in client.models.list()]
        assert vectors.data[0].embedding == [0.25, 0.5, 0.75]
        texts = [
            plain.choices[0].message.content,
            streamed,
            raw.headers["x-muxi-model"],
            completion.choices[0].text,
        ]
        return [*map(str, texts), str(backup.choices[0].message.content), *models]

    hello = "Hello from loopback"
    assert asyncio.run(main()) == [hello, hello, "groq/a", " there", hello, "gpt-4"]


def test_leaving_a_stream_early_frees_the_connection() -> None:
    """`close` of OpenAI's `Stream` reaches the socket."""
    endless = [*bodies.chat_stream("a", done=False, finish=None), *[0.05] * 100]
    with Upstream(lambda received: Respond(chunks=endless)) as own:
        client = muxi_llm.OpenAI(api_key="k", base_url=f"{own.url}/v1")
        stream = client.chat.completions.create(model="gpt-4", messages=HELLO, stream=True)
        next(iter(stream))
        stream.close()
        assert own.closed_early.wait(PATIENCE)


def test_fault_13_the_client_is_openai_s() -> None:
    """Every resource and method of the original is there, because it is the original."""
    client = muxi_llm.OpenAI(api_key="k")
    assert isinstance(client, openai.OpenAI)
    assert muxi_llm.Client is muxi_llm.OpenAI
    for resource in (
        "images",
        "audio",
        "responses",
        "models",
        "moderations",
        "batches",
        "files",
        "uploads",
        "beta",
    ):
        assert getattr(client, resource) is not None
    with client as same:
        assert same.with_options(timeout=1.0).timeout == 1.0
    assert client.is_closed()


def test_a_response_without_a_model_is_the_own_servers(world: Upstream) -> None:
    """A stored prompt knows its model."""
    world.script = [Respond(json={"id": "resp_1", "object": "response", "output": []})] * 2
    client: Any = muxi_llm.OpenAI()
    with client:
        client.responses.create(prompt={"id": "p"})
        client.responses.create(prompt={"id": "p"}, retries=0)
    assert [request.json for request in world.requests] == [{"prompt": {"id": "p"}}] * 2


@pytest.mark.parametrize("content", [b"body", iter([b"{}"])], ids=["no JSON", "a stream"])
def test_a_body_of_ones_own_is_ones_own(content: Any, world: Upstream) -> None:
    """What `post` sends need not be what `create` would."""
    world.script = [Respond(json={"ok": True})]
    with muxi_llm.OpenAI() as client:
        assert client.post("/responses", content=content, cast_to=object) == {"ok": True}
    assert world.requests[0].body in {b"body", b"{}"}
