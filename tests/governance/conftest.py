"""Both stores, real ones: a file of SQLite's, and a database of a PostgreSQL that these tests start once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from tests.support.patience import LIFETIME
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Everybody's: who stops it starts one of their own."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres: PostgresServer) -> str:
    """The name of a database that has all tables."""
    url = postgres.database()
    store = Store(url)
    migrate(store)
    store.close()
    return url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where there is no table yet; a test that takes it runs over both stores."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return str(request.getfixturevalue("postgres").database())


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store with all tables; a test that takes it runs over both."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres").database(request.getfixturevalue("template")))
    url = f"sqlite:///{tmp_path}/store.db"
    one = Store(url)
    migrate(one)
    one.close()
    return url


@pytest.fixture
def opened(store_url: str) -> Iterator[Callable[[], Store]]:
    """Opens that store, as each of several processes would."""
    stores: list[Store] = []

    def another() -> Store:
        stores.append(Store(store_url, patience=LIFETIME))  # another's transaction takes what it takes here
        return stores[-1]

    yield another
    for one in stores:
        one.close()


@pytest.fixture
def store(opened: Callable[[], Store]) -> Store:
    return opened()
