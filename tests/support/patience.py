"""Waiting for what another thread, process or event loop does, without betting on how busy the machine is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

PATIENCE = 30.0
"""Seconds after which what is waited for does not come."""

LIFETIME = 270.0
"""Seconds a program that a test runs may live: less than a test's own."""

PAUSE = 0.01


def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What *condition* returns as soon as it is true; fails if it never is."""
    ends = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < ends, "it never happened"
        time.sleep(PAUSE)
    return value


async def in_time(
    condition: Callable[[], bool], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> bool:
    """Whether *condition* comes true, the event loop turning meanwhile."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > ends:
            return False
        await sleep(PAUSE)
    return True
