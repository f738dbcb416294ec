"""Who may do what, and to whose: one table, and what is not in it nobody may.

Everybody who asks stands somewhere to every record: one administers all of it, or looks at all of it, leads
the record's organization or team, is the user it belongs to, or is the very key that asks. A row of the table
names an operation (the path of its route) and the standings that may. From both comes a *reach*: a single
record is checked by `covers`, a list is narrowed to it by its store. So nobody can be shown more than they
may do.

The roles are those that people know from LiteLLM: https://docs.litellm.ai/docs/proxy/access_control.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

ADMIN, VIEWER = "proxy_admin", "proxy_admin_viewer"
ORG_ADMIN, USER, USER_VIEWER = "org_admin", "internal_user", "internal_user_viewer"
CUSTOMER = "customer"
ROLES = (ADMIN, VIEWER, ORG_ADMIN, USER, USER_VIEWER, CUSTOMER)
"""What a user may be. A customer is an end user: spends, and sees nothing of the management."""

LEADER, MEMBER = "admin", "user"
"""What a user may be in a team; in an organization it is `ORG_ADMIN` or any other role."""

DEFAULT, LLM, MANAGEMENT, READ_ONLY = "default", "llm_api", "management", "read_only"
KINDS = (DEFAULT, LLM, MANAGEMENT, READ_ONLY)
"""What a key may be for: all its user may; calling models; managing; looking."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks.

    role: the user's, "" for nobody's; a management key that belongs to nobody is an admin's. user, key: their
    ids, "" for none. teams: those one is a member of; leads: those one administers; organizations: those one
    administers. kind: of the key. name: what people call them.
    """

    role: str = ""
    user: str = ""
    key: str = ""
    kind: str = DEFAULT
    teams: frozenset[str] = frozenset()
    leads: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()
    name: str = field(default="", compare=False)

    @property
    def may_write(self) -> bool:
        """Whether there is anything at all that may be changed."""
        return self.kind in {DEFAULT, MANAGEMENT} and self.role in {ADMIN, ORG_ADMIN, USER}


class Subject(NamedTuple):
    """Whose a record is: ids, "" for none."""

    organization: str = ""
    team: str = ""
    user: str = ""
    key: str = ""


class Reach(NamedTuple):
    """The records that an operation may touch: those of any of these."""

    everything: bool = False
    organizations: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    user: str = ""
    key: str = ""

    def covers(self, subject: Subject) -> bool:
        """Whether it is one of them."""
        return (
            self.everything
            or subject.organization in self.organizations
            or subject.team in self.teams
            or bool(self.user and subject.user == self.user)
            or bool(self.key and subject.key == self.key)
        )


NOTHING = Reach()


def reach_of(actor: Actor, operation: str) -> Reach:
    """What *actor* may touch by *operation*; `NOTHING` where they may not."""
    standings = READS.get(operation, frozenset())
    if operation in WRITES and actor.may_write:
        standings = WRITES[operation]
    own = actor.key if "key" in standings else ""
    if actor.kind == LLM or not actor.role or actor.role == CUSTOMER:
        return Reach(key=own)
    if STANDS.get(actor.role) in standings:
        return Reach(everything=True)
    leads = actor.leads if "team" in standings else frozenset[str]()
    return Reach(
        organizations=actor.organizations if "organization" in standings else frozenset(),
        teams=leads | actor.teams if "member" in standings else leads,
        user=actor.user if "self" in standings else "",
        key=own,
    )


def may_charge(actor: Actor, reach: Reach, subject: Subject) -> bool:
    """Whether *actor*, who reaches so far, may make something whose cost *subject* bears: every one it names
    has to be theirs, not any. Whether its user is in its team and organization, the records say.
    """
    if reach.everything or subject.organization in reach.organizations or subject.team in reach.teams:
        return True
    is_own = bool(reach.user) and subject.user == reach.user
    return is_own and (not subject.team or subject.team in actor.teams | actor.leads)


def may_hold(actor: Actor, reach: Reach, user: str, kind: str) -> bool:
    """Whether *actor* may be shown the secret of a key of *user*'s: who has it can do what that user may,
    unless the key is for calling models alone.
    """
    if reach.everything:
        return True
    return user == actor.user or kind == LLM if user else kind != MANAGEMENT


# ------------------------------------------------------------------------------------------ the table


def _rows(rows: dict[str, str]) -> dict[str, frozenset[str]]:
    return {
        f"{family}/{name}": frozenset(standings.split())
        for names, standings in rows.items()
        for family, _, rest in (names.partition("/"),)
        for name in rest.split()
    }


STANDS = {ADMIN: "admin", VIEWER: "viewer"}

READS = _rows(
    {
        "key/info list": "admin viewer organization team self key",
        "user/info": "admin viewer organization self",
        "user/me": "admin viewer organization self key",
        "user/list": "admin viewer organization",
        "team/info list": "admin viewer organization team member",
        "organization/info list members": "admin viewer organization",
        "spend/logs rows row series export": "admin viewer organization team self key",
        "spend/keys": "admin viewer organization team self key",
        "spend/teams": "admin viewer organization team",
        "spend/users": "admin viewer organization self",
        "global/activity": "admin viewer organization team self key",
        "global/spend/models": "admin viewer organization team self key",
        "global/spend/provider latency": "admin viewer",
        "control/models explain": "admin viewer organization team self key",
        "audit/logs log stats export verify": "admin viewer",
        "control/deployments providers config live presets": "admin viewer",
        "control/presets/diff": "admin viewer",
        "price/list": "admin viewer",
        "budget/list": "admin viewer",
        "spend/unknown events": "admin viewer",
    }
)
"""Operations that change nothing."""

WRITES = _rows(
    {
        "key/generate update delete block regenerate": "admin organization team self",
        "key/unblock": "admin organization team",
        "user/new update delete": "admin organization",
        "team/new update delete block unblock": "admin organization",
        "team/member_add member_update member_delete": "admin organization team",
        "organization/new update delete": "admin",
        "organization/member_add member_update member_delete": "admin organization",
        "control/deployments/cooldown": "admin",
        "control/deployments/release": "admin",
        "control/config/reload": "admin",
        "control/presets/activate": "admin",
        "price/set delete": "admin",
        "budget/set": "admin",
        "spend/correct": "admin",
    }
)
"""Operations that change something, and are audited."""


def gives(actor: Actor) -> frozenset[str]:
    """The roles that somebody may give and take, and whose users they may change."""
    if actor.role == ADMIN:
        return frozenset(ROLES)
    return frozenset({USER, USER_VIEWER, CUSTOMER}) if actor.organizations else frozenset()


OWN_FIELDS = frozenset({"key", "key_name", "key_alias", "metadata"})
"""What users may change of a key that is theirs: its limits are whoever's that gave it to them."""
