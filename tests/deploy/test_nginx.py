"""A real nginx, with the very file of the example, before a real gateway."""

from __future__ import annotations

import json
import ssl
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2
import pytest

from tests.deploy.files import DEPLOY
from tests.gateway.test_serve import ASKED, chat, configured
from tests.support import bodies
from tests.support.certificates import made_in
from tests.support.nginx import Nginx
from tests.support.patience import until
from tests.support.redis_server import free_port
from tests.support.serving import Serving
from tests.support.upstream import Received, Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class World(NamedTuple):
    url: str
    plain: str
    """nginx without TLS."""
    trusting: ssl.SSLContext
    upstream: Upstream
    served: Serving

    def client(self, address: str = "127.0.0.1") -> httpx2.Client:
        """One at that address of this machine."""
        return httpx2.Client(
            transport=httpx2.HTTPTransport(local_address=address, verify=self.trusting), timeout=60
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    key, certificate = made_in(folder)
    plain, secure = free_port(), free_port()
    with Upstream() as upstream:
        config = configured(folder, upstream, trusted_proxies=["127.0.0.1"], drain_pause=0)
        with Serving(config) as served:
            puts = {
                "listen 80;": f"listen 127.0.0.1:{plain};",
                "listen 443 ssl": f"listen 127.0.0.1:{secure} ssl",
                "/etc/nginx/tls/tls.crt": str(certificate),
                "/etc/nginx/tls/tls.key": str(key),
                "server 127.0.0.1:8080;": f"server 127.0.0.1:{served.url.rpartition(':')[2]};",
            }
            with Nginx(DEPLOY / "nginx.conf", folder, puts, secure):
                trusting = ssl.create_default_context(cafile=str(certificate))
                origins = f"https://127.0.0.1:{secure}", f"http://127.0.0.1:{plain}"
                yield World(*origins, trusting, upstream, served)


@pytest.fixture
def answering(world: World) -> Callable[[Any], None]:
    def answer(respond: Any) -> None:
        world.upstream.respond = respond
        world.upstream.requests.clear()
        world.upstream.closed_early.clear()

    return answer


def test_it_speaks_tls_alone(world: World, answering: Any) -> None:
    answering(chat)
    with world.client() as client:
        reply = client.post(f"{world.url}/v1/chat/completions", json=ASKED)
        assert reply.json()["choices"][0]["message"]["content"] == "from the first"
        moved = client.post(f"{world.plain}/v1/messages?beta=true", json=ASKED)
        assert moved.status_code == 308  # asked again by the same method
        assert moved.headers["location"] == "https://127.0.0.1/v1/messages?beta=true"
    with pytest.raises(httpx2.TransportError):
        httpx2.get(world.url)  # whom nobody vouches for


def test_nothing_of_a_stream_is_held_back(world: World, answering: Any) -> None:
    go = threading.Event()

    def slowly(_: Received) -> Respond:
        pieces = bodies.chat_stream("Hel", "lo")

        def told() -> Any:
            yield from pieces[:2]
            go.wait(60)
            yield from pieces[2:]

        return Respond(chunks=told(), headers={"content-type": "text/event-stream"})

    answering(slowly)
    body = {**ASKED, "stream": True}
    with (
        world.client() as client,
        client.stream("POST", f"{world.url}/v1/chat/completions", json=body) as reply,
    ):
        found = reply.iter_bytes()
        first = b""
        while b"Hel" not in first:  # before the rest was said
            first += next(found)
        go.set()
        assert b"[DONE]" in b"".join(found)


def test_a_client_that_leaves_frees_the_provider(world: World, answering: Any) -> None:
    answering(
        lambda _: Respond(
            chunks=[*bodies.chat_stream("Hel", "lo")[:2], 600.0],
            headers={"content-type": "text/event-stream"},
        )
    )
    body = {**ASKED, "stream": True}
    with (
        world.client() as client,
        client.stream("POST", f"{world.url}/v1/chat/completions", json=body) as reply,
    ):
        assert next(reply.iter_bytes())
    assert world.upstream.closed_early.wait(30)


def test_bodies_as_large_as_the_gateway_takes_go_through(world: World, answering: Any) -> None:
    answering(chat)
    with world.client() as client:
        body = {**ASKED, "user": "x" * (8 * 2**20)}
        assert client.post(f"{world.url}/v1/chat/completions", json=body).status_code == 200
        assert len(world.upstream.requests[-1].body) > 8 * 2**20
        too_large = client.post(f"{world.url}/v1/chat/completions", content=b"x" * (33 * 2**20))
        assert too_large.status_code == 413
    assert len(world.upstream.requests) == 1


def test_an_address_is_believed_of_the_named_proxy_alone(world: World, answering: Any) -> None:
    answering(chat)
    lie = {"x-forwarded-for": "203.0.113.9"}
    path = "/v1/chat/completions"
    with world.client("127.0.0.2") as client:
        for number, origin in enumerate((world.url, world.served.url), 1):
            named = {**lie, "x-request-id": f"asked-{number}"}
            assert client.post(origin + path, json=ASKED, headers=named).status_code == 200

    def told(request_id: str) -> Any:
        lines = [json.loads(line) for line in world.served.said if '"message":"request"' in line]
        return next((line for line in lines if line["request_id"] == request_id), None)

    assert until(lambda: told("asked-1"))["client"] == "127.0.0.2"  # by nginx, which names who asked it
    assert until(lambda: told("asked-2"))["client"] == "127.0.0.2"  # who is no proxy, whatever it says


def test_a_refusal_comes_through_as_it_was_said(world: World, answering: Any) -> None:
    fault = {
        "error": {"message": "no such thing", "type": "invalid_request_error", "param": None, "code": "odd"}
    }
    answering(lambda _: Respond(400, json=fault))
    with world.client() as client:
        reply = client.post(f"{world.url}/v1/chat/completions", json=ASKED)
    assert (reply.status_code, reply.json()) == (400, fault)
    assert len(world.upstream.requests) == 1
