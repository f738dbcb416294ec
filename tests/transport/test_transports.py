"""What every transport does the same, in both colours."""

from __future__ import annotations

import gzip
import os
import socket
import threading
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest

from muxi_llm.core.port import IO, TransportError, UnsendableError
from muxi_llm.wire.base import WireCall
from tests.support.patience import PATIENCE
from tests.support.upstream import Respond, Upstream
from tests.transport.conftest import Wired, call_to, open_files, read_all, until


def test_a_request_arrives_as_it_was_given(wired: Wired, upstream: Upstream) -> None:
    """Method, path and query, headers, body."""
    upstream.script = [Respond()]
    wired.send(
        call_to(upstream, "/v1/a%20b?x=1&x=2", headers={"x-api-key": "sk-1", "x-b": "c d"}, body=b"\x00ab")
    )
    (request,) = upstream.requests
    assert (request.method, request.path, request.body) == ("POST", "/v1/a%20b?x=1&x=2", b"\x00ab")
    expected = {"x-api-key": "sk-1", "x-b": "c d", "user-agent": "muxi-llm", "content-length": "3"}
    assert {name: request.headers[name] for name in expected} == expected
    assert "gzip" in request.headers["accept-encoding"]


def test_another_method(wired: Wired, upstream: Upstream) -> None:
    """`method` is honoured."""
    upstream.script = [Respond(json=[1])]
    assert wired.send(call_to(upstream, method="GET", body=b"")).content == b"[1]"
    assert upstream.requests[0].method == "GET"


def test_a_reply_is_handed_out_whole(wired: Wired, upstream: Upstream) -> None:
    """Status, headers under lower-case names, body, time."""
    upstream.script = [Respond(status=201, json={"a": 1}, headers={"X-Request-ID": "r1"})]
    before = time.time()
    reply = wired.send(call_to(upstream))
    assert (reply.status, reply.content, reply.reader) == (201, b'{"a": 1}', None)
    assert reply.headers == {"content-type": "application/json", "content-length": "8", "x-request-id": "r1"}
    assert before <= reply.received <= time.time()


def test_a_header_that_is_not_ascii_is_left_out(wired: Wired, upstream: Upstream) -> None:
    """And the others are not lost with it."""
    upstream.script = [Respond(json={}, headers={"x-reason": "caf\u00e9", "x-request-id": "r1"})]
    headers = wired.send(call_to(upstream)).headers
    assert "x-reason" not in headers
    assert headers["x-request-id"] == "r1"


def test_a_header_that_comes_twice_has_both_values(wired: Wired, upstream: Upstream) -> None:
    upstream.script = [Respond(json={}, headers={"Warning": "one", "warning": "two", "x-request-id": "r1"})]
    headers = wired.send(call_to(upstream)).headers
    assert (headers["warning"], headers["x-request-id"]) == ("one, two", "r1")


@pytest.mark.parametrize("status", [200, 204, 400, 401, 404, 429, 500, 503, 529])
def test_every_status_is_a_reply(wired: Wired, upstream: Upstream, status: int) -> None:
    """What it means is not the transport's to say."""
    upstream.script = [Respond(status=status, body=b"" if status == 204 else b"text")]
    reply = wired.send(call_to(upstream))
    assert (reply.status, reply.content) == (status, b"" if status == 204 else b"text")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(wired: Wired, upstream: Upstream, status: int, stream: bool) -> None:
    """Keys go to their own provider only."""
    with Upstream(lambda _: Respond(json={})) as elsewhere:
        upstream.script = [Respond(status=status, headers={"location": f"{elsewhere.url}/stolen"})]

        async def scenario(io: IO) -> Any:
            reply = await io.send(call_to(upstream, stream=stream))
            if reply.reader:
                await reply.reader.close()
            return reply

        reply = wired.run(scenario)
        assert (reply.status, reply.headers["location"]) == (status, f"{elsewhere.url}/stolen")
        assert elsewhere.accepted == 0
        assert len(upstream.requests) == 1


def test_cookies_do_not_travel_with_the_next_call(wired: Wired, upstream: Upstream) -> None:
    """That may be another key's."""
    upstream.respond = lambda _: Respond(json={}, headers={"set-cookie": "a=1; path=/"})

    async def scenario(io: IO) -> None:
        await io.send(call_to(upstream))
        await io.send(call_to(upstream))

    wired.run(scenario)
    assert len(upstream.requests) == 2
    assert "cookie" not in upstream.requests[1].headers


