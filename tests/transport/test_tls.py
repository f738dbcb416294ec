"""The pool over TLS, directly and through a proxy's tunnel: real handshakes, a real CONNECT, on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from muxi_llm.core.port import IO, TransportError
from muxi_llm.wire.base import WireCall
from tests.support.bodies import chat
from tests.support.patience import LIFETIME
from tests.support.tunnels import ConnectProxy, TlsFront, certified
from tests.support.upstream import Respond, Upstream
from tests.transport.conftest import Wired, read_all, until

OK = Respond(json={"ok": True})
SECRET = {"authorization": "Bearer sk-1"}


@pytest.fixture(params=["pool-sync", "pool-async", "httpx2-sync", "httpx2-async", "direct-async"])
def secured(request: pytest.FixtureRequest) -> Wired:
    """The pool, what it steps aside for, and what steps aside for it: they are to behave alike."""
    return Wired(*request.param.split("-"))


@pytest.fixture
def front(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsFront]:
    """TLS before the upstream, with a certificate for `localhost` and `provider.test` that is trusted here."""
    certificate, context = certified(tmp_path, "localhost", "provider.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    upstream.respond = lambda _: OK
    with TlsFront(upstream.port, context) as front:
        yield front


def call_to(front: TlsFront, host: str = "localhost", **fields: Any) -> WireCall:
    return WireCall(f"https://{host}:{front.port}/v1/x", dict(SECRET), b"{}", **fields)


# ------------------------------------------------------------------------------------------ directly


def test_a_call_over_tls_and_the_next_on_the_same_connection(secured: Wired, front: TlsFront) -> None:
    async def scenario(io: IO) -> list[bytes]:
        return [(await io.send(call_to(front))).content for _ in range(3)]

    assert secured.run(scenario) == [b'{"ok": true}'] * 3
    assert front.accepted == 1


def test_a_stream_over_tls(secured: Wired, front: TlsFront, upstream: Upstream) -> None:
    upstream.respond = lambda _: Respond(chunks=[b"one", 0.01, b"two" * 50_000])

    async def scenario(io: IO) -> list[bytes]:
        return await read_all(await io.send(call_to(front, stream=True)))

    assert b"".join(secured.run(scenario)) == b"one" + b"two" * 50_000


def test_an_idle_connection_that_was_closed_is_replaced(
    secured: Wired, front: TlsFront, upstream: Upstream
) -> None:
    async def scenario(io: IO) -> None:
        assert (await io.send(call_to(front))).status == 200
        upstream.hang_up()
        assert await until(io, lambda: upstream.connections == 0)
        assert (await io.send(call_to(front))).status == 200

    secured.run(scenario)
    assert front.accepted == 2


def test_a_certificate_nobody_vouches_for(
    secured: Wired, front: TlsFront, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said to such a server."""
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(certified(tmp_path / "other", "localhost")[0]))
    with pytest.raises(TransportError, match=r"(?i)certificate"):
        secured.send(call_to(front))
    assert upstream.requests == []


def test_a_certificate_for_another_name(secured: Wired, front: TlsFront, upstream: Upstream) -> None:
    with pytest.raises(TransportError, match=r"(?i)certificate|mismatch"):
        secured.send(call_to(front, "127.0.0.1"))
    assert upstream.requests == []


# ---------------------------------------------------------------------------------- through a tunnel


def test_calls_through_a_tunnel(
    secured: Wired, front: TlsFront, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy is told where to, and its own credentials; all else is between the two ends."""

    async def scenario(io: IO) -> list[int]:
        return [(await io.send(call_to(front, "provider.test"))).status for _ in range(3)]

    with ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pw@127.0.0.1:{proxy.port}")
        assert secured.run(scenario) == [200, 200, 200]
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT provider.test:{front.port} HTTP/1.1\r\n")
    assert "proxy-authorization: basic bwu6chc=" in head.lower()
    assert "sk-1" not in head
    assert [request.headers["authorization"] for request in upstream.requests] == ["Bearer sk-1"] * 3
    assert not any("proxy-authorization" in request.headers for request in upstream.requests)


def test_a_stream_through_a_tunnel(
    secured: Wired, front: TlsFront, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.respond = lambda _: Respond(chunks=[b"one", 0.01, b"two"])

    async def scenario(io: IO) -> list[bytes]:
        return await read_all(await io.send(call_to(front, "provider.test", stream=True)))

    with ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert b"".join(secured.run(scenario)) == b"onetwo"


def test_a_proxy_that_says_no(secured: Wired, front: TlsFront, monkeypatch: pytest.MonkeyPatch) -> None:
    with ConnectProxy("407 Proxy Authentication Required") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pw@127.0.0.1:{proxy.port}")
        with pytest.raises(TransportError, match="407") as caught:
            secured.send(call_to(front, "provider.test"))
    assert "pw" not in str(caught.value)
    assert front.accepted == 0


def test_hosts_excepted_from_the_proxy(
    secured: Wired, front: TlsFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "other.test,localhost")
        assert secured.send(call_to(front)).status == 200
        assert proxy.heads == []


# -------------------------------------------------------------------- httpx2's private reading of it

WITHOUT = (
    "import httpx2\n"
    "del httpx2._utils.get_environment_proxies\n"
    "from muxi_llm import ChatCompletion\n"
    "print(ChatCompletion.create('openai/m', [{'role': 'user', 'content': 'Hi'}]).choices[0].message.content)\n"
)


@pytest.mark.parametrize("proxied", [True, False])
def test_httpx2_may_move_what_reads_the_environment(upstream: Upstream, proxied: bool) -> None:
    """It is private there. Without it, what is to go by a proxy goes through httpx2 itself."""
    upstream.respond = lambda _: Respond(json=chat("Hi"))
    environment = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    environment |= {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": f"{upstream.url}/v1"}
    if proxied:
        environment |= {"OPENAI_BASE_URL": "http://provider.test/v1", "HTTP_PROXY": upstream.url}
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=LIFETIME,
        check=False,
    )
    assert (ran.stdout, ran.returncode) == ("Hi\n", 0), ran.stderr
    (request,) = upstream.requests
    assert request.path == ("http://provider.test/v1/chat/completions" if proxied else "/v1/chat/completions")
