"""Several gateways, one PostgreSQL, one Redis: what they let on together, and what becomes of it when either is
silent or gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert, select

from muxi_llm.commands.governed.composed import Governed
from muxi_llm.governance.keys import hash_of
from muxi_llm.governance.store import schema
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from muxi_llm.types.governed import GovernanceSettings
from tests.support import bodies
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.patience import PATIENCE, until
from tests.support.postgres import PostgresServer
from tests.support.redis_server import RedisServer
from tests.support.serving import Serving
from tests.support.upstream import Respond, Upstream

SECRET = "sk-muxi-the-key"
ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20}
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
PATIENT = "?socket_timeout=5"
"""The machine may be busy; the budget is kept where that is what is tested."""


class House:
    """Three gateways, and all they share."""

    def __init__(self, url: str, folder: Path, redis: RedisServer, kept: ExitStack) -> None:
        self.store, self.redis = Store(url), redis
        self._folder, self._url, self._kept = folder, url, kept
        kept.callback(self.store.close)
        self.upstream = kept.enter_context(
            Upstream(lambda _: Respond(json={**bodies.chat(), "usage": USAGE}))
        )
        self.put(schema.keys, id="k", hash=hash_of(SECRET), kind="llm_api", team_id="t")
        self.put(schema.teams, id="t")

    def put(self, table: Any, **values: Any) -> None:
        with self.store.writing() as connection:
            connection.execute(insert(table).values(created_at=1.0, updated_at=1.0, **values))

    def limit(self, kind: str, amount: int, scope: str = "key", which: str = "k") -> None:
        self.put(schema.limits, id=f"{scope}:{kind}", scope=scope, scope_id=which, kind=kind, amount=amount)

    def gateways(self, more: str = PATIENT) -> list[Served]:
        """Three of them, each with a process's own memory, threads and spool."""
        return [self._served(f"spool-{number}", more) for number in range(3)]

    def _served(self, spool: str, more: str) -> Served:
        governance = GovernanceSettings(
            self._url, str(self._folder / spool), prices={"one/m": {"input": 1, "output": 1}}, wait=2.0
        )
        settings = settings_of(
            (at(self.upstream, "", "one"), deployment("one/m", "m")),
            governance=governance,
            redis=self.redis.url + more,
        )
        return self._kept.enter_context(Served(settings, Governed(settings)))

    def booked(self) -> int:
        with self.store.reading() as connection:
            return len(connection.execute(select(schema.ledger.c.seq)).all())


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as one:
        yield one


@pytest.fixture
def kept() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def house(
    postgres: PostgresServer, template: str, tmp_path: Path, redis_server: RedisServer, kept: ExitStack
) -> House:
    return House(postgres.database(template), tmp_path, redis_server, kept)


def ask(served: Served | Serving, **more: Any) -> httpx2.Response:
    headers = {"authorization": f"Bearer {SECRET}"}
    return httpx2.post(
        f"{served.url}/v1/chat/completions", json={**ASKED, **more}, headers=headers, timeout=PATIENCE
    )


def ready(served: Served) -> Any:
    return httpx2.get(f"{served.url}/health/ready", timeout=PATIENCE).json()


def together(gateways: list[Served], times: int) -> Counter[int]:
    """So many requests at once, spread over all of them: how many of each status."""
    with ThreadPoolExecutor(12) as pool:
        found = pool.map(lambda number: ask(gateways[number % len(gateways)]).status_code, range(times))
        return Counter(found)


def test_limits_are_one_for_all_gateways(house: House) -> None:
    house.limit("rpm", 10)
    house.limit("rpm", 1000, "team", "t")
    gateways = house.gateways()
    assert [ready(one)["limits"] for one in gateways] == ["shared"] * 3
    assert together(gateways, 30) == {200: 10, 429: 20}
    assert len(house.upstream.requests) == 10
    refusal = ask(gateways[0])
    assert refusal.status_code == 429
    headers = refusal.headers
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("10", "0")
    assert 1 <= int(headers["retry-after"]) <= 60
    assert headers["x-should-retry"] == "true"
    assert refusal.json()["error"]["code"] == "rate_limit_exceeded"
    assert "the key's limit of requests a minute is 10" in refusal.json()["error"]["message"]


