"""Who there is now, as rows say: for the management, which asks the store anyway."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from muxi_llm.governance.roles import ADMIN, DEFAULT, LEADER, MANAGEMENT, ORG_ADMIN, Actor
from muxi_llm.governance.store.schema import keys, members, organizations, teams, users

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from muxi_llm.governance.store.engine import Store


KNOWN = (users.c.role, users.c.blocked, users.c.alias, users.c.email)


class People:
    """Actors with all their rights of now. Blocks; raises `StoreAwayError`."""

    def __init__(self, store: Store, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now

    def of_key(self, hashed: str) -> Actor | None:
        """By a key, of which the hash is known; `None` for one that may not be used."""
        now = self._now()
        good = or_(keys.c.hash == hashed, (keys.c.old_hash == hashed) & (keys.c.old_until > now))
        with self._store.reading() as connection:
            row = connection.execute(select(keys).where(good)).mappings().first()
            if row is None or row["blocked"] or (row["expires_at"] and now >= row["expires_at"]):
                return None
            for table, which in ((teams, row["team_id"]), (organizations, row["organization_id"])):
                if which and connection.scalar(select(table.c.blocked).where(table.c.id == which)):
                    return None
            kind = row["kind"] or DEFAULT
            if row["user_id"]:
                return _actor(connection, row["user_id"], row["id"], kind)
            return Actor(ADMIN if kind == MANAGEMENT else "", key=row["id"], kind=kind)

    def of_user(self, user: str) -> Actor | None:
        """Of a user; `None` for one that is not there, or is blocked."""
        with self._store.reading() as connection:
            return _actor(connection, user)


def _actor(connection: Connection, user: str, key: str = "", kind: str = DEFAULT) -> Actor | None:
    found = connection.execute(select(*KNOWN).where(users.c.id == user)).first()
    if found is None or found.blocked:
        return None
    of = select(members.c.scope, members.c.scope_id, members.c.role).where(members.c.user_id == user)
    theirs = [tuple(row) for row in connection.execute(of)]

    def where(scope: str, *roles: str) -> frozenset[str]:
        return frozenset(which for at, which, role in theirs if at == scope and (not roles or role in roles))

    leads, administers = where("team", LEADER), where("organization", ORG_ADMIN, LEADER)
    return Actor(found.role, user, key, kind, where("team"), leads, administers, found.alias or found.email)
