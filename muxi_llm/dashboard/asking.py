"""The management API, asked as whoever is at the browser: their session goes along, and nothing else does."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from starlette.requests import Request

PASSED = ("cookie", "origin", "sec-fetch-site", "user-agent", "x-request-id")
"""What the API is told of the browser: who it is, and that it asks of its own page's accord."""

PATIENCE = 30.0
"""Seconds."""


class RefusedError(Exception):
    """What the API refused. status: 401 nobody is logged in, 403 they may not, 404 there is none to see."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        """param: the field that is wrong, if it is one's fault; a dot stands before what is within it."""
        super().__init__(message)
        self.status, self.message, self.param = status, message, param

    def about(self, *names: str) -> bool:
        """Whether one of these fields is what is wrong."""
        return bool(self.param) and not {*str(self.param).split(".")}.isdisjoint(names)

    def of(self, name: str) -> RefusedError:
        """The same, about the field *name* where the API could not know it: who is not let in has given the
        wrong one.
        """
        return RefusedError(self.status, self.message, name) if self.status == 401 else self

    @property
    def what(self) -> str:
        """What is wrong with the field, for where it stands beside it."""
        return self.message.removeprefix(f"{self.param}: ")


class Api:
    """The API behind all visits: an application of this process, or a gateway somewhere."""

    def __init__(self, target: Any) -> None:
        """target: the application, or a gateway's base URL."""
        self._app = None if isinstance(target, str) else target
        self._url = target.rstrip("/") if isinstance(target, str) else ""

    def client(self, request: Request) -> httpx2.AsyncClient:
        """A client for one visit, to be closed."""
        headers = {name: request.headers[name] for name in PASSED if name in request.headers}
        if self._app is None:
            if headers.get("origin") == f"{request.url.scheme}://{request.headers.get('host', '')}":
                del headers["origin"]  # our own, which the gateway cannot know
            return httpx2.AsyncClient(
                base_url=self._url, headers=headers, timeout=PATIENCE, verify=certificates()
            )
        peer = (request.client.host, request.client.port) if request.client else ("", 0)
        transport = httpx2.ASGITransport(app=self._app, client=peer, raise_app_exceptions=False)
        url = f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"
        return httpx2.AsyncClient(transport=transport, base_url=url, headers=headers, timeout=PATIENCE)


@cache
def certificates() -> ssl.SSLContext:
    """Whom to trust, read once: it takes tens of milliseconds, which each visit of a client's would pay."""
    return httpx2.create_ssl_context()


async def answered(
    client: httpx2.AsyncClient,
    method: str,
    path: str,
    params: Mapping[str, Any] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> httpx2.Response:
    """The API's answer. Raises `RefusedError` for any but a good one."""
    said = {name: value for name, value in (params or {}).items() if value not in {None, ""}}
    try:
        response = await client.request(method, path, params=said, json=body, headers=headers)
    except httpx2.HTTPError as error:
        raise RefusedError(502, "the gateway cannot be reached") from error
    if response.status_code < 400:
        return response
    try:
        told = response.json()["error"]
        raise RefusedError(response.status_code, str(told["message"]), told.get("param"))
    except (ValueError, KeyError, TypeError):
        raise RefusedError(response.status_code, "the gateway cannot answer that now") from None
