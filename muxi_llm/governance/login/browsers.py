"""Who a browser is: what it is given to keep, and whether it asks of its own page's accord."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.governance.refusals import refused
from muxi_llm.types.login import OVER_TLS, SESSION

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from muxi_llm.governance.login.logins import Logins
    from muxi_llm.governance.roles import Actor

LOGIN = "muxi-login"
SAFE = {"GET", "HEAD", "OPTIONS"}
"""Methods that change nothing."""


class Browsers:
    """The sessions that browsers bring."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    def viewer_of(self, request: Request) -> Actor | None:
        """Whose browser it is, with all their rights of now; `None` for nobody's, or not any more. Raises a
        refusal of 403 where another site's page made it ask for a change, and `StoreAwayError`.
        """
        name = held(request, SESSION)
        if not name:
            return None
        if request.method not in SAFE:
            check_own(request)
        found = self._logins.viewer(name)
        return None if found is None else found[1]


def held(request: Request, name: str) -> str:
    """What the browser keeps by that name; "" for nothing."""
    return request.cookies.get(_named(request, name), "")


def give(request: Request, response: Response, name: str, value: str, seconds: float) -> None:
    """Have it keep that for so long. No script can read it, no other site's form sends it along, and over TLS
    no other host can have put it there (`OVER_TLS`).
    """
    response.set_cookie(
        _named(request, name),
        value,
        max_age=int(seconds),
        path="/",
        secure=_is_secure(request),
        httponly=True,
        samesite="lax",
    )


def take(request: Request, response: Response, name: str) -> None:
    """Have it keep that no more."""
    give(request, response, name, "", 0)


def check_own(request: Request) -> None:
    """Raises a refusal of 403 where another site's page makes the browser ask: its cookies would go along.

    https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
    """
    if not _is_own(request):
        raise refused(403, "another site's page asked for that", "cross_site")


def _is_own(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.scope['scheme']}://{request.headers.get('host', '')}"


def _is_secure(request: Request) -> bool:
    return bool(request.scope["scheme"] == "https")


def _named(request: Request, name: str) -> str:
    return f"{OVER_TLS}{name}" if _is_secure(request) else name
