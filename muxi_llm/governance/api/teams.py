"""`/team/*`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from muxi_llm.governance import bodies
from muxi_llm.governance.api.asking import By
from muxi_llm.governance.api.lists import Listed, Members, Search, TeamView, list_of
from muxi_llm.governance.bodies import Body, Id
from muxi_llm.governance.shapes import KEY, TEAM
from muxi_llm.governance.store.audit import Asked

if TYPE_CHECKING:
    from muxi_llm.governance.store.records import Records


class One(Body):
    """team_id: its id."""

    team_id: Id


class Some(Body):
    """team_ids: their ids."""

    team_ids: Annotated[list[Id], Field(min_length=1, max_length=100)]


class Member(Body):
    """role: `admin` makes the team's keys and sees all of its spend."""

    user_id: Id
    role: Literal["admin", "user"] = "user"


class New(bodies.Team):
    """members_with_roles: who is in it from the beginning."""

    members_with_roles: Annotated[list[Member], Field(max_length=500)] = []


class Change(bodies.Team):
    """What is to be another than it was."""

    team_id: Id


class Added(One):
    """members: who is in it from now on, or in another role."""

    members: Annotated[list[Member], Field(min_length=1, max_length=500)]


class Gone(One):
    """user_ids: who is in it no more."""

    user_ids: Annotated[list[Id], Field(min_length=1, max_length=500)]


class Teams:
    """What may be done to teams."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def routes(self) -> APIRouter:
        """The family."""
        router = APIRouter(prefix="/team", tags=["teams"])
        router.post("/new", response_model=TeamView)(self.new)
        router.post("/update", response_model=TeamView)(self.update)
        router.post("/delete")(self.delete)
        router.post("/block", response_model=TeamView)(self.block)
        router.post("/unblock", response_model=TeamView)(self.unblock)
        router.post("/member_add", response_model=Members)(self.member_add)
        router.post("/member_update", response_model=Members)(self.member_add)
        router.post("/member_delete", response_model=Members)(self.member_delete)
        router.get("/info")(self.info)
        router.get("/list", response_model=Listed[TeamView])(self.list)
        return router

    def new(self, by: By, body: New) -> dict[str, Any]:
        """A new team."""
        said = body.said()
        roles = {
            member["user_id"]: member.get("role", "user") for member in said.pop("members_with_roles", ())
        }
        return self._records.create(by, TEAM, said, roles)

    def update(self, by: By, body: Change) -> dict[str, Any]:
        """Change what is said, and nothing else."""
        return self._records.change(by, TEAM, body.team_id, body.said())

    def delete(self, by: By, body: Some) -> dict[str, Any]:
        """They are no more, nor are their keys."""
        return {"deleted_teams": self._records.remove(by, TEAM, body.team_ids)}

    def block(self, by: By, body: One) -> dict[str, Any]:
        """None of its keys may be used."""
        return self._records.change(by, TEAM, body.team_id, {"blocked": True})

    def unblock(self, by: By, body: One) -> dict[str, Any]:
        """They may be used again."""
        return self._records.change(by, TEAM, body.team_id, {"blocked": False})

    def member_add(self, by: By, body: Added) -> dict[str, Any]:
        """They are members now, in these roles."""
        roles = {member.user_id: member.role for member in body.members}
        return {"data": self._records.put_members(by, TEAM, body.team_id, roles)}

    def member_delete(self, by: By, body: Gone) -> dict[str, Any]:
        """They are members no more."""
        return {"data": self._records.put_members(by, TEAM, body.team_id, dict.fromkeys(body.user_ids))}

    def info(self, by: By, team_id: Annotated[Id, Query()]) -> dict[str, Any]:
        """A team, its members, and those of its keys that you may see."""
        team = self._records.find(by, TEAM, team_id)
        keys = self._records.page(Asked(by.actor, "key/list"), KEY, {"team_id": team_id}, 100)
        members = self._records.members(by, TEAM, team_id)
        return {"team": team, "members": members, "keys": keys.data}

    def list(self, by: By, search: Annotated[Search, Query()]) -> dict[str, Any]:
        """Those you may see."""
        return list_of(self._records, by, TEAM, search)
