"""What several files declare in one store."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from muxi_llm.governance import roles
from muxi_llm.governance.declared import declare, declared_of
from muxi_llm.governance.roles import Actor
from muxi_llm.governance.shapes import KEY, TEAM
from muxi_llm.governance.store.apart import allotted
from muxi_llm.governance.store.audit import Asked
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.records import Records
from muxi_llm.governance.store.schema import audit

EU: dict[str, Any] = {
    "name": "eu",
    "teams": [{"team_id": "both", "models": ["gpt-*"]}, {"team_id": "eu"}],
    "keys": [{"token_id": "ci-eu", "key": "eu-secret-0123456789", "team_id": "eu"}],
    "budgets": [
        {"scope": "provider", "scope_id": "openai", "budgets": [{"name": "monthly", "max_budget": 5}]}
    ],
}
US: dict[str, Any] = {
    "name": "us",
    "teams": [{"team_id": "both", "models": ["gpt-*"]}],
    "keys": [{"token_id": "ci-us", "key": "us-secret-0123456789"}],
    "budgets": [{"scope": "model", "scope_id": "*", "budgets": [{"name": "each", "max_budget": 1}]}],
}


def there(records: Records) -> list[str]:
    asked = Asked(Actor(roles.ADMIN, "root"), "key/list")
    found = [
        one[shape.id]
        for shape in (TEAM, KEY)
        for one in records.page(asked, shape, {}, 50).data
        if one["declared"]
    ]
    with records.store.reading() as connection:
        found += [f"{one['scope']}:{one['scope_id']}" for one in allotted(connection) if one["declared"]]
    return sorted(found)


def entries(store: Store) -> int:
    with store.reading() as connection:
        return connection.scalar(select(func.count()).select_from(audit)) or 0


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_files_with_names_of_their_own_leave_each_others_things_alone(store: Store) -> None:
    records = Records(store)

    def say(section: dict[str, Any]) -> None:
        declare(records, declared_of(section), "config.yaml")

    say(EU)
    say(US)
    both = ["both", "ci-eu", "ci-us", "eu", "model:*", "provider:openai"]
    assert there(records) == both
    written = entries(store)
    say(EU)
    say(US)
    assert (there(records), entries(store)) == (both, written)  # neither has anything to change
    say({"name": "eu", "teams": EU["teams"][1:]})
    assert there(records) == ["both", "ci-us", "eu", "model:*"]  # what the other one has too stays
    say({"name": "us"})
    assert there(records) == ["eu"]


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_files_without_names_are_one(store: Store) -> None:
    records = Records(store)
    for section in (EU, US):
        declare(records, declared_of({**section, "name": ""}), "config.yaml")
    assert there(records) == ["both", "ci-us", "model:*"]