# ---------------------------------------------------------------------------------------- bodies


def test_a_compressed_reply_is_decoded(wired: Wired, upstream: Upstream) -> None:
    """Gzip, whole and streamed."""
    packed = gzip.compress(b'{"a": 1}')
    encoding = {"content-encoding": "gzip"}
    upstream.script = [
        Respond(body=packed, headers=encoding),
        Respond(chunks=[packed[:9], packed[9:]], headers=encoding),
    ]

    async def scenario(io: IO) -> None:
        assert (await io.send(call_to(upstream))).content == b'{"a": 1}'
        assert b"".join(await read_all(await io.send(call_to(upstream, stream=True)))) == b'{"a": 1}'

    wired.run(scenario)


def test_a_reply_that_does_not_decompress_is_an_error(wired: Wired, upstream: Upstream) -> None:
    """Not garbage handed on."""
    upstream.script = [Respond(body=b"not gzip at all", headers={"content-encoding": "gzip"})]
    with pytest.raises(TransportError) as caught:
        wired.send(call_to(upstream))
    assert not caught.value.timeout


def test_big_bodies_pass_both_ways(wired: Wired, upstream: Upstream) -> None:
    """Megabytes, whole and streamed."""
    sent, big = os.urandom(2_000_000), os.urandom(3_000_000)
    upstream.script = [Respond(body=big), Respond(chunks=[big[:5], big[5:]])]

    async def scenario(io: IO) -> None:
        assert (await io.send(call_to(upstream, body=sent))).content == big
        assert b"".join(await read_all(await io.send(call_to(upstream, stream=True)))) == big

    wired.run(scenario)
    assert upstream.requests[0].body == sent


def test_a_stream_comes_chunk_by_chunk(wired: Wired, upstream: Upstream) -> None:
    """Each chunk is handed out before the server sends the next one, the first of one byte too."""
    seen = threading.Event()

    def chunks() -> Any:
        for chunk in (b"1", b"two", b"three"):
            yield chunk
            assert seen.wait(10)
            seen.clear()

    upstream.script = [Respond(chunks=chunks())]

    async def scenario(io: IO) -> list[bytes]:
        reply = await io.send(call_to(upstream, stream=True))
        assert (reply.status, reply.content, reply.headers["content-type"]) == (200, b"", "text/event-stream")
        got = []
        while chunk := await reply.reader.read():
            got.append(chunk)
            seen.set()
        assert await reply.reader.read() == b""
        await reply.reader.close()
        await reply.reader.close()
        reply.reader.abandon()
        return got

    assert wired.run(scenario) == [b"1", b"two", b"three"]


def test_an_empty_stream(wired: Wired, upstream: Upstream) -> None:
    """Ends at once."""
    upstream.script = [Respond(chunks=[])]

    async def scenario(io: IO) -> list[bytes]:
        return await read_all(await io.send(call_to(upstream, stream=True)))

    assert wired.run(scenario) == []


def test_an_error_reply_to_a_stream_can_be_read(wired: Wired, upstream: Upstream) -> None:
    """Through the reader."""
    upstream.script = [Respond(status=429, json={"error": 1}, headers={"retry-after": "3"})]

    async def scenario(io: IO) -> Any:
        reply = await io.send(call_to(upstream, stream=True))
        return reply.status, reply.headers["retry-after"], await read_all(reply)

    assert wired.run(scenario) == (429, "3", [b'{"error": 1}'])


