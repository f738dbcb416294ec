"""One request of a model: admitted, exchanged, answered. HTTP on one side, `inbound` on the other."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

from muxi_llm.core.stream import AsyncStream
from muxi_llm.errors import LOCAL_URL, MuxiLLMError, refusal
from muxi_llm.gateway.alive import COMMENT, PINGS, Alive
from muxi_llm.gateway.counting import PATHS, Uncounted, asking
from muxi_llm.gateway.forms import form_of, with_no_paths
from muxi_llm.gateway.keepers import having, unsealed
from muxi_llm.gateway.passing import Passing, forwarded, login_of
from muxi_llm.gateway.refusals import raw, refuse, respond
from muxi_llm.gateway.requests import object_of
from muxi_llm.gateway.told import TimedIO, Told
from muxi_llm.inbound import ANTHROPIC_DOORS, DEFAULT_RETRIES, OPENAI_DOORS, Door, Exchange, Own
from muxi_llm.routing.needs import needs_of, tokens_of
from muxi_llm.runtime import WITH_FILES
from muxi_llm.types.admission import Asked
from muxi_llm.wire.base import Ledger
from muxi_llm.wire.form import FORM
from muxi_llm.wire.openai.chat import OpenAIInbound
from muxi_llm.wire.passthrough import RESPONSES
from muxi_llm.wire.responses.inbound import ResponsesInbound

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from muxi_llm.core.port import IO
    from muxi_llm.core.request import Candidate
    from muxi_llm.errors import APIError
    from muxi_llm.gateway.admission import Admission
    from muxi_llm.gateway.requests import Incoming
    from muxi_llm.gateway.state import State
    from muxi_llm.presets.source import Preset
    from muxi_llm.routing.deployments import Needs
    from muxi_llm.wire.base import Json

    Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]

COMPACT = "/responses/compact"
"""https://developers.openai.com/api/reference/resources/responses/methods/compact: what a conversation comes
to is sealed, and only its provider can read it again. So it is passed on to OpenAI, and nobody else is asked.
"""

DOORS: dict[str, Door] = {
    **{path: door for (_, path), door in OPENAI_DOORS.items()},
    "/messages": ANTHROPIC_DOORS["POST", "/v1/messages"],
    COMPACT: Door("chat", ResponsesInbound, RESPONSES),
    "/rerank": Door("rerank", OpenAIInbound),
}
"""By path, below the prefix and `/v1`."""


SOON = 0.1
"""Seconds after which it is looked whether the client is there still. To look costs a task, and many answers
are there before.
"""
IN_ONE_PIECE = "the provider answered in one piece, after the stream had begun"


def ended() -> MuxiLLMError:
    """The error of an answer that the gateway's end cut short."""
    return refusal(503, "the gateway is shutting down; ask again", type="server_error", retry_after=1)


