"""LLMix's response cache: the harness' tiers behind LLMix's names."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from muxi_llm.core.step import run_sync
from muxi_llm.harness import cache as tiers
from muxi_llm.harness.canonical import FIELDS, PREFIX, cache_key
from muxi_llm.transport.ports import AsyncIO, BlockingIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.harness.cache import Hit, Strategy

log = logging.getLogger("muxi_llm.llmix")

CACHE_KEY_PREFIX = PREFIX
CACHE_KEY_FIELDS = FIELDS
DEFAULT_L1_MAX = tiers.MAX_ITEMS
DEFAULT_TTL_SECONDS = tiers.TTL
RESPONSE_CACHE_STRATEGIES = tiers.STRATEGIES

NOWHERE: Any = None  # these ports never send
HERE, BESIDE = BlockingIO(NOWHERE), AsyncIO(NOWHERE)


class CacheResult(NamedTuple):
    """What was found, and where: `l1` is this process's memory, `l2` Redis."""

    value: str
    tier: Literal["l1", "l2"]


@dataclass(frozen=True, slots=True)
class ResponseCacheStats:
    """How a cache is doing."""

    l1_size: int
    l1_max: int
    l2_enabled: bool
    l2_healthy: bool
    strategy: str


class TwoTierCache:
    """Memory, and Redis behind it (strategies `redis` and `redis-or-memory`, with a *redis_url*).

    ttl_seconds: how long an entry is good for. max_items: kept in memory at most. redis_url: by default
    `REDIS_URL`. A Redis that cannot be reached is a miss, never an error. Raises `ValueError` for `redis`
    without a URL.
    """

    def __init__(
        self,
        strategy: Strategy = "memory",
        *,
        max_items: int = tiers.MAX_ITEMS,
        ttl_seconds: float = tiers.TTL,
        redis_url: str | None = None,
    ) -> None:
        redis_url = redis_url or os.environ.get("REDIS_URL")
        if strategy == "redis" and not redis_url:
            raise ValueError('TwoTierCache strategy "redis" requires redis_url to be set.')
        self._max_items = max_items
        self._memories = {max_items: tiers.MemoryTier(max_items)}
        self._caches = tiers.Caches(
            strategy, self._memories[max_items], None if strategy == "memory" else redis_url, ttl_seconds
        )
        self._cache = cast("tiers.TwoTierCache", self._caches.of(strategy))

    def get(self, key: str) -> CacheResult | None:
        """What is under *key*. Blocks while Redis is asked: in async code use `aget`."""
        return _result(run_sync(self._cache.find(HERE, key)))

    async def aget(self, key: str) -> CacheResult | None:
        """What is under *key*."""
        return _result(await self._cache.find(BESIDE, key))

    def set(self, key: str, value: str) -> None:
        """*value* under *key*: in memory at once, in Redis soon."""
        self._cache.keep(key, value, time.monotonic())

    async def aset(self, key: str, value: str) -> None:
        """`set`; it never blocks."""
        self.set(key, value)

    def like(
        self, strategy: Strategy, ttl: float | None = None, max_items: int | None = None
    ) -> tiers.TwoTierCache:
        """The tiers as one call wants them: `memory` leaves Redis out, *ttl* is its own.

        Calls that want another *max_items* share a memory of that size.
        """
        if strategy == "memory" and ttl is None and max_items is None:
            return cast("tiers.TwoTierCache", self._caches.of("memory"))
        size = max_items or self._max_items
        if size not in self._memories:
            self._memories.setdefault(size, tiers.MemoryTier(size))
        redis = None if strategy == "memory" else self._cache.redis
        return tiers.TwoTierCache(
            "redis-or-memory", memory=self._memories[size], redis=redis, ttl=ttl or self._cache.ttl
        )

    def get_stats(self) -> ResponseCacheStats:
        """How it is doing."""
        redis = self._cache.redis
        return ResponseCacheStats(
            l1_size=sum(map(len, self._memories.values())),
            l1_max=self._max_items,
            l2_enabled=redis is not None,
            l2_healthy=redis is not None and redis.state == "up",
            strategy=self._cache.strategy,
        )

    def clear(self) -> None:
        """Forget what is in memory."""
        for memory in self._memories.values():
            memory.clear()

    def close(self) -> None:
        """Let Redis go, after what is still to be written there."""
        self._cache.close()


def _result(hit: Hit | None) -> CacheResult | None:
    return None if hit is None else CacheResult(hit.text, hit.tier)


def generate_cache_key(params: Mapping[str, Any]) -> str:
    """The key of a call, the same in every language: see `muxi_llm.harness.canonical`."""
    return cache_key(params)


def is_response_cache_strategy(strategy: str | None) -> bool:
    """Whether answers are kept here; `native`, `gateway` and `disabled` keep none."""
    return strategy in tiers.STRATEGIES


def should_skip_cache(strategy: str | None) -> bool:
    """Whether answers are not kept here."""
    return not is_response_cache_strategy(strategy)


def resolve_response_cache_strategy(strategy: str, redis_url: str | None = None) -> Strategy | None:
    """What *strategy* comes down to; `None` if nothing is kept here. redis_url: by default `REDIS_URL`.

    Raises `ValueError` for `redis` without a URL.
    """
    if should_skip_cache(strategy):
        return None
    redis_url = redis_url or os.environ.get("REDIS_URL")
    if strategy == "redis" and not redis_url:
        raise ValueError('cache strategy "redis" needs a Redis URL: pass redis_url= (for example REDIS_URL)')
    if strategy == "redis-or-memory" and not redis_url:
        log.warning("there is no Redis URL: answers are kept in memory alone")
        return "memory"
    return cast("Strategy", strategy)
