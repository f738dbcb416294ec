"""Logging in and out; language and theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.dashboard.asking import RefusedError
from muxi_llm.dashboard.pages.page import Page
from muxi_llm.dashboard.visits import THEME, THEMES
from muxi_llm.dashboard.words import COOKIE, LANGUAGES

if TYPE_CHECKING:
    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit

YEAR = 365 * 86400
LOOKS = {"language": (COOKIE, LANGUAGES), "theme": (THEME, THEMES)}
"""Field → the cookie that keeps it, and what it may be."""


async def login(visit: Visit) -> Response:
    """The form."""
    return visit.page("login.html", next=onward(visit, visit.query.get("next", "")), error=None)


async def enter(visit: Visit) -> Response:
    """Log in by a key."""
    fields = await visit.request.form()
    to = onward(visit, str(fields.get("next", "")))
    try:
        answer = await visit.relayed("POST", "/auth/login", {"key": str(fields.get("key", "")).strip()})
    except RefusedError as error:
        return visit.page("login.html", error.status, next=to, error=error)
    response = visit.go(to.removeprefix(visit.prefix))
    for cookie in answer.headers.get_list("set-cookie"):
        response.headers.append("set-cookie", cookie)
    return response


async def leave(visit: Visit) -> Response:
    """Log out."""
    await visit.form()
    answer = await visit.relayed("POST", "/auth/logout")
    response = visit.go("/login")
    for cookie in answer.headers.get_list("set-cookie"):
        response.headers.append("set-cookie", cookie)
    return response


async def look(visit: Visit) -> Response:
    """Another language, another theme."""
    fields = await visit.request.form()
    response = visit.go(onward(visit, str(fields.get("next", ""))).removeprefix(visit.prefix))
    for name, (cookie, choices) in LOOKS.items():
        chosen = str(fields.get(name, "-"))
        if chosen in choices:
            response.set_cookie(cookie, chosen, YEAR, path=visit.prefix, samesite="lax", httponly=True)
    return response


def onward(visit: Visit, path: str) -> str:
    """A page of ours: *path* if it is one, else the first."""
    is_ours = path.startswith(f"{visit.prefix}/") and "\\" not in path and "//" not in path
    return path if is_ours else f"{visit.prefix}/"


PAGES = (
    Page("/login", "", login, acts={"enter": enter}, is_open=True),
    Page("/logout", "", login, acts={"leave": leave}, is_open=True),
    Page("/looks", "", login, acts={"choose": look}, is_open=True),
)
