"""Models asked through the gateway with a key of the viewer's: whole, or piece by piece as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
from starlette.responses import JSONResponse, StreamingResponse

from muxi_llm.dashboard.asking import answered, certificates

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATIENCE = 600.0
"""Seconds for which a model may think."""

LOCAL = "http://gateway"
"""An application of this process is nowhere else."""

KEPT = ("content-type", "retry-after", "x-request-id")
"""Headers of the gateway's answer that a browser is told, besides its own of what the call was like."""


class Models:
    """The gateway behind the dashboard: an application of this process, or one somewhere."""

    def __init__(self, target: ASGIApp | str, prefix: str) -> None:
        """target: the application, or its base URL. prefix: the dashboard's, below the gateway's own."""
        self._app = None if isinstance(target, str) else target
        self._url = target.rstrip("/").removesuffix("/v1") if isinstance(target, str) else ""
        self._below = prefix.rpartition("/")[0]

    def address(self, request: Request) -> str:
        """Where the viewer's own clients find it."""
        host = request.headers.get("host", "localhost")
        return self._url or f"{request.url.scheme}://{host}{self._below}"

    async def whole(self, path: str, key: str, body: dict[str, Any]) -> httpx2.Response:
        """The answer. Raises `RefusedError`."""
        transport = httpx2.ASGITransport(app=self._app, raise_app_exceptions=False) if self._app else None
        async with httpx2.AsyncClient(
            transport=transport,
            base_url=self._url or LOCAL,
            headers={"authorization": f"Bearer {key}"},
            timeout=PATIENCE,
            verify=certificates(),
        ) as client:
            return await answered(client, "POST", path, body=body)

    def piecewise(self, path: str, key: str, body: bytes) -> ASGIApp:
        """The answer as it comes: an application to answer with."""
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        if self._app is not None:
            return _within(self._app, path, headers, body)
        return _beyond(f"{self._url}{path}", headers, body)


def _within(app: ASGIApp, path: str, headers: dict[str, str], body: bytes) -> ASGIApp:
    """Asks an application of this process. When the browser leaves, so does its request."""
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        asked: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def given() -> Message:
            return asked.pop() if asked else await receive()

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [
                    (name, value) for name, value in message["headers"] if is_told(name.decode("latin-1"))
                ]
                message = {**message, "headers": [*kept, *SAFE]}
            await send(message)

        place = {
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "method": "POST",
        }
        await app({**scope, **place, "headers": raw}, given, told)

    return answer


def _beyond(url: str, headers: dict[str, str], body: bytes) -> ASGIApp:
    """Asks a gateway somewhere."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async with httpx2.AsyncClient(timeout=PATIENCE, verify=certificates()) as client:
            try:
                request = client.build_request("POST", url, headers=headers, content=body)
                reply = await client.send(request, stream=True)
            except httpx2.HTTPError:
                await JSONResponse({"error": {"message": AWAY}}, 502)(scope, receive, send)
                return
            kept = {name: value for name, value in reply.headers.items() if is_told(name)}
            try:
                response = StreamingResponse(reply.aiter_bytes(), reply.status_code, kept)
                response.raw_headers.extend(SAFE)
                await response(scope, receive, send)
            finally:
                await reply.aclose()

    return answer


def is_told(name: str) -> bool:
    """Whether a browser is told that header."""
    return name in KEPT or name.startswith("x-muxi-")


AWAY = "the gateway cannot be reached"
SAFE = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
