"""What people manage, changed and listed on both stores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from muxi_llm.errors import MuxiLLMError
from muxi_llm.governance import roles
from muxi_llm.governance.roles import Actor
from muxi_llm.governance.shapes import KEY, ORGANIZATION, TEAM, USER
from muxi_llm.governance.store import audit
from muxi_llm.governance.store.audit import Asked
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.records import Records
from muxi_llm.governance.store.schema import audit as log
from muxi_llm.governance.store.schema import budgets, keys, limits


def admin(operation: str, way: str = "key") -> Asked:
    return Asked(Actor(roles.ADMIN, "root"), operation, way)


def by(operation: str, actor: Actor) -> Asked:
    return Asked(actor, operation)


def refused(status: int, code: str) -> Any:
    return pytest.raises(MuxiLLMError, check=lambda e: e.status_code == status and e.code == code)


@pytest.fixture
def records(store: Store) -> Records:
    out = Records(store)
    out.create(admin("organization/new"), ORGANIZATION, {"organization_id": "acme"})
    out.create(admin("team/new"), TEAM, {"team_id": "red", "organization_id": "acme"})
    out.create(admin("team/new"), TEAM, {"team_id": "blue"})
    out.create(admin("user/new"), USER, {"user_id": "ann", "team_id": "red", "user_email": "ann@x.org"})
    out.create(admin("user/new"), USER, {"user_id": "bob"})
    return out


def key(records: Records, hashed: str, said: dict[str, Any], asked: Asked | None = None) -> dict[str, Any]:
    return records.create(asked or admin("key/generate"), KEY, said, hash=hashed, prefix=hashed[:2])


def test_a_record_with_its_budgets_and_limits_is_told_as_it_was_said(records: Records) -> None:
    said = {
        "key_name": "ci",
        "team_id": "red",
        "models": ["gpt-*"],
        "max_budget": 0.1,
        "soft_budget": 0.05,
        "budget_duration": "month",
        "model_max_budget": {"gpt:4": 1.5},
        "rpm_limit": 10,
        "model_tpm_limit": {"gpt-*": 1000},
        "metadata": {"a": [1, None, "ü"]},
        "budgets": [
            {
                "name": "day",
                "max_budget": 3,
                "window": "day",
                "zone": "Europe/Berlin",
                "week_start": 0,
                "hard": False,
                "thresholds": [50, 80],
                "model": "",
                "instead": "",
                "outage": "",
            }
        ],
    }
    made = key(records, "a-hash", said)
    for word, value in said.items():
        assert made[word] == value, word
    assert made["organization_id"] == "acme"  # by its team
    found = records.find(admin("key/info"), KEY, made["token_id"])
    standing = {one["max_budget"]: one["spent"] for one in found.pop("standing")}
    assert standing == dict.fromkeys((0.1, 0.05, 1.5, 3), 0.0)
    assert found == made
    assert "a-hash" not in str(found)
    with records.store.reading() as connection:
        amounts = dict(map(tuple, connection.execute(select(budgets.c.id, budgets.c.amount))))
    owner = made["token_id"]
    assert amounts == {
        f"key:{owner}:max": 100_000,
        f"key:{owner}:soft": 50_000,
        f"key:{owner}:model:gpt:4": 1_500_000,
        f"key:{owner}:day": 3_000_000,
    }


def test_a_change_is_of_what_was_said_alone(records: Records) -> None:
    made = key(
        records,
        "h1",
        {"max_budget": 5, "budget_duration": "day", "rpm_limit": 1, "model_rpm_limit": {"a": 1}},
    )
    which = made["token_id"]
    change = lambda said: records.change(admin("key/update"), KEY, which, said)  # noqa: E731
    assert {**change({"key_name": "x"}), "updated_at": ""} == {**made, "key_name": "x", "updated_at": ""}
    after = change({"max_budget": 7})
    assert (after["max_budget"], after["budget_duration"], after["rpm_limit"]) == (7, "day", 1)
    after = change({"budget_duration": "week"})
    assert (after["max_budget"], after["budget_duration"]) == (7, "week")
    after = change({"max_budget": None, "model_rpm_limit": {"b": 2}, "rpm_limit": None})
    assert (after["max_budget"], after["model_rpm_limit"], after["rpm_limit"]) == (None, {"b": 2}, None)
    with records.store.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(budgets)) == 0
        assert connection.scalar(select(func.count()).select_from(limits)) == 1


def test_what_is_named_has_to_be_there_and_to_fit(records: Records) -> None:
    for said in ({"team_id": "no"}, {"user_id": "no"}, {"organization_id": "no"}):
        with refused(400, "not_found"):
            key(records, "h", said)
    with refused(400, "conflict"):
        key(records, "h", {"team_id": "blue", "user_id": "ann"})  # who is no member
    with refused(400, "conflict"):
        key(records, "h", {"team_id": "blue", "organization_id": "acme"})
    with refused(409, "exists"):
        records.create(admin("team/new"), TEAM, {"team_id": "red"})
    with refused(404, "not_found"):
        records.change(admin("key/update"), KEY, "no", {})
    made = key(records, "h", {"team_id": "red", "user_id": "ann"})
    with refused(409, "in_use"):
        records.change(admin("team/update"), TEAM, "red", {"organization_id": ""})
    moved = records.change(admin("key/update"), KEY, made["token_id"], {"team_id": "", "user_id": "bob"})
    assert moved["organization_id"] == ""


def test_everything_that_is_refused_leaves_nothing_behind(records: Records) -> None:
    with records.store.reading() as connection:
        before = connection.scalar(select(func.count()).select_from(log))
    with refused(400, "conflict"):
        key(records, "h", {"team_id": "blue", "user_id": "ann", "max_budget": 3})
    with refused(403, "forbidden"):
        key(records, "h", {"user_id": "bob"}, by("key/generate", Actor(roles.USER, "ann")))
    with records.store.reading() as connection:
        for table in (keys, budgets, limits):
            assert connection.scalar(select(func.count()).select_from(table)) == 0
        assert connection.scalar(select(func.count()).select_from(log)) == before


def test_a_list_is_narrowed_to_who_asks_and_goes_page_by_page(records: Records) -> None:
    made = [
        key(records, f"h{n}", {"user_id": "ann" if n % 2 else "bob", "key_name": f"n{n}"}) for n in range(7)
    ]
    newest = [one["token_id"] for one in reversed(made)]
    seen, after = [], ""
    while True:
        page = records.page(admin("key/list"), KEY, {}, 3, after)
        assert page.total == 7
        seen += [one["token_id"] for one in page.data]
        if not (after := page.after):
            break
    assert seen == newest
    ann = by("key/list", Actor(roles.USER, "ann"))
    assert {one["user_id"] for one in records.page(ann, KEY, {}, 10).data} == {"ann"}
    assert records.page(ann, KEY, {"user_id": "bob"}, 10).total == 0
    assert records.page(by("key/list", Actor(roles.CUSTOMER, "ann")), KEY, {}, 10).total == 0
    assert records.page(admin("key/list"), KEY, {"search": "N3"}, 10).data[0]["key_name"] == "n3"
    assert records.page(admin("key/list"), KEY, {"search": "%"}, 10).total == 0
    assert records.page(ann, KEY, {}, 1, offset=1).data[0]["token_id"] == newest[3]
    assert records.page(ann, KEY, {}, 10).data[0]["user_alias"] == "ann@x.org"
    with refused(404, "not_found"):
        records.find(ann, KEY, made[0]["token_id"])


def test_members(records: Records) -> None:
    assert [one["user_id"] for one in records.members(admin("team/info"), TEAM, "red")] == ["ann"]
    after = records.put_members(admin("team/member_add"), TEAM, "red", {"bob": "admin", "ann": "admin"})
    assert [(one["user_id"], one["role"]) for one in after] == [("ann", "admin"), ("bob", "admin")]
    with refused(404, "not_found"):
        records.put_members(admin("team/member_add"), TEAM, "red", {"nobody": "user"})
    with refused(404, "not_found"):
        records.put_members(admin("team/member_delete"), TEAM, "blue", {"ann": None})
    with refused(404, "not_found"):
        records.put_members(by("team/member_add", Actor(roles.USER, "bob")), TEAM, "blue", {"bob": "admin"})


def test_who_is_removed_takes_their_keys_along(records: Records) -> None:
    mine = key(records, "h1", {"user_id": "ann", "max_budget": 1, "rpm_limit": 1})
    other = key(records, "h2", {"team_id": "blue"})
    with refused(409, "in_use"):
        records.remove(admin("organization/delete"), ORGANIZATION, ["acme"])
    records.remove(admin("user/delete"), USER, ["ann", "ann"])
    with refused(404, "not_found"):
        records.find(admin("key/info"), KEY, mine["token_id"])
    assert records.find(admin("key/info"), KEY, other["token_id"]) == {**other, "standing": []}
    assert records.members(admin("team/info"), TEAM, "red") == []
    records.remove(admin("team/delete"), TEAM, ["red"])
    records.remove(admin("organization/delete"), ORGANIZATION, ["acme"])
    with records.store.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(budgets)) == 0
        gone = select(log.c.object_id).where(log.c.action == "user/delete").order_by(log.c.seq)
        assert connection.execute(gone).scalars().all() == [mine["token_id"], "ann"]


def test_what_a_file_declares_the_file_alone_changes(records: Records) -> None:
    records.create(admin("team/new", "file"), TEAM, {"team_id": "green"}, declared=True)
    for change in (
        lambda: records.change(admin("team/update"), TEAM, "green", {"team_alias": "x"}),
        lambda: records.remove(admin("team/delete"), TEAM, ["green"]),
        lambda: records.put_members(admin("team/member_add"), TEAM, "green", {"ann": "user"}),
    ):
        with refused(409, "declared"):
            change()
    assert records.change(admin("team/update", "file"), TEAM, "green", {"team_alias": "y"})["declared"]


def test_every_change_is_told_once_in_a_chain_that_shows_what_is_done_to_it(records: Records) -> None:
    made = key(records, "a-secret's-hash", {"max_budget": 1})
    records.change(admin("key/update"), KEY, made["token_id"], {"max_budget": 2})
    with records.store.reading() as connection:
        rows = list(audit.entries(connection))
        assert audit.verified(connection) is None
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows[-1]["before"]["max_budget"] == 1
    assert rows[-1]["after"]["max_budget"] == 2
    assert rows[-1]["actor_id"] == "root"
    assert "a-secret's-hash" not in str(rows)
    number = rows[3]["seq"]
    for harm in (
        update(log).where(log.c.seq == number).values(actor_id="somebody else"),
        delete(log).where(log.c.seq == number),
        delete(log).where(log.c.seq == rows[-1]["seq"]),
    ):
        with records.store.engine.connect() as connection, connection.begin() as transaction:
            connection.execute(harm)
            found = audit.verified(connection)
            assert found is not None
            assert found.number in {number, rows[-1]["seq"]}
            transaction.rollback()


def test_many_that_change_something_at_once_wait_for_each_other(opened: Any) -> None:
    stores = [Records(opened()) for _ in range(4)]

    def work(number: int) -> None:
        for step in range(5):
            stores[number].create(admin("team/new"), TEAM, {"team_id": f"{number}-{step}"})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    with stores[0].store.reading() as connection:
        assert audit.verified(connection) is None
        assert audit.head(connection).number == 20
