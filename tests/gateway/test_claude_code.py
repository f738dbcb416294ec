"""What Claude Code asks of a gateway, rule by rule, with each wire behind it.

https://code.claude.com/docs/en/llm-gateway-protocol
"""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from muxi_llm.gateway.alive import PINGS
from muxi_llm.gateway.settings.model import DeploymentSettings, Server, Settings
from muxi_llm.routing.deployments import Deployment
from tests.gateway.test_app import WIRES, saying, serving
from tests.support.anthropic_validator import read, told
from tests.support.gateway import Served, at
from tests.support.speakers import SPEAKERS
from tests.support.speakers.base import Call, Said, Speaker
from tests.support.upstream import Received, Respond, Upstream

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
KINDS = ["anthropic", "openai", "google"]
BLOCK = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2; cch=abc"}
CACHED = {"type": "ephemeral", "ttl": "1h"}
TOOL = {"name": "weather", "description": "d", "input_schema": {"type": "object", "properties": {}}}
ASKED: Any = {
    "model": "m",
    "max_tokens": 4096,
    "system": [BLOCK, {"type": "text", "text": "You are a coder.", "cache_control": CACHED}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hello", "cache_control": CACHED}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Yes?"}]},
        {"role": "user", "content": [{"type": "text", "text": "Go on", "cache_control": CACHED}]},
    ],
    "tools": [{**TOOL, "strict": True, "defer_loading": True}],
    "thinking": {"type": "adaptive"},
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    "output_config": {"effort": "high"},
    "metadata": {"user_id": "u"},
}
HEADERS = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,context-management-2025-06-27,something-nobody-knows-2099",
    "x-claude-code-session-id": "s1",
    "x-api-key": "t",
    "authorization": "Bearer t",
}


def speaker_of(kind: str) -> Speaker:
    return SPEAKERS[WIRES[kind]]


