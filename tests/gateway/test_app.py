"""The gateway with the vendors' own clients in front of it and servers of each wire behind."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest

from muxi_llm.gateway.admission import Anybody
from muxi_llm.gateway.lines import Lines
from muxi_llm.gateway.settings.model import Settings
from muxi_llm.routing.router import Rules
from tests.support import bodies
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.speakers import SPEAKERS
from tests.support.speakers.base import Said
from tests.support.upstream import Received, Respond, Upstream
from tests.support.world import answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.types.admission import Asked, Grant, Principal

HELLO: Any = [{"role": "user", "content": "Hello"}]


def serving(upstream: Upstream, kind: str, **given: Any) -> Settings:
    return settings_of((at(upstream, kind), deployment(f"{kind or 'own'}/m", "m")), **given)


WIRES = {
    "openai": "OpenAIChat",
    "": "OpenAIChat",
    "anthropic": "AnthropicMessages",
    "google": "GenerateContent",
}


def saying(kind: str, said: Said) -> Callable[[Received], Respond]:
    """A server of the kind's wire that says that, as a stream where one is asked for."""
    speaker = SPEAKERS[WIRES[kind]]

    def respond(received: Received) -> Respond:
        streams = received.json.get("stream") or "streamGenerateContent" in received.path
        usage = (received.json.get("stream_options") or {}).get("include_usage", False)
        return speaker.replies(said, stream=bool(streams), usage=usage)[0]

    return respond


def test_a_model_of_openais_own_is_asked_in_its_own_wires() -> None:
    with Upstream(answer) as upstream:
        provider = at(upstream, "openai")
        served_models = [(provider, deployment(f"openai/{name}", name)) for name in ("gpt-4o", "gpt-5.4")]
        with Served(settings_of(*served_models)) as served:
            tool = {
                "type": "function",
                "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
            }
            asked = {"messages": HELLO, "max_tokens": 9}
            httpx2.post(f"{served.url}/v1/messages", json={**asked, "model": "gpt-4o"})
            httpx2.post(f"{served.url}/v1/chat/completions", json={**asked, "model": "gpt-4o", "x_new": 1})
            httpx2.post(f"{served.url}/v1/responses", json={"model": "gpt-4o", "input": "Hello", "x_new": 1})
            httpx2.post(
                f"{served.url}/v1/chat/completions", json={**asked, "model": "gpt-5.4", "tools": [tool]}
            )
    paths = [request.path for request in upstream.requests]
    assert paths == ["/chat/completions", "/chat/completions", "/responses", "/responses"]
    assert ["x_new" in request.json for request in upstream.requests] == [False, True, True, False]


class Broken(Anybody):
    """An admission with a bug in it."""

    async def admit(self, principal: Principal, asked: Asked) -> Grant:
        raise KeyError(f"{principal.id}: {asked.body}")


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/v1/chat/completions", {"messages": HELLO}, {"type": "server_error", "code": "internal_error"}),
        ("/v1/responses", {"input": "Hello", "stream": True}, {"type": "server_error"}),
        ("/v1/messages", {"messages": HELLO, "max_tokens": 9}, {"type": "api_error"}),
    ],
)
def test_a_bug_is_an_error_of_the_protocols(
    path: str, body: Any, told: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """By an id, under which the log says where; nothing of what was asked is told in either."""
    with Upstream(answer) as upstream, Served(serving(upstream, "openai"), Broken()) as served:
        said = httpx2.post(f"{served.url}{path}", json={"model": "m", **body})
    assert (said.status_code, said.headers["x-should-retry"]) == (500, "false")
    fault = said.json()["error"]
    assert fault.items() >= told.items()
    assert said.headers["x-request-id"] in fault["message"]
    (line,) = [json.loads(Lines().format(one)) for one in caplog.records if one.message == "bug"]
    assert (line["request_id"], line["bug"]) == (said.headers["x-request-id"], "KeyError")
    assert line["where"][-1].endswith(" admit")
    assert "Hello" not in str(line) + said.text
    (request,) = [one for one in caplog.records if one.message == "request"]
    assert request.levelname == "ERROR"


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v1/chat/completions", {"messages": HELLO}),
        ("/v1/messages", {"messages": HELLO, "max_tokens": 9}),
        ("/v1/responses", {"input": "Hello"}),
    ],
)
def test_a_bug_in_the_midst_of_a_stream_ends_it_by_an_error(path: str, asked: Any) -> None:
    """Of the protocol, not by a cut."""

    def breaking(app: Any) -> Any:
        async def broken(scope: Any, receive: Any, send: Any) -> None:
            bodies = count()

            async def sends(message: Any) -> None:
                if message["type"] == "http.response.body" and next(bodies) == 1:
                    raise ZeroDivisionError("Hello")
                await send(message)

            await app(scope, receive, sends)

        return broken

    with (
        Upstream(saying("google", Said())) as upstream,
        Served(serving(upstream, "google"), lax=True, around=breaking) as served,
    ):
        said = httpx2.post(f"{served.url}{path}", json={"model": "m", "stream": True, **asked})
    assert said.status_code == 200, said.text
    assert "a mistake of the gateway's" in said.text
    assert "ZeroDivision" not in said.text


