"""A gateway whose clock is moved while it runs: over an hour's, a day's and a month's edge, over changes to summer
time and back, ahead of requests under way, and backwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from threading import Event

import pytest

from muxi_llm.governance.keys import hash_of
from muxi_llm.governance.store import schema
from muxi_llm.governance.store.engine import Store
from tests.governance.test_governor import COST, World, ask, reply
from tests.support.patience import PATIENCE, until
from tests.support.upstream import Received, Respond

EDGES = (
    # window, zone, when it is spent, when it still is, when it is no more
    ("hour", "", "2026-03-31T10:30:00Z", "2026-03-31T10:59:59Z", "2026-03-31T11:00:00Z"),
    ("hour", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"),
    ("day", "", "2026-03-29T00:00:00Z", "2026-03-29T23:59:59Z", "2026-03-30T00:00:00Z"),
    ("day", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"),  # of 23 hours
    ("day", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"),  # of 25
    ("month", "", "2026-02-01T00:00:00Z", "2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z"),
    ("month", "Europe/Berlin", "2026-02-28T23:00:00Z", "2026-03-31T21:59:59Z", "2026-03-31T22:00:00Z"),
)  # fmt: skip


class Clock:
    """Stands still until it is moved."""

    def __init__(self, at: str) -> None:
        self.to(at)

    def to(self, at: str) -> None:
        self.now = instant(at)

    def __call__(self) -> float:
        return self.now


def instant(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


@pytest.fixture
def world(store: Store, tmp_path: Path) -> Iterator[World]:
    world = World(store, tmp_path)
    yield world
    world.close()


def periods(world: World, budget: str) -> dict[int, tuple[int, int]]:
    """What is spent and held in each."""
    rows = (row for row in world.rows(schema.balances) if row["budget_id"] == budget)
    return {row["period"]: (row["spent"], row["reserved"]) for row in rows}


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_budgets_begin_anew_when_their_clock_says_so_and_not_before(world: World) -> None:
    world.clock = clock = Clock("2026-01-01T00:00:00Z")
    for number, (window, zone, *_) in enumerate(EDGES):
        world.put(schema.keys, id=f"key-{number}", hash=hash_of(f"sk-muxi-{number}"), kind="llm_api")
        world.budget(f"b{number}", COST, which=f"key-{number}", window=window, zone=zone)
    with world.served() as served:
        for number, (_, _, spent, still, edge) in enumerate(EDGES):
            budget, secret = f"b{number}", f"sk-muxi-{number}"
            clock.to(spent)
            assert ask(served, secret=secret).status_code == 200
            until(lambda budget=budget: world.spent(budget) == (COST, 0))
            clock.to(still)
            refusal = ask(served, secret=secret)
            assert (refusal.status_code, refusal.json()["error"]["code"]) == (429, "insufficient_quota")
            assert refusal.json()["error"]["resets_at"] == instant(edge)
            clock.to(edge)
            assert ask(served, secret=secret).status_code == 200
            until(lambda budget=budget: world.spent(budget) == (2 * COST, 0))
            for at in (edge, still):  # and back again: both are spent
                clock.to(at)
                assert ask(served, secret=secret).status_code == 429
            assert [*periods(world, budget).values()] == [(COST, 0)] * 2
    assert sum(row["cost"] for row in world.rows(schema.ledger)) == 2 * len(EDGES) * COST


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("moved", ["2026-03-31T22:30:00Z", "2026-03-31T20:30:00Z"], ids=["ahead", "back"])
def test_a_request_under_way_is_booked_once_and_to_when_it_began(
    store: Store, tmp_path: Path, moved: str
) -> None:
    """Nor is it taken to be lost, though nothing was heard of it for an hour."""
    go = Event()

    def held(received: Received) -> Respond:
        go.wait(PATIENCE)
        return reply(received)

    world = World(store, tmp_path, held)
    world.clock = clock = Clock("2026-03-31T21:30:00Z")
    began = clock.now
    world.budget("m", 10 * COST, zone="Europe/Berlin")
    try:
        with world.served() as served, ThreadPoolExecutor(1) as pool:
            under_way = pool.submit(ask, served)
            until(lambda: world.upstreams[0].requests or world.upstreams[1].requests)
            clock.to(moved)
            if clock.now > began:
                until(lambda: world.rows(schema.reservations)[0]["expires_at"] > clock.now)
            assert world.rows(schema.reservations)[0]["state"] == "open"
            go.set()
            assert under_way.result().status_code == 200
            until(lambda: [row["state"] for row in world.rows(schema.reservations)] == ["settled"])
            march = instant("2026-02-28T23:00:00Z")
            assert periods(world, "m") == {march: (COST, 0)}
            assert ask(served).status_code == 200
            until(lambda: world.spent("m") == (2 * COST, 0))
            assert len(periods(world, "m")) == (2 if clock.now > began else 1)
        assert [(row["kind"], row["cost"]) for row in world.rows(schema.ledger)] == [("usage", COST)] * 2
    finally:
        go.set()
        world.close()
