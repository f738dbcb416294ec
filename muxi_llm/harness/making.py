"""From settings to a harness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.harness.cache import Caches, MemoryTier
from muxi_llm.harness.events import Listeners
from muxi_llm.harness.kill_switch import KillSwitch
from muxi_llm.harness.pipeline import Harness, Stages
from muxi_llm.harness.replies import Replies
from muxi_llm.harness.singleflight import Singleflight

if TYPE_CHECKING:
    from muxi_llm.harness import HarnessSettings


def harness_of(settings: HarnessSettings) -> Harness:
    """A harness as *settings* want it."""
    switch = settings.kill_switch
    return Harness(
        Stages(
            breaker=settings.breaker,
            cooldown=settings.breaker_cooldown,
            probes=settings.breaker_probes,
            window=settings.concurrency,
            minimum=settings.concurrency_minimum,
        ),
        kill_switch=KillSwitch(None if switch is True else switch) if switch else None,
        replies=Replies(
            Caches(
                settings.cache,
                MemoryTier(settings.cache_items, settings.cache_bytes),
                settings.redis_url,
                settings.cache_ttl,
            ),
            settings.tenant,
        ),
        flights=Singleflight() if settings.singleflight else None,
        listeners=Listeners(settings.telemetry),
    )
