"""What is pyreqwest's alone: a runtime of its own beside the event loops, and timeouts set on clients."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.core.step import run_sync
from muxi_llm.transport.fast import AsyncFast, BlockingFast, _two_digits
from muxi_llm.transport.ports import AsyncIO
from muxi_llm.transport.staying import import_for_good
from tests.support.length import long
from tests.support.patience import PATIENCE
from tests.support.process import echo, run_script
from tests.support.upstream import Respond, Upstream
from tests.transport.conftest import call_to, until

OK = Respond(json={})
OPEN = Respond(chunks=[b"a", 30.0])


@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_call_ends_at_once_and_its_request_by_its_timeout(
    upstream: Upstream, stream: bool
) -> None:
    """pyreqwest does not give up a request whose head has not come; the timeout does, and nothing else suffers."""
    upstream.script = [Respond(json={}, delay=30), OK]
    transport = AsyncFast()

    async def scenario() -> None:
        task = asyncio.create_task(transport.send(call_to(upstream, stream=stream, timeout=1.0)))
        assert await until(AsyncIO(transport), lambda: len(upstream.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await transport.send(call_to(upstream))).status == 200
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert await until(AsyncIO(transport), upstream.closed_early.is_set)

    asyncio.run(scenario(), debug=True)


def test_cancelling_a_read_leaves_the_stream_closable(upstream: Upstream) -> None:
    """Cancelled between two chunks, then closed: the connection is freed at once."""
    upstream.script = [OPEN]
    transport = AsyncFast()

    async def scenario() -> None:
        reply = await transport.send(call_to(upstream, stream=True))
        assert reply.reader is not None
        assert await reply.reader.read() == b"a"
        task = asyncio.create_task(reply.reader.read())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        reply.reader.abandon()
        assert await until(AsyncIO(transport), upstream.closed_early.is_set)

    asyncio.run(scenario(), debug=True)


@pytest.mark.parametrize("where", ["on another thread", "after its loop"])
def test_a_stream_may_be_abandoned_anywhere(upstream: Upstream, where: str) -> None:
    """Its socket does not belong to the event loop, so closing it needs none."""
    upstream.script = [OPEN]

    async def scenario() -> Any:
        reply = await AsyncFast().send(call_to(upstream, stream=True))
        assert reply.reader is not None
        assert await reply.reader.read() == b"a"
        if where == "on another thread":
            await asyncio.to_thread(reply.reader.abandon)
        return reply.reader

    reader = asyncio.run(scenario(), debug=True)
    if where == "after its loop":
        reader.abandon()
    assert upstream.closed_early.wait(PATIENCE)


def test_one_transport_serves_all_event_loops(upstream: Upstream) -> None:
    """One after the other, mostly on the same connection, and two at once."""
    upstream.respond = lambda received: Respond(body=received.body)
    transport = AsyncFast()
    for _ in range(10):
        assert asyncio.run(transport.send(call_to(upstream, body=b"x")), debug=True).content == b"x"
    assert upstream.accepted < 10  # a thread of its own gives them back, maybe after the next call
    wrong: list[bytes] = []

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
    assert len(upstream.requests) == 50


def test_streams_outlive_their_client_in_the_cache(upstream: Upstream) -> None:
    """Clients for rare timeouts are dropped; streams open on them are not."""
    go = threading.Event()

    def chunks() -> Any:
        yield b"a"
        go.wait(10)
        yield b"b"

    upstream.respond = lambda _: Respond(chunks=chunks())
    transport = BlockingFast()
    readers: list[Any] = [
        transport.send(call_to(upstream, stream=True, timeout=10.0 + number)).reader for number in range(40)
    ]
    assert {run_sync(reader.read()) for reader in readers} == {b"a"}
    go.set()
    assert {run_sync(reader.read()) for reader in readers} == {b"b"}
    assert {run_sync(reader.read()) for reader in readers} == {b""}
    for reader in readers:
        reader.abandon()


@settings(max_examples=long(200, 66), deadline=None)
@given(st.floats(min_value=0.001, max_value=1e7))
def test_a_pause_is_rounded_up_by_a_tenth_at_most(seconds: float) -> None:
    """Never shorter than asked, and always one of 90 values for each power of ten."""
    rounded = _two_digits(seconds)
    assert seconds * (1 - 1e-9) <= rounded <= seconds * 1.1 + 1e-9
    assert float(f"{rounded:.1e}") == pytest.approx(rounded)


@pytest.mark.parametrize(
    ("seconds", "rounded"),
    [(600.0, 600.0), (599.123, 600.0), (0.3, 0.3), (59.2, 60.0), (1.001, 1.1), (0.001, 0.001)],
)
def test_pauses_as_they_are_rounded(seconds: float, rounded: float) -> None:
    """Two digits, up."""
    assert _two_digits(seconds) == pytest.approx(rounded)


FIRST_CALLS = """
    import threading
    import muxi_llm

    def ask():
        hi = [{"role": "user", "content": "Hi"}]
        said.append(muxi_llm.ChatCompletion.create(model="openai/gpt-4", messages=hi).choices[0].message.content)

    said = []
    for _ in range(10):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    print(set(said), len(said))
"""


@pytest.mark.parametrize("transport", ["auto", "fast"])
def test_first_calls_may_be_made_in_threads_that_end(transport: str) -> None:
    """pyreqwest takes the process with it when the thread ends that imported it."""
    with Upstream(echo) as provider:
        done = run_script(FIRST_CALLS, provider, MUXI_LLM_TRANSPORT=transport)
    assert (done.stdout, done.stderr) == ("{'Hi'} 10\n", "")


def test_a_failing_import_fails_where_it_was_asked_for() -> None:
    """Not on the thread that stays."""
    with pytest.raises(ImportError, match="no_such_library"):
        import_for_good("no_such_library")
