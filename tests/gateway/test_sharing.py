"""Counts that outlive the gateway, and that several of them share, over a real file and a real Redis."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from muxi_llm.routing.deployments import Window
from muxi_llm.routing.facts import Facts
from muxi_llm.routing.router import Rules
from tests.gateway.test_app import saying
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.patience import until
from tests.support.redis_server import RedisServer
from tests.support.speakers.base import Said
from tests.support.upstream import Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
PATIENT = "?socket_timeout=5"
"""The machine may be busy; the budget is kept where that is what is tested."""

WINDOWS = (Window(3, 86400),)


def asked(served: Served) -> int:
    return httpx2.post(f"{served.url}/v1/chat/completions", json=ASKED).status_code


def counts(served: Served) -> Any:
    return httpx2.get(f"{served.url}/health/ready").json()["counts"]


def left(served: Served) -> int:
    (facts,) = served.app.state.routes.router.facts.values()
    with served.app.state.routes.lock:
        return facts.windows[0].left(time.time())


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(saying("openai", Said())) as one:
        yield one


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as one:
        yield one


def test_windows_outlive_the_gateway(tmp_path: Path, upstream: Upstream) -> None:
    settings = settings_of(
        (at(upstream, "openai"), deployment("openai/m", "m", windows=WINDOWS)),
        windows=str(tmp_path / "windows.sqlite3"),
    )
    with Served(settings) as served:
        assert [asked(served), asked(served)] == [200, 200]
        assert counts(served) == "shared"
    with Served(settings) as served:
        assert [asked(served), asked(served)] == [200, 429]
        served.app.replace(served.app.state)  # a reload keeps them too
        assert asked(served) == 429


def test_workers_of_one_file_count_together(tmp_path: Path, upstream: Upstream) -> None:
    settings = settings_of(
        (at(upstream, "openai"), deployment("openai/m", "m", windows=WINDOWS)),
        windows=str(tmp_path / "windows.sqlite3"),
    )
    with Served(settings) as one, Served(settings) as other:
        assert [asked(one), asked(one)] == [200, 200]
        until(lambda: left(other) == 1)
        assert [asked(other), asked(other)] == [200, 429]
        until(lambda: left(one) == 0)
        assert asked(one) == 429


def test_a_file_that_cannot_be_is_said_and_nobody_is_turned_away(tmp_path: Path, upstream: Upstream) -> None:
    settings = settings_of(
        (at(upstream, "openai"), deployment("openai/m", "m", windows=WINDOWS)),
        windows=str(tmp_path / "nowhere" / "windows.sqlite3"),
    )
    with Served(settings) as served:
        assert [asked(served) for _ in range(4)] == [200, 200, 200, 429]
        assert counts(served) == "local-only"


def test_gateways_share_windows_and_who_is_left_alone_in_redis(
    upstream: Upstream, server: RedisServer
) -> None:
    with Upstream(lambda _: Respond(429, headers={"retry-after": "500"})) as broken:
        settings = settings_of(
            (at(broken, "openai"), deployment("openai/m", "m")),
            (at(upstream, "", "own"), deployment("own/m", "m", windows=WINDOWS)),
            rules=Rules("in-order"),
            redis=server.url + PATIENT,
        )
        with Served(settings) as one, Served(settings) as other:
            assert asked(one) == 200
            facts = other.app.state.routes.router.facts
            until(lambda: facts["openai/m"].is_cooled(time.time()))
            until(lambda: facts["own/m"].windows[0].left(time.time()) == 2)
            assert [asked(other), asked(other)] == [200, 200]
            assert len(broken.requests) == 1
            until(lambda: one.app.state.routes.router.facts["own/m"].windows[0].left(time.time()) == 0)


def test_a_redis_that_goes_away_is_done_without_and_told_afterwards(
    upstream: Upstream, server: RedisServer
) -> None:
    windows = (Window(100, 86400),)
    settings = settings_of(
        (at(upstream, "openai"), deployment("openai/m", "m", windows=windows)), redis=server.url + PATIENT
    )
    with Served(settings) as one, Served(settings) as other:
        assert asked(one) == 200
        until(lambda: left(other) == 99)
        server.kill()
        until(lambda: counts(one) == counts(other) == "local-only")
        assert [asked(one) for _ in range(3)] == [200, 200, 200]
        server.start()  # empty: what was counted is told again
        until(lambda: counts(one) == counts(other) == "shared")
        assert asked(one) == 200
        until(lambda: left(other) == 95)
        assert left(one) == 95
        metrics = httpx2.get(f"{one.url}/metrics").text
        assert "llmux_rate_limiter_backend_errors_total{" in metrics


def test_nobody_waits_for_a_redis_that_is_silent(upstream: Upstream, server: RedisServer) -> None:
    settings = settings_of(
        (at(upstream, "openai"), deployment("openai/m", "m", windows=WINDOWS)), redis=server.url
    )
    server.pause()
    with Served(settings) as served:
        assert counts(served) == "local-only"
        assert [asked(served) for _ in range(4)] == [200, 200, 200, 429]
        server.resume()
        until(lambda: counts(served) == "shared")


def test_what_is_no_number_in_redis_is_a_store_that_is_away(upstream: Upstream, server: RedisServer) -> None:
    server.client.hset("{muxi-llm}:openai/m:86400s", "no", "number")
    settings = settings_of(
        (at(upstream, "openai"), deployment("openai/m", "m", windows=WINDOWS)), redis=server.url + PATIENT
    )
    with Served(settings) as served:
        assert asked(served) == 200
        assert counts(served) == "local-only"


def test_minutes_are_shared_where_they_are_limited() -> None:
    facts, now = Facts(deployment("a/m", rpm=5, tpm=100)), 1_000_000.0
    assert set(facts.kinds()) == {"rpm", "tpm"}
    facts.enter(now, 10)
    minute = int(now // 60)
    assert facts.counts(now) == {("rpm", minute): 1, ("tpm", minute): 10}
    facts.add(now, "rpm", minute, 3)
    facts.add(now, "tpm", minute, 50)
    facts.add(now, "rpm", minute - 1, 9)  # that one is over
    assert (facts.requests(now), facts.tokens(now)) == (4, 60)
    facts.add(now, "3600s", 1, 1)  # no such window here
