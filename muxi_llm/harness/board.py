"""Where processes tell each other which places to leave alone: keys in Redis that end with the cool-down.

Rules: what one has found out opens the breakers of the others, which half-open and probe by themselves, each
a little later. It is looked for once in `EVERY` seconds at a place, within Redis's own budget; a Redis in
trouble says nothing. Names of places are hashed: base URLs may hold secrets.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muxi_llm.core.port import IO
    from muxi_llm.harness.breaker import CircuitBreaker
    from muxi_llm.harness.places import Place
    from muxi_llm.harness.redis_tier import RedisTier

EVERY = 1.0
"""Seconds between two looks."""

LATER = 0.1
"""The part of what is left of a cool-down by which others wait longer, at most."""


class Board:
    """One Redis server's. Thread-safe."""

    def __init__(self, redis: RedisTier) -> None:
        self._redis = redis

    async def look(self, io: IO, place: Place, breaker: CircuitBreaker) -> bool:
        """Open *breaker* where another process has found out; whether that is so."""
        now = io.now()
        if now < place.looked + EVERY or breaker.state(now) != "closed" or not self._redis.is_worth_asking():
            return False
        place.looked = now
        seconds = await io.run(lambda: self._redis.left(_name(place)))
        if not seconds:
            return False
        with place.lock:
            breaker.open_until(io.now() + seconds * (1 + LATER * io.random()))
        place.catch_up()
        return True

    def tell(self, place: Place, seconds: float) -> None:
        """That *place* is to be left alone for so long, in the background."""
        self._redis.mark(_name(place), seconds)

    def take_back(self, place: Place) -> None:
        """That it answers again, whoever told otherwise and for however long, in the background."""
        self._redis.unmark(_name(place))


def _name(place: Place) -> str:
    return sha256(f"{place.provider}\0{place.base_url}\0{place.model}".encode()).hexdigest()