# -------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_connection(wired: Wired, stream: bool) -> None:
    """Nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TransportError, match=r"(?i)refused|attempts failed") as caught:
        wired.send(WireCall(f"http://127.0.0.1:{port}/", {}, b"", stream=stream))
    assert not caught.value.timeout


SLOW = {
    "before the head": Respond(json={}, delay=30),
    "in the body": Respond(chunks=[b"a", 30.0]),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reply", SLOW.values(), ids=SLOW)
def test_a_timeout(wired: Wired, upstream: Upstream, reply: Respond, stream: bool) -> None:
    """Says so, and frees the connection."""
    upstream.script = [reply]

    async def scenario(io: IO) -> None:
        with pytest.raises(TransportError, match="the request timed out") as caught:
            await read_all(await io.send(call_to(upstream, timeout=0.3, stream=stream)))
        assert caught.value.timeout
        assert await until(io, upstream.closed_early.is_set)

    wired.run(scenario)


def test_a_body_that_drips_is_bounded_by_the_timeout(wired: Wired, upstream: Upstream) -> None:
    """Although every single read is in time."""
    upstream.script = [Respond(chunks=cycle([b" ", 0.02]))]
    with pytest.raises(TransportError) as caught:
        wired.send(call_to(upstream, timeout=0.3))
    assert caught.value.timeout
    assert upstream.closed_early.wait(PATIENCE)


def test_a_stream_may_take_longer_than_the_timeout(wired: Wired, upstream: Upstream) -> None:
    """That bounds the pause between two chunks."""
    upstream.script = [Respond(chunks=[b"a", 0.1] * 11)]

    async def scenario(io: IO) -> bytes:
        return b"".join(await read_all(await io.send(call_to(upstream, stream=True, timeout=1.0))))

    assert wired.run(scenario) == b"a" * 11


CUT = {
    "whole": Respond(json={"a": "b"}, cut=True),
    "chunked": Respond(chunks=[b"data: 1\n\n"], cut=True),
}


@pytest.mark.parametrize("reply", CUT.values(), ids=CUT)
def test_a_body_cut_off_is_an_error(wired: Wired, upstream: Upstream, reply: Respond) -> None:
    """Half an answer is none."""
    upstream.script = [reply]
    with pytest.raises(TransportError) as caught:
        wired.send(call_to(upstream))
    assert not caught.value.timeout


def test_a_stream_cut_off_is_an_error_after_its_chunks(wired: Wired, upstream: Upstream) -> None:
    """What came is handed out first."""
    upstream.script = [Respond(chunks=[b"data: 1\n\n"], cut=True)]

    async def scenario(io: IO) -> bytes:
        reply = await io.send(call_to(upstream, stream=True))
        first = await reply.reader.read()
        with pytest.raises(TransportError) as caught:
            await reply.reader.read()
        assert not caught.value.timeout
        await reply.reader.close()
        return first

    assert wired.run(scenario) == b"data: 1\n\n"


def test_a_connection_closed_without_a_reply(wired: Wired, upstream: Upstream) -> None:
    """Is an error, too."""
    upstream.respond = lambda _: upstream.hang_up() or Respond()
    with pytest.raises(TransportError) as caught:
        wired.send(call_to(upstream))
    assert not caught.value.timeout


UNSENDABLE = {
    "a key with a line end": {"headers": {"authorization": "Bearer sk-secret\n"}},
    "no scheme": {"url": "provider.test/v1"},
    "a scheme that is not HTTP": {"url": "ftp://provider.test/v1"},
    "half an address": {"url": "http://[::1/v1"},
    "no URL": {"url": ""},
    "a URL with a line end": {"url": "http://127.0.0.1/\n"},
    "a port that is none": {"url": "http://127.0.0.1:eighty/"},
    "a header that is no text": {"headers": {"x-secret": 5}},
    "a header in another alphabet": {"headers": {"authorization": "Bearer sk-s\u00e9cret"}},
    "a header's name in another alphabet": {"headers": {"x-\u00e9": "secret"}},
    "half a character": {"url": "http://127.0.0.1/\ud800"},
}


@pytest.mark.parametrize("fields", UNSENDABLE.values(), ids=UNSENDABLE)
@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_be_sent_is_a_transport_error(
    wired: Wired, upstream: Upstream, fields: dict[str, Any], stream: bool
) -> None:
    """One that does not quote the key, nor shows what quoted it."""
    call = WireCall(**{"url": upstream.url, "headers": {}, "body": b"", "stream": stream, **fields})
    with pytest.raises(UnsendableError) as caught:
        wired.send(call)
    assert "secret" not in str(caught.value)
    if "headers" in fields:
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
    assert upstream.requests == []


# --------------------------------------------------------------------------------------- proxies


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_proxy_of_the_environment_is_used(
    wired: Wired, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A proxy is asked for the whole URL, and sees the credentials its own URL holds."""
    monkeypatch.setenv(variable, upstream.url.replace("//", "//me:pw@"))
    upstream.script = [Respond(json={"from": "proxy"})]
    reply = wired.send(WireCall("http://provider.test/v1/x", {"authorization": "Bearer sk-1"}, b"{}"))
    assert reply.content == b'{"from": "proxy"}'
    (request,) = upstream.requests
    assert request.path == "http://provider.test/v1/x"
    assert request.headers["proxy-authorization"] == "Basic bWU6cHc="
    assert request.headers["authorization"] == "Bearer sk-1"


