"""From a configuration to a server that runs: uvicorn, the signal to end held until the balancer has left.

SIGTERM ─► readiness says 503 ── pause ─► listener closed ── drain ─► open answers end with the protocol's
error event ─► exit 0
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import secrets
import signal
import socket
import sys
import time
import warnings
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from muxi_llm.gateway import lines
from muxi_llm.gateway.app import Gateway
from muxi_llm.gateway.reload import Reloader
from muxi_llm.gateway.settings import files
from muxi_llm.gateway.settings.reading import ConfigurationError, Finding
from muxi_llm.gateway.state import State
from muxi_llm.gateway.workers import Workers
from muxi_llm.runtime import AdaptationWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

    from muxi_llm.gateway.admission import Admission
    from muxi_llm.gateway.settings.model import Settings

    AdmissionOf = Callable[[Settings], Admission | None]

GRACE = 10.0
"""Seconds between our own deadline and the server's, which cancels what is left without a word."""


def settings_of(path: str, given: Mapping[str, Any]) -> Settings:
    """The file's settings (of the environment where there is no file), with what the command line says of the
    server laid over. Raises `ConfigurationError`, for one that would let strangers in too.
    """
    settings = files.read(path)[0] if path else files.of_environment()
    given = dict(given)
    is_open = given.pop("is_open", settings.is_open)
    token, level = given.pop("token", ""), given.pop("log_level", settings.log_level)
    is_secret = given.pop("https", False)
    server = replace(settings.server, **given)
    if (is_secret or server.tls_key or server.tls_cert) and not (server.tls_key and server.tls_cert):
        raise ConfigurationError([Finding("--https", "wants --ssl-cert and --ssl-key, or the file's")])
    settings = replace(settings, server=server, is_open=is_open, log_level=level, source=path)
    if token and not settings.tokens:
        settings = replace(settings, tokens={"one-time": token})
    check_open(settings)
    return settings


def check_open(settings: Settings) -> None:
    """Without tokens a gateway is for its own machine, unless somebody says otherwise in so many words."""
    if settings.tokens or settings.governance.database or settings.is_open or settings.server.is_loopback:
        return
    why = "there are no tokens, so anybody who reaches it could spend the providers' keys"
    what = "give tokens, listen on 127.0.0.1, or say --no-auth"
    raise ConfigurationError([Finding("host", f"{settings.server.host}: {why}; {what}")])


# ---------------------------------------------------------------------------------------- the server


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's connection, with an end to heads that have none, in bytes (its parser would keep all of it)
    and in time, and to bodies that still drip when they are answered. What is whole, and too large all the
    same, the application refuses.
    """

    def __init__(self, *given: Any, most: int, **more: Any) -> None:
        """most: bytes of a head."""
        super().__init__(*given, **more)
        self._most = most
        self._head = 0
        """Bytes of a head that is not whole yet."""
        self._heads, self._seen = 0, -1
        """How many were; and how many when it was last seen that nothing but their bytes is waited for."""

    def connection_made(self, transport: Any) -> None:
        """Somebody is there."""
        super().connection_made(transport)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """And gone."""
        self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Whether the same bytes are waited for as the last time."""
        is_said = self.cycle is not None and (not self._head or not self.cycle.response_complete)
        if self._seen == self._heads and not is_said:
            self.transport.close()
        elif self in self.connections:  # else it is a WebSocket by now
            self._seen = -1 if is_said else self._heads
            self._timer = self.loop.call_later(SLOWEST, self._look)

    def on_headers_complete(self) -> None:
        """It is whole."""
        super().on_headers_complete()
        self._head = -1
        self._heads += 1

    def on_message_complete(self) -> None:
        """The next one may begin."""
        super().on_message_complete()
        self._head = 0

    def data_received(self, data: bytes) -> None:
        """Some bytes."""
        if self._head >= 0:
            self._head += len(data)  # before it is read: what ends a head in it, or a whole message, says so
        super().data_received(data)
        if self._head > self._most and not self.transport.is_closing():
            self.transport.write(TOO_LARGE)
            self.transport.close()


SLOWEST = 30.0
"""Seconds in which a head has to come, twice of them at most; and the rest of a body that is answered."""
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class HeldServer(uvicorn.Server):
    """uvicorn's server; the signal to end is ours first."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(uvicorn.Config(gateway, **options_of(gateway.state.settings)))
        self._gateway = gateway
        self._leaves: float | None = None
        """When the listener closes."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's own shape
        """Hold it. A second one never makes it longer; a second Ctrl-C ends everything at once."""
        if self._leaves is None:
            self._gateway.is_draining = True
            waits = 0.0 if sig == signal.SIGINT else self._gateway.state.settings.server.pause
            self._leaves = time.monotonic() + waits
        elif sig == signal.SIGINT:
            self.should_exit = self.force_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to go."""
        if self._leaves is not None and time.monotonic() >= self._leaves:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listener, and end what is still open at the deadline."""
        drain = self._gateway.state.settings.server.drain
        asyncio.get_running_loop().call_later(drain, self._gateway.end_open)
        await super().shutdown(sockets)