@pytest.mark.parametrize("kind", ["openai", "anthropic", "google", ""])
def test_every_door_leads_to_every_wire(kind: str) -> None:
    said = Said()
    with Upstream(saying(kind, said)) as upstream, Served(serving(upstream, kind)) as served:
        chat = served.openai.chat.completions.create(model="m", messages=HELLO)
        assert chat.choices[0].message.content == said.text
        chunks = served.openai.chat.completions.create(model="m", messages=HELLO, stream=True)
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == said.text
        message = served.anthropic.messages.create(model="m", messages=HELLO, max_tokens=9)
        assert [block.text for block in message.content if block.type == "text"] == [said.text]
        with served.anthropic.messages.stream(model="m", messages=HELLO, max_tokens=9) as stream:
            assert stream.get_final_text() == said.text
        assert served.openai.responses.create(model="m", input="Hello").output_text == said.text
        with served.openai.responses.stream(model="m", input="Hello") as events:
            assert events.get_final_response().output_text == said.text
    assert len(upstream.requests) == 6
    keys = {
        request.headers.get("authorization", request.headers.get("x-api-key", ""))
        for request in upstream.requests
    }
    assert "Bearer t" not in keys


def test_a_body_of_the_same_wire_goes_on_as_it_came_but_for_its_model() -> None:
    odd = {
        "model": "m",
        "messages": HELLO,
        "max_tokens": 9,
        "x_new": {"deep": [1]},
        "system": [{"type": "text", "text": "a"}],
    }
    with Upstream(answer) as upstream, Served(serving(upstream, "anthropic")) as served:
        headers = {
            "anthropic-beta": "one-2026, two-2026",
            "anthropic-version": "2099-01-01",
            "x-api-key": "t",
        }
        reply = httpx2.post(f"{served.url}/v1/messages?beta=true", json=odd, headers=headers)
        assert reply.status_code == 200
        assert reply.content == json.dumps(answer(upstream.requests[0]).json).encode()
    request = upstream.requests[0]
    assert request.json == odd
    assert request.path == "/v1/messages?beta=true"
    assert request.headers["anthropic-beta"] == "one-2026, two-2026"
    assert request.headers["anthropic-version"] == "2099-01-01"
    assert request.headers["x-api-key"] == "sk-anthropic"


def test_an_error_of_the_same_wire_comes_back_as_it_was() -> None:
    fault = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "prompt is too long: 9"},
        "request_id": "r",
    }

    def refuse(_: Received) -> Respond:
        return Respond(400, json=fault)

    with Upstream(refuse) as upstream, Served(serving(upstream, "anthropic")) as served:
        reply = httpx2.post(
            f"{served.url}/v1/messages", json={"model": "m", "messages": HELLO, "max_tokens": 9}
        )
        assert (reply.status_code, reply.json()) == (400, fault)
        with pytest.raises(openai.BadRequestError, match="too long"):
            served.openai.chat.completions.create(model="m", messages=HELLO)


