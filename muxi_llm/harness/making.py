"""From settings to a harness, over what the process knows whatever its settings are."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from muxi_llm.harness import Cache
from muxi_llm.harness.board import Board
from muxi_llm.harness.cache import MemoryTier, TwoTierCache
from muxi_llm.harness.events import Listeners
from muxi_llm.harness.forks import outlives
from muxi_llm.harness.kill_switch import KillSwitch
from muxi_llm.harness.pipeline import Harness, Stages
from muxi_llm.harness.places import Places
from muxi_llm.harness.replies import Replies
from muxi_llm.harness.singleflight import Singleflight

if TYPE_CHECKING:
    from muxi_llm.harness import HarnessSettings
    from muxi_llm.harness.redis_tier import RedisTier


class Shared:
    """What all harnesses of the process have in common. Thread-safe."""

    def __init__(self) -> None:
        self.places = Places()
        self.flights = Singleflight()
        self.memory = MemoryTier()
        self.redis: dict[str, RedisTier] = {}
        self.after_fork()
        outlives(self)

    def after_fork(self) -> None:
        """Nobody is making anything; the rest looks after itself."""
        self._lock = Lock()

    def redis_at(self, url: str) -> RedisTier:
        """The tier over the server at *url*."""
        with self._lock:
            if url not in self.redis:
                from muxi_llm.harness.redis_tier import RedisTier  # noqa: PLC0415 - an extra

                self.redis[url] = RedisTier(url)
            return self.redis[url]

    def reset(self) -> None:
        """Nothing is known and nothing is kept, but for what is in Redis."""
        self.places.reset()
        self.memory.clear()


SHARED = Shared()


def harness_of(settings: HarnessSettings) -> Harness:
    """A harness as *settings* want it."""
    switch, window = settings.kill_switch, settings.concurrency or None
    cache = cache_of(settings)
    tenant = settings.cache.tenant if isinstance(settings.cache, Cache) else None
    merges = True if settings.singleflight == "samples" else None
    return Harness(
        Stages(
            breaker=settings.rule(),
            window=window,
            minimum=settings.concurrency_minimum or min(MINIMUM, window or MINIMUM),
            wait=settings.concurrency_wait,
            paced=settings.pace,
            retry_budget=settings.retry_budget,
            requests_per_minute=settings.requests_per_minute,
            tokens_per_minute=settings.tokens_per_minute,
        ),
        places=SHARED.places,
        kill_switch=KillSwitch(None if switch is True else switch) if switch else None,
        replies=Replies(cache, tenant=tenant or settings.tenant, merges=merges)
        if cache is not None or settings.singleflight
        else None,
        flights=SHARED.flights if settings.singleflight else None,
        listeners=Listeners(settings.telemetry),
        board=Board(SHARED.redis_at(settings.redis_url))
        if settings.breaker_shared and settings.redis_url
        else None,
    )


def cache_of(settings: HarnessSettings) -> TwoTierCache | None:
    """The cache *settings* ask for, over the tiers there are."""
    wanted = settings.cache
    if not wanted:
        return None
    how = wanted if isinstance(wanted, Cache) else Cache(strategy=wanted)
    strategy = how.strategy or "memory"
    redis = SHARED.redis_at(settings.redis_url) if strategy != "memory" and settings.redis_url else None
    SHARED.memory.resize(settings.cache_items, settings.cache_bytes)
    return TwoTierCache(
        strategy, memory=SHARED.memory, redis=redis, ttl=how.ttl or settings.cache_ttl, how=how
    )


MINIMUM = 4
"""Attempts at once, at least, where nobody says."""
