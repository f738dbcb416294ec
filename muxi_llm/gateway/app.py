"""The ASGI application: a path → a door. Raw ASGI: a framework costs more than the whole of our own part."""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import orjson
from anyio import to_thread

from muxi_llm.errors import MuxiLLMError
from muxi_llm.gateway import lines, realtime
from muxi_llm.gateway.admission import ANYBODY, Anybody, Tokens
from muxi_llm.gateway.doors import DOORS, Visit
from muxi_llm.gateway.file_store import FileStore
from muxi_llm.gateway.metrics import CONTENT_TYPE, Metrics
from muxi_llm.gateway.openapi import document
from muxi_llm.gateway.outgoing import Outgoing, is_preflight, preflight, shared_with
from muxi_llm.gateway.own import own
from muxi_llm.gateway.refusals import refuse, respond
from muxi_llm.gateway.requests import ClientGoneError, Incoming
from muxi_llm.gateway.sharing import Sharing
from muxi_llm.gateway.stored import Keeping, about_of
from muxi_llm.gateway.told import Told, id_of
from muxi_llm.kept.store import hold_at_most
from muxi_llm.wire.anthropic.inbound import AnthropicInbound
from muxi_llm.wire.base import Ledger
from muxi_llm.wire.openai.chat import OpenAIInbound

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from muxi_llm.gateway.admission import Admission, Management
    from muxi_llm.gateway.doors import Send
    from muxi_llm.gateway.reload import Reloader
    from muxi_llm.gateway.requests import Receive
    from muxi_llm.gateway.sharing import Store
    from muxi_llm.gateway.state import State
    from muxi_llm.gateway.tracing import Tracing
    from muxi_llm.wire.inbound import Inbound


