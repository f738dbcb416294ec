"""What people hang onto a client has its say, on ours as on the original, whatever is called."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

import httpx2
import openai
import pytest
from openai._base_client import AsyncAPIClient, SyncAPIClient
from pydantic import BaseModel

import muxi_llm
from muxi_llm.clients.openai import ROADS
from muxi_llm.clients.untouched import Road, is_of_openai
from muxi_llm.transport.scripted import Answer, Scripted
from tests.support.bodies import HELLO, chat
from tests.support.upstream import Respond, Upstream

CALLS: dict[str, Callable[[Any], Any]] = {
    "chat": lambda c: c.chat.completions.create(model="gpt-4", messages=HELLO),
    "chat stream": lambda c: list(c.chat.completions.create(model="gpt-4", messages=HELLO, stream=True)),
    "chat with an option of ours": lambda c: c.chat.completions.create(
        **{"model": "gpt-4", "messages": HELLO, **({"retries": 0} if isinstance(c, muxi_llm.OpenAI) else {})}
    ),
    "completion": lambda c: c.completions.create(model="gpt-4", prompt="Once"),
    "embedding": lambda c: c.embeddings.create(model="e", input="x"),
    "response": lambda c: c.responses.create(model="gpt-4", input="x"),
    "raw": lambda c: c.chat.completions.with_raw_response.create(model="gpt-4", messages=HELLO),
    "models": lambda c: list(c.models.list()),
}
HOOKS = ("request", "post", "_prepare_request", "_prepare_options", "_build_request", "_send_request")


made: list[Any] = []


def both(server: Upstream) -> list[Any]:
    given = {"api_key": "k", "base_url": f"{server.url}/v1"}
    clients = [openai.OpenAI(**given), muxi_llm.OpenAI(**given)]
    made.extend(client._client for client in clients)
    return clients


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Whatever a test has put in their place, the clients' own connections are closed."""
    yield
    while made:
        made.pop().close()


def counted(target: Any, name: str) -> list[str]:
    """*target*'s method wrapped, as tracers do it; the list grows with each call."""
    seen: list[str] = []
    original = getattr(target, name)

    def traced(*args: Any, **params: Any) -> Any:
        seen.append(name)
        return original(*args, **params)

    setattr(target, name, traced)
    return seen


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("call", CALLS)
def test_a_method_replaced_on_one_client(call: str, hook: str, server: Upstream) -> None:
    theirs, ours = both(server)
    seen = [counted(client, hook) for client in (theirs, ours)]
    for client in (theirs, ours):
        CALLS[call](client)
    assert seen[0] == seen[1]


@pytest.fixture
def restored() -> Iterator[None]:
    """The vendor's classes as they were."""
    kinds = (openai.OpenAI, openai.AsyncOpenAI, SyncAPIClient, AsyncAPIClient, muxi_llm.OpenAI)
    before = [dict(vars(kind)) for kind in kinds]
    yield
    for kind, were in zip(kinds, before, strict=True):
        for name in set(vars(kind)) - set(were):
            delattr(kind, name)
        for name, value in were.items():
            if vars(kind)[name] is not value:
                setattr(kind, name, value)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("kind", [openai.OpenAI, SyncAPIClient, muxi_llm.OpenAI])
@pytest.mark.parametrize("hook", ["request", "post", "_build_request", "_process_response"])
def test_a_method_replaced_on_a_class(kind: type, hook: str, server: Upstream) -> None:
    """Also on clients that were made before."""
    _, ours = both(server)
    seen = counted(kind, hook)
    CALLS["chat"](ours)
    assert seen == [hook]


@pytest.mark.usefixtures("restored")
def test_a_method_replaced_on_the_async_class(server: Upstream) -> None:
    client = muxi_llm.AsyncOpenAI(api_key="k", base_url=f"{server.url}/v1")
    seen = counted(openai.AsyncOpenAI, "request")

    async def run() -> None:
        async with client:
            await client.chat.completions.create(model="gpt-4", messages=HELLO)

    asyncio.run(run())
    assert seen == ["request"]


@pytest.mark.usefixtures("restored")
def test_a_tracer_that_was_there_before_us(server: Upstream) -> None:
    """Then the vendor's road has never been seen as it is, and every call goes by it."""
    counted(openai.OpenAI, "request")
    _, ours = both(server)
    assert not is_of_openai(openai.OpenAI.request)
    assert not Road(muxi_llm.OpenAI, openai.OpenAI).is_untouched(ours)


def test_a_tracer_on_one_client_does_not_lose_the_chain(server: Upstream, foreign: Upstream) -> None:
    """What was put there is bound to that very client: arguments of ours must come through it."""
    _, client = both(server)
    seen = counted(client, "request")
    server.script = [Respond(status=500)]
    answer = client.chat.completions.create(
        model="gpt-4", messages=HELLO, fallback_models=["groq/llama"], extra_body={"novel": 1}
    )
    assert answer.muxi.model == "groq/llama"
    assert seen == ["request"]
    assert server.requests[0].json["novel"] == 1
    assert [set(one.json) & {"muxi_llm_options"} for one in (*server.requests, *foreign.requests)] == [
        set(),
        set(),
    ]


def hooked(http: httpx2.Client, seen: list[str]) -> None:
    http.event_hooks["request"].append(lambda request: seen.append(request.url.path))


TOUCHES: dict[str, Callable[[Any], None]] = {
    "a header": lambda http: http.headers.__setitem__("x-team", "a"),
    "other headers": lambda http: setattr(http, "headers", {"x-team": "a"}),
    "a query": lambda http: setattr(http, "params", {"x-team": "a"}),
    "a method": lambda http: setattr(http, "send", http.send),
    "a transport": lambda http: setattr(http, "_transport", httpx2.HTTPTransport()),
    "a transport's method": lambda http: setattr(
        http._transport, "handle_request", http._transport.handle_request
    ),
    "credentials": lambda http: setattr(http, "auth", ("user", "word")),
}


