"""What is httpx2's alone: the caller's own clients, and clients bound to event loops."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import warnings
from typing import Any

import httpx2
import pytest

from muxi_llm.core.port import TransportError
from muxi_llm.core.step import run_sync
from muxi_llm.transport.httpx2 import AsyncHttpx2, BlockingHttpx2
from muxi_llm.transport.pool import AsyncPool
from muxi_llm.transport.ports import AsyncIO
from tests.support import patience
from tests.support.process import run_script
from tests.support.upstream import Received, Respond, Upstream
from tests.transport.conftest import call_to, open_files, read_all, until

OK = Respond(json={})
OPEN = Respond(chunks=[b"a", 30.0])

# ------------------------------------------------------------------------------ the caller's client


def test_the_callers_client_is_used_and_left_open(upstream: Upstream) -> None:
    """Its headers and connections; closing it is the caller's affair."""
    upstream.respond = lambda _: OK
    with httpx2.Client(headers={"x-team": "a"}) as client:
        transport = BlockingHttpx2(client)
        assert transport.send(call_to(upstream)).status == 200
        del transport
        gc.collect()
        assert client.get(upstream.url).status_code == 200
    assert [request.headers["x-team"] for request in upstream.requests] == ["a", "a"]
    assert upstream.accepted == 1


def test_the_callers_async_client_is_used_and_left_open(upstream: Upstream) -> None:
    """The same in the other colour."""
    upstream.respond = lambda _: OK

    async def scenario() -> None:
        async with httpx2.AsyncClient(headers={"x-team": "a"}) as client:
            assert (await AsyncHttpx2(client).send(call_to(upstream))).status == 200
            gc.collect()
            assert (await client.get(upstream.url)).status_code == 200

    asyncio.run(scenario(), debug=True)
    assert [request.headers["x-team"] for request in upstream.requests] == ["a", "a"]
    assert upstream.accepted == 1


def test_the_callers_client_does_not_follow_redirects_either(upstream: Upstream) -> None:
    """OpenAI's own default clients are set to; our keys may not go where a server says."""
    upstream.script = [Respond(status=307, headers={"location": "/elsewhere"})]
    with httpx2.Client(follow_redirects=True) as client:
        assert BlockingHttpx2(client).send(call_to(upstream)).status == 307
    assert len(upstream.requests) == 1


def test_a_mock_transport_below_the_callers_client(upstream: Upstream) -> None:
    """The mocks people know keep working."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["authorization"] == "Bearer sk-1"
        return httpx2.Response(200, json={"mock": True})

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as client:
        assert BlockingHttpx2(client).send(call_to(upstream)).content == b'{"mock":true}'


def test_an_error_that_is_not_the_connections_passes(upstream: Upstream) -> None:
    """A bug in a caller's hook stays visible as what it is."""

    def hook(_: httpx2.Request) -> None:
        raise KeyError("mine")

    with (
        httpx2.Client(event_hooks={"request": [hook]}) as client,
        pytest.raises(KeyError, match="mine"),
    ):
        BlockingHttpx2(client).send(call_to(upstream))


class RequestError(Exception):
    """Legacy httpx's, by name."""


class TimeoutException(RequestError):  # noqa: N818 - its name
    """Legacy httpx's, by name."""


FAILURES = {
    "httpx2's timeouts": (httpx2.PoolTimeout("slow"), "the request timed out", True),
    "legacy httpx's timeouts": (TimeoutException("slow"), "the request timed out", True),
    "legacy httpx's errors": (RequestError("reset"), "RequestError: reset", False),
    "an operating system's error": (OSError("disk"), "OSError: disk", False),
    "an error without words": (httpx2.ReadError(""), "ReadError", False),
}


@pytest.mark.parametrize(("error", "message", "timeout"), FAILURES.values(), ids=FAILURES)
def test_how_failures_are_told(upstream: Upstream, error: Exception, message: str, timeout: bool) -> None:
    """By the names in the class's ancestry: httpx2's and legacy httpx's share no class of their own."""

    def fail(_: httpx2.Request) -> httpx2.Response:
        raise error

    with (
        httpx2.Client(transport=httpx2.MockTransport(fail)) as client,
        pytest.raises(TransportError) as caught,
    ):
        BlockingHttpx2(client).send(call_to(upstream))
    assert (caught.value.message, caught.value.timeout, caught.value.__cause__) == (message, timeout, error)


def test_closing_ends_the_connections(upstream: Upstream) -> None:
    """All of the blocking client's."""
    upstream.script = [OK]
    transport = BlockingHttpx2()
    transport.send(call_to(upstream))
    assert upstream.connections == 1
    transport.close()
    patience.until(lambda: not upstream.connections)


OWN = pytest.mark.parametrize("kind", [AsyncHttpx2, AsyncPool], ids=["httpx2", "pool"])

# ------------------------------------------------------------------------------------ event loops


@OWN
def test_each_event_loop_has_a_client_that_ends_with_it(upstream: Upstream, kind: type[Any]) -> None:
    """Many loops in one process leave neither sockets nor clients behind."""
    upstream.respond = lambda _: OK
    transport = kind()

    async def two_calls() -> None:
        await transport.send(call_to(upstream))
        await transport.send(call_to(upstream))

    asyncio.run(two_calls(), debug=True)
    before = open_files()
    for _ in range(30):
        asyncio.run(two_calls())
    assert upstream.accepted == 31
    asyncio.run(until(AsyncIO(transport), lambda: upstream.connections == 0))
    assert open_files() <= before
    assert transport._loops.held == {}


