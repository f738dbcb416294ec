"""The bootstrap token: the way in where nobody has a key yet. It makes the first one, once, and ends by
itself.

nobody administers ── begun ──► told once ── a key is made by it ──► over
                                    └── an hour ──► over: the next start tells another
"""

from __future__ import annotations

import hmac
import time
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, or_, select

from muxi_llm.governance.keys import hash_of
from muxi_llm.governance.roles import ADMIN, MANAGEMENT
from muxi_llm.governance.store.schema import keys, settings, users

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from muxi_llm.governance.store.engine import Store

NAME = "bootstrap"
"""Of the fact in the store: `[hash, until]`."""

LIFE = 3600.0
"""Seconds it is good for."""

PREFIX = "muxi-bootstrap-"


class Bootstrap:
    """Blocks; raises `StoreAwayError`."""

    def __init__(self, store: Store, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now

    def begin(self) -> str:
        """A new token, in the place of any before, to be told once; "" where there is an admin's key."""
        token = PREFIX + token_urlsafe(32)
        with self._store.writing() as connection:
            if _is_administered(connection):
                return ""
            connection.execute(delete(settings).where(settings.c.name == NAME))
            value = [hash_of(token), self._now() + LIFE]
            connection.execute(insert(settings).values(name=NAME, value=value))
        return token

    def is_good(self, token: str) -> bool:
        """Whether it is the one that was told, and not over."""
        with self._store.reading() as connection:
            return self._is(connection, hash_of(token))

    def is_awaited(self) -> bool:
        """Whether there is one that was told, and is not over."""
        with self._store.reading() as connection:
            return self._known(connection) is not None

    def take(self, connection: Connection, hashed: str) -> bool:
        """End it, in the transaction of what it makes; whether it was good until now."""
        found = select(settings.c.value).where(settings.c.name == NAME).with_for_update()
        connection.execute(found)
        is_good = self._is(connection, hashed)
        connection.execute(delete(settings).where(settings.c.name == NAME))
        return is_good

    def _is(self, connection: Connection, hashed: str) -> bool:
        known = self._known(connection)
        return known is not None and hmac.compare_digest(known, hashed)

    def _known(self, connection: Connection) -> str | None:
        value = connection.scalar(select(settings.c.value).where(settings.c.name == NAME))
        return value[0] if value and self._now() < value[1] else None


def _is_administered(connection: Connection) -> bool:
    """Whether somebody has a key that administers."""
    theirs = select(keys.c.id).join(users, users.c.id == keys.c.user_id, isouter=True)
    nobodys = (keys.c.kind == MANAGEMENT) & (keys.c.user_id == "")
    return connection.scalar(theirs.where(or_(users.c.role == ADMIN, nobodys)).limit(1)) is not None
