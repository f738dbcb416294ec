"""How the store is reached: one engine, transactions that write and transactions that read."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from muxi_llm.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection, Engine


class StoreAwayError(Exception):
    """The store cannot be asked now: it is down, locked, or its disk is full. Nothing was written."""


class Store:
    """A database. Safe to use from any thread; made anew in a forked child."""

    def __init__(self, url: str, *, patience: float = 5.0) -> None:
        """url: `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://user:secret@host/name`.

        patience: seconds to wait for a connection, or for another process's transaction, before the store is
        taken to be away. Raises `InvalidRequestError` for an address of neither kind.
        """
        self.url = _url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        options = _options(self.url, patience)
        self.engine: Engine = create_engine(
            self.url, json_serializer=json, json_deserializer=value, **options
        )
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepared)
            event.listen(self.engine, "begin", _begun)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that writes: all of it, or nothing if it raises. Raises `StoreAwayError`."""
        with (
            self._away(),
            self.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that reads. Raises `StoreAwayError`."""
        with self._away(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _away(self) -> Iterator[None]:
        """A database that is not there, as one error; a statement that is wrong is a bug, and stays one."""
        try:
            yield
        except PoolTimeoutError:
            raise StoreAwayError("all connections to the store are busy") from None
        except (DBAPIError, self.engine.dialect.loaded_dbapi.Error) as error:
            wrapped = error if isinstance(error, DBAPIError) else DBAPIError(None, None, error)
            kinds = {kind.__name__ for kind in type(error).__mro__}
            if _is_ours(wrapped.orig) or not (wrapped.connection_invalidated or kinds & AWAY):
                raise wrapped from wrapped.orig
            raise StoreAwayError(f"the store is away ({type(wrapped.orig).__name__})") from error

    def close(self) -> None:
        """Let go of its connections."""
        self.engine.dispose()


def _is_ours(error: object) -> bool:
    """SQLite calls a statement that makes no sense an operational error too."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


def raw(connection: Connection) -> Any:
    """The driver's own cursor, for what is asked so often that SQLAlchemy would be most of its cost."""
    return connection.connection.cursor()


def json(said: object) -> str:
    """What a column of JSON is told."""
    return orjson.dumps(said).decode()


def value(told: object) -> Any:
    """What it tells. SQLite has made a number of a number."""
    return orjson.loads(told) if isinstance(told, str | bytes) else told


def _url(given: str) -> URL:
    try:
        url = make_url(given)
    except ArgumentError:
        raise InvalidRequestError("database: no address of a database; " + KINDS) from None
    driver = DRIVERS.get(url.drivername)
    if driver is None:
        raise InvalidRequestError(f"database: {url.drivername!r} is no kind that is known; " + KINDS)
    return url.set(drivername=driver)


def _options(url: URL, patience: float) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        if url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        return {"connect_args": {"timeout": patience, "check_same_thread": False}}
    arguments = {
        "connect_timeout": max(int(patience), 1),
        "options": f"-c lock_timeout={int(patience * 1000)} -c statement_timeout={STATEMENT_MS}",
        "application_name": f"muxi-llm {os.getpid()}",
        **UNREACHABLE,
    }
    return {
        "connect_args": {**arguments, **url.query},
        "pool_pre_ping": True,
        "pool_timeout": patience,
    }


def _prepared(connection: Any, _: object) -> None:
    """Transactions are begun by us, not by the driver as it sees fit.

    WAL with `synchronous=NORMAL`: what was committed survives any end of this process; a loss of power keeps
    the file whole, but may take the last moments. https://www.sqlite.org/pragma.html#pragma_synchronous
    """
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begun(connection: Connection) -> None:
    """Who will write says so first: a reader that becomes a writer may find that it read too early."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


AWAY = {"OperationalError", "InterfaceError", "InternalError"}
"""The last one: of a PostgreSQL that has become a standby."""
STATEMENT_MS = 60_000
UNREACHABLE = {
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
"""A server that is cut off breaks no connection: after 15 seconds without a sign of it, we do.
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-TCP-USER-TIMEOUT
"""
DRIVERS = {
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
KINDS = "write sqlite:///file.db, or postgresql://user:password@host/name"
