"""The two ways in, who is there, and the way out."""

from __future__ import annotations

import re
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sqlalchemy import func, select

from muxi_llm.governance.keys import hash_of
from muxi_llm.governance.login.person import check_roles, person_of
from muxi_llm.governance.login.provider import Provider, not_vouched
from muxi_llm.governance.refusals import refused
from muxi_llm.governance.roles import ADMIN, USER, Actor
from muxi_llm.governance.shapes import USER as USERS
from muxi_llm.governance.store.audit import Asked, Told
from muxi_llm.governance.store.schema import users

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement

    from muxi_llm.governance.login.person import Person
    from muxi_llm.governance.login.sessions import Session, Sessions
    from muxi_llm.governance.store.records import Records
    from muxi_llm.types.login import LoginSettings


class People(Protocol):
    """Who there is now, as requests meet them."""

    def of_key(self, hashed: str) -> Actor | None:
        """By a key, of which the hash is known; `None` for one that may not be used."""

    def of_user(self, user: str) -> Actor | None:
        """Of a user; `None` for one that is not there, or is blocked."""


class In(NamedTuple):
    """Somebody is in. name: of the session, for their browser. onward: the path they wanted to see."""

    name: str
    onward: str = "/"


class Logins:
    """Blocks; safe between threads. Raises `StoreAwayError`, and refusals of 401, 403, 404, 502, 503."""

    def __init__(self, settings: LoginSettings, sessions: Sessions, records: Records, people: People) -> None:
        """Raises `InvalidRequestError` for a role that there is not."""
        self._provider: Provider | None = None
        if settings.oidc is not None:
            check_roles(settings.oidc)
            self._provider = Provider(settings.oidc)
        self.ttl, self.state_ttl = settings.ttl, settings.state_ttl
        self._sessions, self._records = sessions, records
        self._people = people

    @property
    def has_provider(self) -> bool:
        """Whether people may log in at one."""
        return self._provider is not None

    def close(self) -> None:
        """No more."""
        if self._provider is not None:
            self._provider.close()

    # ---------------------------------------------------------------------------------------- in

    def by_key(self, secret: str, asked: Asked) -> In:
        """In, by a key."""
        hashed = hash_of(secret)
        actor = self._people.of_key(hashed)
        if actor is None:
            raise refused(401, "the API key is not known here, or may not be used", "invalid_api_key")
        return self._in(actor, hashed, asked)

    def begin(self, onward: str) -> tuple[str, str]:
        """Where the browser goes to log in at the provider, and what it has to bring back. onward: a path of
        this gateway's, where it goes afterwards; anything else is `/`.
        """
        begun = self._asked_for().begin()
        facts = {"nonce": begun.nonce, "verifier": begun.verifier, "onward": path_of(onward)}
        kept = self._sessions.keep({**facts, "state": hash_of(begun.state)}, self.state_ttl)
        return begun.url, f"{kept}.{begun.state}"

    def finish(self, said: Mapping[str, str], held: str, asked: Asked) -> In:
        """In, as the provider vouches. said: what the browser was sent back with; held: what it brought."""
        provider = self._asked_for()
        name, _, state = held.partition(".")
        if not state or not compare_digest(said.get("state", "").encode(), state.encode()):
            raise not_vouched("this browser has not begun it")
        facts = self._sessions.take(name)
        if facts is None or facts["state"] != hash_of(state):
            raise not_vouched("it took too long, or is over; begin again")
        if said.get("iss", provider.settings.issuer) != provider.settings.issuer:  # RFC 9207
            raise not_vouched("it is another provider's")
        if "code" not in said:
            raise not_vouched(f"it says {said.get('error', 'nothing')[:80]!r}")
        claims = provider.finish(said["code"], facts["nonce"], facts["verifier"])
        actor = self._people.of_user(self._user_of(person_of(claims, provider.settings)))
        if actor is None:
            raise refused(403, "your user is blocked here", "blocked")
        return self._in(actor, "", asked)._replace(onward=facts["onward"])

    # -------------------------------------------------------------------------------- there, out

    def viewer(self, name: str) -> tuple[Session, Actor] | None:
        """Who that session's browser is, with all their rights of now; `None` where it is over. It is, once
        its key may not be used any more, its user is blocked or gone, or has another role than then.
        """
        session = self._sessions.find(name) if name else None
        if session is None:
            return None
        actor = self._people.of_key(session.key) if session.key else self._people.of_user(session.user)
        if actor is None or actor.role != session.role:
            self._sessions.end(name)
            return None
        return session, actor

    def out(self, name: str) -> None:
        """Nobody is that session any more."""
        if name:
            self._sessions.end(name)

    # ------------------------------------------------------------------------------------- parts

    def _in(self, actor: Actor, hashed: str, asked: Asked) -> In:
        name = self._sessions.begin(actor.user, hashed, actor.role, self.ttl)
        self._records.tell(
            Asked(
                actor, "auth/login", "session", ip=asked.ip, agent=asked.agent, request_id=asked.request_id
            ),
            Told("session", actor.user or actor.key),
        )
        return In(name)

    def _asked_for(self) -> Provider:
        if self._provider is None:
            raise refused(404, "nobody logs in by a provider here", "not_found")
        return self._provider

    def _user_of(self, person: Person) -> str:
        """The id of their user: known by their subject; once, by an address that is vouched for; or new."""
        vouched = (users.c.issuer == person.issuer) & (users.c.subject == person.subject)
        row = self._one(vouched) or (self._one(_unclaimed(person.email)) if person.email else None)
        if row is None:
            return self._created(person)
        said = {"user_role": person.role} if person.role and person.role != row.role else {}
        bound = {} if row.subject else {"issuer": person.issuer, "subject": person.subject}
        if (said or bound) and not row.declared:
            self._records.change(by_login("user/update"), USERS, row.id, said, **bound)
        return str(row.id)

    def _created(self, person: Person) -> str:
        settings = self._asked_for().settings
        if not settings.creates:
            raise refused(403, "there is no user for you here; ask your administrator", "not_allowed")
        said = {
            "user_email": person.email,
            "user_alias": person.name,
            "user_role": person.role or settings.default_role or USER,
        }
        made = self._records.create(
            by_login("user/new"), USERS, said, issuer=person.issuer, subject=person.subject
        )
        return str(made["user_id"])

    def _one(self, which: ColumnElement[bool]) -> Any:
        """The only one; where there are several, nobody knows which."""
        found = select(users.c.id, users.c.role, users.c.subject, users.c.declared).where(which).limit(2)
        with self._records.store.reading() as connection:
            rows = connection.execute(found).all()
        return rows[0] if len(rows) == 1 else None


def _unclaimed(email: str) -> ColumnElement[bool]:
    """Users of that address that nobody has logged in as."""
    return (func.lower(users.c.email) == email.lower()) & (users.c.subject == "")


def path_of(onward: str) -> str:
    """A path of this very gateway; `/` for whatever a browser might take for an address elsewhere."""
    return onward if HERE.fullmatch(onward) else "/"


def by_login(operation: str) -> Asked:
    """Who makes users of people."""
    return Asked(Actor(role=ADMIN), operation, "system", name="login")


HERE = re.compile(r"/(?![/\\])[^\x00-\x20\\]*")
