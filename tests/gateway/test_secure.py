"""What keeps strangers out: TLS, proxies that are believed and others, heads without an end."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from contextlib import suppress
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import uvicorn
from uvicorn.server import ServerState

from muxi_llm.gateway import serve
from muxi_llm.gateway.settings.model import Limits, Server
from tests.gateway.test_app import serving
from tests.gateway.test_serve import ASKED, chat, configured
from tests.support.certificates import made_in
from tests.support.gateway import Served
from tests.support.patience import PATIENCE, until
from tests.support.serving import Serving
from tests.support.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(chat) as one:
        yield one


def requests(served: Serving) -> list[dict[str, Any]]:
    return [json.loads(line) for line in served.said if '"message":"request"' in line]


@pytest.mark.parametrize(("proxies", "client"), [([], "127.0.0.1"), (["127.0.0.0/8"], "203.0.113.9")])
def test_forwarded_headers_are_believed_of_named_proxies_alone(
    tmp_path: Path, upstream: Upstream, proxies: list[str], client: str
) -> None:
    config = configured(tmp_path, upstream, trusted_proxies=proxies, drain_pause=0)
    with Serving(config) as served:
        headers = {"x-forwarded-for": "203.0.113.9"}
        assert (
            httpx2.post(f"{served.url}/v1/chat/completions", json=ASKED, headers=headers).status_code == 200
        )
        until(lambda: requests(served))
    assert requests(served)[0]["client"] == client


def test_a_head_without_an_end_is_cut_and_a_large_one_refused(tmp_path: Path, upstream: Upstream) -> None:
    with Serving(configured(tmp_path, upstream, limits={"header": 4096}, drain_pause=0)) as served:
        host, _, port = served.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as client:
            client.settimeout(60)
            client.sendall(b"GET /v1/models HTTP/1.1\r\nx-long: ")
            said = b""
            try:
                for _ in range(10_000):
                    client.sendall(b"x" * 4096)
            except OSError:  # it has hung up
                pass
            else:
                said = client.recv(100)
            assert not said or said.startswith(b"HTTP/1.1 431")
        reply = httpx2.get(f"{served.url}/v1/models", headers={"x-long": "x" * 5000})
        assert reply.status_code == 431
        for _ in range(3):  # small ones, on one connection
            assert httpx2.get(f"{served.url}/v1/models").status_code == 200
    assert not upstream.requests


@pytest.mark.parametrize("apart", [True, False])
def test_a_body_is_no_head_however_its_pieces_come(tmp_path: Path, upstream: Upstream, apart: bool) -> None:
    """A body whose last piece is larger than any head may be, one request after the other."""
    body = json.dumps({**ASKED, "user": "x" * 30_000}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    head += b"content-length: %d\r\n\r\n" % len(body)
    with Serving(configured(tmp_path, upstream, limits={"header": 4096}, drain_pause=0)) as served:
        host, _, port = served.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as client:
            client.settimeout(60)
            for count in range(1, 4):
                if apart:
                    client.sendall(head)
                    client.sendall(body)
                else:
                    client.sendall(head + body)
                reply = HTTPResponse(client)
                reply.begin()
                assert reply.status == 200, reply.read()
                reply.read()
                assert len(upstream.requests) == count


HALVES = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nx: ",
    "half a second head": b"GET / HTTP/1.1\r\n\r\nGET",
    "half a body, answered": b"POST / HTTP/1.1\r\ncontent-length: 1000000\r\n\r\n",
}


@pytest.mark.parametrize("said", HALVES.values(), ids=HALVES)
def test_who_never_ends_what_was_begun_is_hung_up_on(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    """However it drips; who only waits for an answer is not."""
    monkeypatch.setattr(serve, "SLOWEST", 0.05)
    go = asyncio.Event()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            await go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async def dripped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            writer.write(b"x")
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1000), 0.01)
        writer.close()

    async def scenario() -> None:
        config = uvicorn.Config(app, log_config=None, timeout_keep_alive=600)
        config.load()
        state = ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: serve.BoundedProtocol(config, state, {}, most=65536), "127.0.0.1", 0
        )
        address = server.sockets[0].getsockname()[:2]
        waiting, asks = await asyncio.open_connection(*address)
        asks.write(b"GET /slow HTTP/1.1\r\n\r\n")
        reader, writer = await asyncio.open_connection(*address)
        writer.write(said)
        with suppress(ConnectionError):
            await (dripped(reader, writer) if said else reader.read())
        writer.close()
        go.set()
        assert (await waiting.readline()).startswith(b"HTTP/1.1 200")
        asks.close()
        server.close()

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_head_that_is_too_large_is_refused_in_the_doors_protocol(upstream: Upstream) -> None:
    server = Server(limits=Limits(header=1000))
    with Served(serving(upstream, "openai", server=server)) as served:
        for path in ("/v1/messages", "/v1/chat/completions"):
            reply = httpx2.post(served.url + path, json=ASKED, headers={"x-long": "x" * 2000})
            assert reply.status_code == 431
            assert reply.json()["error"]["message"]


def test_tls_with_a_certificate_of_ones_own(tmp_path: Path, upstream: Upstream) -> None:
    key, certificate = made_in(tmp_path)
    config = configured(tmp_path, upstream, drain_pause=0)
    trusting = ssl.create_default_context(cafile=str(certificate))
    given = ("--https", "--ssl-key", str(key), "--ssl-cert", str(certificate))
    with Serving(config, *given, verify=trusting) as served:
        assert served.url.startswith("https://")
        reply = httpx2.post(f"{served.url}/v1/chat/completions", json=ASKED, verify=trusting)
        assert reply.status_code == 200
        with pytest.raises(httpx2.TransportError):
            httpx2.get(f"{served.url}/health/live")  # whom nobody vouches for


def test_a_body_that_is_no_json_is_told_as_the_callers_and_not_quoted(upstream: Upstream) -> None:
    with Served(serving(upstream, "openai")) as served:
        for path in ("/v1/messages", "/v1/chat/completions"):
            reply = httpx2.post(served.url + path, content=b'{"messages": "a secret"')
            assert reply.status_code == 400
            assert "the request body is not JSON" in reply.json()["error"]["message"]
            assert "secret" not in reply.text
    assert not upstream.requests
