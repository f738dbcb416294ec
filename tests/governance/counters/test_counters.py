"""One suite for whoever counts: this process, a file that workers share, a Redis that machines share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from muxi_llm.governance.counters.counters import Counters, OwnCounters
from muxi_llm.governance.counters.redis_store import RedisStore
from muxi_llm.governance.counters.shared import SharedCounters
from muxi_llm.governance.counters.sqlite_store import SqliteStore
from muxi_llm.governance.limits import Demand, Limit
from tests.support.length import long
from tests.support.patience import PATIENCE, in_time
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from muxi_llm.governance.limits import Verdict

PATIENT = "?socket_timeout=5"
"""The machine may be busy; the budget is kept where that is what is tested."""

RPM = Limit("key", "k", "rpm", "", 5)
TPM = Limit("team", "t", "tpm", "m*", 100)
PARALLEL = Limit("organization", "o", "parallel", "", 2)

pytestmark = pytest.mark.anyio

Make = Callable[[], Counters]
"""One more process's counters, begun."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as one:
        yield one


@contextmanager
def maker(kind: str, minute: int, path: Path, server: RedisServer) -> Iterator[Make]:
    with ExitStack() as begun:
        own = OwnCounters(minute)

        def make() -> Counters:
            if kind == "own":
                return own
            if kind == "redis":
                store: Callable[[], object] = lambda: RedisStore(server.url + PATIENT, minute)  # noqa: E731
            else:
                store = lambda: SqliteStore(str(path / "limits.sqlite3"), minute)  # noqa: E731
            counters = SharedCounters(store, minute)  # type: ignore[arg-type]
            counters.begin()
            begun.callback(counters.end)
            return counters

        yield make


@pytest.fixture(params=["own", "sqlite", "redis"])
def kind(request: pytest.FixtureRequest, server: RedisServer) -> str:
    server.client.flushall()
    return str(request.param)


@pytest.fixture
def make(kind: str, tmp_path: Path, server: RedisServer) -> Iterator[Make]:
    with maker(kind, 60, tmp_path, server) as made:
        yield made


def left(verdict: Verdict) -> list[int]:
    return [one.left for one in verdict.readings]


async def test_all_are_taken_or_none(make: Make) -> None:
    counters = make()
    first = await counters.take(Demand((RPM, TPM, PARALLEL), 90))
    assert (first.is_granted, left(first)) == (True, [4, 10, 1])
    second = await counters.take(Demand((RPM, TPM, PARALLEL), 20))
    assert (second.is_granted, left(second)) == (False, [4, 10, 1])
    assert [one.wait > 0 for one in second.readings] == [False, True, False]
    assert 59 < second.readings[1].wait < 61.1
    third = await counters.take(Demand((RPM, TPM, PARALLEL), 10))
    assert (third.is_granted, left(third)) == (True, [3, 0, 0])
    fourth = await counters.take(Demand((PARALLEL,)))
    assert (fourth.is_granted, fourth.readings[0].wait) == (False, 1.0)


async def test_what_is_over_gives_back_its_place_and_is_put_right(make: Make) -> None:
    counters, asked = make(), Demand((RPM, TPM, PARALLEL), 60)
    counters.settle(asked, await counters.take(asked), 15)
    assert left(await counters.take(Demand((RPM, TPM, PARALLEL), 5))) == [3, 80, 1]
    more = await counters.take(asked)
    counters.settle(asked, more, 95)  # more than was thought: others wait for it
    assert left(await counters.take(Demand((TPM,), 1))) == [0]


async def test_what_is_undone_has_not_been(make: Make) -> None:
    counters, asked = make(), Demand((RPM, TPM, PARALLEL), 60)
    counters.undo(asked, await counters.take(asked))
    assert left(await counters.take(asked)) == [4, 40, 1]


async def test_nothing_is_asked_of_who_has_no_limits(make: Make) -> None:
    assert (await make().take(Demand(()))).is_granted


async def test_processes_count_together(make: Make) -> None:
    one, other = make(), make()
    asked = Demand((RPM, TPM, PARALLEL), 50)
    first = await one.take(asked)
    assert left(await other.take(asked)) == [3, 0, 0]
    assert not (await one.take(Demand((PARALLEL,)))).is_granted
    one.settle(asked, first, 30)
    assert await in_time_granted(other, Demand((TPM, PARALLEL), 20))
    assert left(await one.take(Demand((TPM,), 1))) == [0]


async def in_time_granted(counters: Counters, asked: Demand) -> bool:
    """Whether it is let on once what another process has given back is known."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if (await counters.take(asked)).is_granted:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_a_minute_later_there_is_room(kind: str, tmp_path: Path, server: RedisServer) -> None:
    with maker(kind, 1, tmp_path, server) as make:
        counters = make()
        assert (await counters.take(Demand((RPM, TPM), 100))).is_granted
        refusal = await counters.take(Demand((RPM, TPM), 1))
        assert not refusal.is_granted
        assert await in_time_granted(counters, Demand((RPM, TPM), 100))


async def test_a_client_that_left_keeps_no_place(make: Make) -> None:
    counters = make()
    asked = Demand((PARALLEL._replace(most=1),))
    waits = asyncio.create_task(counters.take(asked))
    await asyncio.sleep(0)
    waits.cancel()
    await asyncio.wait([waits])
    if not waits.cancelled():  # who counts by itself has answered at once
        counters.settle(asked, waits.result(), 0)
    assert await in_time_granted(counters, asked)


async def test_never_more_within_any_minute_whoever_asks(
    kind: str, tmp_path: Path, server: RedisServer
) -> None:
    """Minutes of a second; four processes, eight askers each, for as long as it takes."""
    asked = Demand((RPM, TPM, PARALLEL), 7)
    made, under_way, most_at_once = list[tuple[float, float]](), 0, 0
    ends = time.monotonic() + long(20, 3)

    async def ask(counters: Counters) -> None:
        nonlocal under_way, most_at_once
        while time.monotonic() < ends:
            before = time.monotonic()
            verdict = await counters.take(asked)
            if verdict.is_granted:
                made.append((before, time.monotonic()))
                under_way += 1
                most_at_once = max(most_at_once, under_way)
                await asyncio.sleep(0.02)
                under_way -= 1
                counters.settle(asked, verdict, 7)
            await asyncio.sleep(0.01)

    with maker(kind, 1, tmp_path, server) as make:
        processes = [make() for _ in range(4)]
        await asyncio.gather(*(ask(one) for one in processes for _ in range(8)))
        assert await in_time(lambda: all(one.state != "local-only" for one in processes))
    assert most_at_once <= PARALLEL.most
    assert len(made) >= 2 * RPM.most
    for first, _ in made:  # surely within a second of each other, however long the answers took
        assert sum(first <= before and after < first + 1 for before, after in made) <= RPM.most
