"""Counts in Redis, for gateways on several machines."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import redis

from muxi_llm.gateway.sharing import Key
from muxi_llm.harness.redis_client import client_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.gateway.sharing import Cooled, Counts, Kept


class RedisStore:
    """A Redis: one round trip an exchange, which takes `BUDGET` at most."""

    pace = 0.02

    def __init__(self, url: str) -> None:
        self._client: Any = client_of(url, BUDGET)

    def exchange(self, added: Counts, kept: Kept, cooled: Cooled) -> tuple[Counts, Cooled]:
        """In one transaction. Each deployment's parts of a kind are a hash, forgotten after its last part."""
        now, pipe = time.time(), self._client.pipeline(transaction=True)
        for key, count in added.items():
            pipe.hincrby(name_of(key[:2]), key.part, count)
            pipe.expireat(name_of(key[:2]), int(kept[key[:2]].ends(key.part)) + 1)
        if cooled:
            pipe.hset(COOLED, mapping={name: f"{until} {why}" for name, (until, why) in cooled.items()})
        for whose in kept:
            pipe.hgetall(name_of(whose))
        pipe.hgetall(COOLED)
        try:
            *hashes, said = pipe.execute()[-len(kept) - 1 :]
            return _counts(kept, hashes, now), dict(map(_cooled, said.items()))
        except (redis.RedisError, ValueError) as error:  # somebody else's numbers are none of ours
            raise OSError(type(error).__name__) from error

    def close(self) -> None:
        """No more."""
        self._client.close()


def _counts(kept: Kept, hashes: Sequence[Mapping[str, str]], now: float) -> Counts:
    return {
        Key(*whose, int(part)): int(count)
        for whose, parts in zip(kept, hashes, strict=True)
        for part, count in parts.items()
        if kept[whose].ends(int(part)) >= now
    }


def _cooled(said: tuple[str, str]) -> tuple[str, tuple[float, str]]:
    until, _, why = said[1].partition(" ")
    return said[0], (float(until), why)


def name_of(whose: tuple[str, str]) -> str:
    """The hash of a deployment's parts of a kind; all in one slot of a cluster's."""
    return f"{{muxi-llm}}:{whose[0]}:{whose[1]}"


BUDGET = 0.05
"""Seconds an answer of Redis's may take."""

COOLED = "{muxi-llm}:cooled"