class Gateway:
    """The application. `state` may be replaced at any time: requests under way keep the one they have."""

    def __init__(self, state: State, admission: Admission | None = None) -> None:
        """admission: who may; `None`: as the configuration says."""
        self._given = admission
        self.loop: asyncio.AbstractEventLoop | None = None
        """What it runs on, once it does."""
        self.loaded_at, self.reloads = 0.0, -1
        """When the configuration at work was read, and how often others were before."""
        self.is_draining = False
        self.reloader: Reloader | None = None
        self._open: set[Visit | realtime.Session] = set()
        self.sharing: Sharing | None = None
        self.tracing: Tracing | None = None
        self.metrics = Metrics()
        self.replace(state)
        self._management = self.admission.managed(self)

    def replace(self, state: State) -> None:
        """Go on with *state*."""
        self.state = state
        self.metrics.configured(state)
        hold_at_most(state.settings.server.limits.responses)
        if self.sharing is not None:
            self._share(self.sharing)
        tokens = state.settings.tokens
        self.admission = self._given or (Tokens(tokens) if tokens else Anybody())
        self.admission.configured(state.settings)
        self.loaded_at, self.reloads = time.time(), self.reloads + 1

    def _share(self, sharing: Sharing) -> None:
        sharing.routes = self.state.routes
        self.state.routes.on_change = sharing.changed

    def under_way(self) -> list[Visit | realtime.Session]:
        """Requests that are."""
        return list(self._open)

    def end_open(self) -> None:
        """The time is up: whatever is still open ends with an error of its protocol's."""
        for visit in list(self._open):
            visit.end()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """ASGI."""
        await PROTOCOLS[scope["type"]](self, scope, receive, send)

    async def _http(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        server = self.state.settings.server
        incoming = Incoming(scope, receive, path_of(scope["path"], server.prefix), server.limits)
        if server.origins and is_preflight(incoming.method, incoming.headers):
            await preflight(incoming.headers, server.origins, send)
            return
        health = HEALTH.get((incoming.method, incoming.path))
        if health is not None:
            await health(self, send)
            return
        if self._management is not None and incoming.path in self._management.paths:
            await self._managed(self._management, scope, receive, send, incoming.path)
            return
        told = Told(incoming.path, ANYBODY, incoming.method, id_of(incoming.headers))
        told.client = (scope.get("client") or ("",))[0]
        out = Outgoing(send, told, shared_with(incoming.headers, server.origins))
        self.metrics.began()
        traced = nullcontext() if self.tracing is None else self.tracing.span(told, incoming.headers)
        try:
            with traced:
                await self._followed(incoming, out, told)
        finally:
            self._settled(told, out.upstream_id)

    async def _managed(
        self, management: Management, scope: dict[str, Any], receive: Receive, send: Send, path: str
    ) -> None:
        """A request of the management, at its own port if it has one."""
        port = self.state.settings.server.admin_port
        if port is not None and (scope.get("server") or ("", 0))[1] != port:
            fault = {"message": f"the management is at port {port}", "type": "invalid_request_error"}
            await answer(send, 404, {"error": {**fault, "code": "unknown_url", "param": None}})
            return
        await management({**scope, "path": path, "root_path": ""}, receive, send)

    def _settled(self, told: Told, upstream_id: str = "") -> None:
        """A request is over, however it ended."""
        told.end()
        if told.grant is not None:
            self.admission.settle(told)
        self.metrics.ended(told)
        lines.tell(told, upstream_id)

    async def _followed(self, incoming: Incoming, send: Send, told: Told) -> None:
        """A request that account is kept of."""
        state = self.state
        if (about := about_of(incoming.method, incoming.path)) is not None:
            visit: Visit = Keeping(about, state, self.admission, incoming, send, told)
        elif incoming.path in DOORS and incoming.method == "POST":
            visit = Visit(state, self.admission, incoming, send, told)
        else:
            if (failure := await failing(self._own(state, incoming, send, told), told)) is not None:
                await refuse(send, failure, wire_of(incoming)(Ledger("the client")))
            return
        self._open.add(visit)
        try:
            if (failure := await failing(self._visited(visit, incoming), told)) is not None:
                await visit.refuse(failure)
        finally:
            self._open.discard(visit)

    async def _visited(self, visit: Visit, incoming: Incoming) -> None:
        incoming.check_head()
        visit.told.principal = await self.admission.authenticate(incoming.headers)
        await visit()

    async def _own(self, state: State, incoming: Incoming, send: Send, told: Told) -> None:
        """What the gateway answers by itself, for those who may ask."""
        settings = state.settings
        is_scraped = incoming.method == "GET" and bool(settings.metrics) and incoming.path == settings.metrics
        incoming.check_head()
        if not (is_scraped and settings.metrics_open):
            told.principal = await self.admission.authenticate(incoming.headers)
            incoming.owner = told.principal.id
        if is_scraped:
            await respond(send, 200, {"content-type": CONTENT_TYPE}, await self.metrics.text())
            return
        answers = own(incoming.method, incoming.path)
        if answers is None:
            await answer(send, 405 if incoming.path in DOORS else 404, unknown(incoming))
            return
        content = await incoming.body()
        await answer(send, 200, await answers(state, incoming, content))

    async def _lifespan(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:  # noqa: ARG002
        await receive()
        self.loop = asyncio.get_running_loop()
        if self.state.settings.tracing and self.tracing is None:
            from muxi_llm.gateway.tracing import Tracing  # noqa: PLC0415 - an extra

            self.tracing = Tracing()
        self.sharing = sharing_of(self.state, self.metrics)
        if self.sharing is not None:
            self._share(self.sharing)
            await to_thread.run_sync(self.sharing.begin)
        await to_thread.run_sync(self.admission.begin, self.state.settings)
        if self.reloader is not None:
            self.reloader.begin()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self.reloader is not None:
            self.reloader.end()
        if self.sharing is not None:
            await to_thread.run_sync(self.sharing.end)
        await to_thread.run_sync(self.admission.end)
        self.metrics.write()
        await send({"type": "lifespan.shutdown.complete"})

    async def _websocket(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        server = self.state.settings.server
        path = path_of(scope["path"], server.prefix)
        if path != realtime.PATH:
            await not_here(receive, send)
            return
        incoming = Incoming({"method": "GET", **scope}, receive, path, server.limits)
        told = Told(path, ANYBODY, "GET", id_of(incoming.headers))
        told.client = (scope.get("client") or ("",))[0]
        session = realtime.Session(self.state, lambda: self.admission, incoming, told)
        self._open.add(session)
        self.metrics.began()
        traced = nullcontext() if self.tracing is None else self.tracing.span(told, incoming.headers)
        try:
            with traced:
                if (failure := await failing(session(receive, send), told)) is not None:
                    await session.refuse(failure, send)
        finally:
            self._open.discard(session)
            self._settled(told)

    async def _live(self, send: Send) -> None:
        await answer(send, 200, {"status": "ok"})

    async def _document(self, send: Send) -> None:
        settings = self.state.settings
        body = document(settings.server.prefix, asks=bool(settings.tokens) or self._given is not None)
        await respond(send, 200, {"content-type": "application/json"}, body)

    async def _ready(self, send: Send) -> None:
        """Whether to send requests here, and why not. Deployments that cool down are told, and are no reason:
        the next gateway would not have others.
        """
        routes = self.state.routes
        now = routes.clock()
        cooled = {name: one.cooled_for for name, one in routes.router.facts.items() if one.is_cooled(now)}
        value: dict[str, Any] = {
            "status": "draining" if self.is_draining else "ok",
            "cooling": cooled,
            "counts": "own",
        }
        if self.sharing is not None:
            value["counts"] = "shared" if self.sharing.is_there else "local-only"
        await answer(send, 503 if self.is_draining else 200, {**value, **self.admission.state})


async def failing(work: Coroutine[Any, Any, None], told: Told) -> MuxiLLMError | None:
    """Do *work*; what its client is to read, where it failed."""
    try:
        await work
    except ClientGoneError:
        told.gone = True
    except MuxiLLMError as error:
        told.error = error
    except Exception as error:  # noqa: BLE001 - reason: a mistake of ours is an error of the client's protocol too
        told.error = lines.bug(error, told)
    else:
        return None
    return told.error


def sharing_of(state: State, metrics: Metrics) -> Sharing | None:
    """The exchange of counts that a configuration asks for; `None` where nothing would be exchanged."""
    settings = state.settings
    if not (
        settings.redis
        or (settings.windows and any(one.kinds() for one in state.routes.router.facts.values()))
    ):
        return None

    def store() -> Store:
        if settings.redis:
            from muxi_llm.gateway.redis_store import RedisStore  # noqa: PLC0415 - an extra

            return RedisStore(settings.redis)
        return FileStore(settings.windows)

    return Sharing(store, state.routes, metrics.backend_failed)


def path_of(path: str, prefix: str) -> str:
    """A path below the prefix and `/v1`."""
    if prefix and path.startswith(prefix):
        path = path[len(prefix) :]
    return path.removeprefix("/v1") if path.startswith("/v1/") else path


def unknown(incoming: Incoming) -> dict[str, Any]:
    """What a path that leads nowhere is told."""
    message = f"there is no {incoming.method} {incoming.path} here"
    fault = {"message": message, "type": "invalid_request_error", "code": "unknown_url", "param": None}
    return {"error": fault}


def wire_of(incoming: Incoming) -> type[Inbound]:
    """The protocol that a client speaks which asks for that."""
    is_claude = incoming.path.startswith("/messages") or "anthropic-version" in incoming.headers
    return AnthropicInbound if is_claude else OpenAIInbound


async def not_here(receive: Receive, send: Send) -> None:
    """426: Codex asks once for a WebSocket and goes on by POST; after 404 it would ask seven times."""
    await receive()
    head = {"status": 426, "headers": [(b"upgrade", b"h2c"), (b"content-length", b"0")]}
    await send({"type": "websocket.http.response.start", **head})
    await send({"type": "websocket.http.response.body", "body": b""})


async def answer(send: Send, status: int, value: object) -> None:
    """A whole answer of our own, as JSON."""
    await respond(send, status, {"content-type": "application/json"}, orjson.dumps(value))


HEALTH: dict[tuple[str, str], Callable[[Gateway, Send], Coroutine[Any, Any, None]]] = {
    ("GET", "/health/live"): Gateway._live,  # noqa: SLF001 - its own table
    ("GET", "/health/ready"): Gateway._ready,  # noqa: SLF001
    ("GET", "/openapi.json"): Gateway._document,  # noqa: SLF001 - which names no model, no provider and no client
}
PROTOCOLS = {"http": Gateway._http, "lifespan": Gateway._lifespan, "websocket": Gateway._websocket}  # noqa: SLF001
