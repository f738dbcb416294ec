"""Logging in over HTTP: `/auth/ways`, `/auth/oidc/login`, `/auth/oidc/callback`, `/auth/login`,
`/auth/logout`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, SecretStr

from muxi_llm.governance.login import browsers
from muxi_llm.governance.roles import Actor
from muxi_llm.governance.store.audit import Asked
from muxi_llm.types.login import SESSION

if TYPE_CHECKING:
    from muxi_llm.governance.login.logins import In, Logins
    from muxi_llm.governance.store.bootstrap import Bootstrap


class ByKey(BaseModel):
    """Who logs in by a key."""

    model_config = ConfigDict(extra="forbid")

    key: SecretStr


def router(logins: Logins, bootstrap: Bootstrap) -> APIRouter:
    """The routes; refusals are raised, for whoever serves them to tell."""
    routes = APIRouter(prefix="/auth", tags=["login"])

    @routes.get("/ways")
    def ways() -> dict[str, bool]:
        """How one gets in. oidc: at a login provider, too. first: nobody administers yet, and the bootstrap
        token makes the first key.
        """
        return {"oidc": logins.has_provider, "first": bootstrap.is_awaited()}

    @routes.get("/oidc/login")
    def begin(request: Request, next: str = "/") -> Response:  # noqa: A002 - what everybody calls it
        """Go to the login provider."""
        url, held = logins.begin(next)
        response = RedirectResponse(url, 302)
        browsers.give(request, response, browsers.LOGIN, held, logins.state_ttl)
        return response

    @routes.get("/oidc/callback")
    def finish(request: Request) -> Response:
        """Come back from it."""
        held = browsers.held(request, browsers.LOGIN)
        entered = logins.finish(dict(request.query_params), held, _stranger(request))
        response = RedirectResponse(entered.onward, 302)
        browsers.take(request, response, browsers.LOGIN)
        _enter(request, response, entered)
        return response

    @routes.post("/login")
    def by_key(request: Request, said: ByKey) -> Response:
        """Log in by a key."""
        browsers.check_own(request)
        response = JSONResponse({"status": "ok"})
        _enter(request, response, logins.by_key(said.key.get_secret_value(), _stranger(request)))
        return response

    @routes.post("/logout")
    def out(request: Request) -> Response:
        """Log out."""
        browsers.check_own(request)
        response = JSONResponse({"status": "ok"})
        logins.out(browsers.held(request, SESSION))
        browsers.take(request, response, SESSION)
        return response

    def _enter(request: Request, response: Response, entered: In) -> None:
        """Another session than any that the browser came with, which is over."""
        logins.out(browsers.held(request, SESSION))
        browsers.give(request, response, SESSION, entered.name, logins.ttl)

    return routes


def _stranger(request: Request) -> Asked:
    """Whoever it is, as the audit log tells them."""
    client = request.client.host if request.client else ""
    return Asked(Actor(), "auth/login", ip=client, agent=request.headers.get("user-agent", "")[:200])
