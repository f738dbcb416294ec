"""Redis behind the cache, for real: shared, down, killed, paused, full, and back again."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import muxi_llm
from muxi_llm import ChatCompletion, harness
from muxi_llm.core.step import run_sync
from muxi_llm.harness.cache import Hit, MemoryTier, TwoTierCache
from muxi_llm.harness.redis_tier import BUDGET, RedisTier
from muxi_llm.transport.ports import BlockingIO
from muxi_llm.transport.scripted import Answer, Scripted
from tests.conftest import Driver
from tests.support.bodies import HELLO, chat
from tests.support.patience import LIFETIME, PATIENCE, until
from tests.support.redis_server import RedisServer

IO: Any = BlockingIO(None)  # type: ignore[arg-type]  # nothing is sent here
ROOM = 0.1
"""Seconds that whatever is wrong with Redis may add to a call."""

HELD_UP = 100 * ROOM
"""Seconds after which a call was surely held up, however busy the machine."""


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def tier(server: RedisServer) -> Iterator[RedisTier]:
    """With time to spare: a busy machine is no trouble of Redis's."""
    tier = RedisTier(server.url, budget=PATIENCE)
    yield tier
    tier.close()


def cache_over(tier: RedisTier, **wanted: Any) -> TwoTierCache:
    """A cache with a memory of its own, as another process has."""
    return TwoTierCache("redis", redis=tier, **wanted)


def found(cache: TwoTierCache, key: str = "k") -> Hit | None:
    return run_sync(cache.find(IO, key))


def took(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.monotonic()
    value = work()
    return value, time.monotonic() - started


def test_entries_are_llmixs(server: RedisServer, tier: RedisTier) -> None:
    """Text and time as JSON, with Redis's own expiry."""
    cache_over(tier).keep("k", "é", IO.now(), ttl=60)
    entry = json.loads(until(lambda: server.client.get("k")))
    assert entry["data"] == "é"
    assert abs(entry["cached_at"] - time.time()) < 5
    assert 55 < server.client.ttl("k") <= 60


def test_another_process_finds_what_was_kept(server: RedisServer, tier: RedisTier) -> None:
    """First in Redis, then in its own memory."""
    cache_over(tier).keep("k", "v", IO.now())
    until(lambda: server.client.get("k"))
    other = cache_over(tier)
    assert found(other) == Hit("v", "l2")
    server.client.delete("k")
    assert found(other) == Hit("v", "l1")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"data":"v","cached_at":%d}', "v"),
        ('{"data":"v","cachedAt":%d000}', "v"),
        ('{"data":"v"}', "v"),
        ('{"data":"v","cached_at":"soon"}', "v"),
        ('{"data":{"v":1},"cached_at":%d}', None),
        ('{"data":"v","cached_at":1}', None),
        ("[]", None),
        ("nonsense", None),
    ],
    ids=["ours", "javascript's", "no time", "no number", "no text", "too old", "no entry", "no JSON"],
)
def test_entries_of_others(server: RedisServer, tier: RedisTier, raw: str, expected: str | None) -> None:
    server.client.set("k", raw.replace("%d", str(int(time.time()))))
    hit = found(cache_over(tier))
    assert (hit and hit.text) == expected


def test_an_entry_is_good_for_its_own_time_in_memory_too(server: RedisServer, tier: RedisTier) -> None:
    server.client.set("k", json.dumps({"data": "v", "cached_at": time.time() - 1800}))
    cache = cache_over(tier, ttl=3600.0)
    assert found(cache) == Hit("v", "l2")
    server.client.delete("k")
    assert found(cache) == Hit("v", "l1")

    class Later(BlockingIO):
        """When the entry's own hour is over, half an hour after it was found."""

        now = staticmethod(lambda: time.monotonic() + 1801)

    assert run_sync(cache.find(Later(None), "k")) is None  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------ in trouble


def test_redis_that_is_not_there_costs_next_to_nothing() -> None:
    """One try, then it is left alone for a while."""
    tier = RedisTier("redis://127.0.0.1:1/0")
    cache = cache_over(tier)
    for _ in range(3):
        hit, seconds = took(lambda: found(cache))
        assert hit is None
        assert seconds < HELD_UP
        cache.keep("k", "v", IO.now())
        assert found(cache) == Hit("v", "l1")
        cache.memory.clear()
    assert tier.state == "resting"
    assert not tier.is_worth_asking()
    tier.close()


