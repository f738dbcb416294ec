"""Logging in: by a key, at a provider; what a session is worth, and when it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import select, update

from muxi_llm.errors import APIStatusError, InvalidRequestError
from muxi_llm.governance.keys import hash_of, mint
from muxi_llm.governance.login.logins import Logins, path_of
from muxi_llm.governance.login.sessions import Sessions
from muxi_llm.governance.roles import ADMIN, Actor
from muxi_llm.governance.shapes import KEY, USER
from muxi_llm.governance.store.audit import Asked
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from muxi_llm.governance.store.people import People
from muxi_llm.governance.store.records import Records
from muxi_llm.governance.store.schema import audit, keys, logins, users
from muxi_llm.types.login import LoginSettings, OidcSettings
from tests.support.oidc import CLIENT, SECRET, OidcProvider, sent_back

BACK = "http://127.0.0.1:1/auth/oidc/callback"
BY = Asked(Actor(role=ADMIN), "user/new")
STRANGER = Asked(Actor(), "auth/login", ip="192.0.2.7")


class House(NamedTuple):
    """All that a login is about."""

    logins: Logins
    store: Store
    records: Records
    server: OidcProvider
    clock: list[float]

    def enter(self) -> str:
        """The name of a session, by way of the provider."""
        url, held = self.logins.begin("/dashboard?tab=1")
        told = sent_back(url)
        return self.logins.finish(told, held, STRANGER).name

    def who(self, name: str) -> Actor:
        found = self.logins.viewer(name)
        assert found is not None
        return found[1]

    def users(self) -> list[Any]:
        with self.store.reading() as connection:
            return list(connection.execute(select(users).order_by(users.c.created_at)).all())

    def change(self, user: str, **values: Any) -> None:
        with self.store.writing() as connection:
            connection.execute(update(users).where(users.c.id == user).values(**values))


@pytest.fixture
def server() -> Iterator[OidcProvider]:
    with OidcProvider() as one:
        yield one


Make = Callable[..., House]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """What differs between the stores is in `test_sessions`."""
    one = Store(f"sqlite:///{tmp_path}/store.db")
    migrate(one)
    yield one
    one.close()


@pytest.fixture
def house(store: Store, server: OidcProvider) -> Iterator[Make]:
    made: list[Logins] = []

    def make(**given: Any) -> House:
        clock = [1_700_000_000.0]
        settings = LoginSettings(OidcSettings(server.url, CLIENT, BACK, SECRET, **given))
        records = Records(store, lambda: clock[0])
        sessions = Sessions(store, lambda: clock[0])
        made.append(Logins(settings, sessions, records, People(store, lambda: clock[0])))
        return House(made[-1], store, records, server, clock)

    yield make
    for one in made:
        one.close()


def test_who_is_not_known_becomes_a_user_once(house: Make) -> None:
    one = house()
    one.server.person["name"] = "Ada"
    first, second = one.enter(), one.enter()
    assert first != second
    (user,) = one.users()
    assert (user.email, user.alias, user.role, user.subject) == (
        "ada@example.com",
        "Ada",
        "internal_user",
        "1",
    )
    assert one.who(first) == one.who(second) == Actor("internal_user", user.id)
    with one.store.reading() as connection:
        told = connection.execute(select(audit.c.action, audit.c.actor_type, audit.c.actor_ip)).all()
    assert [tuple(each) for each in told] == [
        ("user/new", "system", ""),
        ("auth/login", "session", "192.0.2.7"),
        ("auth/login", "session", "192.0.2.7"),
    ]


def test_groups_are_roles_as_the_configuration_says(house: Make) -> None:
    one = house(roles={"admins": "proxy_admin", "staff": "internal_user"}, claims={"role": "realm.roles"})
    one.server.person["realm"] = {"roles": ["staff", "admins"]}
    admin = one.enter()
    assert one.who(admin).role == "proxy_admin"
    one.server.person["realm"] = {"roles": ["staff"]}
    assert one.who(one.enter()).role == "internal_user"
    assert one.logins.viewer(admin) is None  # the role it was for is over
    one.server.person["realm"] = {"roles": ["others"]}
    with pytest.raises(APIStatusError, match="none of your groups"):
        one.enter()


def test_a_role_that_there_is_not_is_told_at_once(house: Make) -> None:
    with pytest.raises(InvalidRequestError, match="there is no role 'boss'"):
        house(roles={"admins": "boss"})


def test_without_groups_a_role_stays_as_it_was_given(house: Make) -> None:
    one = house()
    one.enter()
    one.change(one.users()[0].id, role="proxy_admin")
    assert one.who(one.enter()).role == "proxy_admin"


def test_an_address_is_believed_if_it_is_vouched_for_and_binds_once(house: Make) -> None:
    one = house(creates=False)
    one.records.create(
        BY, USER, {"user_id": "u", "user_email": "Ada@Example.com", "user_role": "internal_user"}
    )
    one.server.person["email_verified"] = False
    with pytest.raises(APIStatusError, match="there is no user for you"):
        one.enter()
    one.server.person["email_verified"] = True
    assert one.who(one.enter()).user == "u"
    one.server.person["sub"] = "2"  # somebody else, who has that address now
    with pytest.raises(APIStatusError, match="there is no user for you"):
        one.enter()
    one.server.person |= {"sub": "1", "email": "new@example.com"}
    assert one.who(one.enter()).user == "u"


def test_addresses_of_other_houses_stay_outside(house: Make) -> None:
    one = house(domains=("example.org",))
    with pytest.raises(APIStatusError, match="not among those"):
        one.enter()
    one.server.person |= {"email": "ada@EXAMPLE.org", "email_verified": False}
    with pytest.raises(APIStatusError, match="not among those"):
        one.enter()
    one.server.person["email_verified"] = True
    one.enter()


def test_a_user_that_a_file_declares_is_not_written_to(house: Make) -> None:
    one = house(roles={"admins": "proxy_admin"}, default_role="internal_user")
    one.records.create(
        BY, USER, {"user_id": "u", "user_email": "ada@example.com"}, role="org_admin", declared=True
    )
    assert one.who(one.enter()) == Actor("org_admin", "u")
    assert not one.users()[0].subject


def test_a_session_is_over_when_its_time_is_its_user_is_or_somebody_leaves(house: Make) -> None:
    one = house()
    late, blocked, left = one.enter(), one.enter(), one.enter()
    one.logins.out(left)
    assert one.logins.viewer(left) is None
    user = one.users()[0].id
    one.change(user, blocked=True)
    assert one.logins.viewer(blocked) is None
    one.change(user, blocked=False)
    assert one.logins.viewer(blocked) is None  # it does not come back
    assert one.logins.viewer(late) is not None
    one.clock[0] += 12 * 3600 + 1
    assert one.logins.viewer(late) is None
    one.change(user, blocked=True)
    with pytest.raises(APIStatusError, match="blocked"):
        one.enter()


def test_a_session_by_a_key_ends_with_the_key(house: Make) -> None:
    one = house()
    minted = mint(b"x" * 32)
    one.records.create(BY, KEY, {"token_id": "k", "key_type": "management"}, hash=minted.hash)
    name = one.logins.by_key(minted.secret, STRANGER).name
    assert one.who(name).key == "k"
    with one.store.writing() as connection:  # rotated: who has the old one is out
        connection.execute(update(keys).values(hash=hash_of("another")))
    assert one.logins.viewer(name) is None
    with pytest.raises(APIStatusError) as told:
        one.logins.by_key(minted.secret, STRANGER)
    assert told.value.status_code == 401
    assert minted.secret not in str(told.value)


def test_a_login_is_for_the_browser_that_began_it_and_once(house: Make) -> None:
    one = house()
    url, held = one.logins.begin("/")
    told = sent_back(url)
    _, other = one.logins.begin("/")
    for said, brought in (
        (told, ""),
        (told, other),
        ({**told, "state": "another"}, held),
        ({"code": told["code"]}, held),
    ):
        with pytest.raises(APIStatusError, match="this browser has not begun it"):
            one.logins.finish(said, brought, STRANGER)
    one.logins.finish(told, held, STRANGER)
    with pytest.raises(APIStatusError, match="is over"):
        one.logins.finish(told, held, STRANGER)


def test_a_login_that_takes_too_long_or_is_another_provider_s(house: Make) -> None:
    one = house()
    url, held = one.logins.begin("/")
    told = sent_back(url)
    with pytest.raises(APIStatusError, match="another provider's"):
        one.logins.finish({**told, "iss": "https://evil.example"}, held, STRANGER)
    url, held = one.logins.begin("/")
    with pytest.raises(APIStatusError, match="it says 'access_denied'"):
        one.logins.finish({"error": "access_denied", "state": held.partition(".")[2]}, held, STRANGER)
    url, held = one.logins.begin("/")
    told = sent_back(url)
    one.clock[0] += 601
    with pytest.raises(APIStatusError, match="took too long"):
        one.logins.finish(told, held, STRANGER)


def test_whoever_reads_the_store_can_be_nobody(house: Make) -> None:
    one = house()
    minted = mint(b"x" * 32)
    one.records.create(BY, KEY, {"token_id": "k", "key_type": "management"}, hash=minted.hash)
    names = [one.enter(), one.logins.by_key(minted.secret, STRANGER).name]
    _, held = one.logins.begin("/")
    with one.store.reading() as connection:
        kept = repr(connection.execute(select(logins)).all()) + repr(connection.execute(select(audit)).all())
    for secret in (*names, *held.split("."), minted.secret):
        assert secret not in kept


@pytest.mark.parametrize(
    ("onward", "path"),
    [
        ("/dashboard/keys?page=2#top", "/dashboard/keys?page=2#top"),
        *(
            (bad, "/")
            for bad in ("", "dashboard", "//evil.example", "/\\evil.example", "https://evil.example")
        ),
        *((bad, "/") for bad in ("/a\nb", "/\tx", "javascript:alert(1)", "/ok\\..\\x", "///x", "/ //x")),
    ],
)
def test_nobody_is_sent_elsewhere(onward: str, path: str) -> None:
    assert path_of(onward) == path
