"""What Codex asks of a gateway, and what refusals cost: with each wire behind it."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx2
import openai
import pytest
import zstandard

from muxi_llm.errors import refusal
from muxi_llm.gateway.admission import ANYBODY, Anybody
from muxi_llm.gateway.settings.model import Limits, Server
from muxi_llm.types.admission import Principal, spent
from tests.gateway.test_app import HELLO, saying, serving
from tests.support.gateway import Served
from tests.support.patience import LIFETIME
from tests.support.responses_validator import events_of, validate
from tests.support.speakers.base import Said
from tests.support.upstream import Respond, Upstream

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
KINDS = ["openai", "anthropic", "google", ""]
ASKED: Any = {
    "model": "m",
    "instructions": "You are a coder.",
    "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}],
    "tools": [
        {
            "type": "function",
            "name": "shell",
            "description": "d",
            "strict": False,
            "parameters": {"type": "object", "properties": {"command": {"type": "string"}}},
        }
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "s1",
}
HEADERS = {"session-id": "s1", "thread-id": "s1", "originator": "codex_exec", "authorization": "Bearer t"}


def ask(served: Served, path: str = "/v1/responses", **changes: Any) -> httpx2.Response:
    return httpx2.post(f"{served.url}{path}", json={**ASKED, **changes}, headers=HEADERS, timeout=60)


@pytest.mark.parametrize("kind", KINDS)
def test_a_turn_is_answered(kind: str) -> None:
    with Upstream(saying(kind, Said())) as upstream, Served(serving(upstream, kind)) as served:
        response = validate(events_of(ask(served).content))
    assert response["output"][-1]["content"][0]["text"] == Said().text


def test_the_probe_by_websocket_is_told_to_come_by_post() -> None:
    """426: one probe. After 404 there would be seven."""
    probe = (
        b"GET /v1/responses HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with (
        Upstream() as upstream,
        Served(serving(upstream, "openai")) as served,
        socket.create_connection(("127.0.0.1", urlsplit(served.url).port or 0)) as connection,
    ):
        connection.sendall(probe)
        assert connection.recv(12) == b"HTTP/1.1 426"


PACKED = {
    "zstd": zstandard.compress,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}


@pytest.mark.parametrize("coding", PACKED)
def test_bodies_may_be_packed(coding: str) -> None:
    body = PACKED[coding](json.dumps(ASKED).encode())
    bomb = PACKED[coding](b" " * 4_000_000)
    server = Server(limits=Limits(body=100_000, decoded=1_000_000))
    with (
        Upstream(saying("", Said())) as upstream,
        Served(serving(upstream, "", server=server)) as served,
    ):
        url, headers = f"{served.url}/v1/responses", {**HEADERS, "content-encoding": coding}
        told = validate(events_of(httpx2.post(url, content=body, headers=headers).content))
        assert told["status"] == "completed"
        assert httpx2.post(url, content=bomb, headers=headers).status_code == 400
        chat = f"{served.url}/v1/chat/completions"
        assert httpx2.post(chat, content=bomb, headers=headers).status_code == 413
        assert httpx2.post(chat, content=body[:-9], headers=headers).status_code == 400
        odd = {**headers, "content-encoding": "br"}
        assert httpx2.post(chat, content=body, headers=odd).status_code == 415
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(("members", "status"), [(3, 200), (1000, 400)])
def test_a_body_is_packed_in_few_members(members: int, status: int) -> None:
    """A body may hold millions of empty ones, and each costs what beginning anew does."""
    body = gzip.compress(b"") * members + gzip.compress(json.dumps(ASKED).encode())
    with Upstream(saying("", Said())) as upstream, Served(serving(upstream, "")) as served:
        headers = {**HEADERS, "content-encoding": "gzip"}
        assert httpx2.post(f"{served.url}/v1/responses", content=body, headers=headers).status_code == status


def test_the_list_of_models_is_in_both_forms() -> None:
    with Upstream() as upstream, Served(serving(upstream, "openai")) as served:
        told = httpx2.get(f"{served.url}/v1/models?client_version=0.171.0", headers=HEADERS).json()
    assert [one["id"] for one in told["data"]] == ["m"]
    assert told["models"] == []  # an entry would take the place of Codex's own instructions


def test_openai_compacts_its_own() -> None:
    """Sealed, and read by nobody else: it goes there and back as it is."""
    compacted = {
        "id": "resp_1",
        "object": "response.compaction",
        "created_at": 1,
        "output": [{"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}],
        "usage": {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12},
    }
    asked = {"model": "gpt-5", "input": ASKED["input"]}
    with Upstream(lambda _: Respond(json=compacted)) as upstream:
        settings = serving(upstream, "openai")
        (only,) = settings.deployments
        named = type(only.deployment)("openai/gpt-5", "openai/gpt-5", ("gpt-5",))
        settings = type(settings)(
            settings.providers, (type(only)(named, only.provider),), tokens=settings.tokens
        )
        with Served(settings) as served:
            told = httpx2.post(f"{served.url}/v1/responses/compact", json=asked, headers=HEADERS)
            typed = served.openai.responses.compact(model="gpt-5", input="Hello")
    assert told.json() == compacted
    assert typed.output[0].type == "compaction"
    assert upstream.requests[0].path == "/responses/compact"
    assert upstream.requests[0].json == asked


@pytest.mark.parametrize("kind", ["anthropic", "google", ""])
def test_others_cannot_compact_and_say_so_at_once(kind: str) -> None:
    """404 costs Codex one request, and its user reads the message."""
    with Upstream() as upstream, Served(serving(upstream, kind)) as served:
        told = ask(served, "/v1/responses/compact")
    assert told.status_code == 404
    assert "compact" in told.json()["error"]["message"]
    assert told.headers["x-should-retry"] == "false"
    assert not upstream.requests


# ---------------------------------------------------------------------------------------- refusals


class Refusing(Anybody):
    """An admission that has had enough."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def authenticate(self, headers: Any) -> Principal:
        if "x-refuse" in headers:
            raise self._error
        return ANYBODY