@pytest.mark.parametrize("trouble", ["kill", "pause"])
def test_redis_gone_in_the_middle_is_a_miss_and_comes_back(server: RedisServer, trouble: str) -> None:
    """Killed, or stopped with its connections open: in time, and nothing wrong is served."""
    tier = RedisTier(server.url, budget=HELD_UP / 10, rest=0.1)
    writer, reader = cache_over(tier), cache_over(tier)
    writer.keep("k", "v", IO.now())
    until(lambda: server.client.get("k"))
    assert found(reader) == Hit("v", "l2")
    reader.memory.clear()
    getattr(server, trouble)()
    for _ in range(5):
        hit, seconds = took(lambda: found(reader))
        assert hit is None
        assert seconds < HELD_UP
    assert tier.state == "resting"
    server.start() if trouble == "kill" else server.resume()

    def works_again() -> Hit | None:
        writer.keep("k", "new", IO.now())
        reader.memory.clear()
        time.sleep(0.02)
        return found(reader)

    assert until(works_again).text in {"v", "new"}
    until(lambda: tier.state == "up")
    writer.keep("k", "newest", IO.now())
    until(lambda: "newest" in str(server.client.get("k")))
    reader.memory.clear()
    assert found(reader) == Hit("newest", "l2")
    tier.close()


def test_a_full_redis_is_still_asked(server: RedisServer, tier: RedisTier) -> None:
    """It refuses to write, and answers what it has."""
    cache_over(tier).keep("k", "v", IO.now())
    until(lambda: server.client.get("k"))
    server.client.config_set("maxmemory", "1")
    server.client.config_set("maxmemory-policy", "noeviction")
    cache = cache_over(tier)
    cache.keep("more", "v", IO.now())
    tier.close()
    assert tier.state == "up"
    assert found(cache) == Hit("v", "l2")
    assert found(cache, "more") == Hit("v", "l1")
    server.client.config_set("maxmemory", "0")


