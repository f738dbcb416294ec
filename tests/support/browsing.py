"""The management API with its dashboard, asked over HTTP as a browser asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
from axe_playwright_python.sync_playwright import Axe

from muxi_llm.dashboard.app import Dashboard
from tests.support.managed import Managed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playwright.sync_api import Page

    from muxi_llm.governance.api.app import Management
    from muxi_llm.governance.store.engine import Store


def beside(api: Management, prefix: str = "/ui") -> Any:
    """The API, and the dashboard below *prefix*."""
    dashboard = Dashboard(api, prefix)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        is_page = scope["type"] == "http" and scope["path"].startswith(prefix)
        await (dashboard if is_page else api)(scope, receive, send)

    return app


class Shown(Managed):
    """`with Shown(store) as shown`: likewise; `shown.page(path, by)` as it is served to a browser."""

    def __init__(self, store: Store, **given: Any) -> None:
        super().__init__(store, served=beside, **given)
        self._sessions: dict[str, dict[str, str]] = {}

    def session(self, by: str) -> dict[str, str]:
        """The cookies of somebody who is logged in."""
        if by not in self._sessions:
            reply = httpx2.post(f"{self.url}/auth/login", json={"key": self.keys[by]}, timeout=60)
            assert reply.status_code == 200, reply.text
            self._sessions[by] = dict(reply.cookies)
        return self._sessions[by]

    def page(self, path: str, by: str = "admin", **given: Any) -> httpx2.Response:
        """A page, or what a form of it is answered (`data`)."""
        with httpx2.Client(base_url=self.url, cookies=self.session(by) if by else {}, timeout=60) as client:
            return client.request("POST" if "data" in given else "GET", f"/ui{path}", **given)


def faults_of(page: Page, paths: Iterable[str]) -> dict[str, Any]:
    """What axe, or somebody who has to scroll sideways, has against those pages."""
    faults, axe = {}, Axe()
    for path in paths:
        page.goto(f"/ui{path}")
        found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        told = [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found]
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if told or wide > 0:
            faults[path] = (told, wide)
    return faults
