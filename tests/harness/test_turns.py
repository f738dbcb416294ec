"""Processes that want the same new answer, over a real Redis: one of them asks."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import muxi_llm
from muxi_llm import ChatCompletion, harness
from muxi_llm.core.step import run_sync
from muxi_llm.harness.redis_tier import RedisTier
from muxi_llm.harness.turns import in_turn
from muxi_llm.transport.ports import BlockingIO
from muxi_llm.transport.scripted import Answer, Scripted
from tests.support.bodies import HELLO, chat
from tests.support.patience import LIFETIME, PATIENCE
from tests.support.redis_server import RedisServer
from tests.support.upstream import Respond, Upstream

IO: Any = BlockingIO(None)  # type: ignore[arg-type]  # nothing is sent here


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def tier(server: RedisServer) -> Iterator[RedisTier]:
    tier = RedisTier(server.url, budget=PATIENCE)
    yield tier
    tier.close()


def patient(server: RedisServer) -> str:
    """Its address, for whom a busy machine is no trouble of Redis's."""
    return f"{server.url}?socket_timeout={PATIENCE}&socket_connect_timeout={PATIENCE}"


ASKING = {
    "sync": "print(C.create('openai/m', HELLO).choices[0].message.content)",
    "async": "print(asyncio.run(C.acreate('openai/m', HELLO)).choices[0].message.content)",
    "failing": "try: C.create('openai/m', HELLO)\nexcept muxi_llm.BadRequestError: print('failed')",
}


def others(server: RedisServer, upstream: Upstream, faces: tuple[str, ...]) -> list[str]:
    """What processes are told that ask at the same time, one for each face."""
    begin = (
        "import asyncio, sys, muxi_llm\n"
        "from muxi_llm import ChatCompletion as C\n"
        "from tests.support.bodies import HELLO\n"
        "muxi_llm.harness.configure(cache='redis', singleflight=True)\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
    )
    environment = {
        **os.environ,
        "REDIS_URL": patient(server),
        "OPENAI_API_KEY": "sk-1",
        "OPENAI_BASE_URL": upstream.url,
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-c", begin + ASKING[face]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        for face in faces
    ]
    for each in started:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    return [each.communicate(timeout=LIFETIME)[0] for each in started]


def test_processes_make_one_request(server: RedisServer, upstream: Upstream) -> None:
    """And leave no lock, though they end right after it."""
    faces = "sync", "async"
    upstream.respond = lambda _: Respond(json=chat("once"), delay=1.0)
    assert others(server, upstream, faces) == ["once\n"] * len(faces)
    assert len(upstream.requests) == 1
    assert server.client.keys("muxi-llm:lock:*") == []


def test_a_process_that_failed_leaves_no_lock(server: RedisServer, upstream: Upstream) -> None:
    """Though it ends right after that: the others would wait for half a minute."""
    upstream.respond = lambda _: Respond(status=400, json={"error": {"message": "no"}})
    assert others(server, upstream, ("failing",)) == ["failed\n"]
    assert server.client.keys("muxi-llm:lock:*") == []


# ------------------------------------------------------------------------------------ one process


async def never() -> Any:
    raise AssertionError("it was to wait for the other's")


def answering(value: str) -> Callable[[], Any]:
    async def work() -> str:
        return value

    return work


def test_whoever_waits_gets_what_is_kept_and_else_asks(server: RedisServer, tier: RedisTier) -> None:
    for kept, expected in (("kept", "kept"), (None, "asked")):
        server.client.set("muxi-llm:lock:k", "another", px=150)
        work = never if kept else answering("asked")
        assert run_sync(in_turn(IO, tier, "k", 60.0, answering(kept), work)) == expected  # type: ignore[arg-type]


def test_nobody_waits_longer_than_the_call_may_take(server: RedisServer, tier: RedisTier) -> None:
    server.client.set("muxi-llm:lock:k", "another")
    started = time.monotonic()
    assert run_sync(in_turn(IO, tier, "k", 0.2, never, answering("asked"))) == "asked"
    assert time.monotonic() - started >= 0.2
    assert server.client.get("muxi-llm:lock:k") == "another"


def test_a_failure_lets_go(server: RedisServer, tier: RedisTier) -> None:
    async def fails() -> Any:
        assert 0 < server.client.pttl("muxi-llm:lock:k") <= 5000
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run_sync(in_turn(IO, tier, "k", 5.0, never, fails))
    tier.close()
    assert server.client.get("muxi-llm:lock:k") is None


def test_a_lock_that_ran_out_is_anothers_now(server: RedisServer, tier: RedisTier) -> None:
    """And is left to it."""

    async def slow() -> str:
        server.client.set("muxi-llm:lock:k", "another")
        return "late"

    assert run_sync(in_turn(IO, tier, "k", 5.0, never, slow)) == "late"
    tier.close()
    assert server.client.get("muxi-llm:lock:k") == "another"


def test_redis_in_trouble_holds_up_nobody(server: RedisServer) -> None:
    """Before, and while somebody waits."""
    tier = RedisTier("redis://127.0.0.1:1/0")
    for _ in range(2):
        assert run_sync(in_turn(IO, tier, "k", PATIENCE, never, answering("asked"))) == "asked"
    tier.close()
    tier = RedisTier(server.url, budget=PATIENCE)
    server.client.set("muxi-llm:lock:k", "another")

    class Killing(BlockingIO):
        async def sleep(self, seconds: float) -> None:
            server.kill()

    lost: Any = Killing(None)  # type: ignore[arg-type]
    recalled = answering(None)  # type: ignore[arg-type]
    assert run_sync(in_turn(lost, tier, "k", PATIENCE, recalled, answering("asked"))) == "asked"
    tier.close()


def test_a_sync_call_in_an_event_loop_waits_for_nobody(server: RedisServer, tier: RedisTier) -> None:
    """Whoever has the lock may be on that very loop."""
    server.client.set("muxi-llm:lock:k", "another")

    async def main() -> Any:
        return run_sync(in_turn(IO, tier, "k", PATIENCE, never, answering("asked")))

    assert asyncio.run(main()) == "asked"


def test_a_deadline_counts_from_where_the_call_began(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was spent on waiting for another is no longer there for asking."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    harness.configure(cache="redis", singleflight=True, redis_url=patient(server))
    monkeypatch.setattr(RedisTier, "lock", lambda *_: False)
    monkeypatch.setattr(RedisTier, "is_locked", lambda *_: True)
    port = Scripted(Answer(json=chat("Hi"), delay=1.0))
    with muxi_llm.runtime.using(port), pytest.raises(muxi_llm.errors.APITimeoutError):
        ChatCompletion.create("openai/m", HELLO, fallback_config={"deadline": 2.0})
    assert sum(port.slept) == pytest.approx(2.0)
