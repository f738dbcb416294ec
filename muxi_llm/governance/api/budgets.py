"""`/budget/*`: budgets that are no record's. Records tell their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import BaseModel

from muxi_llm.governance import bodies
from muxi_llm.governance.api.asking import By
from muxi_llm.governance.api.lists import Standing
from muxi_llm.governance.store.apart import allot, allotted

if TYPE_CHECKING:
    from muxi_llm.governance.store.records import Records


class View(BaseModel):
    """standing: not told of what each has for itself."""

    scope: str
    scope_id: str
    budgets: list[dict[str, Any]]
    declared: bool = False
    standing: list[Standing] | None = None


class Listed(BaseModel):
    """All of them."""

    data: list[View]


class Budgets:
    """What may be done to them."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def routes(self) -> APIRouter:
        """The family."""
        router = APIRouter(prefix="/budget", tags=["budgets"])
        router.get("/list", response_model=Listed)(self.list)
        router.post("/set", response_model=View)(self.set)
        return router

    def list(self, by: By) -> dict[str, Any]:  # noqa: ARG002
        """All there are, and how they stand."""
        with self._records.store.reading() as connection:
            return {"data": allotted(connection, now=self._records.now())}

    def set(self, by: By, body: bodies.Allotment) -> dict[str, Any]:
        """Those are the budgets of that model, provider, or of those sessions; none takes them back."""
        said = [one.model_dump() for one in body.budgets]
        return allot(self._records, by, body.scope, body.scope_id, said)
