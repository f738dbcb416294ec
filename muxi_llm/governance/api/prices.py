"""`/price/*`: prices of one's own. Each change is a new version, and what was booked by one stays so.

A deployment's price counts before a model's, that before the list less the provider's discount. What the
configuration file says of one is told as `declared`, counts, and can be changed there alone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, model_validator
from sqlalchemy import insert, select

from muxi_llm.governance.api.asking import By
from muxi_llm.governance.bodies import Body, Pattern
from muxi_llm.governance.refusals import absent, refused
from muxi_llm.governance.shapes import iso
from muxi_llm.governance.store.audit import Told, append
from muxi_llm.governance.store.schema import prices
from muxi_llm.types.prices import FIELDS, fixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

    from muxi_llm.governance.prices import Price
    from muxi_llm.governance.store.audit import Asked
    from muxi_llm.governance.store.records import Records

MOST = Decimal(10**6)
"""USD: dearer is a slip of the pen."""


class Which(Body):
    """name: a deployment's, a model's as `provider/model`, or a provider's."""

    scope: Literal["deployment", "model", "provider"]
    name: Pattern


class Made(Which):
    """price: USD for a million tokens, such as `{"input": 1, "output": 4}`; of a provider a discount on its
    list, `{"percent": 15}`.
    """

    price: dict[str, Any]

    @model_validator(mode="after")
    def _is_one(self) -> Made:
        try:
            if self.scope == "provider":
                (percent,) = (self.price[name] for name in {*self.price, "percent"})
                known, most = [Decimal(str(percent))], Decimal(100)
            else:
                price = fixed(self.price, "price")
                tiers = (*(tier for _, tier in price.over), price.batch or {})
                known, most = [usd for each in (price.fields, *tiers) for usd in each.values()], MOST
        except (TypeError, ValueError, ArithmeticError, KeyError):
            known, most = [Decimal("NaN")], MOST
        if not all(one.is_finite() and 0 <= one <= most for one in known):
            wanted = "a discount's percent" if self.scope == "provider" else f"USD of {', '.join(FIELDS)}"
            raise ValueError(f"price: {wanted}, each from 0 to {most}")
        return self


class View(BaseModel):
    """version: which one it is, and what the ledger's rows name; of a declared one what they name."""

    scope: str
    name: str
    price: dict[str, Any]
    version: str
    declared: bool = False
    created_at: str | None = None
    created_by: str = ""


class Listed(BaseModel):
    """All of them."""

    data: list[View]


class History(Body):
    """history: whether versions are told too that count no more; one without a price took it back."""

    history: bool = False


class Prices:
    """What may be done to them."""

    def __init__(self, records: Records, declared: Callable[[], Iterable[Price]]) -> None:
        """declared: by the configuration file, as it is now."""
        self._records, self._declared = records, declared

    def routes(self) -> APIRouter:
        """The family."""
        router = APIRouter(prefix="/price", tags=["prices"])
        router.get("/list", response_model=Listed)(self.list)
        router.post("/set", response_model=View)(self.set)
        router.post("/delete", response_model=View)(self.delete)
        return router

    def list(self, by: By, asked: Annotated[History, Query()]) -> dict[str, Any]:  # noqa: ARG002
        """Those that count, or all there were, the newest first."""
        declared = {(one.scope, one.name): _said(one) for one in self._declared()}
        with self._records.store.reading() as connection:
            rows = [_told(row) for row in connection.execute(select(prices).order_by(prices.c.version))]
        if not asked.history:
            newest = {(row["scope"], row["name"]): row for row in rows}
            rows = [row for which, row in newest.items() if row["price"] and which not in declared]
        return {"data": [*declared.values(), *reversed(rows)]}

    def set(self, by: By, body: Made) -> dict[str, Any]:
        """From now on."""
        return self._put(by, body, body.price)

    def delete(self, by: By, body: Which) -> dict[str, Any]:
        """It counts no more: the next one does that is there."""
        return self._put(by, body, {})

    def _put(self, by: Asked, body: Which, price: dict[str, Any]) -> dict[str, Any]:
        which = (body.scope, body.name)
        if any((one.scope, one.name) == which for one in self._declared()):
            message = "is declared in the configuration file, which alone may change it"
            raise refused(409, f"the price of {body.name!r} {message}", "declared", "name")
        with self._records.changing() as (connection, now):
            before = _newest(connection, body)
            if not price and not before["price"]:
                raise absent("price", body.name, "name")
            row = {"scope": body.scope, "name": body.name, "price": price, "created_at": now}
            made = insert(prices).values(**row, created_by=by.actor.user or by.actor.key)
            connection.execute(made)
            after = _newest(connection, body)
            told = Told("price", f"{body.scope}:{body.name}", before=before, after=after)
            append(connection, by, told, now)
        return after


def _newest(connection: Connection, which: Which) -> dict[str, Any]:
    found = select(prices).where(prices.c.scope == which.scope, prices.c.name == which.name)
    row = connection.execute(found.order_by(prices.c.version.desc()).limit(1)).first()
    return _told(row) if row is not None else {"price": {}}


def _told(row: Any) -> dict[str, Any]:
    told = {"scope": row.scope, "name": row.name, "price": row.price, "version": f"own {row.version}"}
    return {**told, "declared": False, "created_at": iso(row.created_at), "created_by": row.created_by}


def _said(one: Price) -> dict[str, Any]:
    price = {name: float(value) if isinstance(value, Decimal) else value for name, value in one.price.items()}
    return {"scope": one.scope, "name": one.name, "price": price, "version": one.version, "declared": True}
