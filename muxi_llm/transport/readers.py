"""A reply's body, pulled from an HTTP library: bounded in time and in size, freed without waiting."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from muxi_llm.core.port import TransportError
from muxi_llm.transport.faults import FAULTS
from muxi_llm.transport.ports import LINGER
from muxi_llm.transport.waiting import run_beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from muxi_llm.transport.bounded import Body
    from muxi_llm.transport.deadlines import Deadline

LATE = "the request timed out"


class BlockingReader:
    """Over *raw* bytes as they come off the wire; *close* frees what they come from."""

    def __init__(
        self, raw: Iterator[bytes], close: Callable[[], None], body: Body, deadline: Deadline
    ) -> None:
        self._raw = raw
        self._close = close
        self._body = body
        self._deadline = deadline
        self._pieces: Iterator[bytes] = iter(())

    def read_all(self) -> bytes:
        """All of it, then it is closed."""
        pieces = []
        try:
            while piece := self._next():
                pieces.append(piece)
        finally:
            self._close()
        return b"".join(pieces)

    async def read(self) -> bytes:
        with FAULTS:
            return self._next()

    def _next(self) -> bytes:
        while True:
            for piece in self._pieces:
                if piece:
                    return piece
            if self._body.full:
                return b""
            data = next(self._raw, b"")
            if not data:
                return b""
            if time.monotonic() > self._deadline.ends:  # a socket that is not ours keeps no deadline
                raise TransportError(LATE, timeout=True)
            self._pieces = iter(self._body.feed(data))

    def renew(self) -> None:
        self._deadline.renew()

    async def finish(self) -> None:
        if self._deadline.kept:  # any other socket would be waited for
            self._deadline.waits = False
            with suppress(TransportError), FAULTS:
                for _ in range(ENDING):
                    if not next(self._raw, b""):
                        break
        self._close()

    async def close(self) -> None:
        self._close()

    def abandon(self) -> None:
        self._close()


ENDING = 4
"""Pieces looked at behind an answer for the end of its body."""


class AsyncReader:
    """The same on an event loop."""

    def __init__(
        self,
        raw: AsyncIterator[bytes],
        close: Callable[[], Coroutine[Any, Any, None]],
        body: Body,
        ends: float,
        timeout: float,
    ) -> None:
        """ends: when, on the loop's clock. timeout: the seconds there are after `renew`."""
        self._raw = raw
        self._aclose = close
        self._body = body
        self._ends = ends
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._pieces: Iterator[bytes] = iter(())

    async def read_all(self) -> bytes:
        """All of it, then it is closed."""
        pieces = []
        try:
            while piece := await self._next():
                pieces.append(piece)
        finally:
            await self._aclose()
        return b"".join(pieces)

    async def read(self) -> bytes:
        with FAULTS:
            async with asyncio.timeout_at(self._ends):
                return await self._next()

    async def _next(self) -> bytes:
        while True:
            for piece in self._pieces:
                if piece:
                    return piece
            if self._body.full:
                return b""
            data = await anext(self._raw, b"")
            if not data:
                return b""
            self._pieces = iter(self._body.feed(data))

    def renew(self) -> None:
        self._ends = self._loop.time() + self._timeout

    async def finish(self) -> None:
        run_beside(self._drain())
        await asyncio.sleep(0)  # mostly the end is there already

    async def _drain(self) -> None:
        try:
            with suppress(TransportError), FAULTS:
                async with asyncio.timeout(LINGER):
                    for _ in range(ENDING):
                        if not await anext(self._raw, b""):
                            break
        finally:
            await self._aclose()

    async def close(self) -> None:
        await self._aclose()

    def abandon(self) -> None:
        # A finalizer may run on any thread, and after the loop is gone: then its sockets are gone too.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: run_beside(self._aclose()))
