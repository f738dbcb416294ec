"""Realtime sessions: a client's WebSocket, relayed to a provider that speaks OpenAI's protocol.

    client ══ frames as they come ══ gateway ══ the same ══ provider

Neither side is read before the other has taken what came last, so a slow one slows the other. Of what the
provider says only `response.done` is looked at, for what was used. The gateway's key goes to the provider, a
client's never does. https://platform.openai.com/docs/guides/realtime-websocket
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

import orjson
from anyio import move_on_after
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from muxi_llm import runtime
from muxi_llm.core.call import TRACING, missing_credentials
from muxi_llm.core.plan import Outcome
from muxi_llm.errors import MuxiLLMError, UnsupportedParameterError, connection_error, refusal
from muxi_llm.gateway.lasting import until_refused
from muxi_llm.gateway.passing import forwarded
from muxi_llm.gateway.refusals import body_of, headers_of, raw, status_of
from muxi_llm.models import AttemptRecord, Meter, Report
from muxi_llm.routing.deployments import Needs
from muxi_llm.stored.late import added
from muxi_llm.types.admission import Asked
from muxi_llm.wire.base import Ledger, Reply, decode_fault
from muxi_llm.wire.openai.chat import OpenAIInbound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from websockets.asyncio.client import ClientConnection

    from muxi_llm.core.request import Candidate
    from muxi_llm.gateway.admission import Admission
    from muxi_llm.gateway.doors import Send
    from muxi_llm.gateway.requests import Incoming, Receive
    from muxi_llm.gateway.state import State
    from muxi_llm.gateway.told import Told

PATH = "/realtime"


class Straight(connect):
    """A connection that goes where it was told to: what redirects would get the key."""

    def process_redirect(self, exc: Exception) -> Exception:
        """No."""
        return exc


class Session:
    """One of them."""

    def __init__(
        self, state: State, admission: Callable[[], Admission], incoming: Incoming, told: Told
    ) -> None:
        """admission: who may now, which a reload of the configuration may change."""
        self._state = state
        self._admission = admission
        self._incoming = incoming
        self._offered: Sequence[str] = incoming.scope.get("subprotocols") or ()
        self._headers = with_key(incoming.headers, self._offered)
        self._over, self._used = asyncio.Event(), asyncio.Event()
        self._meter = Meter(streamed=True)
        self.told = told

    def end(self) -> None:
        """The gateway goes."""
        self._over.set()

    async def __call__(self, receive: Receive, send: Send) -> None:
        """From the greeting to the end. Raises what the client is to read (`refuse`)."""
        await receive()
        candidate, connection, seconds = await self._opened()
        told, watch = self.told, candidate.watch
        assert watch is not None  # the router's candidates have one
        record = AttemptRecord(str(candidate.ref), 1, seconds)
        told.report = Report(record.model, (record,), (), seconds, meter=self._meter)
        failure = None
        try:
            async with connection:
                failure = await self._relayed(candidate, connection, receive, send)
                told.error = told.error or failure
        finally:
            self._meter.is_over = True
            used = SimpleNamespace(total_tokens=(self._meter.usage or {}).get("total_tokens") or 0)
            watch.leave(seconds, Outcome(seconds, SimpleNamespace(usage=used), failure))

    # ----------------------------------------------------------------------------- how it begins

    async def _opened(self) -> tuple[Candidate, ClientConnection, float]:
        """The provider, the session there, and the seconds it took. Raises what the client is to read."""
        incoming, told, server = self._incoming, self.told, self._state.settings.server
        incoming.check_head()
        origin = incoming.headers.get("origin")
        if origin is not None and not {origin, "*"} & set(server.origins):
            message = "this page may not ask: server.cors_origins does not have it"
            raise refusal(403, message, type="permission_error")
        told.principal = await self._admission().authenticate(self._headers)
        runtime.check_kill_switch()
        query = parse_qs(incoming.query)
        told.model, told.streamed = (query.get("model") or query.get("deployment") or [""])[0], True
        chosen = self._choose(told.model)
        asked = Asked(PATH, told.request_id, told.model, {}, 0, "", chosen, self._choose, told.so_far)
        told.grant = grant = await self._admission().admit(told.principal, asked)
        named = self._choose(grant.model or told.model)
        told.chosen = chosen = [one for one in named if one.ref.provider not in grant.without]
        intent = {"intent": query["intent"][0]} if "intent" in query else {}
        return await self._first(chosen, intent)

    def _choose(self, model: str) -> list[Candidate]:
        chosen = self._state.routes.choose(model, Needs(stream=True))
        found = [one for one in chosen if one.provider.realtime_support]
        if not found:
            message = f"{model!r} is not served here by a provider with a realtime API of OpenAI's protocol"
            raise UnsupportedParameterError(message, param="model")
        return found

    async def _first(
        self, chosen: Sequence[Candidate], query: Mapping[str, str]
    ) -> tuple[Candidate, ClientConnection, float]:
        """The first that opens a session; once one is open there is no other."""
        error: MuxiLLMError | None = None
        for one in chosen:
            assert one.watch is not None
            if (error := one.watch.enter()) is not None:
                continue
            began = time.perf_counter()
            try:
                connection = await self._connected(one, query)
            except MuxiLLMError as failure:
                error = failure
                seconds = time.perf_counter() - began
                one.watch.leave(seconds, Outcome(seconds, error=error))
                continue
            except BaseException:
                one.watch.leave(time.perf_counter() - began, None)
                raise
            seconds = time.perf_counter() - began
            one.watch.began(seconds)
            return one, connection, seconds
        raise error or refusal(503, "no provider is left to ask", type="server_error")

    async def _connected(self, candidate: Candidate, query: Mapping[str, str]) -> ClientConnection:
        provider = candidate.provider
        if provider.key_required and not provider.api_key:
            raise missing_credentials(candidate)
        address, named = provider.realtime_address(candidate.ref.name)
        url = f"{address.replace('http', 'ws', 1)}{PATH}?{urlencode({**query, **named})}"
        own = {name: said for name, said in self._incoming.headers.items() if name in TRACING}
        headers = {**own, **forwarded(self._incoming.headers), **provider.headers, **provider.authorize()}
        if self.told.trace is not None:
            self.told.trace(headers)
        limit = min(provider.timeout or OPENING, self._state.settings.timeout)
        try:
            return await Straight(
                url,
                additional_headers=headers,
                compression=None,  # sound is no smaller for it
                open_timeout=limit,
                max_size=LARGEST,
                close_timeout=CLOSING,
            )
        except InvalidStatus as error:
            said = error.response
            told = {name.lower(): value for name, value in said.headers.raw_items()}
            reply = Reply(said.status_code, told, said.body or b"")
            raise provider.classify(
                decode_fault(reply.status, reply.content), url=url, reply=reply
            ) from error
        except (OSError, InvalidHandshake, InvalidURI) as error:
            late = isinstance(error, TimeoutError)
            raise connection_error(f"no session ({type(error).__name__})", url=url, timeout=late) from error

    async def refuse(self, error: MuxiLLMError, send: Send) -> None:
        """Tell the client: before there is a session by HTTP, as of any request, then by its last event."""
        body = body_of(error, OpenAIInbound(Ledger("the client")), is_same_wire=False)
        if self.told.status:
            await _closed(send, REFUSED, {"type": "error", "error": orjson.loads(body)["error"]})
            return
        status = self.told.status = status_of(error)
        headers = raw({**headers_of(error, status), "x-request-id": self.told.request_id})
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})

    # ------------------------------------------------------------------------------- how it goes on

    async def _relayed(
        self, candidate: Candidate, connection: ClientConnection, receive: Receive, send: Send
    ) -> MuxiLLMError | None:
        """Until one side leaves, or the gateway does; the error, if the provider broke."""
        told = self.told
        subprotocol = SUBPROTOCOL if SUBPROTOCOL in self._offered else None
        headers = raw({"x-request-id": told.request_id, "x-muxi-model": str(candidate.ref)})
        await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers})
        told.status, told.answered = 101, time.perf_counter()
        ways = (
            self._up(connection, receive),
            self._down(connection, send),
            self._over.wait(),
            until_refused(self._admission, self._headers, told, self._used),
        )
        up, *_ = tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        if self._over.is_set():
            await _closed(send, 1012, ENDED)
            return None
        if up.cancelled():  # it is the provider that left
            code = connection.close_code or 1006
            await _closed(send, UNSENDABLE.get(code, code))
            if code not in WELL:
                return connection_error(f"the session broke off ({code})", url=candidate.provider.base_url)
        return None

    async def _up(self, connection: ClientConnection, receive: Receive) -> None:
        """What the client says. Ends with either side."""
        while (message := await receive())["type"] == "websocket.receive":
            data = message.get("text")
            data = message["bytes"] if data is None else data
            self.told.received += len(data)
            try:
                await connection.send(data)
            except ConnectionClosed:
                await asyncio.Event().wait()  # the other way ends first: it knows why

    async def _down(self, connection: ClientConnection, send: Send) -> None:
        """What the provider says. Ends with either side."""
        try:
            async for data in connection:
                is_text = isinstance(data, str)
                self.told.sent += len(data)
                if is_text and DONE in data:
                    self._hear(data)
                await send({"type": "websocket.send", "text" if is_text else "bytes": data})
        except ConnectionClosed:
            pass
        except OSError:  # of a client that is gone
            await asyncio.Event().wait()

    def _hear(self, data: str | bytes) -> None:
        """Count what was used, if that is what an event tells."""
        try:
            event = orjson.loads(data)
            used = event["response"]["usage"] if event["type"] == DONE else None
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return
        if isinstance(used, dict):
            self._meter.usage = added(self._meter.usage or {}, used)
            self._used.set()


async def _closed(send: Send, code: int, fault: Mapping[str, Any] | None = None) -> None:
    """End the client's side, if it is still there."""
    with move_on_after(CLOSING), suppress(OSError):  # one that takes nothing more is left
        if fault is not None:
            await send({"type": "websocket.send", "text": orjson.dumps(fault).decode()})
        await send({"type": "websocket.close", "code": code})


def with_key(headers: Mapping[str, str], offered: Sequence[str]) -> Mapping[str, str]:
    """*headers* with the key where browsers have it, who can send none: among the protocols they offer."""
    keys = [one.removeprefix(KEY) for one in offered if one.startswith(KEY)]
    return {**headers, "authorization": f"Bearer {keys[0]}"} if keys else headers


# ------------------------------------------------------------------------------------------ tables

DONE = "response.done"
SUBPROTOCOL = "realtime"
KEY = "openai-insecure-api-key."
"""https://platform.openai.com/docs/guides/realtime-websocket: how a browser says its key."""
OPENING, CLOSING = 30.0, 2.0
"""Seconds."""
LARGEST = 16 * 2**20
"""Bytes of an event, as the server takes them from clients."""
REFUSED = 1008
"""https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1: it violates a policy."""
WELL = {1000, 1001, 1005}
UNSENDABLE = {1005: 1000, 1006: 1011, 1015: 1011}
"""How a session ended → how it is said: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1."""
ENDED = {
    "type": "error",
    "error": {"type": "server_error", "code": "shutting_down", "message": "the gateway is shutting down"},
}
