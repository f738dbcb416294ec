"""What the harness knows now, for people to look at. Keys appear by their fingerprint."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muxi_llm.errors import shown_url
from muxi_llm.harness.keys import fingerprint
from muxi_llm.harness.making import SHARED

if TYPE_CHECKING:
    from muxi_llm.harness.breaker import State as BreakerState
    from muxi_llm.harness.keys import State as KeyState
    from muxi_llm.harness.places import Place


@dataclass(frozen=True, slots=True)
class CacheStats:
    """The memory tier, and how the Redis servers behind it are doing.

    items, bytes: in use. hits, misses: of look-ups in memory since it was last cleared. redis: by
    address, without credentials.
    """

    items: int
    bytes: int
    hits: int
    misses: int
    redis: dict[str, str]


@dataclass(frozen=True, slots=True)
class PlaceInfo:
    """One place: a model at a base URL of a provider.

    breaker: `closed`, `open` or `half-open`, `None` without one. window: attempts it is given at once, `None`
    for any number; under_way, waiting: how many are, and wait for a permit. rests: seconds until it is asked
    again after a 429. pace: requests a second it is asked since, `None` for any number.
    """

    provider: str
    base_url: str
    model: str
    breaker: BreakerState | None
    window: int | None
    under_way: int
    waiting: int
    rests: float
    pace: float | None


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One key of a pool, by its fingerprint; seconds until it is used again, 0 for one that is in use."""

    provider: str
    base_url: str
    key: str
    state: KeyState
    seconds: float


def stats() -> CacheStats:
    """The cache."""
    memory = SHARED.memory
    redis = {url.rpartition("@")[2]: tier.state for url, tier in list(SHARED.redis.items())}
    return CacheStats(len(memory), memory.size, memory.hits, memory.misses, dict(redis))


def state() -> tuple[list[PlaceInfo], list[KeyInfo]]:
    """The places calls have gone to, and the keys of the pools that were used."""
    now = time.monotonic()
    keys = [
        KeyInfo(provider, shown_url(base_url), fingerprint(key), state, max(until - now, 0.0))
        for provider, base_url, pool in SHARED.places.pools()
        for key, (state, until) in pool.states(now).items()
    ]
    return [_info(place, now) for place in SHARED.places], keys


def _info(place: Place, now: float) -> PlaceInfo:
    with place.lock:
        breaker = next((one.state(now) for one in place.breakers.values()), None)
        permits = next(iter(place.permits.values()), None)
        paces = [pace for (_, clock), pace in place.paces.items() if clock is time.monotonic]
        rates = [pace.rate for pace in paces if pace.state(now) != "free" and pace.rate < float("inf")]
        info = PlaceInfo(
            provider=place.provider,
            base_url=shown_url(place.base_url),
            model=place.model,
            breaker=breaker,
            window=permits.window.size if permits else None,
            under_way=permits.out if permits else 0,
            waiting=permits.waiting if permits else 0,
            rests=max((pace.rest(now) for pace in paces), default=0.0),
            pace=min(rates, default=None),
        )
    place.catch_up()
    return info
