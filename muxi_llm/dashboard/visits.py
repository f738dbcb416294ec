"""One request of a browser: who it is, in which language, and what it is answered."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import HTMLResponse, RedirectResponse, Response

from muxi_llm.dashboard.asking import RefusedError, answered
from muxi_llm.dashboard.words import language_of, said
from muxi_llm.types.login import OVER_TLS, SESSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import httpx2
    from jinja2 import Environment
    from starlette.requests import Request

    from muxi_llm.dashboard.relaying import Models

THEME = "muxi-theme"
THEMES = {"": "As the system", "light": "Light", "dark": "Dark"}
SESSIONS = (OVER_TLS + SESSION, SESSION)
HEADERS = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    "; form-action 'self'",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class Visit:
    """What a page is given. viewer: as `/user/me` tells them, with their rights."""

    def __init__(
        self,
        request: Request,
        client: httpx2.AsyncClient,
        templates: Environment,
        prefix: str,
        models: Models,
    ) -> None:
        self.request = request
        self.prefix = prefix
        self.language = language_of(request)
        chosen = request.cookies.get(THEME, "")
        self.theme = chosen if chosen in THEMES else ""
        self.viewer: dict[str, Any] = {}
        self._client = client
        self._templates = templates
        self.models = models
        session = next((request.cookies[name] for name in SESSIONS if name in request.cookies), "")
        self.token = hmac.digest(session.encode(), b"form", hashlib.sha256).hex() if session else ""
        """What every form of this session carries: who does not know the session cannot make it."""

    @property
    def query(self) -> Mapping[str, str]:
        """Of the address."""
        return self.request.query_params

    @property
    def gateway(self) -> str:
        """The gateway's address, for the viewer's own clients."""
        return self.models.address(self.request)

    def may(self, operation: str) -> bool:
        """Whether the viewer may ask the API for that."""
        return operation in self.viewer.get("rights", ())

    def say(self, text: str, **values: object) -> str:
        """*text* in the viewer's language."""
        return said(self.language, text, **values)

    # ------------------------------------------------------------------------------------- asking

    async def get(self, path: str, **params: Any) -> Any:
        """What the API tells. Raises `RefusedError`."""
        return (await answered(self._client, "GET", path, params)).json()

    async def post(self, path: str, **body: Any) -> Any:
        """What the API does, and tells of it. Raises `RefusedError`."""
        return (await answered(self._client, "POST", path, body=body)).json()

    async def sought(self, path: str, names: Iterable[str], **params: Any) -> tuple[Any, RefusedError | None]:
        """What the API tells; nothing, and what is wrong, where that is with one of the fields *names* of the
        form that asked. Raises `RefusedError` for anything else.
        """
        try:
            return await self.get(path, **params), None
        except RefusedError as error:
            if error.status != 400 or not error.about(*names):
                raise
            return None, error

    async def relayed(self, method: str, path: str, body: Any = None, **given: Any) -> httpx2.Response:
        """The API's answer as it is. given: `params`, `headers`. Raises `RefusedError`."""
        return await answered(self._client, method, path, given.get("params"), body, given.get("headers"))

    async def form(self) -> dict[str, str]:
        """The fields of a form of ours. Raises `RefusedError` for one that is not."""
        fields = {name: str(value) for name, value in (await self.request.form()).items()}
        if not hmac.compare_digest(fields.pop("token", ""), self.token):
            raise RefusedError(403, "the form is not of this session; load the page again")
        return fields

    # ------------------------------------------------------------------------------------ answers

    def page(self, template: str, status: int = 200, **data: Any) -> Response:
        """A page, or the fragment of one that a script asked for."""
        text = self._templates.get_template(template).render(visit=self, _=self.say, **data)
        return HTMLResponse(text, status, HEADERS)

    def go(self, path: str, **query: str) -> Response:
        """On to another page of ours."""
        to = f"{self.prefix}{path}" + (f"?{urlencode(query)}" if query else "")
        return RedirectResponse(to, 303, {"cache-control": "no-store"})
