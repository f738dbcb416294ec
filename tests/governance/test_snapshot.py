"""Who may, in memory: what it is, and how it comes to be what the store says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import delete, func, select, update

from muxi_llm.governance import roles
from muxi_llm.governance.keys import hash_of
from muxi_llm.governance.roles import Actor
from muxi_llm.governance.shapes import KEY, ORGANIZATION, TEAM, USER
from muxi_llm.governance.snapshot import Snapshot
from muxi_llm.governance.store.audit import HEAD, Asked, Told
from muxi_llm.governance.store.engine import Store, StoreAwayError
from muxi_llm.governance.store.migrate import migrate
from muxi_llm.governance.store.records import Records
from muxi_llm.governance.store.schema import audit, keys, settings
from tests.support.patience import until
from tests.support.postgres import PostgresServer

ADMIN = Asked(Actor(roles.ADMIN, "root"), "key/generate")


def admin(operation: str) -> Asked:
    return Asked(ADMIN.actor, operation)


def made(records: Records, secret: str, **said: object) -> str:
    return str(records.create(ADMIN, KEY, said, hash=hash_of(secret), kind="default")["token_id"])


@contextmanager
def watching(store: Store) -> Iterator[Snapshot]:
    snapshot = Snapshot(store)
    snapshot.begin()
    try:
        yield snapshot
    finally:
        snapshot.end()


def filled(store: Store) -> Records:
    records = Records(store)
    records.create(admin("organization/new"), ORGANIZATION, {"organization_id": "acme", "max_budget": 9})
    team = {"team_id": "red", "organization_id": "acme", "models": ["gpt-*"], "rpm_limit": 5}
    records.create(admin("team/new"), TEAM, team)
    records.create(admin("user/new"), USER, {"user_id": "ann", "team_id": "red", "user_email": "ann@x.org"})
    return records


def test_a_key_is_found_with_all_that_is_said_of_whose_it_is(store: Store) -> None:
    records = filled(store)
    which = made(records, "one", team_id="red", user_id="ann", key_name="ci", models=["a"], max_budget=1)
    with watching(store) as snapshot:
        holder = snapshot.holder("one")
        assert holder is not None
        assert (holder.key.id, holder.key.name, holder.key.organization) == (which, "ci", "acme")
        assert holder.names == {"key": "ci", "user": "ann@x.org", "team": "red", "organization": "acme"} | {
            "team": "",
            "organization": "",
        }
        assert [row["scope"] for row in holder.budgets] == ["key", "organization"]
        assert [(row["scope"], row["kind"], row["amount"]) for row in holder.limits] == [("team", "rpm", 5)]
        assert holder.owners["team"].models == ("gpt-*",)
        assert snapshot.holder("two") is None
        assert snapshot.holder("") is None
        assert snapshot.is_live


def test_what_another_process_changes_is_seen(opened: Callable[[], Store]) -> None:
    records = filled(opened())
    heard: list[str] = []
    with watching(opened()) as snapshot:
        snapshot.heard.append(lambda row: heard.append(row["object_id"]))
        which = made(records, "one", team_id="red", rpm_limit=3)
        until(lambda: snapshot.holder("one"))
        change = lambda **said: records.change(admin("key/update"), KEY, which, said)  # noqa: E731
        change(blocked=True, rpm_limit=4)
        until(lambda: snapshot.holder("one").key.blocked)
        assert [row["amount"] for row in snapshot.holder("one").limits] == [4, 5]
        records.change(admin("team/update"), TEAM, "red", {"blocked": True, "rpm_limit": None})
        until(lambda: snapshot.holder("one").owners["team"].blocked)
        assert [row["scope"] for row in snapshot.holder("one").limits] == ["key"]
        records.change(admin("key/regenerate"), KEY, which, {}, hash=hash_of("two"), old_hash="", old_until=0)
        until(lambda: snapshot.holder("two"))
        assert snapshot.holder("one") is None
        records.tell(admin("control/deployments/cooldown"), Told("deployment", "openai/gpt"))
        until(lambda: "openai/gpt" in heard)
        records.remove(admin("key/delete"), KEY, [which])
        until(lambda: snapshot.holder("two") is None)
        until(lambda: snapshot.held(which) is None)


def test_the_hash_before_a_rotation_is_good_for_its_grace(store: Store) -> None:
    now = [1000.0]
    records = filled(store)
    which = made(records, "one")
    new = {"hash": hash_of("two"), "old_hash": hash_of("one"), "old_until": 1060.0}
    records.change(admin("key/regenerate"), KEY, which, {}, **new)
    snapshot = Snapshot(store, lambda: now[0])
    snapshot.load()
    assert snapshot.holder("one") == snapshot.holder("two")
    now[0] = 1060.0
    assert snapshot.holder("one") is None
    assert snapshot.holder("two") is not None


def test_many_changes_or_a_gap_in_the_feed_are_read_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = filled(store)
    snapshot = Snapshot(store)
    snapshot.load()
    monkeypatch.setattr("muxi_llm.governance.snapshot.MANY", 3)
    for number in range(5):
        made(records, f"s{number}")
    snapshot.catch_up()
    assert all(snapshot.holder(f"s{number}") for number in range(5))
    with store.writing() as connection:  # a store that was put back to what it had been
        lost = connection.scalar(select(func.max(audit.c.seq)))
        connection.execute(delete(audit).where(audit.c.seq == lost))
        connection.execute(delete(keys).where(keys.c.hash == hash_of("s4")))
        before = connection.execute(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc())).first()
        connection.execute(update(settings).where(settings.c.name == HEAD).values(value=list(before)))
    snapshot.catch_up()
    assert snapshot.holder("s4") is None
    made(records, "s5")
    snapshot.catch_up()
    assert snapshot.holder("s5")


def test_when_a_key_was_last_used_is_written_now_and_then(store: Store) -> None:
    records = filled(store)
    which = made(records, "one")
    with watching(store) as snapshot:
        snapshot.used(which)
        assert records.find(admin("key/info"), KEY, which)["last_used_at"] is None
    assert records.find(admin("key/info"), KEY, which)["last_used_at"]


def test_keys_are_good_while_the_store_is_away_and_caught_up_with_when_it_is_back() -> None:
    with PostgresServer() as server, ExitStack() as ending:
        store = Store(server.database(), patience=1)
        ending.callback(store.close)
        migrate(store)
        records = filled(store)
        made(records, "one")
        with watching(store) as snapshot:
            server.stop()
            until(lambda: not snapshot.is_live)
            assert snapshot.holder("one") is not None
            with pytest.raises(StoreAwayError):
                made(records, "two")
            server.start()
            until(lambda: snapshot.is_live)
            made(records, "three")
            until(lambda: snapshot.holder("three"))
            server.pause()  # which breaks no connection
            until(lambda: not snapshot.is_live)
            server.resume()
            until(lambda: snapshot.is_live)
