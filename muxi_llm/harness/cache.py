"""The response cache: memory in front of Redis. What is kept is text; what it means is the caller's.

Rules: a cache never makes a call fail and never holds one up for long: whatever is wrong with Redis is a
miss. Entries live for their TTL (a little less, each its own, so that those made together do not end
together), counted from when they were made, in whichever tier; beyond it they are stale for as long as
somebody might make do with that, and then gone. The memory tier is bounded by entries and by bytes; the
least recently used goes first.

    missing -- kept             --> fresh
    fresh   -- kept             --> fresh
    fresh   -- its time ran out --> stale
    fresh   -- pushed out       --> missing
    stale   -- kept             --> fresh
    stale   -- of no more use   --> missing
    stale   -- pushed out       --> missing
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from muxi_llm.harness.forks import outlives

if TYPE_CHECKING:
    from muxi_llm.core.port import IO
    from muxi_llm.harness import Cache
    from muxi_llm.harness.redis_tier import RedisTier

Strategy = Literal["memory", "redis", "redis-or-memory"]
State = Literal["missing", "fresh", "stale"]

TRANSITIONS: dict[tuple[State, str], State] = {
    ("missing", "kept"): "fresh",
    ("fresh", "kept"): "fresh",
    ("fresh", "its time ran out"): "stale",
    ("fresh", "pushed out"): "missing",
    ("stale", "kept"): "fresh",
    ("stale", "of no more use"): "missing",
    ("stale", "pushed out"): "missing",
}

STRATEGIES = get_args(Strategy)
MAX_ITEMS = 1000
MAX_BYTES = 64 * 1024 * 1024
TTL = 3600.0
JITTER = 0.05
"""The part of its time by which an entry may end early."""

OVERHEAD = 200
"""Bytes an entry costs besides its key and text, about."""


class Hit(NamedTuple):
    """What was found, and where: `l1` is this process's memory, `l2` Redis.

    over: seconds beyond its time, 0 for one that is fresh.
    """

    text: str
    tier: Literal["l1", "l2"]
    over: float = 0.0


class Entry(NamedTuple):
    """A text, when it was made, until when it is good, when it is gone, and what it takes of the room."""

    text: str
    made: float
    until: float
    gone: float
    size: int


class MemoryTier:
    """Least recently used, bounded. Times are seconds of a clock that never goes back."""

    def __init__(self, max_items: int = MAX_ITEMS, max_bytes: int = MAX_BYTES) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self.hits = self.misses = 0
        self.after_fork()
        outlives(self)
        self.resize(max_items, max_bytes)

    def after_fork(self) -> None:
        """What is kept is kept; it is counted anew, for a thread may have been about to."""
        self._lock = Lock()
        self.size = sum(entry.size for entry in self._entries.values())
        """Bytes in use, about."""

    def resize(self, max_items: int, max_bytes: int) -> None:
        """Other bounds from now on."""
        if max_items < 1 or max_bytes < 1:
            raise ValueError("a cache needs room for one entry and one byte at least")
        with self._lock:
            self._max_items = max_items
            self._max_bytes = max_bytes
            self._fit()

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: str, now: float) -> Entry | None:
        """What is under *key*, fresh or stale."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and now >= entry.gone:
                self._drop(key)
                entry = None
            if entry is None:
                self.misses += 1
                return None
            self.hits += 1
            self._entries.move_to_end(key)
            return entry

    def keep(
        self, key: str, text: str, until: float, gone: float | None = None, made: float = float("-inf")
    ) -> None:
        """*text* under *key*, good until that time; what is too large for the whole tier is not kept."""
        size = len(key) + len(text) * (1 if text.isascii() else 4) + OVERHEAD
        with self._lock:
            if key in self._entries:
                self._drop(key)
            if size > self._max_bytes:
                return
            self._entries[key] = Entry(text, made, until, until if gone is None else gone, size)
            self.size += size
            self._fit()

    def _fit(self) -> None:
        while self._entries and (self.size > self._max_bytes or len(self._entries) > self._max_items):
            self._drop(next(iter(self._entries)))

    def delete(self, key: str) -> bool:
        """Forget what is under *key*; whether there was anything."""
        with self._lock:
            is_there = key in self._entries
            if is_there:
                self._drop(key)
            return is_there

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self.size = self.hits = self.misses = 0

    def _drop(self, key: str) -> None:
        self.size -= self._entries.pop(key).size


class TwoTierCache:
    """Memory, and Redis behind it if there is one.

    ttl: seconds entries live where a call does not say. how: what else a call wants of it (`harness.Cache`).
    Raises `ValueError` for an unknown strategy, and for `redis` without a *redis* tier; `redis-or-memory`
    without one is `memory`.
    """

    def __init__(
        self,
        strategy: Strategy = "memory",
        *,
        memory: MemoryTier | None = None,
        redis: RedisTier | None = None,
        ttl: float = TTL,
        how: Cache | None = None,
    ) -> None:
        if strategy not in STRATEGIES:
            raise ValueError(f"cache must be one of {', '.join(STRATEGIES)}, not {strategy!r}")
        if strategy == "redis" and redis is None:
            raise ValueError('cache strategy "redis" requires redis_url to be set')
        self.memory = MemoryTier() if memory is None else memory  # an empty one is false
        self.redis = None if strategy == "memory" else redis
        self.strategy = strategy
        self.ttl = ttl
        self.reads, self.writes = (True, True) if how is None else (how.read, how.write)
        self._max_age = float("inf") if how is None or how.max_age is None else how.max_age
        self.if_error, self.while_fetched = (
            (0.0, 0.0) if how is None else (how.stale_if_error, how.stale_while_revalidate)
        )
        self._grace = max(self.if_error, self.while_fetched)

    async def find(self, io: IO, key: str) -> Hit | None:
        """What is under *key*, from the nearest tier that has it: fresh, or as stale as may be."""
        now = io.now()
        entry = self.memory.find(key, now)
        if entry is not None and self._is_good(now - entry.until, now - entry.made):
            return Hit(entry.text, "l1", max(0.0, now - entry.until))
        redis = self.redis
        if redis is None or not redis.is_worth_asking():
            return None
        found = await io.run(lambda: redis.find(key, self.ttl + self._grace))
        if found is None:
            return None
        left = found.left - self._grace
        made = now - max(self.ttl - left, 0.0)
        self.memory.keep(key, found.text, now + left, now + found.left, made)
        return Hit(found.text, "l2", max(0.0, -left)) if self._is_good(-left, now - made) else None

    def _is_good(self, over: float, age: float) -> bool:
        return (over < 0 or over < self._grace) and (age <= self._max_age or age == float("inf"))

    def keep(
        self, key: str, text: str, now: float, ttl: float | None = None, chance: float | None = None
    ) -> None:
        """*text* under *key*, in memory at once, in Redis soon. chance: from 0 to 1, how much of `JITTER`."""
        seconds = self.ttl if ttl is None else ttl
        if chance is not None:
            seconds *= 1 - JITTER * chance
        self.memory.keep(key, text, now + seconds, now + seconds + self._grace, now)
        if self.redis is not None:
            self.redis.keep(key, text, seconds + self._grace)

    def delete(self, key: str) -> bool:
        """Forget what is under *key*, in both tiers; whether there was anything.

        Raises `ConnectionError` where Redis does not say that it is gone there.
        """
        was_here = self.memory.delete(key)
        return (self.redis is not None and self.redis.delete(key)) or was_here

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
