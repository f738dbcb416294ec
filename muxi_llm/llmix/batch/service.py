"""What the batch APIs of all providers have in common.

Requests and answers are those of chat calls, written and read by the providers' own codecs. Everything
goes over the port, so there is one source for both faces.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import orjson

from muxi_llm.core.adapt import adapt
from muxi_llm.core.port import TransportError
from muxi_llm.errors import connection_error
from muxi_llm.llmix.options import CHAT_PARAMS
from muxi_llm.runtime import AdaptationWarning, candidate_of, prepare
from muxi_llm.wire.base import Ledger, WireCall, WireError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.core.port import IO
    from muxi_llm.wire.base import Json


BatchState = Literal["pending", "in_progress", "completed", "failed", "expired"]
Answer = tuple[str | None, str | None]
"""The text, or the error."""
Standing = tuple[BatchState, tuple[int, int], str | None]
"""The state, how many requests are done and how many failed, and what went wrong with them all."""
TIMEOUT = 600.0
"""Seconds: a batch's file may be large."""


class Service(ABC):
    """One provider's batches, with one key."""

    name: ClassVar[str] = ""
    states: ClassVar[Mapping[str, BatchState]] = {}

    def __init__(self, io: IO, api_key: str) -> None:
        self._io = io
        self._key = api_key
        self._provider = candidate_of(f"{self.name}/*", api_key=api_key).provider

    @abstractmethod
    async def submit(self, model: str, asked: list[Json]) -> str:
        """Hand in the calls with these arguments; the provider's id of the batch."""

    @abstractmethod
    async def fetch(self, raw_id: str) -> Json:
        """What the provider says of a batch."""

    @abstractmethod
    def standing(self, said: Json) -> Standing:
        """The state, how many requests are done and how many failed, and what went wrong with them all."""

    @abstractmethod
    async def answers(self, raw_id: str, said: Json) -> dict[str, Answer]:
        """By `custom_id`: the text, or the error."""

    # ---------------------------------------------------------------------------------- in common

    def _encoded(self, model: str, asked: list[Json]) -> list[WireCall]:
        """The HTTP requests that the calls would be, one by one."""
        ledger = Ledger(self.name)
        calls = [self._encode(model, arguments, ledger) for arguments in asked]
        lost = dict.fromkeys(str(entry) for entry in ledger.entries if entry.loss)
        if lost:
            warnings.warn(f"{self.name}/{model}: {'; '.join(lost)}", AdaptationWarning, stacklevel=2)
        return calls

    def _encode(self, model: str, arguments: Json, ledger: Ledger) -> WireCall:
        known = {name: value for name, value in arguments.items() if name in CHAT_PARAMS | {"messages"}}
        extra = {name: value for name, value in arguments.items() if name not in known}
        given = {**known, "model": f"{self.name}/{model}", "api_key": self._key, "extra_body": extra}
        request = prepare("chat", given).request
        wire = self._provider.wire_for("chat", model, ledger)
        body, _ = adapt(request, self._provider, wire.profile, ledger)
        return self._provider.prepare(wire, body, stream=False, extra=extra)

    def _text(self, body: Any) -> Answer:
        """The text of an answer in the provider's own form."""
        wire = self._provider.wire_for("chat", "", Ledger(self.name))
        try:
            choices = wire.decode_response(orjson.dumps(body), created=0).choices
        except WireError as error:
            return None, error.message
        message = choices[0].message if choices else None
        return (
            (None, "no answer in it") if message is None else (message.content or message.refusal or "", None)
        )

    async def _ask(self, path: str, body: Any = None, *, kind: str = "application/json") -> bytes:
        url = self._provider.base_url + path
        headers = {"content-type": kind, **self._provider.headers, **self._provider.authorize()}
        content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        call = WireCall(url, headers, content, timeout=TIMEOUT, method="GET" if body is None else "POST")
        try:
            reply = await self._io.send(call)
        except TransportError as error:
            raise connection_error(error.message, url=url, timeout=error.timeout) from error
        if reply.status >= 300:
            fault = self._provider.wires["chat"].decode_fault(reply.status, reply.content)
            raise self._provider.classify(fault, url=url, reply=reply)
        return reply.content

    async def _ask_json(self, path: str, body: Any = None) -> Json:
        said: Json = orjson.loads(await self._ask(path, body))
        return said
