"""The dashboard as one ASGI application: which pages there are, and what stands around each."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from muxi_llm.dashboard import charts, shown
from muxi_llm.dashboard.asking import Api, RefusedError
from muxi_llm.dashboard.pages import MENU, PAGES, Page
from muxi_llm.dashboard.relaying import Models
from muxi_llm.dashboard.visits import THEMES, Visit
from muxi_llm.dashboard.words import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.requests import Request
    from starlette.types import ASGIApp


FILES = tuple(file.name for file in files("muxi_llm.dashboard").joinpath("static").iterdir())


class Dashboard:
    """The application, below *prefix*."""

    def __init__(
        self, api: Any, prefix: str = "/ui", gateway: ASGIApp | None = None, before: str | None = ""
    ) -> None:
        """api: the management API as an ASGI application, or the base URL of a gateway that has it. gateway:
        what answers for models, if that is another application. before: of its own paths, if it is here.
        """
        self._api, self._models = Api(api), Models(gateway or api, prefix)
        self._prefix = prefix
        self._templates = Environment(
            loader=PackageLoader("muxi_llm.dashboard"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= shown.FILTERS
        self._templates.globals |= {
            "menu": MENU,
            "prefix": prefix,
            "before": None if isinstance(api, str) else before,
            "languages": LANGUAGES,
            "themes": THEMES,
            "meter": charts.meter,
            "share": charts.share,
            "percent": shown.percent,
        }
        static = Mount("/static", StaticFiles(packages=[("muxi_llm.dashboard", "static")]))
        routes = [Route(page.path, self._shows(page), methods=["GET"]) for page in PAGES]
        routes += [
            Route(f"{page.path.rstrip('/')}/{name}", self._does(page, act), methods=["POST"])
            for page in PAGES
            for name, act in page.acts.items()
        ]
        self.paths = frozenset(
            {
                prefix,
                *(f"{prefix}{route.path}" for route in routes),
                *(f"{prefix}/static/{name}" for name in FILES),
            }
        )
        """What it answers; none of them has a part that varies."""
        self._app = Starlette(routes=[Mount(prefix, routes=[*routes, static])])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        await self._app(scope, receive, send)

    def _shows(self, page: Page) -> Callable[[Request], Coroutine[Any, Any, ASGIApp]]:
        async def endpoint(request: Request) -> ASGIApp:
            return await self._visited(request, page, page.show)

        return endpoint

    def _does(self, page: Page, act: Any) -> Callable[[Request], Coroutine[Any, Any, ASGIApp]]:
        async def endpoint(request: Request) -> ASGIApp:
            return await self._visited(request, page, act)

        return endpoint

    async def _visited(
        self, request: Request, page: Page, work: Callable[[Visit], Coroutine[Any, Any, ASGIApp]]
    ) -> ASGIApp:
        """What *work* answers the viewer; who is not known is led to the login, and a refusal is a page."""
        async with self._api.client(request) as client:
            visit = Visit(request, client, self._templates, self._prefix, self._models)
            try:
                if not page.is_open:
                    visit.viewer = await visit.get("/user/me")
                return await work(visit)
            except RefusedError as error:
                if error.status == 401 and not page.is_open:
                    return visit.go("/login", next=request.url.path)
                return visit.page("refused.html", error.status, error=error)
