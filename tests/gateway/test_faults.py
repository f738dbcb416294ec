"""The gateway between the two that may fail: clients that leave or do not read, servers that lie and hang."""

from __future__ import annotations

import json
import os
import socket
import threading
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.gateway.test_app import WIRES
from tests.support import bodies
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.length import long
from tests.support.patience import until
from tests.support.rude import Rude
from tests.support.speakers import SPEAKERS
from tests.support.speakers.base import Said
from tests.support.upstream import Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxi_llm.gateway.settings.model import Settings

EVENTS = {"content-type": "text/event-stream"}
DOORS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "m", "messages": [{"role": "user", "content": "Hello"}]},
    "/v1/messages": {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9},
    "/v1/responses": {"model": "m", "input": "Hello"},
}
KINDS = ["openai", "anthropic"]
"""Behind the gateway: each door has one that it passes through to, and one that it translates for."""


def serving(url: str, kind: str, **given: Any) -> Settings:
    class There:
        pass

    there: Any = There()
    there.url = url
    return settings_of((at(there, kind), deployment(f"{kind}/m", "m")), **given)


def beginning(kind: str) -> list[bytes]:
    """A stream's first bytes, up to its first words."""
    chunks = SPEAKERS[WIRES[kind]].replies(Said(), stream=True)[0].chunks
    assert chunks is not None
    return [chunk for chunk in chunks if isinstance(chunk, bytes)][:-2]


# --------------------------------------------------------------------------------------- clients


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_leaves_in_the_middle_frees_the_server(path: str, kind: str) -> None:
    slow = Respond(chunks=[*beginning(kind), 600.0], headers=EVENTS)
    with Upstream(lambda _: slow) as upstream, Served(serving(upstream.url, kind)) as served:
        with httpx2.stream("POST", served.url + path, json={**DOORS[path], "stream": True}) as reply:
            assert next(reply.iter_bytes())
        assert upstream.closed_early.wait(30)
        until(lambda: all(f.in_flight == 0 for f in served.app.state.routes.router.facts.values()))


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_before_the_head_frees_the_server(path: str, stream: bool) -> None:
    with (
        Upstream(lambda _: Respond(delay=600.0)) as upstream,
        Served(serving(upstream.url, "openai")) as served,
    ):
        client = raw(served, path, {**DOORS[path], "stream": stream})
        until(lambda: upstream.requests)
        client.close()
        assert upstream.closed_early.wait(30)


def raw(served: Served, path: str, body: Any) -> socket.socket:
    """A client of nothing but a socket."""
    host, _, port = served.url.removeprefix("http://").partition(":")
    client = socket.create_connection((host, int(port)))
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(content)}"
    )
    client.sendall(head.encode() + b"\r\n\r\n" + content)
    return client


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_does_not_read_stops_the_server_and_not_the_memory(kind: str) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        *first, last = beginning(kind)
        yield from first
        for chunk in repeat(last, 200_000):
            sent += len(chunk) * 64
            yield chunk * 64

    with (
        Upstream(lambda _: Respond(chunks=endless(), headers=EVENTS)) as upstream,
        Served(serving(upstream.url, kind)) as served,
    ):
        client = raw(served, "/v1/chat/completions", {**DOORS["/v1/chat/completions"], "stream": True})
        client.recv(1000)
        before = rss()
        stood = [-1]

        def stands() -> bool:
            was, stood[0] = stood[0], sent
            threading.Event().wait(0.5)
            return was == sent

        until(stands)
        assert sent < 64 * 2**20
        assert rss() - before < 100 * 2**20
        client.close()
        assert upstream.closed_early.wait(30)