def test_a_stream_of_the_same_wire_comes_back_byte_for_byte() -> None:
    pieces = [b": comment\n\n", *bodies.chat_stream("Hel", "lo")]
    with (
        Upstream(lambda _: Respond(chunks=pieces, headers={"content-type": "text/event-stream"})) as upstream,
        Served(serving(upstream, "openai")) as served,
    ):
        asked = {"model": "m", "messages": HELLO, "stream": True}
        reply = httpx2.post(f"{served.url}/v1/chat/completions", json=asked)
    assert reply.content == b"".join(pieces)


def test_what_fails_falls_back_and_the_answer_says_who_it_is_from() -> None:
    with Upstream(lambda _: Respond(500)) as broken, Upstream(answer) as sound:
        settings = settings_of(
            (at(broken, "openai"), deployment("openai/m", "m")),
            (at(sound, "anthropic"), deployment("anthropic/m", "m")),
            rules=Rules("in-order"),
        )
        with Served(settings) as served:
            raw = served.openai.chat.completions.with_raw_response.create(model="m", messages=HELLO)
            assert raw.headers["x-muxi-model"] == "anthropic/m"
            assert raw.headers["x-muxi-attempts"] == "2"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401), ({"x-api-key": "s3cret"}, 200), ({"authorization": "Bearer s3cret"}, 200),
        ({"authorization": "bearer  s3cret"}, 200), ({"authorization": "s3cret"}, 401),
        ({"x-api-key": "s3cre"}, 401), ({"x-api-key": "wrong", "authorization": "Bearer s3cret"}, 200),
    ],
)  # fmt: skip
def test_tokens_come_in_either_header(headers: dict[str, str], status: int) -> None:
    asked = {"model": "m", "messages": HELLO, "max_tokens": 9}
    with (
        Upstream(answer) as upstream,
        Served(serving(upstream, "openai", tokens={"app": "s3cret"})) as served,
    ):
        for path in ("/v1/messages", "/v1/chat/completions", "/chat/completions"):
            reply = httpx2.post(f"{served.url}{path}", json=asked, headers=headers)
            assert reply.status_code == status
            if status == 401:
                assert reply.json()["error"]["message"].count("key")
                assert "s3cre" not in reply.text


@pytest.mark.parametrize(
    "odd", [{"tool_choice": 3}, {"thinking": 3}, {"metadata": 3}, {"stream_options": 3}, {"stop": [[]]}]
)
def test_what_cannot_be_translated_is_the_callers_to_mend(odd: dict[str, Any]) -> None:
    with (
        Upstream() as upstream,
        Served(settings_of((at(upstream, "anthropic"), deployment("anthropic/m")))) as served,
    ):
        asked = {"model": "m", "messages": HELLO, **odd}
        refused = httpx2.post(f"{served.url}/v1/chat/completions", json=asked)
        assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")


def test_what_leads_nowhere_is_said() -> None:
    with Upstream(answer) as upstream, Served(serving(upstream, "openai")) as served:
        assert httpx2.get(f"{served.url}/v1/nothing").status_code == 404
        assert httpx2.get(f"{served.url}/v1/messages").status_code == 405
        assert httpx2.get(f"{served.url}/health/live").json() == {"status": "ok"}
        with pytest.raises(openai.NotFoundError, match="'x' does not exist"):
            served.openai.chat.completions.create(model="x", messages=HELLO)
        reply = httpx2.post(f"{served.url}/v1/chat/completions", content=b"{no json")
        assert reply.status_code == 400
    assert not upstream.requests


def test_a_provider_may_have_less_time_than_a_call() -> None:
    with Upstream(lambda _: Respond(delay=600.0)) as slow, Upstream(answer) as sound:
        settings = settings_of(
            (at(slow, "openai", timeout=0.2), deployment("openai/m", "m")),
            (at(sound, "anthropic"), deployment("anthropic/m", "m")),
            rules=Rules("in-order"),
        )
        with Served(settings) as served:
            raw = served.openai.chat.completions.with_raw_response.create(model="m", messages=HELLO)
            assert raw.headers["x-muxi-model"] == "anthropic/m"
