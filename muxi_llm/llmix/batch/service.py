"""What the batch APIs of all providers have in common.

Requests and answers are those of chat calls, written and read by the providers' own codecs. Everything
goes over the port, so there is one source for both faces.
"""

from __future__ import annotations

import re
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import orjson

from muxi_llm.core.adapt import adapt
from muxi_llm.core.port import TransportError
from muxi_llm.errors import connection_error
from muxi_llm.providers.asked import CHAT_PARAMS
from muxi_llm.runtime import AdaptationWarning, candidate_of, prepare
from muxi_llm.wire.base import Ledger, WireCall, WireError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.core.port import IO
    from muxi_llm.wire.base import Json


BatchState = Literal["pending", "in_progress", "completed", "failed", "expired"]
Standing = tuple[BatchState, tuple[int, int], str | None]
"""The state, how many requests are done and how many failed, and what went wrong with them all."""
TIMEOUT = 600.0
"""Seconds: a batch's file may be large."""
MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request: a text with what goes with it, or an error.

    usage, tool_calls: as a chat completion has them.
    """

    text: str | None = None
    error: str | None = None
    usage: dict[str, Any] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    finish_reason: str | None = None


def wire_id(index: int, custom_id: str | None = None) -> str:
    """A request's id at the provider: its place, and the caller's own id. So a batch's id alone will do."""
    return f"req-{index}" if custom_id is None else f"req-{index}-{custom_id}"


def place_of(wire_id: str) -> tuple[int, str | None] | None:
    """The place and the caller's own id, `None` for what is no id of ours."""
    found = OURS.fullmatch(wire_id)
    return None if found is None else (int(found[1]), found[2])


OURS = re.compile(r"req-(\d+)(?:-(.+))?", re.DOTALL)


class Service(ABC):
    """One provider's batches, with one key.

    most_requests, most_bytes: in one batch; `None` where only the provider knows. ids: what an id may look
    like, and how that is said.
    """

    name: ClassVar[str] = ""
    states: ClassVar[Mapping[str, BatchState]] = {}
    most_requests: ClassVar[int | None] = None
    most_bytes: ClassVar[int | None] = None
    ids: ClassVar[tuple[re.Pattern[str], str] | None] = None

    def __init__(self, io: IO, api_key: str) -> None:
        self._io = io
        self._key = api_key
        self._provider = candidate_of(f"{self.name}/*", api_key=api_key).provider

    @abstractmethod
    async def submit(self, model: str, asked: list[Json], ids: list[str]) -> str:
        """Hand in the calls with these arguments and ids; the provider's id of the batch."""

    @abstractmethod
    async def fetch(self, raw_id: str) -> Json:
        """What the provider says of a batch."""

    @abstractmethod
    async def cancel(self, raw_id: str) -> None:
        """Ask for no more of a batch; what is done by then stays."""

    @abstractmethod
    async def newest(self) -> list[tuple[str, int, Json]]:
        """The newest batches: each one's id, how many requests it has, and what the provider says of it."""

    @abstractmethod
    def standing(self, said: Json) -> Standing:
        """The state, how many requests are done and how many failed, and what went wrong with them all."""

    @abstractmethod
    async def answers(self, raw_id: str, said: Json) -> dict[str, Answer]:
        """By the requests' ids."""

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

    def _answer_of(self, body: Any) -> Answer:
        """An answer in the provider's own form."""
        wire = self._provider.wire_for("chat", "", Ledger(self.name))
        try:
            found = wire.decode_response(orjson.dumps(body), created=0)
        except WireError as error:
            return Answer(error=error.message)
        if not found.choices:
            return Answer(error="no answer in it")
        choice, usage = found.choices[0], found.usage
        message = choice.message
        return Answer(
            message.content or message.refusal or "",
            usage=usage.model_dump(exclude_none=True) if usage is not None else None,
            tool_calls=[call.model_dump(exclude_none=True) for call in message.tool_calls or ()] or None,
            finish_reason=choice.finish_reason,
        )

    def check(self, ids: Sequence[str]) -> None:
        """Raises `ValueError` for more requests than the provider takes, and for ids that it does not."""
        most = self.most_requests
        if most is not None and len(ids) > most:
            raise ValueError(f"{self.name} takes {most:,} requests in a batch, not {len(ids):,}: split it")
        if self.ids is not None:
            pattern, said = self.ids
            odd = next((one for one in ids if not pattern.fullmatch(one)), None)
            if odd is not None:
                raise ValueError(f"{self.name} takes ids of {said}, and would be given {odd!r}")

    def _checked(self, content: bytes) -> bytes:
        most = self.most_bytes
        if most is not None and len(content) > most:
            raise ValueError(
                f"{self.name} takes batches of {most // MB} MB, and this one has {len(content) / MB:.1f}: "
                "split it"
            )
        return content

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
