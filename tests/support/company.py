"""A company that uses a gateway: organizations, teams, people and keys with names, and a month of requests in
the ledger. What it comes to is the same every time, but for the day it ends.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from muxi_llm.governance.store.ledger import roll
from muxi_llm.governance.store.schema import balances, ledger
from muxi_llm.governance.windows import span, window_of

if TYPE_CHECKING:
    from muxi_llm.governance.store.engine import Store
    from tests.support.managed import Managed

DAY = 86400

TEAMS = (
    ("search", "Search", "retail", 900.0),
    ("support", "Customer support", "retail", 400.0),
    ("research", "Research", "labs", 2500.0),
    ("platform", "Platform", "", 300.0),
)
PEOPLE = (
    ("grace", "Grace Hopper", "search", "internal_user"),
    ("alan", "Alan Turing", "research", "internal_user"),
    ("edith", "Edith Clarke", "support", "internal_user_viewer"),
    ("katherine", "Katherine Johnson", "platform", "internal_user"),
)
KEYS: tuple[tuple[str, str, str, float | None, dict[str, Any]], ...] = (
    ("Catalogue ranking", "search", "grace", 250.0, {"models": ["gpt-*", "embed-*"], "rpm_limit": 600}),
    ("Query rewriting", "search", "", 120.0, {"rpm_limit": 300, "tpm_limit": 400_000}),
    ("Ticket triage", "support", "", 100.0, {"models": ["claude-*"], "max_parallel_requests": 20}),
    ("Reply drafts", "support", "edith", 150.0, {"models": ["claude-*", "gpt-*"]}),
    ("Paper reading", "research", "alan", 400.0, {"tpm_limit": 2_000_000}),
    ("Evaluation runs", "research", "", None, {"rpm_limit": 1200}),
    ("CI", "platform", "", 40.0, {"models": ["gpt-5-mini"], "duration": "90d"}),
    ("Coding agents", "platform", "katherine", 220.0, {"models": ["claude-*"]}),
)
MODELS = (
    ("gpt-5", "openai/gpt-5", "openai", 9_000),
    ("gpt-5-mini", "openai/gpt-5-mini", "openai", 1_500),
    ("claude-sonnet-4-5", "anthropic/claude-sonnet-4-5", "anthropic", 12_000),
    ("claude-haiku-4-5", "bedrock/claude-haiku-4-5", "bedrock", 2_500),
    ("gemini-3-flash", "gemini/gemini-3-flash", "gemini", 900),
)
"""As it is asked for, who answers, of which provider, and micro-USD of a request."""


def settle_in(managed: Managed) -> list[dict[str, Any]]:
    """Everybody is there, by the API; their keys."""
    for which, alias in (("retail", "Retail"), ("labs", "Labs")):
        managed.ok("/organization/new", organization_id=which, organization_alias=alias, max_budget=5000)
    for which, alias, organization, budget in TEAMS:
        managed.ok(
            "/team/new", team_id=which, team_alias=alias, organization_id=organization,
            max_budget=budget, budget_duration="month",
        )  # fmt: skip
    for which, alias, team, role in PEOPLE:
        said = {"user_email": f"{which}@example.com", "user_alias": alias, "user_role": role, "team_id": team}
        managed.ok("/user/new", user_id=which, **said)
        managed.keys[which] = managed.ok("/key/generate", user_id=which, key_name=f"{alias}'s own")["key"]
    return [
        managed.ok(
            "/key/generate", key_name=name, team_id=team, user_id=user, max_budget=budget,
            budget_duration="30d", **more,
        )
        for name, team, user, budget, more in KEYS
    ]  # fmt: skip


def work(store: Store, keys: list[dict[str, Any]], requests: int = 3000, days: int = 30) -> None:
    """They ask for *days* until now, weekends less; what it cost is booked and summed up."""
    chance, now = random.Random(7), time.time()
    rows = [_row(chance, now, keys, number, days) for number in range(requests)]
    rows.sort(key=lambda row: row["at"])
    with store.writing() as connection:
        connection.execute(insert(ledger), rows)
        connection.execute(insert(balances), _spent(rows, now))
    roll(store)


def _row(
    chance: random.Random, now: float, keys: list[dict[str, Any]], number: int, days: int
) -> dict[str, Any]:
    at = now - days * DAY * chance.random() ** 1.3
    if time.gmtime(at).tm_wday >= 5 and chance.random() < 0.7:
        at -= 2 * DAY
    key = chance.choices(keys, [7, 5, 4, 4, 9, 6, 2, 8][: len(keys)])[0]
    model, answered, provider, cost = chance.choices(MODELS, [5, 6, 6, 3, 2])[0]
    failed = chance.random() < 0.012
    size = chance.lognormvariate(0, 0.6)
    return {
        "id": f"a{number}", "reservation_id": f"r{number}", "request_id": f"req-{number:05}",
        "kind": "usage", "at": at, "model": model, "answered": answered, "provider": provider,
        "deployment": provider, "path": "/chat/completions", "streamed": (streamed := chance.random() < 0.6),
        "key_id": key["token_id"], "user_id": key["user_id"], "team_id": key["team_id"],
        "organization_id": key["organization_id"], "status": 502 if failed else 200,
        "input": 0 if failed else int(3200 * size), "cached": 0 if failed else int(1400 * size),
        "output": 0 if failed else int(450 * size), "cost": 0 if failed else int(25 * cost * size),
        "ms": int(1800 * size), "first_ms": int(180 + 260 * size) if streamed else 0, "prices": "list",
    }  # fmt: skip


def _spent(rows: list[dict[str, Any]], now: float) -> list[dict[str, Any]]:
    """The balances of budgets: of keys for thirty days, of teams for this month, of organizations for ever."""
    month, rolling = span(window_of("month"), now).start, window_of("30d")
    out: dict[tuple[str, int], int] = {}
    for row in rows:
        periods = {"key": span(rolling, row["at"]).start, "team": month, "organization": 0}
        for kind, period in periods.items():
            if row[f"{kind}_id"] and row["at"] >= (month if kind == "team" else 0):
                of = (f"{kind}:{row[f'{kind}_id']}:max", period)
                out[of] = out.get(of, 0) + row["cost"]
    return [
        {"budget_id": which, "subject": "", "period": period, "spent": spent, "reserved": 0, "told": 0}
        for (which, period), spent in out.items()
    ]


CONFIG = """
providers:
  - {name: openai, api_key: sk-test-openai, models: [gpt-5, gpt-5-mini]}
  - {name: anthropic, api_key: sk-test-anthropic, models: [claude-sonnet-4-5, claude-haiku-4-5]}
  - {name: house, type: openai, base_url: "http://127.0.0.1:9/v1", api_key: sk-test-house, models: [house-70b]}
"""
"""Of the gateway they ask."""