class HeldSession(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, which the gateway ends by itself: a session may go on as long as a stream may."""

    def shutdown(self) -> None:
        """Not yet."""


def application(admission_of: AdmissionOf) -> Gateway:
    """The gateway that the environment describes, as each worker makes it. Raises `ConfigurationError`."""
    path, given = json.loads(os.environ[DESCRIBED])

    def read() -> Settings:
        settings = settings_of(path, given)
        lines.begin(settings.log_level)
        return settings

    settings = read()
    gateway = Gateway(State(settings), admission_of(settings))
    gateway.reloader = Reloader(gateway, read, path)
    return gateway


def serve(
    path: str,
    given: Mapping[str, Any],
    tell: Callable[[str], None],
    admission_of: AdmissionOf,
    prepare: Callable[[Settings, Callable[[str], None], str], None],
) -> int:
    """Serve until told to end; the exit status.

    path: the configuration, "" for the environment's providers. given: settings of the server that win over
    the file's. tell: where a line for people goes. admission_of: who answers for those who may. prepare: what
    is done once before anybody does, at the management's address. Raises `ConfigurationError`.
    """
    given = given if path else {"token": secrets.token_urlsafe(24), **given}
    settings = settings_of(path, given)
    os.environ[DESCRIBED] = json.dumps([path, dict(given)])
    server = settings.server
    ports = [port for port in (server.port, server.admin_port) if port is not None]
    listeners = [bound(server.host, port) for port in ports]
    scheme = "https" if server.tls_cert else "http"
    at = [f"{scheme}://{server.host}:{one.getsockname()[1]}{server.prefix}" for one in listeners]
    prepare(settings, tell, at[-1])
    if not path:
        tell(f"a token for this run: export GATEWAY_TOKEN={given['token']}")
    for what, where in zip(("listening on", "managed at"), at, strict=False):
        tell(f"{what} {where}")
    if not (settings.tokens or settings.governance.database):
        tell(
            "no tokens: anybody on this machine may ask"
            if server.is_loopback
            else "no tokens: ANYBODY may ask"
        )
    for note in settings.notes:
        tell(f"note: {note}")
    sys.stdout.flush()
    if server.workers > 1:
        lines.begin(settings.log_level)
        return Workers(server.workers, [one.fileno() for one in listeners]).run()
    run(application(admission_of), listeners)
    return 0


def run(gateway: Gateway, listeners: list[socket.socket]) -> None:
    """Serve in this process, until told to end. Losses are told to who asked, not to this process."""
    warnings.simplefilter("ignore", AdaptationWarning)
    gc.collect()
    gc.freeze()  # what is there now stays: no collection need look through it
    gc.set_threshold(ROUND)
    HeldServer(gateway).run(sockets=listeners)


def options_of(settings: Settings) -> dict[str, Any]:
    """Uvicorn's own settings."""
    server = settings.server
    return {
        "ssl_keyfile": server.tls_key or None,
        "ssl_certfile": server.tls_cert or None,
        "lifespan": "on",
        "log_config": None,
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "proxy_headers": bool(server.proxies),
        "forwarded_allow_ips": list(server.proxies),
        "http": partial(BoundedProtocol, most=server.limits.header),
        "ws": HeldSession,
        "ws_per_message_deflate": False,
        "timeout_graceful_shutdown": int(server.drain + GRACE),
        "timeout_keep_alive": max(round(server.idle), 1),
    }


def bound(host: str, port: int) -> socket.socket:
    """A listener. Raises `ConfigurationError` where there can be none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        why = f"cannot listen on {host}:{port}: {getattr(error, 'strerror', error)}"
        raise ConfigurationError([Finding("port", f"{why}; --port says another, 0 any")]) from None
    listener.listen(BACKLOG)  # who comes before the first worker is ready waits, and is not turned away
    listener.set_inheritable(True)
    return listener


ROUND = 10_000
"""Objects between two collections. A request leaves no ring behind; to look for some after each 700, Python's
own number, was a fiftieth of its time.
"""
BACKLOG = 2048
"""Connections that may wait to be accepted."""

DESCRIBED = "MUXI_LLM_GATEWAY"
"""The variable that tells workers what to serve."""
