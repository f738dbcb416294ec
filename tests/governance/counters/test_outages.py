"""What several processes count together survives whatever happens to where they count."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from muxi_llm.governance.counters.redis_store import BASE, RedisStore
from muxi_llm.governance.counters.shared import SharedCounters
from muxi_llm.governance.counters.sqlite_store import SqliteStore
from muxi_llm.governance.limits import Demand, Limit
from tests.support.patience import in_time
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from muxi_llm.governance.counters.shared import Store

pytestmark = pytest.mark.anyio

RPM = Limit("key", "k", "rpm", "", 1000)
TPM = Limit("team", "t", "tpm", "", 100_000)
PARALLEL = Limit("organization", "o", "parallel", "", 100)
ASKED = Demand((RPM, TPM, PARALLEL), 10)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as one:
        yield one


Begin = "Callable[[Callable[[], Store]], SharedCounters]"


@pytest.fixture
def begin() -> Iterator[Callable[[Callable[[], Store]], SharedCounters]]:
    begun: list[SharedCounters] = []

    def another(open_store: Callable[[], Store]) -> SharedCounters:
        counters = SharedCounters(open_store, failed=lambda: failures.append(1))
        begun.append(counters)
        counters.begin()
        return counters

    failures: list[int] = []
    yield another
    for one in begun:
        one.end()


def at(server: RedisServer, more: str = "") -> Callable[[], Store]:
    return lambda: RedisStore(server.url + more)


async def spread(counters: SharedCounters, state: str) -> None:
    assert await in_time(lambda: counters.state == state)


async def left(counters: SharedCounters) -> list[int]:
    """What is left of all, and nothing taken."""
    verdict = await counters.take(ASKED)
    counters.undo(ASKED, verdict)
    return [one.left + taken for one, taken in zip(verdict.readings, (1, ASKED.tokens, 1), strict=True)]


async def comes_to(counters: SharedCounters, requests: int, places: int) -> bool:
    """Whether everybody's numbers come to that, no more and no less, and stay so."""
    for _ in range(300):
        if await left(counters) == [RPM.most - requests, TPM.most - 10 * requests, PARALLEL.most - places]:
            return True
        await asyncio.sleep(0.01)
    return False


async def take(counters: SharedCounters, times: int) -> None:
    assert all(one.is_granted for one in await asyncio.gather(*(counters.take(ASKED) for _ in range(times))))


async def test_a_redis_that_is_silent_holds_nobody_up_and_is_told_once(
    server: RedisServer, begin: Callable[[Callable[[], Store]], SharedCounters]
) -> None:
    one, other = begin(at(server)), begin(at(server))
    await spread(one, "shared")
    await take(one, 3)
    await take(other, 2)
    server.pause()
    try:
        await take(one, 4)  # what was asked meanwhile is asked of Redis too, which must not do it any more
        await spread(one, "local-only")
        assert await left(one) == [RPM.most - 7, TPM.most - 70, PARALLEL.most - 7]
        await take(other, 1)
        second = int(time.time())
        assert await in_time(lambda: int(time.time()) > second)  # what came late would be counted in another
    finally:
        server.resume()
    await spread(one, "shared")
    await spread(other, "shared")
    assert await comes_to(begin(at(server, "?socket_timeout=5")), 10, 10)


async def test_a_redis_that_forgot_all_is_told_all(
    server: RedisServer, begin: Callable[[Callable[[], Store]], SharedCounters]
) -> None:
    one, other = begin(at(server)), begin(at(server))
    await take(one, 3)
    await take(other, 2)
    server.kill()
    await take(one, 1)
    await spread(one, "local-only")
    server.start()
    await spread(one, "shared")
    await take(other, 1)
    await spread(other, "shared")
    observer = begin(at(server, "?socket_timeout=5"))
    assert await comes_to(observer, 7, 7)
    server.client.flushall()
    await take(one, 1)  # whoever is heard of again tells everything
    await take(other, 1)
    assert await comes_to(observer, 9, 9)


async def test_one_round_trip_decides_all_limits_of_many(
    server: RedisServer, begin: Callable[[Callable[[], Store]], SharedCounters]
) -> None:
    counters = begin(at(server, "?socket_timeout=5"))
    await take(counters, 1)
    server.client.config_resetstat()
    await take(counters, 50)
    calls = server.client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert 1 <= calls < 10


async def test_the_places_of_a_process_that_died_are_free_again_in_redis(
    server: RedisServer, begin: Callable[[Callable[[], Store]], SharedCounters]
) -> None:
    dead, other = begin(at(server, "?socket_timeout=5")), begin(at(server, "?socket_timeout=5"))
    await take(dead, 3)
    server.client.delete(*server.client.keys(f"{BASE}:process:{dead._process}"))  # its lease is over
    assert await left(other) == [RPM.most - 3, TPM.most - 30, PARALLEL.most]
    await take(dead, 1)  # it was only slow
    assert await comes_to(other, 4, 4)


async def test_the_places_of_a_process_that_died_are_free_again_in_a_file(
    tmp_path: Path, begin: Callable[[Callable[[], Store]], SharedCounters]
) -> None:
    path = str(tmp_path / "limits.sqlite3")
    dead, other = begin(lambda: SqliteStore(path)), begin(lambda: SqliteStore(path))
    await take(dead, 3)
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("UPDATE processes SET until = 0 WHERE process = ?", (dead._process,))
    base.close()
    assert await left(other) == [RPM.most - 3, TPM.most - 30, PARALLEL.most]
    await take(dead, 1)
    assert await comes_to(other, 4, 4)


async def test_a_file_that_cannot_be_is_gone_on_without(
    tmp_path: Path, begin: Callable[[Callable[[], Store]], SharedCounters]
) -> None:
    path = tmp_path / "later" / "limits.sqlite3"
    counters = begin(lambda: SqliteStore(str(path)))
    assert counters.state == "local-only"
    await take(counters, 3)
    path.parent.mkdir()
    await spread(counters, "shared")
    assert await comes_to(begin(lambda: SqliteStore(str(path))), 3, 3)


async def test_what_is_no_redis_of_ours_is_gone_on_without(
    server: RedisServer, begin: Callable[[Callable[[], Store]], SharedCounters]
) -> None:
    server.client.set(f"{BASE}:rpm:key:1:k:", "somebody else's")
    counters = begin(at(server, "?socket_timeout=5"))
    await take(counters, 1)
    assert counters.state == "local-only"
