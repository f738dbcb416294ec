"""`/user/*`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from muxi_llm.governance import bodies
from muxi_llm.governance.api.asking import By, rights_of
from muxi_llm.governance.api.lists import Listed, UserSearch, UserView, list_of
from muxi_llm.governance.bodies import Body, Id
from muxi_llm.governance.refusals import refused
from muxi_llm.governance.roles import USER as ORDINARY
from muxi_llm.governance.roles import gives
from muxi_llm.governance.shapes import KEY, USER
from muxi_llm.governance.store.audit import Asked

if TYPE_CHECKING:
    from muxi_llm.governance.store.records import Records


class Some(Body):
    """user_ids: their ids."""

    user_ids: Annotated[list[Id], Field(min_length=1, max_length=100)]


class Change(bodies.User):
    """What is to be another than it was."""

    user_id: Id


class Users:
    """What may be done to users."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def routes(self) -> APIRouter:
        """The family."""
        router = APIRouter(prefix="/user", tags=["users"])
        router.post("/new", response_model=UserView)(self.new)
        router.post("/update", response_model=UserView)(self.update)
        router.post("/delete")(self.delete)
        router.get("/info")(self.info)
        router.get("/me")(self.me)
        router.get("/list", response_model=Listed[UserView])(self.list)
        return router

    def new(self, by: By, body: bodies.User) -> dict[str, Any]:
        """A new user."""
        said = {"user_role": ORDINARY, **body.said()}
        _check_gives(by, said["user_role"])
        return self._records.create(by, USER, said)

    def update(self, by: By, body: Change) -> dict[str, Any]:
        """Change what is said, and nothing else."""
        said = body.said()
        _check_gives(by, self._records.find(by, USER, body.user_id)["user_role"])
        _check_gives(by, said.get("user_role", ORDINARY))
        return self._records.change(by, USER, body.user_id, said)

    def delete(self, by: By, body: Some) -> dict[str, Any]:
        """They are no more, nor are their keys."""
        for user in body.user_ids:
            _check_gives(by, self._records.find(by, USER, user)["user_role"])
        return {"deleted_users": self._records.remove(by, USER, body.user_ids)}

    def info(self, by: By, user_id: Annotated[Id | None, Query()] = None) -> dict[str, Any]:
        """A user and their keys; without `user_id` the one that asks."""
        which = user_id or by.actor.user
        user = self._records.find(by, USER, which)
        keys = self._records.page(Asked(by.actor, "key/list"), KEY, {"user_id": which}, 100)
        return {"user": user, "keys": keys.data}

    def me(self, by: By) -> dict[str, Any]:
        """Who asks, and what they may ask for."""
        actor = by.actor
        return {
            "user_id": actor.user,
            "user_name": actor.name,
            "token_id": actor.key,
            "user_role": actor.role,
            "key_type": actor.kind,
            "teams": sorted(actor.teams),
            "leads": sorted(actor.leads),
            "organizations": sorted(actor.organizations),
            "rights": rights_of(actor),
        }

    def list(self, by: By, search: Annotated[UserSearch, Query()]) -> dict[str, Any]:
        """Those you may see."""
        return list_of(self._records, by, USER, search)


def _check_gives(by: Asked, role: str) -> None:
    """Refuse who would make, change or remove somebody that may do more than they may give."""
    if role not in gives(by.actor):
        raise refused(403, f"the role {role!r} is not yours to give or take", "forbidden", "user_role")
