"""A fake provider for tests, with a clock of its own: replies are scripted, waits take no time.

Works on both faces::

    script = Scripted(Answer(status=503), Answer(json={...}))
    with muxi_llm.runtime.using(script):
        ChatCompletion.create(model="openai/gpt-4", messages=[...])
    assert len(script.calls) == 2 and script.slept == [0.3]
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from muxi_llm.core.port import TransportError
from muxi_llm.transport.waiting import AsyncEvent, BlockingEvent, run_beside, run_here
from muxi_llm.wire.base import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from muxi_llm.core.port import Event
    from muxi_llm.wire.base import WireCall
    from muxi_llm.wire.upload import Upload

T = TypeVar("T")

EPOCH = 1_800_000_000.0
"""What the script's wall clock says at its beginning, in epoch seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One scripted reply.

    json or content: the body of a whole reply. chunks: the body of a stream, piece by piece; numbers among
    them are pauses, in seconds of the scripted clock, a `TransportError` breaks it there. error: raised
    instead of a reply. delay: seconds until the reply. What is longer than the call's timeout is a timeout.
    """

    status: int = 200
    json: Any = None
    content: bytes = b""
    chunks: Sequence[bytes | float | TransportError] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    error: TransportError | None = None
    delay: float = 0.0


class Scripted:
    """A port that answers from a script, in order, and remembers what was asked.

    calls: every `WireCall` sent. slept: every wait, in seconds. Running out of answers is an
    `AssertionError`: more was sent than the script allows for.
    """

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self._clock = 0.0
        self._bodies: list[Any] = []
        self.calls: list[WireCall] = []
        self.slept: list[float] = []
        self.readers: list[ScriptedReader] = []

    async def send(self, call: WireCall) -> Reply:
        self.calls.append(call)
        self._bodies.append(_said(call.body))
        if not self._answers:
            raise AssertionError(
                f"the script has no answer to call {len(self.calls)}: {call.method} {call.url}"
            )
        answer = self._answers.pop(0)
        self.pause(answer.delay, call.timeout)
        if answer.error is not None:
            raise answer.error
        return self._reply(answer, call)

    def pause(self, seconds: float, timeout: float) -> None:
        """Let the scripted clock run, up to *timeout*."""
        self._clock += min(seconds, timeout)
        if seconds > timeout:
            raise TransportError("the request timed out", timeout=True)

    def _reply(self, answer: Answer, call: WireCall) -> Reply:
        headers = {"content-type": "application/json" if answer.chunks is None else "text/event-stream"}
        headers.update({name.lower(): value for name, value in answer.headers.items()})
        received = EPOCH + self._clock
        if answer.chunks is not None:
            self.readers.append(ScriptedReader(answer.chunks, self.pause, call.timeout))
            return Reply(answer.status, headers, b"", self.readers[-1], received)
        content = answer.content if answer.json is None else orjson.dumps(answer.json)
        return Reply(answer.status, headers, content, None, received)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._clock += seconds

    def now(self) -> float:
        return self._clock

    def random(self) -> float:
        return 0.5

    async def run(self, work: Callable[[], T]) -> T:
        return work()

    def event(self) -> Event:
        return AsyncEvent() if _in_a_loop() else BlockingEvent()

    def spawn(self, work: Coroutine[Any, Any, None]) -> Callable[[], object]:
        return run_beside(work) if _in_a_loop() else run_here(work)

    def aside(self, work: Coroutine[Any, Any, None]) -> None:
        self.spawn(work)

    @property
    def bodies(self) -> list[Any]:
        """The bodies sent: JSON, or what a form said by name, files as `(name, content, type)`; a name that
        came several times has a list. A file sent by itself is such a tuple alone.
        """
        return [orjson.loads(body) if isinstance(body, bytes) else body for body in self._bodies]


def _said(body: bytes | Upload) -> Any:
    """What *body* says; files are read as a transport would, each time anew."""
    if isinstance(body, bytes):
        return body
    if body.file is not None:
        return body.file.name, body.file.read(), body.file.type
    said: dict[str, Any] = {}
    for name, value in body.parts:
        one: Any = value if isinstance(value, str) else (value.name, value.read(), value.type)
        if name in said:
            one = [*said[name], one] if isinstance(said[name], list) else [said[name], one]
        said[name] = one
    return said


def _in_a_loop() -> bool:
    """A script serves both faces; which one is calling shows in whether there is an event loop."""
    return asyncio._get_running_loop() is not None  # noqa: SLF001 - see `waiting.soon`


class ScriptedReader:
    """A scripted stream's body. closed: whether the connection was freed."""

    def __init__(
        self,
        chunks: Sequence[bytes | float | TransportError],
        pause: Callable[[float, float], None],
        timeout: float,
    ) -> None:
        self._chunks = list(chunks)
        self._pause = pause
        self._timeout = self._left = timeout
        self.closed = False

    async def read(self) -> bytes:
        while self._chunks:
            chunk = self._chunks.pop(0)
            if isinstance(chunk, TransportError):
                raise chunk
            if isinstance(chunk, bytes):
                return chunk
            self._pause(chunk, self._left)
            self._left -= chunk
        return b""

    def renew(self) -> None:
        self._left = self._timeout

    async def finish(self) -> None:
        self.closed = True

    async def close(self) -> None:
        self.closed = True

    def abandon(self) -> None:
        self.closed = True