def rss() -> int:
    """Bytes of memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE")


def test_many_streams_of_which_half_are_left_leave_nothing_open() -> None:
    streams = long(1000, 60)
    go = threading.Event()

    def slowly(_: Any) -> Respond:
        first, second, *rest = bodies.chat_stream("Hel", "lo")

        def pieces() -> Iterator[bytes | float]:
            yield first
            yield second
            while not go.is_set():
                yield 0.05  # notices who hangs up
            yield from rest

        return Respond(chunks=pieces(), headers=EVENTS)

    body = {**DOORS["/v1/chat/completions"], "stream": True}
    with Upstream(slowly) as upstream, Served(serving(upstream.url, "openai")) as served:
        clients = [raw(served, "/v1/chat/completions", body) for _ in range(streams)]
        until(lambda: len(upstream.requests) == streams)
        for client in clients[::2]:
            client.close()
        facts = served.app.state.routes.router.facts["openai/m"]
        until(lambda: facts.in_flight == streams // 2)
        until(lambda: upstream.connections == streams // 2)
        go.set()
        for client in clients[1::2]:
            client.settimeout(60)
            with client:
                assert b"[DONE]" in whole(client)
        until(lambda: facts.in_flight == 0)
        assert len(upstream.requests) == streams  # nothing was sent twice


def whole(client: socket.socket) -> bytes:
    found = b""
    while b"0\r\n\r\n" not in found and (piece := client.recv(65536)):
        found += piece
    return found


# --------------------------------------------------------------------------------------- servers

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
HANG = 600.0


def chunked(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def dripped(data: bytes) -> tuple[bytes | float, ...]:
    """A byte at a time, and long before it is whole the time is up."""
    return tuple(piece for number in range(len(data)) for piece in (data[number : number + 1], 0.2))


FAULTS: dict[str, tuple[bytes | float | None, ...]] = {
    "silence": (HANG,),
    "a drop at a time": (
        OK + b"content-length: 500\r\n\r\n",
        *dripped(b'{"id": "a", "choices": [], "x": ""}'),
    ),
    "a stream, a drop at a time": (STREAM, *(drop for _ in range(40) for drop in (chunked(b"d"), 0.2))),
    "a reset": (None,),
    "a reset after the head": (OK + b"content-length: 50\r\n\r\n", None),
    "a reset in a stream": (STREAM + chunked(b'data: {"id'), None),
    "nothing": (),
    "noise": (b"\x00\xff\xfe no HTTP\r\n\r\n",),
    "headers, then nothing": (OK + b"content-length: 50\r\n\r\n",),
    "half a body": (OK + b'content-length: 500\r\n\r\n{"id": "x", "choi',),
    "more than it says": (OK + b"content-length: 3\r\n\r\n" + json.dumps(bodies.chat("hi")).encode(),),
    "no JSON": (OK + b"content-length: 5\r\n\r\nhello",),
    "bytes that are no text": (OK + b"content-length: 6\r\n\r\n{\xff\xfe\x80\x81}",),
    "half a chunk": (STREAM + b"ff\r\ndata: {",),
    "an empty stream": (STREAM + b"0\r\n\r\n",),
    "a line of 10 MB": (STREAM + chunked(b"data: " + b"x" * 10 * 2**20), b"0\r\n\r\n"),
    "a stream that is no text": (STREAM + chunked(b'data: {"a": "\xff\xfe"}\n\n') + b"0\r\n\r\n",),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("path", DOORS)
def test_whatever_a_server_does_is_told_in_the_clients_protocol(path: str, fault: str) -> None:
    for kind in KINDS:
        with (
            Rude(lambda: broken(fault)) as rude,
            Served(serving(rude.url, kind, timeout=1.0 if fault in SLOW else 60.0)) as served,
        ):
            for stream in (False, True):
                reply = httpx2.post(served.url + path, json={**DOORS[path], "stream": stream}, timeout=120)
                told_properly(path, reply)


SLOW = {"silence", "a drop at a time", "a stream, a drop at a time"}


def broken(fault: str) -> Iterator[bytes | float | None]:
    yield from FAULTS[fault]
    raise OSError  # and the connection ends


def told_properly(path: str, reply: httpx2.Response) -> None:
    """An error of the door's protocol: a status with its body, or the event that ends a stream."""
    if reply.headers["content-type"].startswith("application/json"):
        assert reply.status_code in {500, 502, 503, 504}, reply.text
        assert reply.json()["error"]["message"]
        assert (reply.json().get("type") == "error") is (path == "/v1/messages")
        return
    assert reply.status_code == 200
    ends = {"/v1/messages": "event: error", "/v1/responses": "response.failed"}.get(path, '"error"')
    assert ends in reply.text, reply.text[-300:]


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_falls_silent_in_its_answer_is_told_and_let_go(path: str, kind: str) -> None:
    silent = Respond(chunks=[*beginning(kind), HANG], headers=EVENTS)
    with Upstream(lambda _: silent) as upstream, Served(serving(upstream.url, kind, timeout=1.0)) as served:
        told_properly(path, httpx2.post(served.url + path, json={**DOORS[path], "stream": True}, timeout=120))
        assert upstream.closed_early.wait(30)
        assert len(upstream.requests) == 1


def test_a_server_that_refuses_is_told(refused: str) -> None:
    with Served(serving(refused, "openai")) as served:
        for path, body in DOORS.items():
            for stream in (False, True):
                reply = httpx2.post(served.url + path, json={**body, "stream": stream}, timeout=60)
                assert reply.status_code == 502
                told_properly(path, reply)


@pytest.fixture
def refused() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