@pytest.mark.parametrize("touch", TOUCHES)
def test_what_is_put_on_the_http_client_is_sent(touch: str, server: Upstream) -> None:
    """As the original sends it; and the quick road is not taken."""
    clients = both(server)
    assert ROADS[muxi_llm.OpenAI].is_untouched(clients[1])
    for client in clients:
        TOUCHES[touch](client._client)
        CALLS["chat"](client)
    assert not ROADS[muxi_llm.OpenAI].is_untouched(clients[1])
    theirs, ours = (
        {n: v for n, v in r.headers.items() if n not in {"user-agent", "host"} and "stainless" not in n}
        for r in server.requests
    )
    assert ours == theirs
    assert server.requests[0].path == server.requests[1].path


@pytest.mark.parametrize("model", ["gpt-4", "groq/llama"])
def test_hooks_and_replaced_http_clients(model: str, server: Upstream, foreign: Upstream) -> None:
    """They see calls to other providers too: it is the client's own traffic."""
    seen: list[str] = []
    _, ours = both(server)
    hooked(ours._client, seen)
    ours.chat.completions.create(model=model, messages=HELLO)
    assert len(seen) == 1
    ours._client = httpx2.Client(
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json={**chat(), "id": "mocked"}))
    )
    assert ours.chat.completions.create(model=model, messages=HELLO).id == "mocked"


@pytest.mark.parametrize("model", ["gpt-4", "groq/llama"])
def test_a_closed_client_answers_nobody(model: str, server: Upstream, foreign: Upstream) -> None:
    _, ours = both(server)
    ours.chat.completions.create(model=model, messages=HELLO)
    ours.close()
    asked = len(server.requests) + len(foreign.requests)
    with pytest.raises((RuntimeError, openai.OpenAIError), match=r"closed|onnection error"):
        ours.chat.completions.create(model=model, messages=HELLO)
    assert len(server.requests) + len(foreign.requests) == asked


def test_an_http_client_that_cannot_be_told_is_touched(server: Upstream) -> None:
    """A release of httpx2 with another inside: slower, never wrong."""
    from muxi_llm.clients.untouched import is_default, mark

    http = SimpleNamespace(transport=1)
    mark(http)
    assert not is_default(http)


# ------------------------------------------------------------------------------------- redirects


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_is_followed_as_the_original_does(status: int, server: Upstream) -> None:
    """A trailing slash, say: on the quick road, by the original's own and with arguments of ours."""
    there = Respond(status=status, headers={"location": "/v1/chat/completions?hop"})
    theirs, ours = both(server)
    server.script = [there]
    said = [CALLS["chat"](theirs).choices[0].message.content]
    for call in ("chat", "chat with an option of ours", "chat stream"):
        server.script = [there]
        answer = CALLS[call](ours)
        chunks = (
            [chunk.choices[0].delta.content for chunk in answer if chunk.choices]
            if call == "chat stream"
            else []
        )
        said.append("".join(filter(None, chunks)) or answer.choices[0].message.content)
    assert said[1] == said[2] == said[0]
    assert said[3]
    assert [request.path for request in server.requests[1::2]] == ["/v1/chat/completions?hop"] * 4
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer k"}


@pytest.mark.parametrize("call", ["chat", "chat with an option of ours"])
def test_a_redirect_to_another_host_gets_neither_key_nor_prompt(call: str, server: Upstream) -> None:
    with Upstream() as elsewhere:
        there = Respond(status=307, headers={"location": f"{elsewhere.url}/v1/chat/completions"})
        server.script = [there]
        _, ours = both(server)
        with pytest.raises(openai.APIStatusError) as caught:
            CALLS[call](ours)
        assert caught.value.status_code == 307
        assert not elsewhere.requests


def test_a_server_that_redirects_for_ever(server: Upstream) -> None:
    _, ours = both(server)
    server.script = [Respond(status=307, headers={"location": "/v1/chat/completions"})] * 9
    with pytest.raises(openai.APIStatusError):
        CALLS["chat with an option of ours"](ours)
    assert len(server.requests) == 5


def test_a_scripted_port_takes_the_plainest_call() -> None:
    """`using` stands for the world: nothing of a client goes past it, by whichever road."""
    script = Scripted(Answer(json=chat()), Answer(json=chat()))
    client = muxi_llm.OpenAI(api_key="k", base_url="http://nowhere.test/v1")
    with muxi_llm.runtime.using(script), client:
        client.chat.completions.create(model="m", messages=HELLO, extra_headers={"x-a": "b"})
        client.chat.completions.create(model="m", messages=HELLO)
    assert [call.url for call in script.calls] == ["http://nowhere.test/v1/chat/completions"] * 2


T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    items: list[T]


def test_a_generic_classs_schema_gets_a_name_that_is_taken(server: Upstream) -> None:
    """The openai package calls it `Page[int]`, which OpenAI refuses; nothing else of the request changes."""
    server.script = [Respond(json=chat('{"items": [1]}'))] * 2
    sent = []
    for client in both(server):
        answer = client.chat.completions.parse(model="m", messages=HELLO, response_format=Page[int])
        assert answer.choices[0].message.parsed.items == [1]
        sent.append(server.requests[-1].json)
    theirs, ours = sent
    name = ours["response_format"]["json_schema"].pop("name")
    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", name)
    assert theirs["response_format"]["json_schema"].pop("name") == "Page[int]"
    assert ours == theirs
