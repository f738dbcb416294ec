"""All transports in all their colours, so that a scenario is written once."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from muxi_llm.core.port import IO
from muxi_llm.core.step import run_sync
from muxi_llm.transport.direct import AsyncDirect
from muxi_llm.transport.fast import AsyncFast, BlockingFast
from muxi_llm.transport.httpx2 import AsyncHttpx2, BlockingHttpx2
from muxi_llm.transport.pool import AsyncPool, BlockingPool
from muxi_llm.transport.ports import AsyncIO, BlockingIO
from muxi_llm.wire.base import WireCall
from tests.support.patience import in_time
from tests.support.upstream import Upstream

TRANSPORTS: dict[str, tuple[type, type]] = {
    "pool": (BlockingPool, AsyncPool),
    "httpx2": (BlockingHttpx2, AsyncHttpx2),
    "fast": (BlockingFast, AsyncFast),
    "direct": (BlockingPool, AsyncDirect),
}
COLOURS = [
    f"{name}-{colour}"
    for name in TRANSPORTS
    for colour in ("sync", "async")
    if (name, colour) != ("direct", "sync")
]
"""The direct transport is the event loop's alone."""
Scenario = Callable[[IO], Coroutine[Any, Any, Any]]


class Wired:
    """One transport in one colour."""

    def __init__(self, name: str, colour: str) -> None:
        self.name = name
        self.colour = colour
        self.kind = TRANSPORTS[name][colour == "async"]

    def run(self, scenario: Scenario) -> Any:
        """*scenario* over the port of a new transport."""
        if self.colour == "async":
            return asyncio.run(scenario(AsyncIO(self.kind())), debug=True)
        transport = self.kind()
        try:
            return run_sync(scenario(BlockingIO(transport)))
        finally:
            if self.name != "fast":
                transport.close()

    def send(self, call: WireCall) -> Any:
        """One call, the reply read to its end."""
        return self.run(lambda io: io.send(call))


@pytest.fixture(params=COLOURS)
def wired(request: pytest.FixtureRequest) -> Wired:
    """Each transport in each colour."""
    return Wired(*request.param.split("-"))


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """What a test left unclosed is found while it can still be named.

    What is there after it is looked at no more: a collection costs as much as the heap is large.
    """
    yield
    gc.collect()
    gc.freeze()


def call_to(upstream: Upstream, path: str = "/v1/x", **fields: Any) -> WireCall:
    """A call to the upstream."""
    fields = {"headers": {"authorization": "Bearer sk-1"}, "body": b"{}", **fields}
    return WireCall(upstream.url + path, **fields)


async def read_all(reply: Any) -> list[bytes]:
    """A stream's chunks, each in the whole of its time; its connection is freed."""
    chunks = []
    while chunk := await reply.reader.read():
        chunks.append(chunk)
        reply.reader.renew()
    await reply.reader.close()
    return chunks


def open_files() -> int:
    """This process's file descriptors, sockets among them."""
    return len(list(Path("/dev/fd").iterdir()))


async def until(io: IO, condition: Callable[[], bool]) -> bool:
    """Whether *condition* comes true, the event loop turning meanwhile."""
    return await in_time(condition, io.sleep)
