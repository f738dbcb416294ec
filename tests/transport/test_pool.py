"""What is the pool's alone: which connection a call gets, and when it steps aside for httpx2."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpcore2
import httpx2
import pytest
import vcr
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from muxi_llm.core.port import IO, TransportError
from muxi_llm.transport import shelf
from muxi_llm.transport.direct import AsyncDirect
from muxi_llm.transport.pool import AsyncPool, BlockingPool
from muxi_llm.transport.requests import Target, target_of
from muxi_llm.transport.shelf import Shelf
from muxi_llm.transport.untouched import WATCHED, is_untouched
from muxi_llm.wire.base import WireCall
from tests.support.rude import Rude
from tests.support.upstream import Received, Respond, Upstream
from tests.transport.conftest import Wired, call_to, until

OK = Respond(json={})


@pytest.fixture(params=["sync", "async"])
def pooled(request: pytest.FixtureRequest) -> Wired:
    """The pool in each colour."""
    return Wired("pool", request.param)


@pytest.fixture(params=["pool-sync", "pool-async", "direct-async"])
def shelved(request: pytest.FixtureRequest) -> Wired:
    """Who keeps connections on our shelf."""
    return Wired(*request.param.split("-"))


# --------------------------------------------------------------------------------- stale connections


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_a_connection_closed_as_the_request_comes_is_replaced(
    shelved: Wired, upstream: Upstream, method: str
) -> None:
    """Where the request may be sent twice: nobody can tell whether the server had begun to work on it."""
    replies: Iterator[Callable[[], object]] = iter([lambda: 0, upstream.hang_up, lambda: 0])
    upstream.respond = lambda _: (next(replies)() and OK) or OK

    async def scenario(io: IO) -> int:
        assert (await io.send(call_to(upstream))).status == 200
        try:
            return (await io.send(call_to(upstream, body=b"", method=method))).status
        except TransportError:
            return 0

    is_sent_again = method != "POST"
    assert shelved.run(scenario) == (200 if is_sent_again else 0)
    assert [request.method for request in upstream.requests] == [
        "POST",
        *[method] * (2 if is_sent_again else 1),
    ]
    assert upstream.accepted == (2 if is_sent_again else 1)


def test_a_connection_that_was_closed_before_is_replaced(shelved: Wired, upstream: Upstream) -> None:
    """Whatever is asked: nothing was sent yet."""
    upstream.respond = lambda _: OK

    async def scenario(io: IO) -> None:
        assert (await io.send(call_to(upstream))).status == 200
        upstream.hang_up()
        assert await until(io, lambda: upstream.connections == 0)
        assert (await io.send(call_to(upstream, body=b"again"))).status == 200

    shelved.run(scenario)
    assert [request.body for request in upstream.requests] == [b"{}", b"again"]


def test_a_new_connection_that_is_closed_is_a_failure(shelved: Wired, upstream: Upstream) -> None:
    """The plan's to try again, not the pool's."""
    upstream.respond = lambda _: upstream.hang_up() or OK
    with pytest.raises(TransportError):
        shelved.send(call_to(upstream))
    assert len(upstream.requests) == 1


def test_half_an_answer_is_not_asked_for_again(shelved: Wired) -> None:
    """A byte of it was paid for."""
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    said = iter([[whole], [b"HTTP/1.1 100 Continue\r\n\r\n", 0.05, "hang up"], [whole]])

    def say() -> Any:
        for piece in next(said):
            if piece == "hang up":
                raise OSError
            yield piece

    with Rude(say) as server:

        async def scenario(io: IO) -> None:
            call = WireCall(server.url, {}, b"{}")
            assert (await io.send(call)).status == 200
            with pytest.raises(TransportError):
                await io.send(call)

        shelved.run(scenario)
        assert server.accepted == 1


# -------------------------------------------------------------------------------------------- limits


def test_more_calls_than_connections_wait_for_one(
    shelved: Wired, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However they come, each is answered."""
    monkeypatch.setattr(shelf, "MOST", 2)
    upstream.respond = lambda received: Respond(body=received.body, delay=0.005)
    bodies = [b"%d" % number for number in range(30)]
    if shelved.colour == "async":

        async def all_at_once() -> list[bytes]:
            pool = shelved.kind()
            calls = [pool.send(call_to(upstream, body=body)) for body in bodies]
            return [reply.content for reply in await asyncio.gather(*calls)]

        assert asyncio.run(all_at_once()) == bodies
    else:
        pool, got = BlockingPool(), set()
        threads = [
            threading.Thread(target=lambda b=body: got.add(pool.send(call_to(upstream, body=b)).content))
            for body in bodies
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert got == set(bodies)
        pool.close()
    assert upstream.accepted == 2


def test_waiting_for_a_connection_is_a_calls_time(
    shelved: Wired, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who gave up is not in the others' way."""
    monkeypatch.setattr(shelf, "MOST", 1)
    upstream.script = [Respond(chunks=[b"a", 30.0]), OK]

    async def scenario(io: IO) -> None:
        held = await io.send(call_to(upstream, stream=True))
        with pytest.raises(TransportError) as caught:
            await io.send(call_to(upstream, timeout=0.1))
        assert caught.value.timeout
        await held.reader.close()
        assert (await io.send(call_to(upstream))).status == 200

    shelved.run(scenario)


@pytest.mark.parametrize("kind", [AsyncPool, AsyncDirect])
def test_a_cancelled_waiter_leaves_its_turn_to_the_next(
    kind: type, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "MOST", 1)
    upstream.respond = lambda _: OK

    async def scenario() -> None:
        pool = kind()
        upstream.script = [Respond(chunks=[b"a", 30.0])]
        held = await pool.send(call_to(upstream, stream=True))
        first, second = (asyncio.create_task(pool.send(call_to(upstream))) for _ in range(2))
        await asyncio.sleep(0.01)
        await held.reader.close()
        first.cancel()
        assert (await second).status == 200

    asyncio.run(scenario(), debug=True)


def test_an_idle_connection_grows_old(
    shelved: Wired, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the next call goes somewhere else."""
    upstream.respond = lambda _: OK
    with Upstream(lambda _: OK) as other:

        async def scenario(io: IO) -> None:
            await io.send(call_to(upstream))
            monkeypatch.setattr(shelf, "IDLE_SECONDS", 0.0)
            await io.send(call_to(other))
            assert await until(io, lambda: upstream.connections == 0)

        shelved.run(scenario)


class Connection:
    """As much of a connection as the shelf asks."""

    def __init__(self) -> None:
        self.idle = True
        self.expired = False
        self.closed = False

    def is_available(self) -> bool:
        return self.idle

    def has_expired(self) -> bool:
        return self.expired


class ShelfLaws(RuleBasedStateMachine):
    """Whatever happens: none is handed out twice or lost, and there are no more than there may be."""

    def __init__(self) -> None:
        super().__init__()
        self.targets = [
            target for n in range(3) if (target := target_of(f"http://host{n}.test/")) is not None
        ]
        self.shelf = Shelf(lambda _: Connection())
        self.used: list[tuple[Target, Connection]] = []
        self.put_back: list[Connection] = []
        self.turn = 0

    @rule()
    def take(self) -> None:
        self.turn += 1
        target = self.targets[self.turn % 3]
        connection, is_used = self.shelf.take(target)
        if connection is None:
            assert len(self.used) == shelf.MOST
            return
        assert all(connection is not other for _, other in self.used)
        assert is_used == any(connection is old for old in self.put_back)
        assert not connection.expired
        self.used.append((target, connection))

    @rule()
    def give_back(self) -> None:
        if self.used:
            target, connection = self.used.pop(0)
            self.put_back.append(connection)
            self.shelf.give(target, connection)

    @rule()
    def break_off(self) -> None:
        if self.used:
            target, connection = self.used.pop()
            connection.idle = False
            self.shelf.give(target, connection)

    @rule()
    def server_hangs_up(self) -> None:
        for connection in self.put_back[-2:]:
            connection.expired = all(connection is not other for _, other in self.used)

    @rule()
    def sweep(self) -> None:
        for connection in self.shelf.stale():
            assert not connection.closed
            connection.closed = True

    @invariant()
    def counted(self) -> None:
        assert self.shelf._count == len(self.used) + len(self.shelf._row)
        assert sorted(map(id, self.shelf._row)) == sorted(
            id(connection) for stack in self.shelf._stacks.values() for connection in stack
        )


ShelfLaws.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestShelf = ShelfLaws.TestCase


# -------------------------------------------------------------------------------------- stepping aside


def wrapped(function: Any, seen: list[str]) -> Any:
    """As tracers wrap: to all appearance the function itself."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        seen.append(function.__name__)
        return function(*args, **kwargs)

    return wrapper


TRACED = [entry for entry in WATCHED if entry[2] in {"send", "handle_request", "handle_async_request"}]


@pytest.mark.parametrize(("module", "kind", "name"), TRACED, ids=[f"{k}.{n}" for _, k, n in TRACED])
def test_what_wraps_a_function_of_httpx2s_is_asked(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, module: Any, kind: str, name: str
) -> None:
    """While it is there, and not afterwards."""
    upstream.respond = lambda _: OK
    pooled = Wired("pool", "async" if "sync" in (kind + name).lower() else "sync")
    seen: list[str] = []

    async def scenario(io: IO) -> None:
        await io.send(call_to(upstream))
        assert is_untouched()
        with monkeypatch.context() as patched:
            holder = getattr(module, kind)
            patched.setattr(holder, name, wrapped(getattr(holder, name), seen))
            assert (await io.send(call_to(upstream))).status == 200
            assert seen == [name]
        await io.send(call_to(upstream))
        assert seen == [name]

    pooled.run(scenario)


def test_a_mock_in_place_before_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes out."""
    answer = httpx2.Response(200, json={"mocked": True})
    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", lambda self, request: answer)
    call = WireCall("http://provider.test/", {}, b"{}")
    assert BlockingPool().send(call).content == b'{"mocked":true}'


def test_a_class_in_the_place_of_httpx2s(monkeypatch: pytest.MonkeyPatch, upstream: Upstream) -> None:
    """Is taken for what it is, an heir too."""
    upstream.respond = lambda _: OK
    made: list[object] = []

    class Client(httpx2.Client):
        def __init__(self, **options: Any) -> None:
            made.append(self)
            super().__init__(**options)

    monkeypatch.setattr(httpx2, "Client", Client)
    pool = BlockingPool()
    assert pool.send(call_to(upstream)).status == 200
    assert len(made) == 1
    pool.close()


def test_a_cassette_is_recorded_and_played(pooled: Wired, upstream: Upstream, tmp_path: Path) -> None:
    """As with httpx2 itself."""
    upstream.script = [Respond(json={"take": 1})]
    for _ in range(2):
        with vcr.use_cassette(str(tmp_path / "take.yaml")) as cassette:
            assert pooled.send(call_to(upstream)).content == b'{"take": 1}'
    assert cassette.play_count == 1
    assert len(upstream.requests) == 1


def test_a_users_name_in_the_url(pooled: Wired, upstream: Upstream) -> None:
    """Is sent as httpx2 sends it."""
    upstream.respond = lambda _: OK
    pooled.send(WireCall(upstream.url.replace("//", "//me:pw@"), {}, b"{}"))
    assert upstream.requests[0].headers["authorization"] == "Basic bWU6cHc="


def test_all_that_is_watched_is_there() -> None:
    """A release of httpx2 that moves one would switch the pool off for good."""
    assert is_untouched()
    assert {module for module, _, _ in WATCHED} == {httpx2, httpcore2}


def test_a_request_is_the_one_httpx2_makes(upstream: Upstream) -> None:
    """The same headers with the same values."""
    seen: list[Received] = []
    upstream.respond = lambda received: seen.append(received) or OK
    for name in ("pool", "httpx2"):
        for method, body in (("POST", b"{}"), ("POST", b""), ("GET", b"")):
            call = call_to(upstream, "/v1/\u00e9?q=a b", method=method, body=body)
            Wired(name, "sync").send(call)
    assert [(r.method, r.path, r.headers, r.body) for r in seen[:3]] == [
        (r.method, r.path, r.headers, r.body) for r in seen[3:]
    ]
