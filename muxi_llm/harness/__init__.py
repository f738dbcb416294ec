"""The resilience harness: what may stand around every call of this process, off until it is asked for.

    muxi_llm.harness.configure(
        cache="redis-or-memory",    # keep answers, and answer equal calls with them
        redis_url="redis://...",    # or REDIS_URL
        singleflight=True,          # equal calls under way at the same time become one
        breaker=3,                  # leave a provider alone after so many failures in a row
        concurrency=32,             # find out how many attempts at once it stands, from here down
        kill_switch=True,           # stop everything while a file is there
    )

Key pools need no asking: with `OPENAI_KEYS=sk-1,sk-2` (or `muxi_llm.openai_keys = [...]`) the keys take
turns, rest after a 429 and are dropped after a 401. A call may ask for the cache by itself: `cache="memory"`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from pathlib import Path

    from muxi_llm.harness.events import Telemetry

CacheStrategy = Literal["memory", "redis", "redis-or-memory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessSettings:
    """What stands around calls. Equal settings share one harness, and so its state.

    cache: where answers are kept; a call's own `cache=` wins. cache_ttl: seconds an answer is good for.
    cache_items, cache_bytes: kept in memory at most. redis_url: `redis://...`, by default `REDIS_URL`.
    tenant: part of every cache key; callers with another one share nothing. singleflight: whether equal
    calls under way at the same time become one (streams never do). breaker: failures in a row that open a
    provider's circuit breaker; breaker_cooldown: seconds it stays open; breaker_probes: calls let through,
    at most, to see whether it may close. concurrency: attempts at once with each provider, to begin with
    and at most; concurrency_minimum: at least, however often it says 429. kill_switch: whether the file
    `killswitch` stops all calls; a folder to look in, or `True` for the state folder. telemetry: who
    listens to what happens.
    """

    cache: CacheStrategy | None = None
    cache_ttl: float = 3600.0
    cache_items: int = 1000
    cache_bytes: int = 64 * 1024 * 1024
    redis_url: str | None = field(default=None, repr=False)  # it may hold a password
    tenant: str = ""
    singleflight: bool = False
    breaker: int | None = None
    breaker_cooldown: float = 30.0
    breaker_probes: int = 1
    concurrency: int | None = None
    concurrency_minimum: int = 4
    kill_switch: bool | str | Path = False
    telemetry: tuple[Telemetry, ...] = field(default=(), compare=False)
    _listeners: tuple[int, ...] = field(default=(), init=False, repr=False)
    """Each is itself alone, however equal another one is, and need not have a hash."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_listeners", tuple(map(id, self.telemetry)))
        if self.cache is not None and self.cache not in STRATEGIES:
            raise ValueError(f"cache must be one of {', '.join(STRATEGIES)}, not {self.cache!r}")
        for name in (*COUNTS, *SECONDS):
            value, kind = getattr(self, name), int if name in COUNTS else int | float
            if value is not None and not (isinstance(value, kind) and value is not True and 0 < value < inf):
                what = "whole number" if name in COUNTS else "number"
                raise ValueError(f"{name} must be a {what} above 0, not {value!r}")
        if self.concurrency is not None and self.concurrency < self.concurrency_minimum:
            raise ValueError(f"concurrency must be {self.concurrency_minimum} (concurrency_minimum) or more")


def configure(**wanted: Any) -> HarnessSettings:
    """Set what stands around every call from now on, and return it; what is not named is at its default.

    Calls under way keep what they began with. Raises `TypeError` for an unknown name, `ValueError` for a
    value that cannot be; then nothing changes. See `HarnessSettings` for the names.
    """
    global _current
    names = [each.name for each in fields(HarnessSettings) if each.init]
    for name in wanted:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
            raise TypeError(f"muxi_llm.harness.configure has no {name!r}; {hint}")
    if "telemetry" in wanted:
        wanted["telemetry"] = tuple(wanted["telemetry"])
    wanted["redis_url"] = wanted.get("redis_url") or os.environ.get("REDIS_URL")
    _current = HarnessSettings(**wanted)
    return _current


def settings() -> HarnessSettings | None:
    """What is configured, `None` if nothing is: then a call costs nothing more."""
    return _current


def own() -> HarnessSettings:
    """The settings for a call that asks for something of its own where nothing is configured."""
    return _current or _bare(os.environ.get("REDIS_URL"))


@lru_cache
def _bare(redis_url: str | None) -> HarnessSettings:
    return HarnessSettings(redis_url=redis_url)


STRATEGIES = get_args(CacheStrategy)
COUNTS = ("cache_items", "cache_bytes", "breaker", "breaker_probes", "concurrency", "concurrency_minimum")
SECONDS = ("cache_ttl", "breaker_cooldown")

_current: HarnessSettings | None = None
