"""Prices, budgets that are no record's, and requests of which nobody knows what they cost, as people put them
right.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert, select

from muxi_llm.governance.budgets import Ask, Budget, Claim, Hold, Row
from muxi_llm.governance.prices import Price, Tariff
from muxi_llm.governance.snapshot import Snapshot
from muxi_llm.governance.store import money
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.schema import audit, balances, ledger
from muxi_llm.governance.windows import Window
from tests.governance.api.test_managing import refused
from tests.support.managed import Managed

BUDGET = Budget("b", "key", "k", 10_000, Window("total"))


@pytest.fixture
def managed(store: Store) -> Iterator[Managed]:
    with Managed(store) as managed:
        managed.begun()
        yield managed


def last_entry(store: Store) -> Any:
    with store.reading() as connection:
        return connection.execute(select(audit).order_by(audit.c.seq.desc())).mappings().first()


def test_prices_are_versions_and_each_change_is_in_the_log(managed: Managed, store: Store) -> None:
    snapshot, heard = Snapshot(store), []
    snapshot.priced = heard.append
    snapshot.load()
    made = [
        managed.ok("/price/set", scope="model", name="openai/gpt-5.6", price={"input": 1, "output": "4.5"}),
        managed.ok("/price/set", scope="model", name="openai/gpt-5.6", price={"input": 2, "output": 8}),
        managed.ok("/price/set", scope="provider", name="openai", price={"percent": 15}),
        managed.ok("/price/set", scope="deployment", name="eu", price={"input": 3, "over": {"200000": {"input": 6}}}),
    ]  # fmt: skip
    assert [one["version"] for one in made] == ["own 1", "own 2", "own 3", "own 4"]
    assert made[0]["created_by"] == "admin"
    listed = managed.told("/price/list")["data"]
    assert listed == [made[3], made[2], made[1]]
    snapshot.catch_up()
    rows = heard[-1]
    tariff = Tariff(Price(row["scope"], row["name"], row["price"], f"own {row['version']}") for row in rows)
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    cost = tariff.frozen([("here", "openai/gpt-5.6")]).cost("openai/gpt-5.6", usage)
    assert (cost.micro, cost.prices) == (2800, "own 2")
    assert managed.ok("/price/delete", scope="model", name="openai/gpt-5.6")["price"] == {}
    assert [one["name"] for one in managed.told("/price/list")["data"]] == ["eu", "openai"]
    assert len(managed.told("/price/list", history=True)["data"]) == 5
    entry = last_entry(store)
    assert (entry["action"], entry["object_id"], entry["actor_id"]) == (
        "price/delete",
        "model:openai/gpt-5.6",
        "admin",
    )
    assert (entry["before"]["price"], entry["after"]["price"]) == ({"input": 2, "output": 8}, {})
    refused(
        managed.ask("POST", "/price/delete", managed.keys["admin"], json={"scope": "model", "name": "x/y"}),
        404, "not_found",
    )  # fmt: skip


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_what_is_no_price_is_refused(managed: Managed) -> None:
    for scope, price in (
        ("model", {}),
        ("model", {"inptu": 1}),
        ("model", {"input": -1}),
        ("model", {"input": "a-secret"}),
        ("model", {"input": 1e300}),
        ("model", {"input": 1, "over": {"x": {"input": 1}}}),
        ("model", {"input": 1, "batch": {"input": 1e300}}),
        ("provider", {"input": 1}),
        ("provider", {"percent": 101}),
        ("provider", {"percent": "a-secret"}),
        ("provider", {"percent": 5, "input": 1}),
    ):
        body = {"scope": scope, "name": "a/b", "price": price}
        reply = managed.ask("POST", "/price/set", managed.keys["admin"], json=body)
        refused(reply, 400, "invalid_request")
        assert "a-secret" not in reply.text
    assert managed.told("/price/list")["data"] == []


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_models_providers_and_sessions_have_budgets(managed: Managed, store: Store) -> None:
    snapshot = Snapshot(store)
    snapshot.load()
    monthly = {
        "name": "monthly",
        "max_budget": 500,
        "window": "month",
        "zone": "Europe/Berlin",
        "thresholds": [80],
    }
    made = managed.ok("/budget/set", scope="provider", scope_id="openai", budgets=[monthly])
    managed.ok("/budget/set", scope="session", scope_id="*", budgets=[{"name": "each", "max_budget": 2}])
    with store.writing() as connection:
        row = {"budget_id": "provider:openai:monthly", "subject": "", "period": 0, "spent": 7, "reserved": 0}
        connection.execute(insert(balances).values(**row, told=0))
    assert made["budgets"][0]["thresholds"] == [80]
    provider, session = managed.told("/budget/list")["data"]
    assert (provider["scope_id"], provider["standing"][0]["max_budget"]) == ("openai", 500)
    assert (session["scope"], session["standing"]) == ("session", None)
    snapshot.catch_up()
    assert [row["id"] for row in snapshot.defined("budgets", "provider", "openai")] == [
        "provider:openai:monthly"
    ]
    assert last_entry(store)["object_type"] == "session"
    assert managed.ok("/budget/set", scope="provider", scope_id="openai", budgets=[])["budgets"] == []
    snapshot.catch_up()
    assert snapshot.defined("budgets", "provider", "openai") == ()
    assert [one["scope"] for one in managed.told("/budget/list")["data"]] == ["session"]


def lost(store: Store, name: str, amount: int, now: float) -> None:
    """A request that was let in, and of whose gateway nobody has heard since."""
    facts = {"key_id": "k", "model": "m", "provider": "openai", "request_id": f"asked-{name}"}
    began, expires = now - 5000, now - 4000
    with store.writing() as connection:
        money.apply(connection, [Ask(name, (Claim(BUDGET),), amount, 1, (), facts, began, expires)], began)
        money.sweep(connection, now, lambda _: None)


def test_what_was_lost_is_listed_and_put_right_once(managed: Managed, store: Store) -> None:
    now = time.time()
    lost(store, "r1", 900, now - 1)
    lost(store, "r2", 500, now)
    with store.writing() as connection:  # what is over goes after a while, and this stays
        money.forget(connection, now + 1, 0)
    found = managed.told("/spend/unknown")["data"]
    assert [(one["reservation_id"], one["spend"], one["kind"]) for one in found] == [
        ("r2", 0.0005, "unknown"),
        ("r1", 0.0009, "unknown"),
    ]
    assert managed.told("/spend/unknown", end_date="2020-01-02")["data"] == []
    body = {"reservation_id": "r1", "spend": 0.0012, "reason": "the provider's invoice"}
    told = managed.ok("/spend/correct", **body)
    assert (told["spend"], told["kind"], told["request_id"]) == (0.0012, "stated", "asked-r1")
    admin = managed.keys["admin"]
    refused(managed.ask("POST", "/spend/correct", admin, json=body), 409, "conflict")
    refused(
        managed.ask("POST", "/spend/correct", admin, json={**body, "reservation_id": "x"}), 404, "not_found"
    )
    with store.writing() as connection:  # its gateway's own word comes too late
        late = money.Receipt("r1", now, now, (), {}, (Row("r1:0", "usage", 5000, "openai"),))
        money.apply(connection, [late], now)
    with store.reading() as connection:
        rows = connection.execute(
            select(ledger.c.id, ledger.c.kind, ledger.c.cost, ledger.c.prices).where(
                ledger.c.reservation_id == "r1"
            )
        ).all()
        assert [tuple(row) for row in rows] == [
            ("r1:unknown", "unknown", 900, ""),
            ("r1:stated", "stated", 1200, "stated by admin"),
            ("r1:correction", "correction", -900, ""),
        ]
        spent = connection.execute(select(balances.c.spent, balances.c.reserved)).all()
        assert [tuple(row) for row in spent] == [(1700, 0)]
    entry = last_entry(store)
    assert (entry["action"], entry["object_id"], entry["metadata"]) == (
        "spend/correct",
        "r1",
        {"reason": body["reason"]},
    )
    assert (entry["before"]["spend"], entry["after"]["spend"]) == (0.0009, 0.0012)
    assert managed.told("/audit/verify")["holds"]


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_what_budgets_told_is_listed_and_goes_with_their_periods(managed: Managed, store: Store) -> None:
    now = time.time()
    budget = BUDGET._replace(thresholds=(50,))
    receipt = money.Receipt("r", now, now, (Hold("b", "", 0),), {}, (Row("r:0", "usage", 6000, "openai"),))
    with store.writing() as connection:
        money.apply(connection, [receipt], now, lambda _: budget)
    (told,) = managed.told("/spend/events")["data"]
    assert (told["budget"], told["percent"], told["spent"], told["amount"]) == ("b", 50, 0.006, 0.01)
    with store.writing() as connection:
        money.forget(connection, 0, now + 1)
    assert managed.told("/spend/events")["data"] == []
