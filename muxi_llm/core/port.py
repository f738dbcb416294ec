"""The port: the few verbs the core may ask of the world. Implementations live in `transport`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.wire.base import Reply, WireCall

T = TypeVar("T")


class IO(Protocol):
    """Sends, sleeps, tells the time, runs blocking code of others. A blocking port never suspends."""

    async def send(self, call: WireCall) -> Reply:
        """The reply; of a stream, the head and a reader. Raises `TransportError` if none came."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""

    async def run(self, work: Callable[[], T]) -> T:
        """What *work* returns: blocking code of a library, kept off the event loop where there is one."""


class TransportError(Exception):
    """No reply, or no more of it. timeout: it did not fail, it was too late."""

    def __init__(self, message: str, *, timeout: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.timeout = timeout