def ask(served: Served, **changes: Any) -> httpx2.Response:
    return httpx2.post(
        f"{served.url}/v1/messages?beta=true", json={**ASKED, **changes}, headers=HEADERS, timeout=60
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_with_all_it_may_hold_is_answered(kind: str) -> None:
    said = Said()
    with Upstream(saying(kind, said)) as upstream, Served(serving(upstream, kind)) as served:
        whole = ask(served)
        assert whole.status_code == 200, whole.text
        assert whole.json()["content"][-1]["text"] == said.text
        streamed = ask(served, stream=True)
        assert told(streamed.content)["content"][-1]["text"] == said.text
    for received in upstream.requests:
        assert "Bearer t" not in received.headers.values()
        assert received.headers.get("x-api-key") != "t"


def test_anthropic_gets_headers_and_body_verbatim() -> None:
    """Betas are an open list, and a field goes with its header: one without the other is a 400 there."""
    with Upstream(saying("anthropic", Said())) as upstream, Served(serving(upstream, "anthropic")) as served:
        ask(served)
    (received,) = upstream.requests
    assert received.path == "/v1/messages?beta=true"
    assert json.loads(received.body) == ASKED
    assert list(json.loads(received.body)) == list(ASKED)
    for name in ("anthropic-version", "anthropic-beta", "x-claude-code-session-id"):
        assert received.headers[name] == HEADERS[name]
    assert received.headers["x-api-key"] == "sk-anthropic"


@pytest.mark.parametrize("kind", ["openai", "google"])
def test_others_get_the_attribution_as_a_part_of_its_own(kind: str) -> None:
    """The first block of `system` changes from session to session: what follows it keeps its own cache."""
    with Upstream(saying(kind, Said())) as upstream, Served(serving(upstream, kind)) as served:
        assert ask(served).status_code == 200
    (received,) = upstream.requests
    assert b"You are a coder." in received.body
    assert b"coder.x-anthropic" not in received.body
    assert b"cch=abcYou" not in received.body


@pytest.mark.parametrize("kind", KINDS)
def test_a_tool_loop_with_thinking(kind: str) -> None:
    called = Said(None, (Call("weather", {"city": "Bern"}),), reasoning="hm")
    with Upstream(saying(kind, called)) as upstream, Served(serving(upstream, kind)) as served:
        turn = told(ask(served, stream=True).content)
        assert turn["stop_reason"] == "tool_use"
        call = turn["content"][-1]
        assert (call["name"], call["input"]) == ("weather", {"city": "Bern"})
        upstream.respond = saying(kind, Said("done"))
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": "sunny"}
        turns = [
            ASKED["messages"][0],
            {"role": "assistant", "content": turn["content"]},
            {"role": "user", "content": [result]},
        ]
        assert ask(served, messages=turns).json()["content"][-1]["text"] == "done"
    assert b"sunny" in upstream.requests[-1].body


def test_an_error_of_anthropics_is_not_touched() -> None:
    """Recovery goes by the vendor's own words."""
    fault = b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 2 > 1"}}'
    with (
        Upstream(lambda _: Respond(400, body=fault, headers={"request-id": "req_1"})) as upstream,
        Served(serving(upstream, "anthropic")) as served,
    ):
        reply = ask(served)
    assert (reply.status_code, reply.content, reply.headers["request-id"]) == (400, fault, "req_1")


LONG = {
    "openai": {
        "error": {
            "message": "This model's maximum context length is 1 token",
            "type": "invalid_request_error",
            "code": "context_length_exceeded",
        }
    },
    "google": {
        "error": {
            "code": 400,
            "message": "The input token count (9) exceeds the maximum number of tokens allowed (1).",
            "status": "INVALID_ARGUMENT",
        }
    },
}


@pytest.mark.parametrize("kind", LONG)
def test_what_does_not_fit_is_told_in_words_that_make_it_compact(kind: str) -> None:
    with (
        Upstream(lambda _: Respond(400, json=LONG[kind])) as upstream,
        Served(serving(upstream, kind)) as served,
    ):
        reply = ask(served)
    assert reply.status_code == 400
    assert reply.json()["type"] == "error"
    assert "prompt is too long" in reply.json()["error"]["message"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoken", [0, 1, 3])
def test_silence_is_broken_by_pings(kind: str, spoken: int) -> None:
    """Before the first word too, which a model may think about for long."""
    speaker = speaker_of(kind)
    pieces = speaker.events(Said(reasoning="hm"))

    def respond(_: Received) -> Respond:
        chunks = [*pieces[:spoken], 0.5, *pieces[spoken:]]
        return Respond(chunks=chunks, headers={"Content-Type": speaker.stream_type})

    with Upstream(respond) as upstream:
        settings = serving(upstream, kind, server=Server(silence=0.05))
        with Served(settings) as served:
            data = ask(served, stream=True).content
    assert PINGS["/messages"] in data
    assert told(data.replace(PINGS["/messages"], b""))["stop_reason"] == "end_turn"


@pytest.mark.parametrize("kind", KINDS)
def test_what_fails_after_a_ping_is_told_as_an_event(kind: str) -> None:
    """The status is out then."""
    error = speaker_of(kind).error(400, "no")
    with Upstream(lambda _: Respond(400, json=error, delay=0.5)) as upstream:
        settings = serving(upstream, kind, server=Server(silence=0.05))
        with Served(settings) as served:
            reply = ask(served, stream=True)
    assert reply.status_code == 200
    events = read(reply.content.replace(PINGS["/messages"], b""))
    assert [event["type"] for event in events] == ["error"]


def test_a_ping_never_splits_an_event() -> None:
    """Bytes of the same wire go on as they come, be it half an event."""
    first, *rest = SPEAKERS["AnthropicMessages"].events(Said())
    whole = b"".join(rest)
    chunks = [first, rest[0], rest[1], rest[2][:9], 0.5, rest[2][9:], *rest[3:]]
    with Upstream(
        lambda _: Respond(chunks=chunks, headers={"content-type": "text/event-stream"})
    ) as upstream:
        settings = serving(upstream, "anthropic", server=Server(silence=0.05))
        with Served(settings) as served:
            data = ask(served, stream=True).content
    assert data.replace(PINGS["/messages"], b"") == first + whole


def test_pings_of_anthropics_own_are_relayed() -> None:
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'
    first, *rest = SPEAKERS["AnthropicMessages"].events(Said())
    pieces = [first, ping, *rest]
    with (
        Upstream(lambda _: Respond(chunks=pieces, headers={"content-type": "text/event-stream"})) as upstream,
        Served(serving(upstream, "anthropic")) as served,
    ):
        assert ask(served, stream=True).content == b"".join(pieces)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_breaks_ends_in_an_error_event(kind: str) -> None:
    speaker = speaker_of(kind)
    pieces = speaker.events(Said())[:-2]
    with (
        Upstream(lambda _: speaker.streamed(pieces, cut=True)) as upstream,
        Served(serving(upstream, kind)) as served,
    ):
        events = read(ask(served, stream=True).content)
    assert events[-1]["type"] == "error"
    assert events[-1]["error"]["message"]
    assert "message_stop" not in [event["type"] for event in events]


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_counted_for_any_model(kind: str) -> None:
    with Upstream() as upstream, Served(serving(upstream, kind)) as served:
        asked = {name: ASKED[name] for name in ("model", "system", "messages", "tools")}
        counted = httpx2.post(f"{served.url}/v1/messages/count_tokens?beta=true", json=asked, headers=HEADERS)
    assert counted.status_code == 200
    assert counted.json()["input_tokens"] > 10


def test_models_are_found_at_once_and_without_redirects() -> None:
    """`claude` or `anthropic` in the id is the client's to look for."""
    with Upstream() as upstream:
        provider = at(upstream, "openai")
        one = Deployment("openai/gpt-5", "openai/gpt-5", ("claude-like-gpt-5",))
        settings = Settings(
            {"openai": provider},
            (DeploymentSettings(one, "openai", ("claude-like-gpt-5",)),),
            tokens={"app": "t"},
        )
        with Served(settings) as served:
            reply = httpx2.get(f"{served.url}/v1/models?limit=1000", headers=HEADERS)
            hello = httpx2.head(f"{served.url}/api/hello")
    assert reply.status_code == 200
    (one,) = reply.json()["data"]
    assert (one["id"], one["display_name"]) == ("claude-like-gpt-5", "claude-like-gpt-5")
    assert hello.status_code < 500
    assert not upstream.requests


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "t"},
        {"authorization": "Bearer t"},
        {"x-api-key": "t", "authorization": "Bearer t"},
        {"x-api-key": "t", "authorization": "Bearer sk-ant-oat-own-login"},
        {"x-api-key": "sk-ant-own-key", "authorization": "Bearer t"},
    ],
)
def test_both_headers_may_come_with_what_they_like(headers: dict[str, str]) -> None:
    with (
        Upstream(saying("anthropic", Said())) as upstream,
        Served(serving(upstream, "anthropic", tokens={"app": "t"})) as served,
    ):
        reply = httpx2.post(f"{served.url}/v1/messages", json=ASKED, headers=headers)
        assert reply.status_code == 200
    assert upstream.requests[0].headers["x-api-key"] == "sk-anthropic"
    assert "authorization" not in upstream.requests[0].headers
