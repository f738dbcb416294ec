"""`/organization/*`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from muxi_llm.governance import bodies
from muxi_llm.governance.api.asking import By
from muxi_llm.governance.api.lists import Listed, Members, OrganizationView, Search, list_of
from muxi_llm.governance.bodies import Body, Id
from muxi_llm.governance.shapes import ORGANIZATION, TEAM
from muxi_llm.governance.store.audit import Asked

if TYPE_CHECKING:
    from muxi_llm.governance.store.records import Records


class One(Body):
    """organization_id: its id."""

    organization_id: Id


class Some(Body):
    """organization_ids: their ids."""

    organization_ids: Annotated[list[Id], Field(min_length=1, max_length=100)]


class Member(Body):
    """user_role: `org_admin` administers it."""

    user_id: Id
    user_role: Literal["org_admin", "internal_user", "internal_user_viewer"] = "internal_user"


class Change(bodies.Organization):
    """What is to be another than it was."""

    organization_id: Id


class Added(One):
    """members: who is in it from now on, or in another role."""

    members: Annotated[list[Member], Field(min_length=1, max_length=500)]


class Gone(One):
    """user_ids: who is in it no more."""

    user_ids: Annotated[list[Id], Field(min_length=1, max_length=500)]


class Organizations:
    """What may be done to organizations."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def routes(self) -> APIRouter:
        """The family."""
        router = APIRouter(prefix="/organization", tags=["organizations"])
        router.post("/new", response_model=OrganizationView)(self.new)
        router.patch("/update", response_model=OrganizationView)(self.update)
        router.delete("/delete")(self.delete)
        router.post("/member_add", response_model=Members)(self.member_add)
        router.post("/member_update", response_model=Members)(self.member_add)
        router.post("/member_delete", response_model=Members)(self.member_delete)
        router.get("/info")(self.info)
        router.get("/list", response_model=Listed[OrganizationView])(self.list)
        router.get("/members", response_model=Members)(self.members)
        return router

    def new(self, by: By, body: bodies.Organization) -> dict[str, Any]:
        """A new organization."""
        return self._records.create(by, ORGANIZATION, body.said())

    def update(self, by: By, body: Change) -> dict[str, Any]:
        """Change what is said, and nothing else."""
        return self._records.change(by, ORGANIZATION, body.organization_id, body.said())

    def delete(self, by: By, body: Some) -> dict[str, Any]:
        """They are no more. One that has teams, users or keys is refused."""
        return {"deleted_organizations": self._records.remove(by, ORGANIZATION, body.organization_ids)}

    def member_add(self, by: By, body: Added) -> dict[str, Any]:
        """They are members now, in these roles."""
        roles = {member.user_id: member.user_role for member in body.members}
        return {"data": self._records.put_members(by, ORGANIZATION, body.organization_id, roles)}

    def member_delete(self, by: By, body: Gone) -> dict[str, Any]:
        """They are members no more."""
        gone = dict.fromkeys(body.user_ids)
        return {"data": self._records.put_members(by, ORGANIZATION, body.organization_id, gone)}

    def info(self, by: By, organization_id: Annotated[Id, Query()]) -> dict[str, Any]:
        """An organization, its members and its teams."""
        which = organization_id
        return {
            "organization": self._records.find(by, ORGANIZATION, which),
            "members": self._records.members(by, ORGANIZATION, which),
            "teams": self._records.page(
                Asked(by.actor, "team/list"), TEAM, {"organization_id": which}, 100
            ).data,
        }

    def list(self, by: By, search: Annotated[Search, Query()]) -> dict[str, Any]:
        """Those you may see."""
        return list_of(self._records, by, ORGANIZATION, search)

    def members(self, by: By, organization_id: Annotated[Id, Query()]) -> dict[str, Any]:
        """Its members."""
        return {"data": self._records.members(by, ORGANIZATION, organization_id)}
