"""The response cache: memory in front of Redis. What is kept is text; what it means is the caller's.

Rules: a cache never makes a call fail and never holds one up for long: whatever is wrong with Redis is a
miss. Entries live for their TTL, counted from when they were made, in whichever tier. The memory tier is
bounded by entries and by bytes; the least recently used goes first.

    missing -- kept          --> fresh
    fresh   -- kept          --> fresh
    fresh   -- its time ran out --> missing
    fresh   -- pushed out    --> missing
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from muxi_llm.harness.forks import outlives

if TYPE_CHECKING:
    from muxi_llm.core.port import IO
    from muxi_llm.harness.redis_tier import RedisTier

Strategy = Literal["memory", "redis", "redis-or-memory"]
State = Literal["missing", "fresh"]

TRANSITIONS: dict[tuple[State, str], State] = {
    ("missing", "kept"): "fresh",
    ("fresh", "kept"): "fresh",
    ("fresh", "its time ran out"): "missing",
    ("fresh", "pushed out"): "missing",
}

STRATEGIES = get_args(Strategy)
MAX_ITEMS = 1000
MAX_BYTES = 64 * 1024 * 1024
TTL = 3600.0
OVERHEAD = 200
"""Bytes an entry costs besides its key and text, about."""


class Hit(NamedTuple):
    """What was found, and where: `l1` is this process's memory, `l2` Redis."""

    text: str
    tier: Literal["l1", "l2"]


class MemoryTier:
    """Least recently used, bounded. Times are seconds of a clock that never goes back."""

    def __init__(self, max_items: int = MAX_ITEMS, max_bytes: int = MAX_BYTES) -> None:
        if max_items < 1 or max_bytes < 1:
            raise ValueError("a cache needs room for one entry and one byte at least")
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, tuple[str, float, int]] = OrderedDict()
        self.after_fork()
        outlives(self)

    def after_fork(self) -> None:
        """What is kept is kept; it is counted anew, for a thread may have been about to."""
        self._lock = Lock()
        self.size = sum(size for _, _, size in self._entries.values())
        """Bytes in use, about."""

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: str, now: float) -> str | None:
        """The text under *key* if it is fresh."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if now >= entry[1]:
                self._drop(key)
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def keep(self, key: str, text: str, until: float) -> None:
        """*text* under *key* until that time; what is too large for the whole tier is not kept."""
        size = len(key) + len(text) * (1 if text.isascii() else 4) + OVERHEAD
        with self._lock:
            if key in self._entries:
                self._drop(key)
            if size > self._max_bytes:
                return
            self._entries[key] = text, until, size
            self.size += size
            while self.size > self._max_bytes or len(self._entries) > self._max_items:
                self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self.size = 0

    def _drop(self, key: str) -> None:
        self.size -= self._entries.pop(key)[2]


class TwoTierCache:
    """Memory, and Redis behind it if there is one.

    ttl: seconds entries live where a call does not say. Raises `ValueError` for an unknown strategy, and
    for `redis` without a *redis* tier; `redis-or-memory` without one is `memory`.
    """

    def __init__(
        self,
        strategy: Strategy = "memory",
        *,
        memory: MemoryTier | None = None,
        redis: RedisTier | None = None,
        ttl: float = TTL,
    ) -> None:
        if strategy not in STRATEGIES:
            raise ValueError(f"cache must be one of {', '.join(STRATEGIES)}, not {strategy!r}")
        if strategy == "redis" and redis is None:
            raise ValueError('cache strategy "redis" requires redis_url to be set')
        self.memory = MemoryTier() if memory is None else memory  # an empty one is false
        self.redis = None if strategy == "memory" else redis
        self.strategy = strategy
        self.ttl = ttl

    async def find(self, io: IO, key: str) -> Hit | None:
        """What is under *key*, from the nearest tier that has it."""
        now = io.now()
        text = self.memory.find(key, now)
        if text is not None:
            return Hit(text, "l1")
        redis = self.redis
        if redis is None or not redis.is_worth_asking():
            return None
        found = await io.run(lambda: redis.find(key, self.ttl))
        if found is None:
            return None
        self.memory.keep(key, found.text, now + found.left)
        return Hit(found.text, "l2")

    def keep(self, key: str, text: str, now: float, ttl: float | None = None) -> None:
        """*text* under *key*, in memory at once, in Redis soon."""
        seconds = self.ttl if ttl is None else ttl
        self.memory.keep(key, text, now + seconds)
        if self.redis is not None:
            self.redis.keep(key, text, seconds)

    def close(self) -> None:
        """Let Redis go, after what is still to be written there."""
        if self.redis is not None:
            self.redis.close()


class Caches:
    """A cache for each strategy a call may ask for, all over the same memory and the same Redis."""

    def __init__(
        self, default: Strategy | None, memory: MemoryTier, redis_url: str | None = None, ttl: float = TTL
    ) -> None:
        self._default = default
        self._memory = memory
        self._redis_url = redis_url
        self._ttl = ttl
        self._redis: RedisTier | None = None
        self._made: dict[Strategy, TwoTierCache] = {}
        self.after_fork()
        outlives(self)

    def after_fork(self) -> None:
        """Nobody is making a cache."""
        self._lock = Lock()

    def of(self, wanted: Strategy | Literal[False] | None) -> TwoTierCache | None:
        """The cache for a call that wants that (`None`: the default; `False`: none)."""
        strategy = self._default if wanted is None else wanted
        if not strategy:
            return None
        cache = self._made.get(strategy)
        if cache is None:
            with self._lock:
                cache = self._made.setdefault(strategy, self._make(strategy))
        return cache

    def _make(self, strategy: Strategy) -> TwoTierCache:
        if strategy != "memory" and self._redis is None and self._redis_url:
            from muxi_llm.harness.redis_tier import RedisTier  # noqa: PLC0415 - an extra

            self._redis = RedisTier(self._redis_url)
        return TwoTierCache(strategy, memory=self._memory, redis=self._redis, ttl=self._ttl)
