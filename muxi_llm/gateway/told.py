"""What a request came to: filled in as it goes on, read by whoever keeps account of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import MuxiLLMError
from muxi_llm.gateway.refusals import status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from muxi_llm.core.port import IO
    from muxi_llm.core.request import Candidate
    from muxi_llm.models import Report
    from muxi_llm.routes import Try
    from muxi_llm.stored.late import Late
    from muxi_llm.types.admission import Grant, Principal
    from muxi_llm.wire.base import Reply, WireCall

GONE = 499
"""What is told of a request whose client left: https://nginx.org/en/docs/dev/development_guide.html#http_codes."""

LONGEST = 128
"""Characters of a request's id."""


@dataclass(slots=True)
class Told:
    """What a request came to, for whoever keeps account. report: `None` where nobody was asked. Times are
    seconds, of a clock that never goes back: began, when the head was there; ready, the whole body; answered,
    when the answer's head was sent; ended.
    """

    path: str
    principal: Principal
    method: str = "POST"
    request_id: str = ""
    client: str = ""
    """Its address; behind a proxy that is believed, as that one says."""
    model: str = ""
    status: int = 0
    streamed: bool = False
    report: Report | None = None
    error: MuxiLLMError | None = None
    gone: bool = False
    grant: Grant | None = None
    """By which it was admitted; `None` where it was not."""
    chosen: Sequence[Candidate] = ()
    io: TimedIO | None = None
    received: int = 0
    """Bytes of the body, unpacked."""
    sent: int = 0
    """Bytes of the answer's body."""
    began: float = field(default_factory=time.perf_counter)
    ready: float = 0.0
    answered: float = 0.0
    ended: float = 0.0
    booked: float | None = None
    """USD, as whoever keeps account books it."""
    own: float | None = None
    """Seconds that were the gateway's, from the whole request to the answer's head; at the end. `None` where
    that is not known: nobody answered, or the client was slow to send or to take."""
    late: list[Late] = field(default_factory=list)
    """What batches have used, of which it was told."""
    facts: dict[str, Any] = field(default_factory=dict)
    trace: Callable[[dict[str, str]], None] | None = None
    """Puts the span that is under way into the headers of what is sent; `None`: nobody traces."""

    def end(self) -> None:
        """All is known."""
        self.ended = time.perf_counter()
        self.status = self.status or 500
        self.own = self._own()
        self.io = None  # it knows this: a ring that only a collection would find

    @property
    def cost(self) -> float | None:
        """USD, where it is known; at the end. What was booked, else what the list says: reckoned once."""
        if self.booked is None and self.report is not None and (cost := self.report.cost) is not None:
            self.booked = float(cost)
        return self.booked

    @property
    def result(self) -> int:
        """The status it would have had, had all been known when its head was sent."""
        if self.gone:
            return GONE
        return self.status if self.error is None else status_of(self.error)

    def so_far(self) -> int:
        """Bytes of the answer's body by now."""
        return self.sent

    @property
    def tries(self) -> list[Try]:
        """Every attempt at a deployment, in order."""
        return [one for candidate in self.chosen for one in getattr(candidate.watch, "tries", ())]

    def _own(self) -> float | None:
        if self.report is None or self.io is None or not (self.ready and self.answered):
            return None
        waited = self.io.waited
        if self.streamed:  # its first chunk was waited for too
            waited = sum(one.seconds + one.waited for one in self.report.attempts)
        return max(self.answered - self.ready - waited, 0.0)

    @property
    def tokens(self) -> tuple[int | None, int | None]:
        """Tokens that were read and written, as far as the provider said."""
        usage = None if self.report is None else self.report.usage
        return _counted(usage, READ), _counted(usage, WRITTEN)


class TimedIO:
    """A port, and the seconds that a call waited at it. What is sent again is asked for again.

    refused: why it was not; nothing more is sent then.
    """

    def __init__(self, io: IO, told: Told) -> None:
        self._io = io
        self._told = told
        self.now = io.now
        self.waited = 0.0
        self.refused: MuxiLLMError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._io, name)

    async def send(self, call: WireCall) -> Reply:
        """Send, and look at the clock."""
        if billed := sum(map(may_cost, self._told.tries)):
            await self._ask_again(billed)
        if self._told.trace is not None:
            self._told.trace(call.headers)
        began = self.now()
        try:
            return await self._io.send(call)
        finally:
            self.waited += self.now() - began

    async def _ask_again(self, billed: int) -> None:
        try:
            if self.refused is None and self._told.grant is not None:
                await self._told.grant.again(billed)
        except MuxiLLMError as error:
            self.refused = error
        if self.refused is not None:
            raise self.refused

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        self.waited += seconds
        await self._io.sleep(seconds)


def may_cost(one: Try) -> bool:
    """Whether a try that failed may have been billed: no server refused it."""
    return bool(one.error) and (one.status is None or one.status < 400)


def id_of(headers: Mapping[str, str]) -> str:
    """The request's id: the client's own, if it can be one, else a new one."""
    given = headers.get("x-request-id", "")
    if 0 < len(given) <= LONGEST and given.isascii() and given.isprintable():
        return given
    return token_hex(16)


def _counted(usage: Any, names: Sequence[Sequence[str]]) -> int | None:
    """The sum of what stands in *usage* by the first of *names* that it knows."""
    for kind in names:
        found = [_whole(usage, name) for name in kind]
        if found[0] is not None:
            return sum(one for one in found if one is not None)
    return None


def _whole(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, Mapping) else getattr(usage, name, None)
    return value if isinstance(value, int) and value >= 0 else None


READ = (
    ("prompt_tokens",),
    ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
    ("promptTokenCount",),
)
"""OpenAI's, Anthropic's (which counts the cache apart), Gemini's."""
WRITTEN = (("completion_tokens",), ("output_tokens",), ("candidatesTokenCount", "thoughtsTokenCount"))