NOW, RESETS = 1_000_000.0, 1_003_600.0


def refusing(error: Exception) -> tuple[httpx2.Response, httpx2.Response]:
    """What OpenAI's and Anthropic's clients get."""
    headers = {**HEADERS, "x-refuse": "1"}
    with Upstream() as upstream, Served(serving(upstream, "openai"), Refusing(error)) as served:
        one = httpx2.post(f"{served.url}/v1/responses", json=ASKED, headers=headers)
        two = httpx2.post(f"{served.url}/v1/messages", json={"model": "m"}, headers=headers)
    assert not upstream.requests
    return one, two


def test_a_spent_budget_is_asked_for_once() -> None:
    text = "the monthly budget of team a is spent; it resets on 1 December"
    openais, anthropics = refusing(spent(text, resets_at=RESETS, now=NOW, scope="team", limit=5.0, spent=5.1))
    for reply in (openais, anthropics):
        assert reply.status_code == 429
        assert reply.headers["x-should-retry"] == "false"
        assert reply.headers["retry-after"] == "3600"
        fault = reply.json()["error"]
        assert fault["message"] == text
        assert (fault["resets_at"], fault["scope"], fault["limit"], fault["spent"]) == (
            1003600,
            "team",
            5.0,
            5.1,
        )
    fault = openais.json()["error"]
    assert (fault["type"], fault["code"]) == ("usage_limit_reached", "insufficient_quota")
    assert anthropics.json()["error"]["type"] == "billing_error"


@pytest.mark.parametrize("status", [429, 503])
def test_what_passes_says_when_to_come_back(status: int) -> None:
    """A 429 without it ends Codex's turn."""
    for reply in refusing(refusal(status, "later", type="rate_limit_error", retry_after=2)):
        assert reply.status_code == status
        assert reply.headers["retry-after"] == "2"
        assert reply.headers["x-should-retry"] == "true"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
def test_what_does_not_pass_says_so(status: int) -> None:
    for reply in refusing(refusal(status, "never", type="invalid_request_error")):
        assert (reply.status_code, reply.headers["x-should-retry"]) == (status, "false")


def test_the_vendors_clients_do_not_ask_again_for_a_spent_budget() -> None:
    error = spent("spent", resets_at=RESETS, now=NOW)
    admission = Refusing(error)
    asked: list[int] = []

    async def authenticate(headers: Any) -> Principal:
        asked.append(1)
        raise error

    admission.authenticate = authenticate  # type: ignore[method-assign] # counts
    with Upstream() as upstream, Served(serving(upstream, "openai"), admission) as served:
        with pytest.raises(openai.RateLimitError):
            served.openai.with_options(max_retries=2).chat.completions.create(model="m", messages=HELLO)
        with pytest.raises(anthropic.RateLimitError):
            served.anthropic.with_options(max_retries=2).messages.create(
                model="m", messages=HELLO, max_tokens=9
            )
    assert len(asked) == 2


@pytest.mark.parametrize(("code", "known"), [("insufficient_quota", "insufficient_quota"), ("x", None)])
@pytest.mark.parametrize("kind", ["", "anthropic"])
def test_a_stream_that_breaks_ends_in_an_event_that_is_terminal(
    kind: str, code: str, known: str | None
) -> None:
    fault = {"type": "error", "error": {"type": code, "code": code, "message": "no more"}}
    events = saying(kind, Said())(_streaming()).chunks
    assert events is not None
    begun = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield from list(events)[:3]
        begun.wait(LIFETIME)  # what is known to have failed before its first text is refused instead
        yield b"event: error\ndata: " + json.dumps(fault).encode() + b"\n\n"

    reply = Respond(chunks=pieces(), headers={"content-type": "text/event-stream"})
    with Upstream(lambda _: reply) as upstream, Served(serving(upstream, kind)) as served:
        url = f"{served.url}/v1/responses"
        with httpx2.stream("POST", url, json=ASKED, headers=HEADERS, timeout=60) as answer:
            told = answer.iter_bytes()
            content = next(told)
            begun.set()
            content += b"".join(told)
        last = events_of(content)[-1]
    assert last["type"] == "response.failed"
    assert "no more" in last["response"]["error"]["message"]
    if known and not kind:
        assert last["response"]["error"]["code"] == known


def _streaming() -> Any:
    class Request:
        json = {"stream": True}
        path = ""

    return Request()