@OWN
def test_a_loop_closed_carelessly_is_forgotten(upstream: Upstream, kind: type[Any]) -> None:
    """One that did not end its async generators: asyncio warns of its sockets, we keep nothing."""
    upstream.respond = lambda _: OK
    transport = kind()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(transport.send(call_to(upstream)))
    loop.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        asyncio.run(transport.send(call_to(upstream)))
        del loop
        gc.collect()
    assert transport._loops.held == {}


@OWN
def test_two_loops_in_two_threads_at_once(upstream: Upstream, kind: type[Any]) -> None:
    """Each on connections of its own."""
    upstream.respond = lambda received: Respond(body=received.body)
    transport = kind()
    wrong: list[Any] = []

    async def calls(name: str) -> None:
        bodies = [f"{name}{number}".encode() for number in range(20)]
        replies = await asyncio.gather(*(transport.send(call_to(upstream, body=body)) for body in bodies))
        wrong.extend(r.content for r, body in zip(replies, bodies, strict=True) if r.content != body)

    threads = [threading.Thread(target=lambda n=n: asyncio.run(calls(n))) for n in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    assert len(upstream.requests) == 40


@OWN
def test_a_stream_may_be_abandoned_on_any_thread(upstream: Upstream, kind: type[Any]) -> None:
    """A finalizer runs where it likes."""
    upstream.script = [OPEN]
    transport = kind()

    async def scenario() -> None:
        reply = await transport.send(call_to(upstream, stream=True))
        assert reply.reader is not None
        assert await reply.reader.read() == b"a"
        await asyncio.to_thread(reply.reader.abandon)
        assert await until(AsyncIO(transport), upstream.closed_early.is_set)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario(), debug=True)


@OWN
def test_a_stream_may_be_abandoned_after_its_loop(upstream: Upstream, kind: type[Any]) -> None:
    """Nothing is left to do then, and nothing is said."""
    upstream.script = [Respond(chunks=[b"a"])]
    transport = kind()

    async def scenario() -> Any:
        reply = await transport.send(call_to(upstream, stream=True))
        await read_all(reply)
        return reply.reader

    asyncio.run(scenario(), debug=True).abandon()


# ----------------------------------------------------------------------------------- cancellation


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "reply",
    [Respond(json={}, delay=30), Respond(chunks=[b"a", 30.0])],
    ids=["before the head", "in the body"],
)
@OWN
def test_cancelling_frees_the_connection(
    upstream: Upstream, reply: Respond, stream: bool, kind: type[Any]
) -> None:
    """At once, leaving no task; the client goes on working."""
    upstream.script = [reply, OK]
    transport = kind()

    async def one() -> None:
        answer = await transport.send(call_to(upstream, stream=stream))
        try:
            while answer.reader and await answer.reader.read():
                pass
        finally:
            if answer.reader:
                await answer.reader.close()

    async def scenario() -> None:
        task = asyncio.create_task(one())
        assert await until(AsyncIO(transport), lambda: len(upstream.requests) == 1)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await until(AsyncIO(transport), upstream.closed_early.is_set)
        assert (await transport.send(call_to(upstream))).status == 200
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario(), debug=True)


def test_calls_wait_for_a_connection_instead_of_failing(upstream: Upstream) -> None:
    """Where the pool is smaller than the demand."""
    upstream.respond = lambda _: OK

    async def scenario() -> None:
        async with httpx2.AsyncClient(limits=httpx2.Limits(max_connections=2)) as client:
            transport = AsyncHttpx2(client)
            replies = await asyncio.gather(*(transport.send(call_to(upstream)) for _ in range(40)))
            assert {reply.status for reply in replies} == {200}

    asyncio.run(scenario(), debug=True)
    assert upstream.accepted == 2


@pytest.mark.parametrize(("module", "kind"), [("httpx2", "BlockingHttpx2"), ("pool", "BlockingPool")])
def test_ctrl_c_ends_a_blocking_call(upstream: Upstream, module: str, kind: str) -> None:
    """At once, and the connection with it."""

    def interrupt(received: Received) -> Respond:
        os.kill(int(received.body), signal.SIGINT)
        return Respond(json={}, delay=30)

    upstream.respond = interrupt
    done = run_script(
        f"""
        import os, signal
        from muxi_llm.transport.{module} import {kind}
        from muxi_llm.wire.base import WireCall

        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
        try:
            {kind}().send(WireCall(os.environ["OPENAI_BASE_URL"], {{}}, b"%d" % os.getpid()))
        except KeyboardInterrupt:
            print("interrupted")
        """,
        upstream,
    )
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
    assert upstream.closed_early.wait(patience.PATIENCE)


def test_a_legacy_httpx_client_works(upstream: Upstream) -> None:
    """Where the openai package accepts one, so do we."""
    httpx = pytest.importorskip("httpx")
    upstream.script = [OK, OPEN, Respond(json={"a": "b"}, cut=True)]
    with httpx.Client(follow_redirects=True) as client:
        transport = BlockingHttpx2(client)
        assert transport.send(call_to(upstream)).status == 200
        reply = transport.send(call_to(upstream, stream=True))
        assert reply.reader is not None
        assert run_sync(reply.reader.read()) == b"a"
        run_sync(reply.reader.close())
        with pytest.raises(TransportError, match="RemoteProtocolError"):
            transport.send(call_to(upstream))