@pytest.mark.parametrize(
    ("excepted", "host"), [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("*", "localhost")]
)
def test_no_proxy_is_honoured(
    wired: Wired, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, excepted: str, host: str
) -> None:
    """Hosts it names are reached directly."""
    upstream.script = [Respond(json={})]
    with Upstream() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", excepted)
        assert wired.send(WireCall(f"http://{host}:{upstream.port}/", {}, b"{}")).status == 200
        assert proxy.accepted == 0


# ----------------------------------------------------------------------------------- connections


@pytest.mark.parametrize("stream", [False, True])
def test_connections_are_reused(wired: Wired, upstream: Upstream, stream: bool) -> None:
    """One for any number of calls one after the other; a stream read to its end gives its own back.

    On the fast transport a thread of its own gives it back, which the next call may be a moment ahead of.
    """
    upstream.respond = lambda _: Respond(chunks=[b"a"]) if stream else Respond(json={})

    async def scenario(io: IO) -> None:
        for _ in range(20):
            reply = await io.send(call_to(upstream, stream=stream))
            if stream:
                assert await read_all(reply) == [b"a"]

    wired.run(scenario)
    assert len(upstream.requests) == 20
    assert upstream.accepted == 1 or (wired.name == "fast" and upstream.accepted < 20)


def test_an_idle_connection_that_was_closed_is_replaced(wired: Wired, upstream: Upstream) -> None:
    """Servers drop idle connections; the next call does not notice."""
    upstream.respond = lambda _: Respond(json={})

    async def scenario(io: IO) -> None:
        await io.send(call_to(upstream))
        upstream.hang_up()
        assert await until(io, lambda: upstream.connections == 0)
        await io.sleep(0.05)
        await io.send(call_to(upstream))

    wired.run(scenario)
    assert upstream.accepted == 2


@pytest.mark.parametrize("chunks", [[b"a", 30.0], cycle([b"a", 0.01])], ids=["silent", "talking"])
@pytest.mark.parametrize("how", ["close", "abandon"])
def test_a_stream_left_early_frees_its_connection(
    wired: Wired, upstream: Upstream, how: str, chunks: Any
) -> None:
    """The server sees the hang-up while the loop still runs."""
    upstream.script = [Respond(chunks=chunks)]

    async def scenario(io: IO) -> None:
        reply = await io.send(call_to(upstream, stream=True))
        assert await reply.reader.read()
        if how == "close":
            await reply.reader.close()
        else:
            reply.reader.abandon()
        assert await until(io, upstream.closed_early.is_set)

    wired.run(scenario)


def test_nothing_is_left_open_after_many_calls(wired: Wired, upstream: Upstream) -> None:
    """300 calls of every kind of ending, and as many file descriptors as before."""
    endings: list[Callable[[], Respond]] = [
        lambda: Respond(json={}),
        lambda: Respond(chunks=[b"a", b"b"]),
        lambda: Respond(chunks=[b"a", 30.0]),
        lambda: Respond(chunks=[b"a"], cut=True),
        lambda: Respond(json={"a": "b"}, cut=True),
    ]

    async def one(io: IO, number: int) -> None:
        upstream.script = [endings[number % 5]()]
        reply = None
        try:
            reply = await io.send(call_to(upstream, stream=number % 5 in {1, 2, 3}))
            if reply.reader:
                await reply.reader.read()
                await reply.reader.read() if number % 5 != 2 else None
        except TransportError:
            assert number % 5 in {3, 4}
        if reply is not None and reply.reader:
            await reply.reader.close()

    async def scenario(io: IO) -> None:
        for number in range(10):
            await one(io, number)
        assert await until(io, lambda: upstream.connections <= 2)
        before = open_files()
        for number in range(300):
            await one(io, number)
        assert await until(io, lambda: open_files() <= before)

    wired.run(scenario)
