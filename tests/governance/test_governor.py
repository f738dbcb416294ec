"""A gateway that keeps account, whole: vendors' clients in front, a provider behind, both stores below."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert, select

from muxi_llm.commands.governed.composed import Governed, ready
from muxi_llm.gateway.settings.reading import ConfigurationError
from muxi_llm.governance.keys import hash_of
from muxi_llm.governance.store import schema
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from muxi_llm.governance.webhooks import tell
from muxi_llm.types.governed import GovernanceSettings
from tests.gateway.test_app import HELLO
from tests.support import bodies
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.patience import until
from tests.support.postgres import PostgresServer
from tests.support.upstream import Received, Respond, Upstream

SECRET = "sk-muxi-the-key"
PRICES = {
    "one/dear": {"input": 10, "output": 100},
    "one/cheap": {"input": 1, "output": 10},
    "other/dear": {"input": 10, "output": 100},
}
USAGE = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
COST = 100 * 10 + 50 * 100
"""Micro-USD of an answer of `dear`."""
ASKED: dict[str, Any] = {"model": "dear", "messages": HELLO, "max_tokens": 50}


def reply(received: Received) -> Respond:
    if not received.json.get("stream"):
        return Respond(json={**bodies.chat(), "usage": USAGE})
    chunks = bodies.chat_stream("a", "b", done=False)
    if received.json.get("stream_options", {}).get("include_usage"):
        chunks += bodies.sse({**bodies.chunk(), "choices": [], "usage": USAGE})
    return Respond(chunks=chunks, headers={"content-type": "text/event-stream"})


class World:
    """A store with a key in it, two providers, and a gateway over them."""

    def __init__(self, store: Store, folder: Path, respond: Callable[[Received], Respond] = reply) -> None:
        self.store = store
        self.upstreams = Upstream(respond), Upstream(respond)
        self.governance = GovernanceSettings(
            str(store.url.render_as_string(hide_password=False)),
            str(folder / "spool"),
            prices=PRICES,
            wait=2.0,
        )
        self.given: dict[str, Any] = {}
        self.clock: Callable[[], float] = time.time
        self.put(
            schema.keys,
            id="k1",
            hash=hash_of(SECRET),
            name="ada's",
            kind="llm_api",
            team_id="t1",
            user_id="u1",
        )
        self.put(schema.teams, id="t1", alias="reds")
        self.put(schema.users, id="u1", alias="ada")

    def put(self, table: Any, **values: Any) -> None:
        with self.store.writing() as connection:
            connection.execute(insert(table).values(created_at=1.0, updated_at=1.0, **values))

    def budget(self, name: str, amount: int, scope: str = "key", which: str = "k1", **more: Any) -> None:
        given = {"window": "month", "hard": True, **more}
        self.put(schema.budgets, id=name, scope=scope, scope_id=which, amount=amount, **given)

    def rows(self, table: Any) -> list[Any]:
        with self.store.reading() as connection:
            return list(connection.execute(select(table)).mappings())

    def spent(self, budget: str) -> tuple[int, int]:
        found = [row for row in self.rows(schema.balances) if row["budget_id"] == budget]
        return sum(row["spent"] for row in found), sum(row["reserved"] for row in found)

    @contextmanager
    def served(self) -> Iterator[Served]:
        one, other = self.upstreams
        settings = settings_of(
            (at(one, "", "one"), deployment("one/dear", "dear")),
            (at(one, "", "one"), deployment("one/cheap", "cheap")),
            (at(other, "", "other"), deployment("other/dear", "dear")),
            governance=self.governance,
            tokens={"operator": "config-token"},
            **self.given,
        )
        with Served(settings, Governed(settings, self.clock)) as served:
            yield served

    def close(self) -> None:
        for each in self.upstreams:
            each.close()


@pytest.fixture
def world(store: Store, tmp_path: Path) -> Iterator[World]:
    world = World(store, tmp_path)
    yield world
    world.close()


def ask(served: Served, path: str = "chat/completions", secret: str = SECRET, **more: Any) -> httpx2.Response:
    headers = {"authorization": f"Bearer {secret}"}
    return httpx2.post(f"{served.url}/v1/{path}", json={**ASKED, **more}, headers=headers, timeout=30)


def settled(world: World, count: int) -> list[Any]:
    until(lambda: len(world.rows(schema.ledger)) >= count)
    return world.rows(schema.ledger)


HUGE: tuple[dict[str, int], ...] = (
    {"max_tokens": 10**18 - 1},
    {"n": 2**63 - 1},
    {"max_tokens": 2**63 - 1, "n": 2**63},
)


def test_no_number_that_a_client_says_stops_the_account(world: World) -> None:
    world.budget("soft", 1, hard=False)
    with world.served() as served:
        for asked in HUGE * 4:
            assert ask(served, **asked).status_code == 200
        assert {row["cost"] for row in settled(world, 12)} == {COST}
    world.budget("hard", 10**6)
    with world.served() as served:
        for asked in HUGE:
            assert ask(served, **asked).status_code == 200
        settled(world, 15)
    assert world.spent("hard") == (3 * COST, 0)


def test_what_is_asked_is_booked_for_whoever_asked(world: World) -> None:
    world.budget("b", 10**6)
    world.budget("seat", 10**6, "user", "*")
    world.budget("soft", 1, "team", "t1", hard=False)
    with world.served() as served:
        assert ask(served).status_code == 200
        assert ask(served, stream=True).status_code == 200
        assert ask(served, "messages").status_code == 200
        assert ask(served, secret="config-token").status_code == 200
        assert ask(served, secret="nobody's").status_code == 401
        rows = settled(world, 4)
        assert {(row["key_id"], row["team_id"], row["user_id"]) for row in rows} == {
            ("k1", "t1", "u1"),
            ("operator", "", ""),
        }
        assert {(row["cost"], row["input"], row["output"], row["kind"]) for row in rows} == {
            (COST, 100, 50, "usage")
        }
        assert {row["prices"].partition(" ")[0] for row in rows} == {"configuration"}
        assert {row["answered"] for row in rows} <= {"one/dear", "other/dear"}
        first = {row["streamed"]: row["first_ms"] for row in rows}
        assert (first[False], first[True] > 0) == (0, True)
        assert all(row["first_ms"] <= row["ms"] > 0 for row in rows)
        assert [world.spent(name) for name in ("b", "seat", "soft")] == [(3 * COST, 0)] * 3
        until(lambda: world.rows(schema.rollups))
        metrics = httpx2.get(f"{served.url}/metrics", headers={"authorization": "Bearer config-token"}).text
    told = [line.split()[-1] for line in metrics.splitlines() if line.startswith("llmux_spend_total{")]
    assert sum(map(float, told)) == pytest.approx(4 * COST / 1e6)
    assert {row["state"] for row in world.rows(schema.reservations)} == {"settled"}
    assert list(Path(world.governance.spool).iterdir()) == []


def test_a_spent_budget_refuses_for_good_and_says_whose_and_until_when(world: World) -> None:
    world.budget("b", 2 * COST, window="day", zone="Europe/Berlin")
    with world.served() as served:
        assert [ask(served).status_code for _ in range(2)] == [200, 200]
        settled(world, 2)
        refused = ask(served)
        message = ask(served, "messages")
    assert (refused.status_code, refused.headers["x-should-retry"]) == (429, "false")
    fault = refused.json()["error"]
    assert (fault["type"], fault["code"]) == ("usage_limit_reached", "insufficient_quota")
    assert (fault["scope"], fault["limit"], fault["spent"]) == ("key", 0.012, 0.012)
    assert fault["resets_at"] > time.time()
    assert "the daily budget of this key is spent: 0.01 of 0.01 USD; it resets at 20" in fault["message"]
    assert message.json()["error"]["type"] == "billing_error"
    assert sum(len(each.requests) for each in world.upstreams) == 2


def test_money_that_others_hold_is_waited_for(world: World) -> None:
    """Two at once, for one of which there is room by their estimates, and for both by what they cost."""
    world.budget("b", 150_000)
    with world.served() as served, httpx2.Client(timeout=30) as client:
        waits = {"max_tokens": 1400, "stream": True}
        headers = {"authorization": f"Bearer {SECRET}"}
        with client.stream(
            "POST", f"{served.url}/v1/chat/completions", json={**ASKED, **waits}, headers=headers
        ):
            until(lambda: world.spent("b")[1] > 140_000)
        assert ask(served, max_tokens=1400).status_code == 200


def test_a_cheaper_model_is_asked_where_a_budget_says_so(world: World) -> None:
    world.budget("b", COST, model="dear", instead="cheap")
    with world.served() as served:
        assert ask(served).status_code == 200
        settled(world, 1)
        assert ask(served).status_code == 200
        rows = settled(world, 2)
    assert [(row["model"], row["answered"]) for row in rows][1] == ("dear", "one/cheap")
    assert rows[1]["cost"] == COST // 10


def test_a_provider_whose_budget_is_spent_is_not_asked(world: World) -> None:
    world.budget("b", 1, "provider", "other")
    with world.served() as served:
        for _ in range(4):
            assert ask(served).status_code == 200
    assert [len(each.requests) for each in world.upstreams] == [4, 0]


def test_each_session_has_its_own_budget(world: World) -> None:
    world.budget("b", COST, "session", "t1", window="total")
    with world.served() as served:
        assert ask(served, prompt_cache_key="run 1").status_code == 200
        settled(world, 1)
        refused = ask(served, prompt_cache_key="run 1")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
        assert "it does not reset" in refused.json()["error"]["message"]
        assert ask(served, prompt_cache_key="run 2").status_code == 200
        assert ask(served).status_code == 200


def test_a_model_without_a_price_is_refused_under_a_hard_budget_alone(world: World) -> None:
    world.governance = replace(world.governance, prices={})
    with world.served() as served:
        assert ask(served).status_code == 200
        assert settled(world, 1)[0]["prices"] == "unpriced"
    world.budget("b", 10**6)
    with world.served() as served:
        refused = ask(served)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "model_unpriced")
    world.governance = replace(world.governance, default_price={"input": 1, "output": 2})
    with world.served() as served:
        assert ask(served).status_code == 200
        assert settled(world, 2)[1]["cost"] == 200


def test_what_failed_holds_nothing_and_costs_nothing(world: World) -> None:
    world.budget("b", 10**6)
    for each in world.upstreams:
        each.script += [Respond(500, json=bodies.error())]
    with world.served() as served:
        assert ask(served).status_code == 500
        until(
            lambda: (
                world.rows(schema.reservations) and world.rows(schema.reservations)[0]["state"] == "released"
            )
        )
    assert world.spent("b") == (0, 0)
    assert world.rows(schema.ledger) == []


def test_an_attempt_that_was_billed_and_no_answer_is_told_as_a_failure(store: Store, tmp_path: Path) -> None:
    replies = [{**bodies.chat(), "usage": USAGE, "choices": "none"}, {**bodies.chat(), "usage": USAGE}]
    world = World(store, tmp_path, lambda _: Respond(json=replies.pop(0)))
    try:
        with world.served() as served:
            assert ask(served, "messages").status_code == 200
            rows = settled(world, 2)
        assert [(row["status"], row["cost"]) for row in rows] == [(502, COST), (200, COST)]
        assert all(row["ms"] > 0 for row in rows)
    finally:
        world.close()


def test_a_stream_whose_client_left_costs_what_was_sent(store: Store, tmp_path: Path) -> None:
    chunks = [*bodies.chat_stream(*["word "] * 20, done=False), 20.0]
    world = World(
        store, tmp_path, lambda _: Respond(chunks=chunks, headers={"content-type": "text/event-stream"})
    )
    world.budget("b", 10**7)
    try:
        with world.served() as served:
            headers = {"authorization": f"Bearer {SECRET}"}
            asked = {**ASKED, "stream": True}
            with httpx2.stream(
                "POST", f"{served.url}/v1/chat/completions", json=asked, headers=headers
            ) as left:
                read = 0
                for piece in left.iter_bytes():
                    read += len(piece)
                    if read > 2000:
                        break
            (row,) = settled(world, 1)
        assert (row["kind"], row["status"]) == ("estimated", 499)
        assert 1000 < row["cost"] < 10_000
        assert world.spent("b") == (row["cost"], 0)
    finally:
        world.close()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """One that may be stopped."""
    with PostgresServer() as server:
        yield server


def test_a_store_that_goes_turns_no_key_away(own_postgres: PostgresServer, tmp_path: Path) -> None:
    """Without a hard budget all goes on; with one, what is allowed meanwhile. Then all of it is caught up."""
    store = Store(own_postgres.database(), patience=2)
    migrate(store)
    world = World(store, tmp_path)
    world.governance = replace(world.governance, allowance=0.15)
    world.put(schema.keys, id="k2", hash=hash_of("sk-soft"), kind="llm_api")
    world.budget("hard", 20 * COST)
    world.budget("soft", COST, "key", "k2", hard=False)
    headers = {"x-muxi-budget": "local"}
    try:
        with world.served() as served:
            assert ask(served).status_code == 200
            assert ask(served, secret="sk-nobody").status_code == 401
            assert httpx2.get(f"{served.url}/health/ready").json()["store"] == "ok"
            own_postgres.stop()
            first = ask(served)
            assert (first.status_code, first.headers["x-muxi-budget"]) == (200, headers["x-muxi-budget"])
            statuses = [ask(served).status_code for _ in range(3)]
            assert statuses == [200, 503, 503]
            refused = ask(served)
            assert (refused.json()["error"]["code"], refused.headers["retry-after"]) == ("store_away", "5")
            assert [ask(served, secret="sk-soft").status_code for _ in range(5)] == [200] * 5
            unsure = ask(served, secret="sk-nobody")
            assert (unsure.status_code, unsure.headers["retry-after"]) == (503, "5")
            assert httpx2.post(f"{served.url}/v1/chat/completions", json=ASKED).status_code == 401
            assert ask(served, secret="config-token").status_code == 200
            assert httpx2.get(f"{served.url}/health/ready").json()["store"] == "away"
            own_postgres.start()
            assert len(settled(world, 9)) == 9
            until(lambda: ask(served).status_code == 200)
            settled(world, 10)
        assert world.spent("hard") == (4 * COST, 0)
        assert world.spent("soft") == (5 * COST, 0)
    finally:
        world.close()
        store.close()


def test_thresholds_are_told_to_whoever_listens(world: World) -> None:
    world.budget("b", 3 * COST, thresholds=[50, 100])
    with Upstream(lambda _: Respond(json={})) as listener:
        listener.script.append(Respond(500))
        world.governance = replace(world.governance, webhook=f"{listener.url}/hook", webhook_private=True)
        with world.served() as served:
            for _ in range(3):
                assert ask(served).status_code == 200
            until(lambda: len(listener.requests) >= 2)
    told = [received.json for received in listener.requests]
    assert {one["percent"] for one in told} <= {50, 100}
    assert {(one["event"], one["budget"], one["scope_id"], one["amount"]) for one in told} == {
        ("budget", "b", "k1", 3 * COST)
    }
    assert [row["told_at"] is None for row in world.rows(schema.events)].count(True) == 1


def test_a_file_that_is_not_there_yet_is_made_and_a_server_without_tables_is_told_of(
    empty_url: str, tmp_path: Path
) -> None:
    store = Store(empty_url)
    try:
        if not store.is_sqlite:
            with pytest.raises(ConfigurationError, match="run muxi-llm migrate"):
                ready(store)
            return
        with Upstream(reply) as upstream:
            governance = GovernanceSettings(empty_url, str(tmp_path / "spool"))
            served_models = (at(upstream, "", "one"), deployment("one/dear", "dear"))
            settings = settings_of(served_models, governance=governance, tokens={"operator": "config-token"})
            with Served(settings, Governed(settings)) as served:
                assert ask(served).status_code == 401
                assert ask(served, secret="config-token").status_code == 200
    finally:
        store.close()


def test_nothing_is_told_into_the_own_network_unless_that_is_wanted_nor_elsewhere(world: World) -> None:
    """Nor is a redirect followed."""
    with (
        Upstream(lambda _: Respond(307, headers={"location": "/elsewhere"})) as listener,
        httpx2.Client() as client,
    ):
        url = f"{listener.url.replace('127.0.0.1', 'localhost')}/hook"
        with world.store.writing() as connection:
            connection.execute(insert(schema.events).values(at=1.0, kind="budget", facts={"budget": "b"}))
        assert tell(world.store, client, url, 1.0) == 0
        assert not listener.requests
        assert tell(world.store, client, url, 100.0, private=True) == 0
        assert [received.path for received in listener.requests] == ["/hook"]
        assert listener.requests[0].headers["host"].startswith("localhost:")
