"""Sessions in rows. A browser has the name, the store its hash: who reads the store can be nobody.

    begun ── looked up while its key or user is as it was ──► there
      └── out · over · its key or role is gone, its user blocked ──► ended, and its row with it

A login that is under way at a provider is such a row too: it is good once, whoever of several gateways the
browser comes back to.
"""

from __future__ import annotations

import time
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, func, insert, select

from muxi_llm.governance.keys import hash_of
from muxi_llm.governance.refusals import refused
from muxi_llm.governance.store.schema import logins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.governance.store.engine import Store

SESSION, STATE = "session", "state"

MOST = 10_000
"""Logins that may be under way: strangers begin them."""


class Session(NamedTuple):
    """Somebody who is logged in. user, key: by whose right, "" for none. role: that they had then."""

    user: str = ""
    key: str = ""
    role: str = ""
    expires: float = 0.0


class Sessions:
    """Of all gateways that share a store. Blocks; raises `StoreAwayError`."""

    def __init__(self, store: Store, now: Callable[[], float] = time.time, most: int = MOST) -> None:
        """most: logins that may be under way."""
        self._store, self._now, self._most = store, now, most

    def begin(self, user: str, key: str, role: str, ttl: float) -> str:
        """A new session; its name, which is shown once."""
        return self._put(SESSION, user, {"key": key, "role": role}, ttl)

    def find(self, name: str) -> Session | None:
        """The session of that name, if it is not over."""
        with self._store.reading() as connection:
            found = connection.execute(
                select(logins.c.user_id, logins.c.facts, logins.c.expires_at).where(
                    logins.c.id == hash_of(name), logins.c.kind == SESSION, logins.c.expires_at > self._now()
                )
            ).first()
        if found is None:
            return None
        return Session(found.user_id, found.facts["key"], found.facts["role"], found.expires_at)

    def end(self, name: str) -> None:
        """It is over, if it is at all."""
        with self._store.writing() as connection:
            connection.execute(delete(logins).where(logins.c.id == hash_of(name)))

    def keep(self, facts: Mapping[str, Any], ttl: float) -> str:
        """What a login under way needs later; its name. Raises a refusal of 503 where too many are."""
        with self._store.reading() as connection:
            under_way = connection.scalar(
                select(func.count())
                .select_from(logins)
                .where(logins.c.kind == STATE, logins.c.expires_at > self._now())
            )
        if (under_way or 0) >= self._most:
            raise refused(503, "too many logins are under way; try again in a few minutes", "busy")
        return self._put(STATE, "", facts, ttl)

    def take(self, name: str) -> Mapping[str, Any] | None:
        """What was kept, once; `None` for what was not, or not lately, or was taken."""
        this = (logins.c.id == hash_of(name), logins.c.kind == STATE)
        with self._store.writing() as connection:
            found = connection.execute(select(logins.c.facts, logins.c.expires_at).where(*this)).first()
            taken = connection.execute(delete(logins).where(*this)).rowcount
        if found is None or not taken or found.expires_at <= self._now():
            return None
        facts: Mapping[str, Any] = found.facts
        return facts

    def _put(self, kind: str, user: str, facts: Mapping[str, Any], ttl: float) -> str:
        """A row; those that are over go."""
        name, now = token_urlsafe(32), self._now()
        row = {"id": hash_of(name), "kind": kind, "user_id": user, "facts": dict(facts)}
        with self._store.writing() as connection:
            connection.execute(delete(logins).where(logins.c.expires_at <= now))
            connection.execute(insert(logins).values(**row, created_at=now, expires_at=now + ttl))
        return name
