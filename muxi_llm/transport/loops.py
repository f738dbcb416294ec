"""What belongs to an event loop: made at its first use there, closed before the loop is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine
    from typing import Any

T = TypeVar("T")


class PerLoop(Generic[T]):
    """One for each loop."""

    def __init__(self, make: Callable[[], T], close: Callable[[T], Coroutine[Any, Any, None]]) -> None:
        self._make = make
        self._close = close
        self.held: dict[asyncio.AbstractEventLoop, tuple[T, object]] = {}

    async def own(self) -> T:
        """The running loop's."""
        loop = asyncio.get_running_loop()
        if loop not in self.held:
            for closed in [other for other in list(self.held) if other.is_closed()]:
                self.held.pop(closed, None)
            lifetime = self._lifetime(loop)
            self.held[loop] = await anext(lifetime), lifetime
        return self.held[loop][0]

    async def _lifetime(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[T, None]:
        """Being an async generator it is ended by the loop before that closes."""
        made = self._make()
        try:
            yield made
        finally:
            self.held.pop(loop, None)
            await self._close(made)