class Visit:
    """One request through one door."""

    door: Door | None = None
    """`None`: the one that the path leads to."""

    def __init__(
        self,
        state: State,
        admission: Admission,
        incoming: Incoming,
        send: Send,
        told: Told,
    ) -> None:
        self._state = state
        self._admission = admission
        self._incoming = incoming
        self._send = send
        self._door = self.door or DOORS[incoming.path]
        path, headers = incoming.path, incoming.headers
        self._passing = Passing(path, forwarded(headers), incoming.query, login=login_of(path, headers))
        self._work: asyncio.Task[Any] | None = None
        self._watch: asyncio.Future[None] | asyncio.TimerHandle
        self._is_ended = False
        self._exchange: Exchange | None = None
        self._alive: Alive | None = None
        self._asked: Asked | None = None
        self._uncounted: Uncounted | None = None
        self._preset: Preset | None = None
        self._places: set[str] = set()
        """The providers that keep the files which are named."""
        self._passed: set[str] = set()
        """The models that are asked in the client's own words."""
        self.told = told

    async def __call__(self) -> None:
        """Answer, whatever happens; raises only what is a bug."""
        try:
            content = await self._read()
            self.told.ready = time.perf_counter()
            self._work = work = asyncio.current_task()
            assert work is not None
            self._watch = asyncio.get_running_loop().call_later(SOON, self._look, work)
            try:
                await self._answered(content)
            finally:
                self._watch.cancel()
                if self._alive is not None:
                    self._alive.over()
        except asyncio.CancelledError:
            if not (self.told.gone or self._is_ended):
                raise
            if self._is_ended:
                await self.refuse(ended())

    async def _read(self) -> Any:
        """The body."""
        content = await self._incoming.body()
        self.told.received = len(content)
        return content

    def end(self) -> None:
        """Answer with an error now: the gateway goes."""
        self._is_ended = True
        if self._work is not None:
            self._work.cancel()

    def _look(self, work: asyncio.Task[Any]) -> None:
        """Whether the client hangs up, from now on."""
        self._watch = watch = asyncio.ensure_future(self._incoming.gone())
        watch.add_done_callback(partial(self._left, work))

    def _left(self, work: asyncio.Task[Any], watch: asyncio.Future[None]) -> None:
        """The client hung up: nothing is worth going on with."""
        if not watch.cancelled():
            self.told.gone = True
            work.cancel()

    async def _answered(self, content: Any) -> None:
        try:
            self._exchange = exchange = await self._admitted(self._said(content), self._own(content))
            if self.told.streamed:
                ping = PINGS.get(self._incoming.path, COMMENT)
                self._alive = Alive(self._send, ping, self._state.settings.server.silence)
            answer = await exchange.prepared.arun()
        except MuxiLLMError as error:
            await self.refuse(error)
            return
        self.told.report = answer.muxi
        if isinstance(answer, AsyncStream):
            assert self._alive is not None  # it was asked for
            await self._stream(exchange, answer, self._alive)
        elif self._alive is not None and await self._alive.has_begun():
            await self._broken(exchange, refusal(502, IN_ONE_PIECE, type="server_error"))
        else:
            body = exchange.body(answer)
            await respond(self._send, 200, exchange.headers(answer.muxi, stream=False), body)

    async def _admitted(self, said: bytes | Json, own: Own) -> Exchange:
        """The exchange, as it may be done. Raises the refusal the client is to read."""
        exchange = Exchange(self._door, said, own)
        asked = self._asked
        assert asked is not None  # by `_choose`
        self.told.grant = grant = await self._admission.admit(self.told.principal, asked)
        if grant.model or grant.without:
            exchange = Exchange(self._door, said, own)
        self._asked = None  # it knows this visit: a ring that only a collection would find
        return exchange

    def _said(self, content: bytes) -> bytes | Json:
        """The body, a form's as what it would say."""
        if self._admission.counts and self._incoming.path in PATHS and (more := asking(content)) is not None:
            self._uncounted = Uncounted()
            return more
        media_type = self._incoming.headers.get("content-type", "")
        endpoint = self._door.endpoint
        if media_type.startswith(FORM):
            self._passing = self._passing._replace(form=(content, media_type))
            return with_no_paths(endpoint, form_of(content, media_type))
        if endpoint in WITH_FILES:
            with_no_paths(endpoint, object_of(content))
        content, self._places = unsealed(self._state, self.told.principal.id, content)
        return content

    def _own(self, content: bytes) -> Own:
        settings = self._state.settings
        self.told.io = timed = TimedIO(self._state.port, self.told)
        return Own(
            url=LOCAL_URL,
            base_url=LOCAL_URL,
            headers=self._incoming.headers,
            explicit=False,
            timeout=settings.timeout,
            max_retries=DEFAULT_RETRIES,
            port=cast("IO", timed),
            pause=settings.backoff,
            options={"adapt": settings.mode, "retries": settings.retries},
            choose=partial(self._choose, len(content)),
            preset_of=self._preset_of if self._state.presets else None,
            owner=self.told.principal.id,
        )

    def _preset_of(self, model: object) -> Preset | None:
        """What the configuration lays beneath requests for that name."""
        routes, presets = self._state.routes, self._state.presets
        self._preset = presets.of(routes.router.serving(model)) if isinstance(model, str) else None
        if self._preset is not None:
            self._passing = self._passing._replace(is_as_it_came=False)
        return self._preset

    def _choose(self, size: int, model: object, body: Json) -> Sequence[Candidate]:
        """Whom the router names, each as this request reaches it."""
        self.told.model = str(model)
        self.told.streamed = bool(body.get("stream"))
        session = self._incoming.headers.get("session-id") or body.get("prompt_cache_key")
        session = session if isinstance(session, str) else ""
        needs = needs_of(body, size, session=self._pin(session), count=lambda: tokens_of(body))
        choose = partial(self._chosen, needs, body)
        granted = self.told.grant
        chosen = choose(model) if granted is None else choose(granted.model or model, granted.without)
        incoming, told = self._incoming, self.told
        self._asked = Asked(
            incoming.path, told.request_id, told.model, body, size, session, chosen, choose, told.so_far
        )
        self.told.chosen = chosen
        self._passed = {str(one.ref) for one in chosen if one.provider.verbatim}
        return chosen

    def _chosen(
        self, needs: Needs, body: Json, model: object, without: frozenset[str] = frozenset()
    ) -> Sequence[Candidate]:
        """without: names of providers that are not asked."""
        named = having(self._state.routes.choose(model, needs), self._places)
        if self._preset is not None:
            named = self._state.presets.followed(self._preset, named)
        chosen = [self._passing.dressed(one, body) for one in named if one.ref.provider not in without]
        if self._incoming.path != COMPACT:
            return chosen
        chosen = [one for one in chosen if one.provider.verbatim]
        if not chosen:  # 404: Codex ends a turn on it, and shows the message
            message = f"{model!r} is not OpenAI's, and cannot compact; let the client summarise"
            raise refusal(404, message, type="invalid_request_error", code="unsupported_endpoint")
        return chosen

    def _pin(self, session: str) -> str:
        """What a session is known by: within the caller's own key, so that nobody steers another's."""
        if not session:
            return ""
        return blake2b(f"{self.told.principal.id}\0{session}".encode(), digest_size=16).hexdigest()

    # ----------------------------------------------------------------------------------- answers

    async def _stream(self, exchange: Exchange, stream: AsyncStream[Any], alive: Alive) -> None:
        events = exchange.aevents(stream)
        try:
            if not await alive.has_begun():
                headers = raw(exchange.headers(stream.muxi, stream=True))
                await self._send({"type": "http.response.start", "status": 200, "headers": headers})
            async for told in events:
                data = told if self._uncounted is None else self._uncounted.feed(told)
                if data:
                    alive.told(data)
                    await self._send({"type": "http.response.body", "body": data, "more_body": True})
            alive.over()
            rest = b"" if self._uncounted is None else self._uncounted.rest()
            await self._send({"type": "http.response.body", "body": rest})
        except MuxiLLMError as error:
            await self._broken(exchange, error)
        except asyncio.CancelledError:
            if not self._is_ended:
                raise
            await self._broken(exchange, ended())
        finally:
            await stream.close()

    async def _broken(self, exchange: Exchange, error: MuxiLLMError) -> None:
        """In the middle of a stream: the protocol's own error event ends it."""
        self.told.error = error
        if self._alive is not None:
            self._alive.over()
        data = exchange.wire.encode_fault(cast("APIError", error))
        await self._send({"type": "http.response.body", "body": data})

    async def refuse(self, error: MuxiLLMError) -> None:
        """Tell the client what became of it, in its own protocol."""
        error = (self.told.io and self.told.io.refused) or error
        self.told.error = error
        if self._exchange is not None and self._alive is not None and await self._alive.has_begun():
            await self._broken(self._exchange, error)
            return
        is_same_wire = error.model in self._passed
        await refuse(self._send, error, self._door.wire(Ledger("the client")), is_same_wire=is_same_wire)
