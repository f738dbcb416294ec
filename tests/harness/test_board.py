"""Open breakers that other processes see, over a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import muxi_llm
from muxi_llm import ChatCompletion, harness
from muxi_llm.core.step import run_sync
from muxi_llm.errors import CircuitOpenError, InternalServerError
from muxi_llm.harness.board import EVERY, LATER, Board
from muxi_llm.harness.breaker import Breaker, CircuitBreaker
from muxi_llm.harness.making import SHARED
from muxi_llm.harness.places import Place
from muxi_llm.harness.redis_tier import RedisTier
from muxi_llm.transport.scripted import Answer, Scripted
from tests.conftest import Driver
from tests.support.bodies import HELLO, chat
from tests.support.patience import PATIENCE, until
from tests.support.redis_server import RedisServer

BROKEN = Answer(status=500, json={})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    with RedisServer() as server:
        yield server


def configured(server: RedisServer) -> None:
    patient = f"{server.url}?socket_timeout={PATIENCE}&socket_connect_timeout={PATIENCE}"
    rule = Breaker(calls=2, cooldown=60)
    harness.configure(breaker=rule, breaker_shared=True, redis_url=patient, retry_budget=None)


def asked(driver: Driver, port: Scripted, model: str = "openai/m") -> Any:
    with muxi_llm.runtime.using(port):
        return driver.create(ChatCompletion, model=model, messages=HELLO, retries=0)


def test_what_one_process_found_out_another_knows(server: RedisServer, driver: Driver) -> None:
    """Of that model alone, for what is left of the cool-down; no place is named in Redis."""
    configured(server)
    for _ in range(2):
        with pytest.raises(InternalServerError):
            asked(driver, Scripted(BROKEN))
    key = until(lambda: server.client.keys("muxi-llm:open:*"))[0]
    assert "openai" not in key
    assert 0 < server.client.pttl(key) <= 72_000
    harness.reset()  # as in a process that has asked nobody yet
    with pytest.raises(CircuitOpenError) as caught:
        asked(driver, Scripted())
    assert 0 < caught.value.retry_after <= 72 * (1 + LATER)
    assert asked(driver, Scripted(Answer(json=chat("Hi"))), "openai/other").choices


def test_who_finds_it_well_takes_back_what_others_said(server: RedisServer, driver: Driver) -> None:
    """Whoever said it would be longer: else it was to open anew a second after it has closed."""
    configured(server)
    rule = Breaker(in_a_row=1, cooldown=5.0)
    harness.configure(breaker=rule, breaker_shared=True, redis_url=harness.settings().redis_url)  # type: ignore[union-attr]
    port = Scripted(BROKEN, *[Answer(json=chat("Hi"))] * 2)
    with pytest.raises(InternalServerError):
        asked(driver, port)
    key = until(lambda: server.client.keys("muxi-llm:open:*"))[0]
    server.client.set(key, 1, px=60_000)  # another process has a longer cool-down
    port.pause(6.0, 60.0)
    assert asked(driver, port).choices
    until(lambda: not server.client.exists(key))
    port.pause(2 * EVERY, 60.0)
    assert asked(driver, port).choices


def test_a_redis_in_trouble_says_nothing(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    harness.configure(breaker=2, breaker_shared=True, redis_url="redis://127.0.0.1:1/0")
    assert asked(driver, Scripted(Answer(json=chat("Hi")))).choices


def test_it_is_looked_for_once_in_a_while_and_only_while_closed(server: RedisServer) -> None:
    tier = RedisTier(server.url, budget=PATIENCE)
    board, place, breaker, io = Board(tier), Place("p", "u", "m"), CircuitBreaker(), Scripted()

    def seen() -> bool:
        return run_sync(board.look(io, place, breaker))

    assert not seen()
    board.tell(place, 30.0)
    tier.flush()
    assert not seen()
    run_sync(io.sleep(EVERY))
    assert seen()
    assert breaker.state(io.now()) == "open"
    run_sync(io.sleep(EVERY))
    assert not seen()
    run_sync(io.sleep(40.0))
    assert breaker.state(io.now()) == "half-open"
    tier.close()


def test_it_needs_a_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    with pytest.raises(ValueError, match="redis_url"):
        harness.configure(breaker=True, breaker_shared=True)
    assert not SHARED.redis.get("")
