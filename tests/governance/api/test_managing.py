"""The management API as people use it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert

from muxi_llm.governance.bounds import OwnKeys
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.ledger import roll
from muxi_llm.governance.store.schema import balances, ledger
from muxi_llm.governance.windows import span, window_of
from tests.support.managed import Managed


@pytest.fixture
def managed(store: Store) -> Iterator[Managed]:
    with Managed(store, OwnKeys(keys=3, max_budget=5, duration="30d", rpm_limit=10)) as managed:
        yield managed


def refused(reply: Any, status: int, code: str) -> str:
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code), reply.text
    return str(reply.json()["error"]["message"])


def test_the_bootstrap_token_makes_the_first_key_and_nothing_else(managed: Managed) -> None:
    headers = {"x-llmux-bootstrap-token": managed.first}
    refused(managed.ask("GET", "/key/list", headers=headers), 401, "invalid_bootstrap_token")
    refused(
        managed.ask("POST", "/key/generate", headers={"x-llmux-bootstrap-token": "x"}, json={}),
        401,
        "invalid_bootstrap_token",
    )
    refused(managed.ask("POST", "/key/generate", json={}), 401, "invalid_api_key")
    admin = managed.begun()
    refused(managed.ask("POST", "/key/generate", headers=headers, json={}), 401, "invalid_bootstrap_token")
    me = managed.told("/user/me", admin)
    assert (me["user_id"], me["user_role"]) == ("admin", "proxy_admin")
    managed.ok("/user/update", user_id="admin", user_alias="Ada")
    assert managed.told("/user/me", admin)["user_name"] == "Ada"
    actions = [row["action"] for row in managed.told("/audit/logs")["logs"]]
    assert actions == ["user/update", "key/generate", "user/new"]
    assert managed.told("/audit/verify")["holds"]


def test_a_key_from_beginning_to_end(managed: Managed) -> None:
    managed.begun()
    made = managed.ok(
        "/key/generate", key_name="ci", max_budget=3, budget_duration="1mo", duration="30d", models=["gpt-*"]
    )
    secret, which = made.pop("key"), made["token_id"]
    assert secret.startswith(made["key_prefix"])
    assert (made["budget_duration"], made["key_type"], made["models"]) == ("month", "default", ["gpt-*"])
    assert {**managed.told("/key/info", key=which), "standing": None} == made
    assert managed.told("/key/info", secret)["token_id"] == which  # itself
    refused(managed.ask("GET", "/key/info", managed.keys["admin"], params={"key": secret}), 400, "secret")
    changed = managed.ok("/key/update", key=secret, rpm_limit=7, duration=None)
    assert (changed["rpm_limit"], changed["max_budget"], changed["expires"]) == (7, 3, None)
    assert managed.ok("/key/block", key=which)["blocked"]
    refused(managed.ask("GET", "/key/info", secret), 401, "invalid_api_key")
    assert not managed.ok("/key/unblock", key=which)["blocked"]
    new = managed.ok("/key/regenerate", key=which, grace_period="1h")
    assert new["token_id"] == which
    for good in (secret, new["key"]):
        assert managed.told("/key/info", good)["token_id"] == which
    newest = managed.ok("/key/regenerate", key=which)["key"]
    for over in (secret, new["key"]):
        refused(managed.ask("GET", "/key/info", over), 401, "invalid_api_key")
    assert managed.ok("/key/delete", keys=[newest]) == {"deleted_keys": [which]}
    refused(managed.ask("GET", "/key/info", managed.keys["admin"], params={"key": which}), 404, "not_found")


def test_people_have_their_own_keys_within_bounds(managed: Managed) -> None:
    managed.peopled()
    ann = managed.keys["ann"]
    mine = managed.ok("/key/generate", ann, key_name="mine")
    assert (mine["user_id"], mine["max_budget"], mine["budget_duration"], mine["rpm_limit"]) == (
        "ann",
        5,
        "month",
        10,
    )
    assert mine["expires"]
    ask = lambda path, **body: managed.ask("POST", path, ann, json=body)  # noqa: E731
    refused(ask("/key/generate", max_budget=6), 403, "out_of_bounds")
    refused(ask("/key/generate", duration="31d"), 403, "out_of_bounds")
    refused(ask("/key/generate", user_id="tina"), 403, "forbidden")
    refused(ask("/key/generate", team_id="blue"), 403, "forbidden")
    managed.ok("/key/generate", ann, team_id="red", max_budget=1)
    refused(ask("/key/generate"), 403, "too_many_keys")
    assert managed.ok("/key/update", ann, key=mine["token_id"], key_alias="a")["key_alias"] == "a"
    refused(ask("/key/update", key=mine["token_id"], max_budget=1000), 403, "forbidden")
    refused(ask("/key/unblock", key=mine["token_id"]), 403, "forbidden")
    listed = managed.told("/key/list", ann)
    assert listed["total"] == 3
    assert {one["user_id"] for one in listed["data"]} == {"ann"}
    refused(managed.ask("GET", "/user/info", ann, params={"user_id": "tina"}), 404, "not_found")
    assert managed.told("/user/info", ann)["user"]["user_id"] == "ann"


def test_of_keys_made_at_once_none_is_too_many(managed: Managed) -> None:
    managed.peopled()

    def made(_: int) -> int:
        headers = {"x-api-key": managed.keys["ann"]}
        return httpx2.post(f"{managed.url}/key/generate", json={}, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(8) as pool:
        told = Counter(pool.map(made, range(12)))
    assert managed.told("/key/list", managed.keys["ann"])["total"] == 3
    assert told == {200: 2, 403: 10}  # one she had


def test_nobody_makes_themselves_more_than_they_are(managed: Managed) -> None:
    managed.peopled()
    managed.ok("/team/member_add", team_id="red", members=[{"user_id": "admin"}])
    theirs = managed.ok("/key/generate", user_id="admin", team_id="red")["token_id"]
    tina = lambda path, **body: managed.ask("POST", path, managed.keys["tina"], json=body)  # noqa: E731
    for body in ({"user_id": "admin", "team_id": "red"}, {"team_id": "red", "key_type": "management"}):
        refused(tina("/key/generate", **body), 403, "forbidden")
    refused(tina("/key/regenerate", key=theirs), 403, "forbidden")
    refused(tina("/key/update", key=theirs, key_type="management"), 403, "forbidden")
    own = managed.ok("/key/generate", managed.keys["tina"], team_id="red")["token_id"]
    refused(tina("/key/update", key=own, user_id="admin"), 403, "forbidden")
    assert tina("/key/generate", user_id="ann", team_id="red", key_type="llm_api").status_code == 200
    refused(tina("/team/update", team_id="red", max_budget=10**6), 403, "forbidden")
    olga = lambda path, **body: managed.ask("POST", path, managed.keys["olga"], json=body)  # noqa: E731
    refused(olga("/user/new", user_id="x", user_role="proxy_admin", organization_id="acme"), 403, "forbidden")
    refused(olga("/user/new", user_id="x"), 403, "forbidden")
    assert olga("/user/new", user_id="x", organization_id="acme").status_code == 200
    refused(olga("/user/update", user_id="x", user_role="proxy_admin"), 403, "forbidden")
    managed.ok("/user/new", user_id="boss", user_role="proxy_admin", organization_id="acme")
    refused(olga("/user/update", user_id="boss", user_email="olga@x.org"), 403, "forbidden")
    refused(olga("/team/new", team_id="green"), 403, "forbidden")
    assert olga("/team/new", team_id="green", organization_id="acme").status_code == 200


def test_what_is_wrong_is_named_and_not_quoted(managed: Managed) -> None:
    managed.begun()
    for body, field in (
        ({"max_budgets": "a-secret"}, "max_budgets"),
        ({"max_budget": "a-secret"}, "max_budget"),
        ({"max_budget": -1}, "max_budget"),
        ({"duration": "a-secret"}, "duration"),
        ({"auto_rotate": True}, "auto_rotate"),
        ({"budget_duration": "fortnight"}, "budget_duration"),
        ({"models": ["x"] * 1001}, "models"),
        ({"metadata": {"a": "x" * 20_000}}, "metadata"),
        ({"user_id": "../a-secret"}, "user_id"),
        ({"budgets": [{"name": "max", "max_budget": 1}]}, "budgets.0.name"),
        ({"budgets": [{"name": "a", "max_budget": 1, "window": "day", "zone": "Mars"}]}, "budgets.0"),
    ):
        reply = managed.ask("POST", "/key/generate", managed.keys["admin"], json=body)
        assert reply.status_code == 400, body
        assert reply.json()["error"]["param"] == field or reply.json()["error"]["param"].startswith(field)
        assert "a-secret" not in reply.text
    assert managed.told("/key/list")["total"] == 1


def test_teams_users_and_organizations(managed: Managed) -> None:
    managed.peopled()
    team = managed.told("/team/info", team_id="red")
    assert {one["user_id"]: one["role"] for one in team["members"]} == {
        "ann": "user",
        "cleo": "user",
        "tina": "admin",
        "walt": "user",
    }
    assert team["team"]["organization_alias"] == ""
    assert managed.told("/team/list", search="re")["total"] == 1
    updated = managed.ask(
        "PATCH",
        "/organization/update",
        managed.keys["admin"],
        json={"organization_id": "acme", "max_budget": 9},
    )
    assert updated.json()["max_budget"] == 9
    gone = managed.ask(
        "DELETE", "/organization/delete", managed.keys["admin"], json={"organization_ids": ["acme"]}
    )
    refused(gone, 409, "in_use")
    members = managed.ok("/team/member_delete", team_id="red", user_ids=["cleo"])["data"]
    assert "cleo" not in {one["user_id"] for one in members}
    assert managed.told("/user/list", role="org_admin")["data"][0]["user_id"] == "olga"
    assert managed.told("/organization/members", organization_id="acme")["data"][0]["role"] == "org_admin"
    refused(managed.ask("GET", "/organization/list", managed.keys["ann"]), 403, "forbidden")


def test_the_log_tells_who_did_what_and_of_what_was_refused(managed: Managed) -> None:
    managed.peopled()
    managed.ask(
        "POST", "/team/new", managed.keys["ann"], json={"team_id": "mine"}, headers={"x-request-id": "r1"}
    )
    (refusal,) = managed.told("/audit/logs", success=False)["logs"]
    assert (refusal["actor_id"], refusal["action"], refusal["request_id"]) == ("ann", "team/new", "r1")
    assert refusal["actor_ip"] == "127.0.0.1"
    managed.ok("/team/update", team_id="blue", team_alias="Blue")
    (change,) = managed.told("/audit/logs", action="team/update")["logs"]
    assert change["diff"]["team_alias"] == ["", "Blue"]
    assert managed.told("/audit/log", id=change["id"]) == change
    stats = managed.told("/audit/stats")
    assert stats["total"] == managed.told("/audit/logs", limit=1)["total"]
    first = managed.told("/audit/logs", limit=3)
    second = managed.told("/audit/logs", limit=3, after=first["after"])
    assert second["logs"][0]["id"] == first["logs"][-1]["id"] - 1
    assert managed.told("/audit/logs", end_time="2020-01-01T00:00:00Z")["total"] == 0
    lines = managed.ask("GET", "/audit/export", managed.keys["vera"]).text.splitlines()
    assert len(lines) == stats["total"]
    refused(managed.ask("POST", "/audit/delete", managed.keys["admin"], json={}), 404, "unknown_url")


def test_spend_of_nothing_is_nothing(managed: Managed) -> None:
    managed.peopled()
    assert managed.told("/spend/logs")["summary"]["spend"] == 0
    assert managed.told("/spend/rows", managed.keys["ann"])["data"] == []
    refused(
        managed.ask("GET", "/spend/logs", managed.keys["ann"], params={"user_id": "tina"}), 404, "not_found"
    )
    refused(
        managed.ask("GET", "/spend/logs", managed.keys["ann"], params={"team_id": "red"}), 404, "not_found"
    )
    assert managed.told("/spend/logs", managed.keys["tina"], team_id="red")["filters"]["team_id"] == "red"
    refused(
        managed.ask("GET", "/spend/logs", managed.keys["admin"], params={"user_id": "a", "team_id": "b"}),
        400,
        "conflict",
    )
    refused(
        managed.ask(
            "GET",
            "/spend/logs",
            managed.keys["admin"],
            params={"start_date": "2026-02-01", "end_date": "2026-01-01"},
        ),
        400,
        "bad_dates",
    )


def test_how_long_answers_took_is_told_to_who_sees_everything(managed: Managed, store: Store) -> None:
    managed.peopled()
    nothing = {"summary": {"whole": None, "first": None}, "data": [], "models": [], "deployments": []}
    assert managed.told("/global/latency", managed.keys["vera"]) == nothing
    refused(managed.ask("GET", "/global/latency", managed.keys["ann"]), 403, "forbidden")
    rows = [
        {"id": f"{n}", "kind": "usage", "at": time.time(), "status": 200, "model": f"m{n % 3 and 1}"}
        | {"deployment": "eu", "ms": 1000, "first_ms": 300 * (n % 2)}
        for n in range(6)
    ]
    with store.writing() as connection:
        connection.execute(insert(ledger), rows)
    roll(store)
    told = managed.told("/global/latency", limit=1)
    assert told["summary"]["whole"] == {"requests": 6, "mean_ms": 1000, "p50_ms": 850, "p95_ms": 985}
    assert told["data"] == [{**told["data"][0], **told["summary"]}]
    assert [(one["model"], one["whole"]["requests"]) for one in told["models"]] == [("m1", 4)]
    assert [(one["deployment"], one["first"]["requests"]) for one in told["deployments"]] == [("eu", 3)]
    assert managed.told("/global/latency", model="m0", grain="hour")["summary"]["whole"]["requests"] == 2
    assert managed.told("/global/latency", deployment="us")["summary"]["whole"] is None
    both = {"model": "m0", "deployment": "eu"}
    refused(managed.ask("GET", "/global/latency", managed.keys["admin"], params=both), 400, "conflict")


def test_records_tell_how_their_budgets_stand(managed: Managed, store: Store) -> None:
    managed.begun()
    key = managed.ok("/key/generate", key_name="ci", max_budget=3, soft_budget=2, budget_duration="month")
    which = key["token_id"]
    managed.ok("/team/new", team_id="red", max_budget=10)
    managed.ok("/team/new", team_id="blue", budgets=[{"name": "rolling", "max_budget": 1, "window": "30d"}])
    now = time.time()
    month = span(window_of("month"), now).start
    rolling = span(window_of("30d"), now)
    rows = [
        (f"key:{which}:max", month, 1_250_000, 250_000),
        (f"key:{which}:max", month - 86400, 9_000_000, 0),  # another month's
        ("team:red:max", 0, 4_000_000, 0),
        ("team:blue:rolling", rolling.start, 300_000, 0),
        ("team:blue:rolling", rolling.oldest, 200_000, 0),
        ("team:blue:rolling", rolling.oldest - 1, 700_000, 0),  # counts no more
    ]
    with store.writing() as connection:
        for budget, period, spent, reserved in rows:
            row = {"budget_id": budget, "subject": "", "period": period, "spent": spent, "reserved": reserved}
            connection.execute(insert(balances).values(**row, told=0))
    hard, soft = managed.told("/key/info", key=which)["standing"]
    assert (hard["name"], hard["max_budget"], hard["spent"], hard["held"]) == ("max_budget", 3, 1.25, 0.25)
    assert hard["since"].endswith("-01T00:00:00Z")
    assert (soft["name"], soft["hard"], soft["spent"]) == ("soft_budget", False, 0)
    teams = {one["team_id"]: one["standing"][0] for one in managed.told("/team/list")["data"]}
    assert (teams["red"]["spent"], teams["red"]["until"]) == (4, None)
    assert (teams["blue"]["spent"], teams["blue"]["window"]) == (0.5, "30d")
    assert managed.ok("/key/update", key=which, rpm_limit=7)["standing"] is None
    assert "standing" not in str(managed.told("/audit/logs"))


def test_who_comes_is_told_the_ways_in(managed: Managed) -> None:
    assert managed.ask("GET", "/auth/ways").json() == {"oidc": False, "first": True}
    managed.begun()
    assert managed.ask("GET", "/auth/ways").json() == {"oidc": False, "first": False}
