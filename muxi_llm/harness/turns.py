"""One process asks for all: a lock in Redis around the answers that several may want at the same time.

Rules: whoever sets the lock asks, keeps the answer, and takes the lock away again, whatever came of it; the
others wait until it is gone, and then look for the answer. They never wait longer than their call might
take, nor than the lock lasts, so one that died holds up nobody for long. Who finds no answer asks for itself,
without a lock of its own: answers that nobody keeps are not fetched one after another. Nor does anybody wait
on a Redis in trouble, or inside an event loop that would stand still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from muxi_llm.core.port import IO
    from muxi_llm.harness.redis_tier import RedisTier

    Work = Callable[[], Coroutine[Any, Any, Any]]

LONGEST = 30.0
"""Seconds a lock lasts, and somebody waits, at most."""

LOOK, LONGEST_LOOK = 0.02, 0.25
"""Seconds between two looks at the lock, at first and at most."""


async def in_turn(
    io: IO, redis: RedisTier, key: str, seconds: float, recall: Callable[[], Awaitable[Any]], work: Work
) -> Any:
    """What *work* gives, or what *recall* finds once another process has kept it.

    seconds: that the lock lasts, and that somebody waits for another's.
    """
    seconds, token = min(seconds, LONGEST), uuid4().hex
    if io.event().holds_up_a_loop or redis.state != "up":
        return await work()
    if await io.run(lambda: redis.lock(key, token, seconds)) is False:
        found = await _found(io, redis, key, seconds, recall)
        return await work() if found is None else found
    try:
        value = await work()
    except BaseException as error:
        redis.unlock(key, token)
        if isinstance(error, Exception):  # else there may be no loop to wait in any more
            await io.run(redis.flush)
        raise
    redis.unlock(key, token)
    await io.run(redis.flush)
    return value


async def _found(
    io: IO, redis: RedisTier, key: str, seconds: float, recall: Callable[[], Awaitable[Any]]
) -> Any:
    ends, pause = io.now() + seconds, LOOK
    while (left := ends - io.now()) > 0:
        await io.sleep(min(pause, left))
        if not await io.run(lambda: redis.is_locked(key)):
            return await recall()
        pause = min(1.5 * pause, LONGEST_LOOK)
    return None
