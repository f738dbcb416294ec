"""Logging in and out, the first time too; language and theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.dashboard.asking import RefusedError
from muxi_llm.dashboard.pages.page import Page
from muxi_llm.dashboard.visits import THEME, THEMES
from muxi_llm.dashboard.words import COOKIE, LANGUAGES

if TYPE_CHECKING:
    import httpx2
    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit

YEAR = 365 * 86400
LOOKS = {"language": (COOKIE, LANGUAGES), "theme": (THEME, THEMES)}
"""Field → the cookie that keeps it, and what it may be."""


async def login(visit: Visit) -> Response:
    """The form; where nobody administers yet, that of the first time."""
    ways = await visit.get("/auth/ways")
    if ways["first"] and "key" not in visit.query:
        return visit.page("first.html", error=None, given="")
    to = onward(visit, visit.query.get("next", ""))
    return visit.page("login.html", next=to, ways=ways, error=None)


async def begin(visit: Visit) -> Response:
    """The first time: the bootstrap token makes an administrator's key, which is logged in by at once."""
    token = str((await visit.request.form()).get("first", "")).strip()
    try:
        made = await visit.relayed(
            "POST", "/key/generate", {"key_name": "first"}, headers={"x-llmux-bootstrap-token": token}
        )
    except RefusedError as error:
        return visit.page("first.html", error.status, error=error.of("first"), given=token)
    key = made.json()["key"]
    return kept(
        visit.page("first_key.html", key=key), await visit.relayed("POST", "/auth/login", {"key": key})
    )


async def enter(visit: Visit) -> Response:
    """Log in by a key."""
    fields = await visit.request.form()
    to = onward(visit, str(fields.get("next", "")))
    try:
        answer = await visit.relayed("POST", "/auth/login", {"key": str(fields.get("key", "")).strip()})
    except RefusedError as error:
        ways = await visit.get("/auth/ways")
        return visit.page("login.html", error.status, next=to, ways=ways, error=error.of("key"))
    return kept(visit.go(to.removeprefix(visit.prefix)), answer)


async def leave(visit: Visit) -> Response:
    """Log out."""
    await visit.form()
    answer = await visit.relayed("POST", "/auth/logout")
    return kept(visit.go("/login"), answer)


def kept(response: Response, answer: httpx2.Response) -> Response:
    """*response*, with what the API has the browser keep."""
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
    Page("/login", "", login, acts={"enter": enter, "begin": begin}, is_open=True),
    Page("/logout", "", login, acts={"leave": leave}, is_open=True),
    Page("/looks", "", login, acts={"choose": look}, is_open=True),
)
