"""What is the direct transport's alone to get right: HTTP/1.1 as servers speak it, and who is made to wait."""

from __future__ import annotations

import asyncio
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterable
from itertools import chain, repeat
from typing import Any

import pytest
import uvloop

from muxi_llm import config
from muxi_llm.config import Bounds
from muxi_llm.core.port import IO, TooLargeError, TransportError
from muxi_llm.transport.direct import AsyncDirect
from muxi_llm.transport.ports import AsyncIO
from muxi_llm.wire.base import WireCall
from tests.support.patience import PATIENCE, in_time
from tests.support.rude import Rude
from tests.support.upstream import Respond, Upstream
from tests.transport.conftest import Wired, call_to, read_all, until

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


@pytest.fixture
def direct() -> Wired:
    return Wired("direct", "async")


def asked(direct: Wired, *replies: bytes, method: str = "POST") -> tuple[list[Any], int]:
    """What each of *replies*, one after the other, is taken for: status and body, or the error's words. And
    how many connections that took.
    """
    said = iter(replies)
    got: list[Any] = []
    with Rude(lambda: [next(said)]) as server:

        async def scenario(io: IO) -> None:
            for _ in replies:
                try:
                    reply = await io.send(WireCall(server.url, {}, b"", method=method, timeout=PATIENCE))
                    got.append((reply.status, reply.content))
                except TransportError as error:
                    got.append("late" if error.timeout else error.message)

        direct.run(scenario)
        return got, server.accepted


WHOLE: dict[str, tuple[bytes, int, bytes, bool]] = {
    "by its length": (OK, 200, b"ok", True),
    "in chunks": (CHUNKED + b"2;x=y\r\nok\r\n0\r\ntrailer: t\r\n\r\n", 200, b"ok", True),
    "after hints": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" + OK,
        200,
        b"ok",
        True,
    ),
    "without a body": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "not changed": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", 304, b"", True),
    "the last one": (HEAD + b"connection: close\r\ncontent-length: 2\r\n\r\nok", 200, b"ok", False),
    "of the old kind": (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, b"ok", False),
}


@pytest.mark.parametrize(("said", "status", "body", "stays"), WHOLE.values(), ids=WHOLE)
def test_a_whole_reply(direct: Wired, said: bytes, status: int, body: bytes, stays: bool) -> None:
    """However its end is told; and whether its connection is used again."""
    assert asked(direct, said, OK) == ([(status, body), (200, b"ok")], 1 if stays else 2)


def test_space_around_a_headers_value_is_none_of_it(direct: Wired) -> None:
    with Rude(lambda: [HEAD + b"content-length: 2\t \r\nretry-after: \t 3 \t\r\n\r\nok"]) as server:

        async def scenario(io: IO) -> None:
            reply = await io.send(WireCall(server.url, {}, b"", timeout=PATIENCE))
            assert reply.headers == {"content-length": "2", "retry-after": "3"}

        direct.run(scenario)


def test_a_reply_to_head_has_no_body(direct: Wired) -> None:
    """Whatever length it tells."""
    said = HEAD + b"content-length: 5\r\n\r\n"
    assert asked(direct, said, said, method="HEAD") == ([(200, b"")] * 2, 2)


def test_a_body_to_the_connections_end(direct: Wired) -> None:
    def say() -> Iterable[bytes]:
        yield HEAD + b"\r\n" + b"o"
        yield b"k"
        raise OSError

    with Rude(say) as server:
        assert direct.send(WireCall(server.url, {}, b"{}")).content == b"ok"


def test_what_stands_behind_an_answer_is_nobodys(direct: Wired) -> None:
    """Else the next call, which may be somebody else's, would read it as its own."""
    for extra in (
        b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen",
        b"stolen",
        b"\r\n\r\nHTTP/1.1 200 OK\r\n",
    ):
        assert asked(direct, OK + extra, OK) == ([(200, b"ok"), (200, b"ok")], 2)


