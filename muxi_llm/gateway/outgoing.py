"""An answer on its way out: the headers that every one of them has, and what is noted of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from muxi_llm.gateway.refusals import raw

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from muxi_llm.gateway.told import Told

    Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]
    Headers = list[tuple[bytes, bytes]]


class Outgoing:
    """ASGI's `send`, of one request. No coroutine of its own: it is called for every chunk."""

    __slots__ = ("_more", "_send", "_told", "upstream_id")

    def __init__(self, send: Send, told: Told, more: Headers) -> None:
        """more: headers besides the answer's own."""
        self._send = send
        self._told = told
        self._more = more
        self.upstream_id = ""
        """The id that the provider gave its answer."""

    def __call__(self, message: dict[str, Any]) -> Coroutine[Any, Any, None]:
        """Send *message*."""
        told = self._told
        if message["type"] == "http.response.body":
            told.sent += len(message.get("body", b""))
        elif message["type"] == "http.response.start":
            told.status, told.answered = message["status"], time.perf_counter()
            message["headers"] = self._headers(message["headers"])
        return self._send(message)

    def _headers(self, headers: Headers) -> Headers:
        """Ours is the id that a client reads: the provider's own is in the log beside it."""
        said = dict(headers)
        self.upstream_id = said.get(REQUEST_ID, b"").decode("latin-1")
        said[REQUEST_ID] = self._told.request_id.encode("ascii")
        granted = self._told.grant
        if granted is not None and granted.headers:
            said.update(raw(granted.headers))
        return [*said.items(), *self._more]


def shared_with(headers: Mapping[str, str], origins: Sequence[str]) -> Headers:
    """What tells a browser that the page it shows may read the answer.

    https://fetch.spec.whatwg.org/#http-cors-protocol. Tokens come in headers that pages put there
    themselves, so no cookie is ever allowed.
    """
    if not origins:
        return []
    origin = headers.get("origin", "")
    if origin not in origins and not ("*" in origins and origin):
        return [VARY]
    return [(b"access-control-allow-origin", origin.encode("latin-1")), VARY, EXPOSED]


async def preflight(headers: Mapping[str, str], origins: Sequence[str], send: Send) -> None:
    """What a browser asks before it asks: whether that page may."""
    shared = shared_with(headers, origins)
    if len(shared) > 1:
        asked = headers.get("access-control-request-headers", "")
        shared = [
            *shared[:2],
            (b"access-control-allow-methods", b"GET, POST, DELETE"),
            (b"access-control-allow-headers", asked.encode("latin-1")),
            (b"access-control-max-age", b"600"),
        ]
    await send({"type": "http.response.start", "status": 204, "headers": shared})
    await send({"type": "http.response.body", "body": b""})


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser asks for its page."""
    return method == "OPTIONS" and "access-control-request-method" in headers and "origin" in headers


REQUEST_ID = b"x-request-id"
VARY = (b"vary", b"origin")
EXPOSED = (b"access-control-expose-headers", b"*")
