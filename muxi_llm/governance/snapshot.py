"""Who may, in memory: what each request asks for costs no look into the store, and goes on while that is
away.

It is read whole once, and then kept to what the audit log's feed says has changed: entries behind the last
one known name the records to read again. PostgreSQL tells when there is one; a file of SQLite's is looked at
ten times a second, which costs microseconds. One's own changes are taken up at once (`Records.changed`).
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Text, bindparam, func, select, update
from sqlalchemy import cast as as_type

from muxi_llm.governance.audit import Head
from muxi_llm.governance.keys import Holder, Key, Owner, hash_of
from muxi_llm.governance.store import schema
from muxi_llm.governance.store.audit import CHANNEL, head
from muxi_llm.governance.store.engine import StoreAwayError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Table

    from muxi_llm.governance.store.engine import Store

    Row = Mapping[Any, Any]

log = logging.getLogger("muxi_llm.governance")

LOOK = 0.1
"""Seconds between two looks at a file."""

IDLE = 2.0
"""Seconds after which a store is asked although it told nothing."""

SILENT = 6.0
"""Seconds without an answer after which it is taken to be away: one that hangs breaks no connection."""

AGAIN = 0.5
"""Seconds until a store that is away is asked again."""

FLUSH = 60.0
"""Seconds after which it is written when keys were last used."""

MANY = 500
"""Records that are read again at once, and entries after which all is read anew."""


class Snapshot:
    """What is known of keys and whose they are. Asked by one thread or many, changed by one."""

    def __init__(self, store: Store, now: Callable[[], float] = time.time) -> None:
        self.store = store
        self._now = now
        self.known = Head()
        """The last entry of the audit log that is taken account of."""
        self._answered = -inf
        """When the store last said that this is all."""
        self.heard: list[Callable[[Row], object]] = []
        """Told of each entry that others, or this process, wrote since it began."""
        self.priced: Callable[[Sequence[Row]], object] = lambda _: None
        """Told all prices of the store, whenever one has changed."""
        self._keys: dict[str, Key] = {}
        self._hashes: dict[str, tuple[str, float]] = {}
        """Hash → key, and until when: 0 for ever."""
        self._hashes_of: dict[str, tuple[str, str]] = {}
        self._owners: dict[str, dict[str, Owner]] = {"user": {}, "team": {}, "organization": {}}
        self._defined: dict[str, dict[tuple[str, str], tuple[Row, ...]]] = {"budgets": {}, "limits": {}}
        self._holders: dict[str, Holder] = {}
        self._used: dict[str, float] = {}
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="muxi-llm-snapshot", daemon=True)

    # -------------------------------------------------------------------------------------- asked

    @property
    def is_live(self) -> bool:
        """Whether it is known to be what the store has: not while that is away, or does not answer."""
        return time.monotonic() - self._answered < SILENT

    def holder(self, secret: str) -> Holder | None:
        """Whose key that is; `None` where nobody's is known by it."""
        found = self._hashes.get(hash_of(secret))
        if found is None or (found[1] and self._now() >= found[1]):
            return None
        return self.held(found[0])

    def held(self, key: str) -> Holder | None:
        """A key by its id."""
        holders = self._holders  # before anything is read: a change puts another in its place
        known = holders.get(key)
        if known is None and (found := self._keys.get(key)) is not None:
            known = holders[key] = self._made(found)
        return known

    def defined(self, table: str, scope: str, which: str) -> tuple[Row, ...]:
        """The rows of `budgets` or `limits` of one scope, such as a model's."""
        return self._defined[table].get((scope, which), ())

    def used(self, key: str) -> None:
        """It was used now; written once a minute."""
        self._used[key] = self._now()

    def _made(self, key: Key) -> Holder:
        whose = {"user": key.user, "team": key.team, "organization": key.organization}
        owners = {
            kind: owner
            for kind, which in whose.items()
            if which and (owner := self._owners[kind].get(which)) is not None
        }
        places = [("key", key.id), *((kind, whose[kind]) for kind in owners)]
        budgets, limits = (
            tuple(row for place in places for row in self._defined[table].get(place, ()))
            for table in ("budgets", "limits")
        )
        return Holder(key, owners, budgets, limits)

    # --------------------------------------------------------------------------------------- read

    def load(self) -> None:
        """Read all of it. Raises `StoreAwayError`."""
        with self._lock, self.store.reading() as connection:
            known = head(connection)
            self._keys, self._hashes, self._hashes_of = {}, {}, {}
            self._put_keys(connection.execute(select(*KEY_COLUMNS)))
            for kind in self._owners:
                self._owners[kind] = dict(_owners(connection, kind))
            for name, table in TABLES.items():
                self._defined[name] = _grouped(connection.execute(select(table)).mappings())
            self.priced(connection.execute(PRICES).mappings().all())
            self._holders = {}
            self.known, self._answered = known, time.monotonic()

    def catch_up(self) -> None:
        """Read what has changed since. Raises `StoreAwayError`.

        All is read anew where the feed does not go on from where it was: after very many changes, or in a
        store that was put back to what it had been, or that another one has taken the place of.
        """
        entries = schema.audit
        with self._lock, self.store.reading() as connection:
            found = select(entries).where(entries.c.seq >= self.known.number).order_by(entries.c.seq)
            rows = connection.execute(found.limit(MANY)).mappings().all()
            goes_on = self.known == Head() or (
                bool(rows) and Head(rows[0]["seq"], rows[0]["hash"]) == self.known and len(rows) < MANY
            )
            new = [row for row in rows if row["seq"] > self.known.number]
            if goes_on and new:
                self._renew(connection, new)
            self._answered = time.monotonic()
        if not goes_on:
            self.load()
        for row in new:
            for hear in self.heard:
                hear(row)

    def _renew(self, connection: Connection, rows: Sequence[Row]) -> None:
        changed: dict[str, set[str]] = {}
        for row in rows:
            changed.setdefault(row["object_type"], set()).add(row["object_id"])
        for kind, ids in changed.items():
            if kind == "key":
                self._drop_keys(
                    ids, connection.execute(select(*KEY_COLUMNS).where(schema.keys.c.id.in_(ids)))
                )
            elif kind == "price":
                self.priced(connection.execute(PRICES).mappings().all())
            elif kind in self._owners:
                known = dict(_owners(connection, kind, ids))
                for each in ids:
                    self._owners[kind].pop(each, None)
                self._owners[kind].update(known)
            for name, table in TABLES.items():
                this = (table.c.scope == kind) & table.c.scope_id.in_(ids)
                found = _grouped(connection.execute(select(table).where(this)).mappings())
                for each in ids:
                    self._defined[name].pop((kind, each), None)
                self._defined[name].update(found)
        self._holders = {}
        self.known = Head(rows[-1]["seq"], rows[-1]["hash"])

    def _drop_keys(self, ids: set[str], rows: Iterable[Any]) -> None:
        """Those are as *rows* say now, and those that are not among them are no more."""
        before = {each: self._hashes_of.get(each, ()) for each in ids}
        kept = self._put_keys(rows)
        for each, hashes in before.items():
            for gone in set(hashes) - set(self._hashes_of[each] if each in kept else ()):
                self._hashes.pop(gone, None)
            if each not in kept:
                self._keys.pop(each, None)
                self._hashes_of.pop(each, None)

    def _put_keys(self, rows: Iterable[Any]) -> set[str]:
        kept = set()
        for (
            hashed,
            old,
            until,
            which,
            name,
            user,
            team,
            organization,
            models,
            routes,
            kind,
            blocked,
            ends,
        ) in rows:
            self._keys[which] = Key(
                which,
                name,
                user,
                team,
                organization,
                _strings(models),
                _strings(routes),
                kind,
                blocked,
                ends or 0.0,
            )
            self._hashes[hashed] = (which, 0.0)
            if old and until:
                self._hashes[old] = (which, until)
            self._hashes_of[which] = (hashed, old)
            kept.add(which)
        return kept

    # ------------------------------------------------------------------------------------ watched

    def begin(self) -> None:
        """Read all, and go on in a thread. Raises `StoreAwayError`."""
        self.load()
        self._thread.start()

    def end(self) -> None:
        """No more; what is known of uses is written."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()
        try:
            self.flush()
        except StoreAwayError:
            log.warning("when keys were last used was not written: the store is away")

    def flush(self) -> None:
        """Write when keys were last used. Raises `StoreAwayError`."""
        used, self._used = self._used, {}
        if used:
            keys = schema.keys
            later = update(keys).where(keys.c.id == bindparam("which")).values(used_at=bindparam("at"))
            with self.store.writing() as connection:
                connection.execute(later, [{"which": key, "at": at} for key, at in sorted(used.items())])

    def _run(self) -> None:
        wait = _looks if self.store.is_sqlite else _listens
        flushed = time.monotonic()
        while not self._ending.is_set():
            try:
                for _ in wait(self.store, self._ending):
                    self.catch_up()
                    if time.monotonic() - flushed > FLUSH:
                        flushed = time.monotonic()
                        self.flush()
            except StoreAwayError as error:
                if self.is_live:
                    log.warning("keys are as they were: %s", error)
                self._answered = -inf
                self._ending.wait(AGAIN)


# ----------------------------------------------------------------------------------- what is told


def _looks(store: Store, ending: threading.Event) -> Iterator[None]:
    """Whenever a file has another entry, or had none for a while: requests change it all the time."""
    with _raw(store) as raw:
        known, newest, idle = None, None, 0.0
        while not ending.is_set():
            (version,) = raw.execute("PRAGMA data_version").fetchone()
            last = raw.execute(NEWEST).fetchone() if version != known else newest
            known = version
            if last != newest or idle >= IDLE:
                newest, idle = last, 0.0
                yield
            ending.wait(LOOK)
            idle += LOOK


def _listens(store: Store, ending: threading.Event) -> Iterator[None]:
    """Whenever a server tells of a change, or nothing did for a while."""
    with _raw(store) as raw:
        raw.autocommit = True
        raw.execute(f"LISTEN {CHANNEL}")
        yield
        idle = 0.0
        while not ending.is_set():
            told = list(raw.notifies(timeout=LISTEN, stop_after=1))
            idle += LISTEN
            if told or idle >= IDLE:
                idle = 0.0
                yield


@contextmanager
def _raw(store: Store) -> Iterator[Any]:
    """The driver's own connection, which is nobody else's afterwards. Raises `StoreAwayError`."""
    with store.reading() as connection:
        try:
            yield connection.connection.dbapi_connection
        except connection.dialect.loaded_dbapi.Error as error:
            raise StoreAwayError(f"the store is away ({type(error).__name__})") from error
        finally:
            connection.invalidate()


NEWEST = "SELECT max(seq) FROM audit"
LISTEN = 0.5
"""Seconds for which a server is listened to before it is looked whether to end."""


# ------------------------------------------------------------------------------------------- rows


def _owners(
    connection: Connection, kind: str, ids: Iterable[str] | None = None
) -> Iterator[tuple[str, Owner]]:
    table = OWNERS[kind]
    role = table.c.role if kind == "user" else bindparam("role", "")
    email = table.c.email if kind == "user" else bindparam("email", "")
    found = select(table.c.id, table.c.alias, as_type(table.c.models, Text), table.c.blocked, role, email)
    if ids is not None:
        found = found.where(table.c.id.in_(list(ids)))
    for which, alias, models, blocked, of, address in connection.execute(found):
        yield which, Owner(alias or address, _strings(models), blocked, of)


def _grouped(rows: Iterable[Row]) -> dict[tuple[str, str], tuple[Row, ...]]:
    out: dict[tuple[str, str], tuple[Row, ...]] = {}
    for each in rows:
        row = dict(each)  # which is read faster
        place = row["scope"], row["scope_id"]
        out[place] = (*out.get(place, ()), row)
    return out


@lru_cache(maxsize=4096)
def _strings(text: str) -> tuple[str, ...]:
    return tuple(orjson.loads(text))


OWNERS: dict[str, Table] = {
    "user": schema.users,
    "team": schema.teams,
    "organization": schema.organizations,
}
PRICES = select(schema.prices).order_by(schema.prices.c.version)
TABLES = {"budgets": schema.budgets, "limits": schema.limits}
_OF = schema.keys.c
KEY_COLUMNS = (
    *(_OF.hash, _OF.old_hash, _OF.old_until, _OF.id, func.coalesce(func.nullif(_OF.alias, ""), _OF.name)),
    *(_OF.user_id, _OF.team_id, _OF.organization_id, as_type(_OF.models, Text), as_type(_OF.scopes, Text)),
    *(_OF.kind, _OF.blocked, _OF.expires_at),
)