def test_what_is_said_unasked_is_nobodys(direct: Wired) -> None:
    """Behind the answer, while nobody asks."""
    said = iter([[OK, 0.02, b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen", 0.2], [OK]])
    with Rude(lambda: next(said)) as server:

        async def scenario(io: IO) -> None:
            assert (await io.send(WireCall(server.url, {}, b"{}"))).content == b"ok"
            assert await until(io, server.hung_up.is_set)
            assert (await io.send(WireCall(server.url, {}, b"{}"))).content == b"ok"

        direct.run(scenario)


SENSELESS = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "another version": b"HTTP/9.9 200 OK\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "a length that is none": HEAD + b"content-length: two\r\n\r\nok",
    "two lengths": HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok",
    "a length and chunks": HEAD
    + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "a chunk without a size": CHUNKED + b"zz\r\nok\r\n",
    "a chunk longer than its size": CHUNKED + b"1\r\nok\r\n0\r\n\r\n",
    "a folded header": HEAD + b"x: y\r\n z\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("said", SENSELESS.values(), ids=SENSELESS)
def test_what_is_not_http_is_an_error(direct: Wired, said: bytes) -> None:
    """Its connection is not used again, and nothing of it is quoted."""
    (error, then), accepted = asked(direct, said, OK)
    assert str(error).startswith("the server's answer is not HTTP/1.1: HttpParser")
    assert (then, accepted) == ((200, b"ok"), 2)


FLOODS: dict[str, Callable[[], Iterable[bytes | float]]] = {
    "a line": lambda: chain([HEAD + b"x: "], repeat(b"y" * 65_536, 160)),
    "hints": lambda: repeat(b"HTTP/1.1 103 Hints\r\nx: y\r\n\r\n" * 1000),
    "beside a chunk's size": lambda: chain([CHUNKED + b"1;"], repeat(b"x" * 65_536, 160)),
    "trailers": lambda: chain([CHUNKED + b"1\r\n \r\n0\r\n"], repeat(b"x: y\r\n" * 10_000)),
}


@pytest.mark.parametrize("say", FLOODS.values(), ids=FLOODS)
def test_what_floods_is_left(direct: Wired, say: Callable[[], Iterable[bytes | float]]) -> None:
    """Before it fills the memory."""
    config.bounds = Bounds(headers=100_000)
    with Rude(say) as server:

        async def scenario(io: IO) -> int:
            tracemalloc.start()
            with pytest.raises(TooLargeError, match=r"bounds\.headers"):
                await io.send(WireCall(server.url, {}, b"{}", timeout=PATIENCE))
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert await until(io, server.hung_up.is_set)
            return peak

        assert direct.run(scenario) < 3_000_000


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_slow_reader_slows_the_server(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """What nobody reads stays where it is; and then all of it comes."""
    sent, whole = 0, 64 * 2**20

    def chunks() -> Iterable[bytes]:
        nonlocal sent
        while sent < whole:
            sent += 65_536
            yield bytes(65_536)

    with (
        Upstream(lambda _: Respond(chunks=chunks())) as upstream,
        asyncio.Runner(loop_factory=factory) as runner,
    ):

        async def scenario() -> int:
            io = AsyncIO(AsyncDirect())
            reply = await io.send(call_to(upstream, stream=True))
            before = -1
            while before != sent:  # until the server is made to wait
                before = sent
                await asyncio.sleep(0.2)
            assert sent < whole / 2
            return sum(map(len, await read_all(reply)))

        assert runner.run(scenario()) == whole


@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_call_hangs_up_at_once(upstream: Upstream, stream: bool) -> None:
    """Before the reply's head, too."""
    upstream.script = [Respond(json={}, delay=30.0)]

    async def scenario() -> None:
        transport = AsyncDirect()
        call = asyncio.create_task(transport.send(call_to(upstream, stream=stream)))
        assert await in_time(lambda: bool(upstream.requests), asyncio.sleep)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await in_time(upstream.closed_early.is_set, asyncio.sleep)

    asyncio.run(scenario(), debug=True)


def test_an_answer_that_does_not_wait_for_the_whole_request(direct: Wired) -> None:
    """What is left of the request is not sent before the next one's."""
    listener = socket.create_server(("127.0.0.1", 0))
    accepted = 0

    def serve() -> None:
        nonlocal accepted
        for _ in range(2):
            connection, _ = listener.accept()
            accepted += 1
            with connection:
                connection.recv(1000)
                connection.sendall(OK)
                over.wait(PATIENCE)

    over = threading.Event()
    thread = threading.Thread(target=serve)
    thread.start()

    async def scenario(io: IO) -> None:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert (await io.send(WireCall(url, {}, bytes(30_000_000)))).content == b"ok"
        over.set()
        assert (await io.send(WireCall(url, {}, b"{}"))).content == b"ok"

    direct.run(scenario)
    thread.join(PATIENCE)
    listener.close()
    assert accepted == 2


def test_headers_name_no_further_ones(direct: Wired, upstream: Upstream) -> None:
    """Nor does a name."""
    for headers in (
        {"x": "y\r\nz: 1"},
        {"x: y\r\nz": "1"},
        {"x y": "1"},
        {"x:": "1"},
        {"": "1"},
        {"x": "\0"},
    ):
        with pytest.raises(TransportError, match="not valid HTTP"):
            direct.send(call_to(upstream, headers=headers))
    upstream.script = [Respond(json={})]
    direct.send(call_to(upstream, headers={"X-Tab": "a\tb", "Accept": "x/y"}))
    (request,) = upstream.requests
    assert (request.headers["x-tab"], request.headers["accept"]) == ("a\tb", "x/y")
