"""Who may do what, and to whose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.governance import roles
from muxi_llm.governance.roles import NOTHING, Actor, Reach, Subject, may_charge, reach_of

OPERATIONS = sorted({*roles.READS, *roles.WRITES})
ADMIN = Actor(roles.ADMIN, user="root")
VIEWER = Actor(roles.VIEWER, user="eye")
ORG = Actor(roles.ORG_ADMIN, user="olga", organizations=frozenset({"acme"}))
LEADER = Actor(roles.USER, user="tina", teams=frozenset({"red"}), leads=frozenset({"red"}))
USER = Actor(roles.USER, user="ann", key="k1", teams=frozenset({"red"}))
WATCHER = Actor(roles.USER_VIEWER, user="bob", key="k2", teams=frozenset({"red"}))
CUSTOMER = Actor(roles.CUSTOMER, user="cleo", key="k3")
BARE = Actor(key="k4")
EVERYBODY = [ADMIN, VIEWER, ORG, LEADER, USER, WATCHER, CUSTOMER, BARE]


def test_an_admin_may_everything_and_a_viewer_sees_everything_and_changes_nothing() -> None:
    for operation in OPERATIONS:
        assert reach_of(ADMIN, operation) == Reach(everything=True)
        assert reach_of(VIEWER, operation) == (
            Reach(everything=True) if operation in roles.READS else NOTHING
        )


@pytest.mark.parametrize("actor", EVERYBODY, ids=lambda actor: actor.role or "bare")
def test_what_the_table_does_not_have_nobody_may(actor: Actor) -> None:
    for operation in ("", "key", "key/", "key/generate ", "KEY/GENERATE", "config/update", "audit/delete"):
        assert reach_of(actor, operation) == NOTHING


@pytest.mark.parametrize("kind", [roles.READ_ONLY, roles.LLM])
@pytest.mark.parametrize("role", roles.ROLES)
def test_keys_for_looking_or_for_calling_change_nothing_whoevers_they_are(role: str, kind: str) -> None:
    everything = frozenset({"acme"})
    actor = Actor(role, "ann", "k", kind, everything, everything, everything)
    for operation in roles.WRITES:
        assert reach_of(actor, operation) == NOTHING
    if kind == roles.LLM:
        assert reach_of(actor, "user/list") == NOTHING
        assert reach_of(actor, "key/info") == Reach(key="k")


def test_a_key_of_nobodys_sees_itself_alone() -> None:
    for actor in (BARE, CUSTOMER):
        for operation in OPERATIONS:
            assert reach_of(actor, operation) in {NOTHING, Reach(key=actor.key)}
        assert reach_of(actor, "spend/logs") == Reach(key=actor.key)


def test_a_user_has_their_own_and_a_leader_the_teams() -> None:
    assert reach_of(USER, "key/update") == Reach(user="ann")
    assert reach_of(USER, "key/list") == Reach(user="ann", key="k1")
    assert reach_of(USER, "team/info") == Reach(teams=frozenset({"red"}))
    assert reach_of(LEADER, "key/update") == Reach(user="tina", teams=frozenset({"red"}))
    assert reach_of(USER, "team/member_add") == NOTHING
    assert reach_of(LEADER, "team/member_add") == Reach(teams=frozenset({"red"}))
    assert reach_of(LEADER, "team/update") == NOTHING  # it would raise its own budget
    assert reach_of(WATCHER, "key/list").user == "bob"
    assert reach_of(WATCHER, "key/generate") == NOTHING
    assert reach_of(USER, "key/unblock") == NOTHING  # whoever blocked it had a reason


def test_an_empty_reach_covers_nothing_not_even_records_of_nobody() -> None:
    assert not NOTHING.covers(Subject())
    assert not Reach(user="").covers(Subject(user=""))
    assert not reach_of(Actor(roles.USER), "key/list").covers(Subject())


IDS = st.sampled_from(["", "a", "b"])
SETS = st.frozensets(st.sampled_from(["a", "b"]))
ACTORS = st.builds(
    Actor, st.sampled_from(["", *roles.ROLES]), IDS, IDS, st.sampled_from(roles.KINDS), SETS, SETS, SETS
)
SUBJECTS = st.builds(Subject, IDS, IDS, IDS, IDS)


@given(ACTORS, SUBJECTS, st.sampled_from(OPERATIONS))
def test_nobody_reaches_what_is_not_theirs(actor: Actor, subject: Subject, operation: str) -> None:
    reach = reach_of(actor, operation)
    if reach.covers(subject):
        theirs = {
            subject.organization in actor.organizations,
            subject.team in actor.leads | actor.teams,
            bool(actor.user) and subject.user == actor.user,
            bool(actor.key) and subject.key == actor.key,
        }
        assert actor.role in {roles.ADMIN, roles.VIEWER} or True in theirs
        assert operation in roles.READS or actor.may_write


@given(ACTORS, SUBJECTS)
def test_nobody_spends_another_teams_money(actor: Actor, subject: Subject) -> None:
    if may_charge(actor, reach_of(actor, "key/generate"), subject) and actor.role != roles.ADMIN:
        assert (
            subject.organization in actor.organizations
            or subject.team in actor.leads
            or (subject.user == actor.user and subject.team in actor.teams | actor.leads | {""})
        )
