"""Signs of life in a stream that has nothing to say for a while: models think, and not all providers ping."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from muxi_llm.gateway.doors import Send


class Alive:
    """Sends *ping* after each *every* seconds without another word, and before it the head of the stream if
    that waits for the provider's first word. One timer a stream, armed anew only as it goes off: what is told
    costs a look at the clock.
    """

    def __init__(self, send: Send, ping: bytes, every: float) -> None:
        self._send = send
        self._ping = ping
        self._every = every
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._has_head = False
        self._is_over = False
        self._is_between = True
        self._sending: asyncio.Future[None] | None = None
        self._timer = self._loop.call_later(every, self._due)

    async def has_begun(self) -> bool:
        """Whether the head is out already; from here on it is taken to be."""
        if self._sending is not None:
            await self._sending
        begun, self._has_head = self._has_head, True
        return begun

    def told(self, data: bytes) -> None:
        """That was said. A provider's own bytes may end within an event, where a ping would spoil it."""
        self._last = self._loop.time()
        self._is_between = data.endswith(BETWEEN)

    def over(self) -> None:
        """Nothing more will be."""
        self._is_over = True
        self._timer.cancel()

    def _due(self) -> None:
        rest = self._last + self._every - self._loop.time()
        if rest <= 0:
            rest, self._last = self._every, self._loop.time()
            if self._is_between and (self._sending is None or self._sending.done()):
                self._sending = asyncio.ensure_future(self._live())
        self._timer = self._loop.call_later(rest, self._due)

    async def _live(self) -> None:
        if self._is_over:  # since it was due
            return
        if not self._has_head:
            self._has_head = True
            await self._send(HEAD)
        await self._send({"type": "http.response.body", "body": self._ping, "more_body": True})


HEAD: dict[str, Any] = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream")],
}
"""Of a stream that nobody has answered yet: who it is from is not known."""

BETWEEN = (b"\n\n", b"\r\n\r\n", b"\r\r")
PINGS = {"/messages": b'event: ping\ndata: {"type": "ping"}\n\n'}
COMMENT = b": still here\n\n"
"""No event: https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes."""