def test_tokens_are_put_right_for_all_of_them(house: House) -> None:
    house.limit("tpm", 100)
    gateways = house.gateways()
    told = ask(gateways[0])
    assert told.status_code == 200
    assert int(told.headers["x-ratelimit-remaining-tokens"]) < 85  # guessed, with the whole answer

    def left() -> int:
        return int(ask(gateways[1], max_tokens=1).headers["x-ratelimit-remaining-tokens"])

    assert until(lambda: 60 < left() < 85)
    body = {name: value for name, value in ASKED.items() if name != "max_tokens"}
    headers = {"authorization": f"Bearer {SECRET}"}
    unsaid = httpx2.post(
        f"{gateways[2].url}/v1/chat/completions", json=body, headers=headers, timeout=PATIENCE
    )
    assert unsaid.status_code in {200, 429}  # how long an answer may be nobody has to say
    large = ask(gateways[2], max_tokens=500)
    assert (large.status_code, large.json()["error"]["code"]) == (400, "request_exceeds_limit")
    assert large.headers["x-should-retry"] == "false"


def test_places_at_once_are_one_for_all_and_are_given_back(house: House) -> None:
    house.limit("parallel", 2)
    gateways = house.gateways()
    held = Event()

    def slow(_: object) -> Respond:
        held.wait(PATIENCE)
        return Respond(json={**bodies.chat(), "usage": USAGE})

    house.upstream.respond = slow
    with ThreadPoolExecutor(2) as pool:
        under_way = [pool.submit(ask, one) for one in gateways[:2]]
        until(lambda: len(house.upstream.requests) == 2)
        assert ask(gateways[2]).status_code == 429
        held.set()
        assert [one.result().status_code for one in under_way] == [200, 200]
    until(lambda: ask(gateways[2]).status_code == 200)


@pytest.mark.parametrize("ends", ["silent", "killed"])
def test_without_redis_everybody_goes_on_and_all_is_told_afterwards(house: House, ends: str) -> None:
    house.limit("rpm", 10_000)
    gateways = house.gateways("")
    until(lambda: all(ready(one)["limits"] == "shared" for one in gateways))
    before = together(gateways, 12)
    house.redis.pause() if ends == "silent" else house.redis.kill()
    meanwhile = together(gateways, 24)
    assert [ready(one)["limits"] for one in gateways] == ["local-only"] * 3
    house.redis.resume() if ends == "silent" else house.redis.start()
    until(lambda: all(ready(one)["limits"] == "shared" for one in gateways))
    assert before + meanwhile == {200: 36}

    def left() -> int:
        return int(ask(gateways[0]).headers["x-ratelimit-remaining-requests"])

    asked = Counter(one.path for one in house.upstream.requests).total()
    until(lambda: left() == 10_000 - len(house.upstream.requests))
    assert asked == 36


def test_without_postgresql_known_keys_and_limits_go_on(
    template: str, tmp_path: Path, redis_server: RedisServer, kept: ExitStack
) -> None:
    server = kept.enter_context(PostgresServer())
    url = server.database()
    store = Store(url)
    migrate(store)
    store.close()
    house = House(url, tmp_path, redis_server, kept)
    house.limit("rpm", 8)
    gateways = house.gateways()
    assert together(gateways, 3) == {200: 3}
    until(lambda: house.booked() == 3)
    server.pause()
    try:
        assert together(gateways, 9) == {200: 5, 429: 4}
        until(lambda: ready(gateways[0])["store"] == "away")
    finally:
        server.resume()
    until(lambda: house.booked() == 8)


def test_workers_of_one_gateway_count_in_a_file(tmp_path: Path, kept: ExitStack) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    store = Store(url)
    kept.callback(store.close)
    migrate(store)
    upstream = kept.enter_context(Upstream(lambda _: Respond(json={**bodies.chat(), "usage": USAGE})))
    with store.writing() as connection:
        kept_at = {"created_at": 1.0, "updated_at": 1.0}
        connection.execute(
            insert(schema.keys).values(id="k", hash=hash_of(SECRET), kind="llm_api", **kept_at)
        )
        limit = {"id": "l", "scope": "key", "scope_id": "k", "kind": "rpm", "amount": 7}
        connection.execute(insert(schema.limits).values(**limit, **kept_at))
    config = tmp_path / "config.yaml"
    config.write_text(
        f"providers: [{{name: one, base_url: '{upstream.url}', models: [m]}}]\n"
        f"server: {{workers: 2, drain_pause: 0s}}\n"
        f"database: {{url: '{url}'}}\n"
        f"governance: {{spool: '{tmp_path}/spool'}}\n"
    )
    with Serving(config) as served:
        until(lambda: served.url and ready_at(served.url))
        with ThreadPoolExecutor(8) as pool:
            found = Counter(pool.map(lambda _: ask(served).status_code, range(24)))
    assert found == {200: 7, 429: 17}


def ready_at(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health/ready", timeout=PATIENCE).json()["limits"] == "shared"
    except httpx2.HTTPError:
        return False
