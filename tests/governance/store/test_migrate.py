"""The tables come to be by steps, by whoever comes first, and are what the schema says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import inspect, select, text

from muxi_llm.errors import InvalidRequestError
from muxi_llm.governance.store import latencies, schema
from muxi_llm.governance.store.engine import Store, StoreAwayError
from muxi_llm.governance.store.ledger import roll
from muxi_llm.governance.store.migrate import migrate, newest


def test_the_steps_together_come_to_the_schema(empty_url: str) -> None:
    store = Store(empty_url)
    try:
        migrate(store)
        stepped = made(store)
        with store.writing() as connection:
            schema.metadata.drop_all(connection)
            schema.metadata.create_all(connection)
        assert made(store) == stepped
    finally:
        store.close()


def made(store: Store) -> dict[str, Any]:
    """Each table as the database itself describes it."""
    with store.reading() as connection:
        looks = inspect(connection)
        names = sorted(set(looks.get_table_names()) - {"alembic_version"})
        return {
            name: (
                [str(sorted(one.items(), key=str)) for one in looks.get_columns(name)],
                sorted(
                    (
                        str(one["name"]),
                        one["column_names"],
                        one["unique"],
                        *map(str, one.get("dialect_options", {}).values()),
                    )
                    for one in looks.get_indexes(name)
                ),
                looks.get_pk_constraint(name)["constrained_columns"],
            )
            for name in names
        }


def test_a_store_of_the_version_before_keeps_its_rows(empty_url: str) -> None:
    store = Store(empty_url)
    try:
        migrate(store, "0001")
        with store.writing() as connection:
            old = "INSERT INTO ledger (id, kind, at, model, status, ms) VALUES ('a', 'usage', 1.0, 'm', 200, 30)"
            connection.execute(text(old))
        assert migrate(store) == ("0001", newest())
        with store.writing() as connection:
            connection.execute(text(old.replace("'a'", "'b'")))  # of a gateway that is not renewed yet
        assert roll(store) == 2
        with store.reading() as connection:
            assert connection.execute(select(schema.ledger.c.first_ms)).scalars().all() == [0, 0]
            (told,) = latencies.told(connection, latencies.Span(0, 86400), "day")
        assert (told["whole"]["mean_ms"], told["first"]) == (30, None)
    finally:
        store.close()


def test_many_that_begin_at_once_make_them_once(empty_url: str) -> None:
    stores = [Store(empty_url, patience=30) for _ in range(6)]
    try:
        with ThreadPoolExecutor(6) as pool:
            steps = list(pool.map(migrate, stores))
        assert sorted(before for before, _ in steps) == ["", *[newest()] * 5]
        assert {after for _, after in steps} == {newest()}
    finally:
        for one in stores:
            one.close()


def test_a_step_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    store = Store(empty_url)
    try:
        with store.writing() as connection:
            schema.users.create(connection)
        with pytest.raises(Exception, match="exists"):
            migrate(store)
        with store.reading() as connection:
            assert inspect(connection).get_table_names() == ["users"]
    finally:
        store.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [("mysql://host/x", "'mysql' is no kind"), ("nonsense", "no address of a database")],
)
def test_another_kind_of_database_is_refused_by_its_name(url: str, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        Store(url)


def test_a_store_that_is_not_there_is_away() -> None:
    store = Store("postgresql://nobody:s3cret@127.0.0.1:9/none", patience=1)
    with pytest.raises(StoreAwayError) as caught, store.reading():
        pass
    assert "s3cret" not in str(caught.value)
    store.close()


def test_what_another_one_holds_is_waited_for_and_then_away(opened: object, store_url: str) -> None:
    one, other = Store(store_url), Store(store_url, patience=0.2)
    try:
        with one.writing() as held:
            held.execute(schema.settings.insert().values(name="a", value=1))
            with pytest.raises(StoreAwayError), other.writing() as second:
                second.execute(schema.settings.insert().values(name="a", value=2))
        with other.reading() as connection:
            assert connection.execute(schema.settings.select()).all() == [("a", 1)]
    finally:
        one.close()
        other.close()


def test_a_statement_that_makes_no_sense_is_a_bug_and_not_an_absence(empty_url: str) -> None:
    store = Store(empty_url)
    with pytest.raises(Exception, match="settings") as caught, store.reading() as connection:
        connection.execute(schema.settings.select())
    assert not isinstance(caught.value, StoreAwayError)
    store.close()