def test_many_threads_on_a_paused_redis_are_held_up_once(server: RedisServer) -> None:
    """Not one after the other."""
    tier = RedisTier(server.url, budget=HELD_UP / 10, rest=0.1)
    assert tier.find("k", 60) is None
    server.pause()
    times: list[float] = []
    threads = [
        threading.Thread(target=lambda: times.append(took(lambda: found(cache_over(tier)))[1]))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.resume()
    assert max(times) < HELD_UP
    tier.close()


def test_a_try_that_never_came_back_is_not_the_last() -> None:
    """Redis is asked again after another rest."""
    tier = RedisTier("redis://127.0.0.1:1/0")
    tier.find("k", 60)
    tier._until = 0.0
    assert tier.is_worth_asking()
    assert not tier.is_worth_asking()
    tier._until = 0.0
    assert tier.is_worth_asking()
    tier.close()


def test_writes_that_cannot_keep_up_are_dropped(server: RedisServer) -> None:
    """A backlog is bounded; what is written is whole."""
    tier = RedisTier(server.url, budget=5.0, backlog=3)
    server.pause()
    for number in range(50):
        tier.keep(f"k{number}", "v", 60)
    server.resume()
    tier.close()
    assert 1 <= server.client.dbsize() <= 5


def test_at_the_interpreters_end_a_write_is_dropped() -> None:
    """No thread begins any more then; the call, in somebody's `atexit`, goes on."""
    program = (
        "import atexit, concurrent.futures.thread, muxi_llm.harness.redis_tier as r\n"
        "tier = r.RedisTier('redis://127.0.0.1:1', backlog=1)\n"
        "atexit.register(lambda: print(tier.keep('k', 'v', 1.0), tier._backlog.acquire(blocking=False)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("None True\n", "")


def test_a_tier_can_be_used_after_it_was_closed_and_after_a_fork(
    server: RedisServer, tier: RedisTier
) -> None:
    tier.keep("before", "v", 60)
    tier.close()
    pid = os.fork()
    if pid == 0:
        try:
            tier.keep("child", "v", 60)
            tier.close()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    tier.keep("parent", "v", 60)
    tier.close()
    assert set(server.client.keys()) == {"before", "child", "parent"}


# ----------------------------------------------------------------------------------- hostile ones


def dripping(said: socket.socket) -> None:
    said.settimeout(5)
    with contextlib.suppress(OSError):
        for _ in range(100):
            said.sendall(b"$")
            time.sleep(0.05)


HOSTILE: dict[str, Callable[[socket.socket], object]] = {
    "nested": lambda said: said.sendall(b"*1\r\n" * 100_000),
    "wrong numbers": lambda said: said.sendall(b"*x\r\n:y\r\n$z\r\n"),
    "an integer": lambda said: said.sendall(b":5\r\n" * 9),
    "lists": lambda said: said.sendall(b"*2\r\n+a\r\n:1\r\n" * 9),
    "HTTP": lambda said: said.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "no UTF-8": lambda said: said.sendall(b"$2\r\n\xff\xff\r\n" * 9),
    "endless": lambda said: said.sendall(b"$9999999999\r\n" + b"x" * 1_000_000),
    "drips": dripping,
}


@pytest.mark.parametrize("trouble", HOSTILE)
def test_whatever_it_says_is_a_miss(trouble: str) -> None:
    """Within the budget, and without an error."""

    class Talker(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                while self.request.recv(65536):
                    HOSTILE[trouble](self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talker) as listening:
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        tier = RedisTier(f"redis://127.0.0.1:{listening.server_address[1]}/0", rest=0.01)
        for _ in range(3):
            hit, seconds = took(lambda: found(cache_over(tier)))
            assert hit is None
            assert seconds < HELD_UP
            tier.keep("k", "v", 60)
            time.sleep(0.02)
        tier.close()
        listening.shutdown()


def test_an_entry_too_large_to_be_one_is_a_miss(
    server: RedisServer, tier: RedisTier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muxi_llm.harness.redis_tier.LARGEST", 1000)
    for length, is_found in ((900, True), (2000, False)):
        server.client.set("k", json.dumps({"data": "x" * length}))
        assert (found(cache_over(tier)) is not None) == is_found


def test_an_entry_of_another_kind_is_a_miss(server: RedisServer, tier: RedisTier) -> None:
    """And no reason to leave Redis alone."""
    server.client.rpush("k", "v")
    assert (found(cache_over(tier)), tier.state) == (None, "up")


# ------------------------------------------------------------------------------------ whole calls


def test_two_processes_share_answers(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one has been told, the other need not ask: with the same key, or for the same tenant."""
    program = (
        "import muxi_llm, time, sys\n"
        "from muxi_llm.transport.scripted import Answer, Scripted\n"
        "from tests.support.bodies import HELLO, chat\n"
        "muxi_llm.openai_api_key = 'sk-1'\n"
        "with muxi_llm.runtime.using(Scripted(Answer(json=chat('from one process')))):\n"
        "    muxi_llm.ChatCompletion.create('openai/m', HELLO, cache='redis')\n"
        "from muxi_llm.harness import making\n"
        "[tier.close() for tier in making.SHARED.redis.values()]\n"
    )
    patient = f"{server.url}?socket_timeout={PATIENCE}&socket_connect_timeout={PATIENCE}"
    environment = {**os.environ, "REDIS_URL": patient}
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, cwd=root, timeout=LIFETIME)
    monkeypatch.setenv("REDIS_URL", patient)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    with muxi_llm.runtime.using(Scripted()):
        value = ChatCompletion.create("openai/m", HELLO, cache="redis")
    assert (value.choices[0].message.content, value.muxi.cache_hit) == ("from one process", "l2")


def test_calls_go_on_without_redis(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both faces, from the local tier then."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    harness.configure(cache="redis", redis_url="redis://127.0.0.1:1/0")
    with muxi_llm.runtime.using(Scripted(Answer(json=chat("Hi")))):
        first = driver.create(ChatCompletion, model="openai/m", messages=HELLO)
        second = driver.create(ChatCompletion, model="openai/m", messages=HELLO)
    assert (first.muxi.cache_hit, second.muxi.cache_hit) == (None, "l1")


def test_the_budget_leaves_room() -> None:
    """An operation's own limit is below what a call may lose."""
    assert BUDGET < ROOM
    assert MemoryTier().size == 0
