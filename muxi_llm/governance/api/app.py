"""The management API as one ASGI application, for the gateway's own port or one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from muxi_llm import __version__
from muxi_llm.errors import MuxiLLMError
from muxi_llm.governance import bodies
from muxi_llm.governance.api.audit import Audit
from muxi_llm.governance.api.budgets import Budgets
from muxi_llm.governance.api.control import Control
from muxi_llm.governance.api.guard import checked
from muxi_llm.governance.api.keys import Keys
from muxi_llm.governance.api.organizations import Organizations
from muxi_llm.governance.api.prices import Prices
from muxi_llm.governance.api.spend import Spend
from muxi_llm.governance.api.teams import Teams
from muxi_llm.governance.api.users import Users
from muxi_llm.governance.refusals import refused
from muxi_llm.governance.store.engine import StoreAwayError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from fastapi import APIRouter

    from muxi_llm.errors import APIStatusError
    from muxi_llm.governance.api.asking import Asking
    from muxi_llm.governance.api.control import Gateway
    from muxi_llm.governance.bounds import OwnKeys
    from muxi_llm.governance.prices import Price
    from muxi_llm.governance.store.bootstrap import Bootstrap
    from muxi_llm.governance.store.records import Records

OPENAPI = "/management/openapi.json"
PATIENCE = "5"
"""Seconds after which who was told that the store is away may ask again."""


class Management:
    """The application."""

    def __init__(
        self,
        records: Records,
        asking: Asking,
        bootstrap: Bootstrap,
        own: OwnKeys,
        gateway: Gateway | None = None,
        beside: Sequence[APIRouter] = (),
        declared: Callable[[], Iterable[Price]] = tuple,
    ) -> None:
        """own: what keys may be that people make for themselves. gateway: the one at work here. beside:
        routes that ask by themselves who it is, such as those of logging in. declared: prices of the file.
        """
        self.families = _families(records, bootstrap, own, gateway, declared)
        self.app = _application(asking, self.families, beside)
        routes = [route for family in (*self.families, *beside) for route in family.routes]
        self.paths = frozenset({OPENAPI, *(route.path for route in routes if isinstance(route, APIRoute))})
        """The paths it answers; none of them has a part that varies."""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            receive = await checked(scope, receive)
        except MuxiLLMError as error:
            await _told(error)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _families(
    records: Records,
    bootstrap: Bootstrap,
    own: OwnKeys,
    gateway: Gateway | None,
    declared: Callable[[], Iterable[Price]],
) -> list[APIRouter]:
    families: list[Any] = [Keys(records, bootstrap, own), Teams(records), Users(records)]
    families += [Organizations(records), Budgets(records), Prices(records, declared)]
    families += [Spend(records), Audit(records.store)]
    if gateway is not None:
        families.append(Control(records, gateway))
    return [family.routes() for family in families]


def _application(asking: Asking, families: Sequence[APIRouter], beside: Sequence[APIRouter]) -> FastAPI:
    app = FastAPI(
        title="muxi-llm management API",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=OPENAPI,
        redirect_slashes=False,
        responses=RESPONSES,
    )

    def known(request: Request) -> None:
        request.state.asked = asking(request)

    for family in families:
        app.include_router(family, dependencies=[Depends(known)])
    for family in beside:
        app.include_router(family)
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return app


# ------------------------------------------------------------------------------------------ errors


def _told(error: MuxiLLMError) -> JSONResponse:
    """A refusal, in OpenAI's shape."""
    told = cast("APIStatusError", error)
    return JSONResponse({"error": told.body}, told.status_code)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    return _told(cast(MuxiLLMError, error))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """What the body or the query has wrong, the first of it; never what it was."""
    where, what = bodies.told(cast(RequestValidationError, error).errors()[0])
    return _told(refused(400, f"{where}: {what}" if where else what, "invalid_request", where or None))


async def _other(_: Request, error: Exception) -> JSONResponse:
    status = cast(HTTPException, error).status_code
    return _told(refused(status, OTHERS.get(status, "the request cannot be answered"), "unknown_url"))


async def _away(_: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    response = _told(refused(503, "the store is away; ask again", "store_away"))
    response.headers["retry-after"] = PATIENCE
    return response


# ------------------------------------------------------------------------------------------ tables

HANDLERS: dict[type[Exception], Callable[[Request, Exception], Coroutine[Any, Any, JSONResponse]]] = {
    MuxiLLMError: _refused,
    RequestValidationError: _invalid,
    HTTPException: _other,
    StoreAwayError: _away,
}
OTHERS = {
    400: "the request body cannot be read",
    404: "there is no such path here",
    405: "that path is asked by another method",
}
REFUSALS = {
    400: "The request says something that cannot be",
    401: "Nobody is known by that key",
    403: "The key, or its user's role, may not do that",
    404: "There is none, or none that you may see",
    409: "It is declared in a file, exists already, or is in use",
    413: "The body is too large",
    503: "The store is away",
}
FAULT = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code", "param"],
            "properties": {
                "message": {"type": "string"},
                **{name: {"type": ["string", "null"]} for name in ("type", "code", "param")},
            },
        }
    },
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": why, "content": {"application/json": {"schema": FAULT}}}
    for status, why in REFUSALS.items()
}
DESCRIPTION = """Keys, users, teams, organizations, spend and audit.

Send a key as a Bearer token, or as `x-api-key`. Amounts are USD, times RFC 3339, days those of UTC. What a
configuration file declares is told as `declared`, and can be changed there alone.
"""
