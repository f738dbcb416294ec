"""Signs of life in a stream that has nothing to say for a while: models think, and not all providers ping."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muxi_llm.gateway.doors import Send


class Alive:
    """Sends *ping* after each `EVERY` seconds without another word. One timer a stream, armed anew only as it
    goes off: what is told costs a look at the clock.
    """

    def __init__(self, send: Send, ping: bytes) -> None:
        self._send = send
        self._ping = ping
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._sending: asyncio.Future[None] | None = None
        self._timer = self._loop.call_later(EVERY, self._due)

    def told(self) -> None:
        """Something was said."""
        self._last = self._loop.time()

    def over(self) -> None:
        """Nothing more will be."""
        self._timer.cancel()

    def _due(self) -> None:
        rest = self._last + EVERY - self._loop.time()
        if rest <= 0:
            rest, self._last = EVERY, self._loop.time()
            message = {"type": "http.response.body", "body": self._ping, "more_body": True}
            self._sending = asyncio.ensure_future(self._send(message))
        self._timer = self._loop.call_later(rest, self._due)


EVERY = 15.0
"""Seconds: Claude Code gives a stream up after 300 of silence, proxies after 30 to 60.
https://docs.claude.com/en/docs/claude-code/llm-gateway
"""

PINGS = {"/messages": b'event: ping\ndata: {"type": "ping"}\n\n'}
COMMENT = b": still here\n\n"
"""No event: https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes."""
