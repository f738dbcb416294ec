"""The places calls go to, and what is known of each: one table, whatever the settings are.

A place is one model at one base URL of one provider; what its calls share (breaker, permits, budget) is made
for each wish of the settings, so that changing one setting forgets nothing of the others. What belongs to a
key there is its pace; what belongs to a key at all models is in its pool.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from muxi_llm.harness.breaker import Breaker, CircuitBreaker
from muxi_llm.harness.changes import Changes
from muxi_llm.harness.forks import outlives
from muxi_llm.harness.keys import KeyRing
from muxi_llm.harness.limiter import Permits, Window
from muxi_llm.harness.pace import Pace
from muxi_llm.harness.quota import Quota
from muxi_llm.harness.retry_budget import RetryBudget

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from muxi_llm.core.port import Event
    from muxi_llm.harness.keys import State

    Clock = Callable[[], float]

Part = TypeVar("Part")

PLACES = 1000
"""Remembered at most: callers may come with any number of base URLs. The oldest begins anew then."""

PARTS = 64
"""Of one place, at most: of a kind, and keys."""

REVIVE = 300.0
"""Seconds after which a key that was refused is tried again."""


class Place(Changes):
    """What the calls to one place share. Everything in it is looked at and changed under its lock."""

    def __init__(self, provider: str, base_url: str, model: str) -> None:
        self.provider = provider
        self.base_url = base_url
        self.model = model
        self.has_refused = False
        """Whether it has ever asked for a rest: before that nobody looks for one."""
        self.looked = float("-inf")
        """When other processes were last asked about it."""
        super().__init__()
        self.breakers: dict[Breaker, CircuitBreaker] = {}
        self.permits: dict[tuple[int, int, bool], Permits[Event]] = {}
        self.budgets: dict[float, RetryBudget] = {}
        self.quotas: dict[tuple[int | None, int | None, Clock], Quota] = {}
        self.paces: dict[tuple[str, Clock], Pace] = {}

    def breaker(self, rule: Breaker) -> CircuitBreaker:
        """The breaker that opens by *rule*."""
        return self.breakers.get(rule) or _added(self.breakers, rule, CircuitBreaker(rule))

    def window(self, initial: int, minimum: int, *, eager: bool = False) -> Permits[Event]:
        """The permits of such a window."""
        size = initial, minimum, eager
        found = self.permits.get(size)
        return found or _added(self.permits, size, Permits(Window(initial, minimum, eager=eager)))

    def budget(self, share: float) -> RetryBudget:
        """The retries there are, by that share of the calls."""
        return self.budgets.get(share) or _added(self.budgets, share, RetryBudget(share))

    def quota(self, requests: int | None, tokens: int | None, clock: Clock) -> Quota:
        """So many a minute, as told by one clock."""
        quota = requests, tokens, clock
        return self.quotas.get(quota) or _added(self.quotas, quota, Quota(requests, tokens))

    def pace(self, key: str, clock: Clock) -> Pace:
        """How fast that key may be used here, as told by one clock: a script has its own."""
        return self.paces.get((key, clock)) or _added(self.paces, (key, clock), Pace())

    def rests(self, clock: Clock, now: float) -> list[float]:
        """Seconds that the keys which were used here rest."""
        return [pace.rest(now) for (_, other), pace in self.paces.items() if other == clock]


class Pool:
    """The keys of one provider at one base URL, with the lock that guards them."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.ring = KeyRing(keys, revive_after=REVIVE)
        self.lock = Lock()

    def states(self, now: float) -> dict[str, tuple[State, float]]:
        """How each key is, at all models, and until when."""
        with self.lock:
            return {key: self.ring.state(key, now) for key in self.ring}


class Places:
    """All of them. Safe between threads."""

    def __init__(self) -> None:
        self.after_fork()
        outlives(self)

    def after_fork(self) -> None:
        """Nothing is known of any place, and no attempt is under way."""
        self._places: dict[Hashable, Place] = {}
        self._pools: dict[Hashable, Pool] = {}
        self._lock = Lock()
        self.have_refused = False
        """Whether any place has ever said 429: before that there is nothing to keep to."""

    reset = after_fork

    def __iter__(self) -> Iterator[Place]:
        return iter(list(self._places.values()))

    def of(self, provider: str, base_url: str, model: str) -> Place:
        """That place."""
        key = provider, base_url, model
        place = self._places.get(key)
        return place or self._added(self._places, key, Place(*key))

    def pool(self, provider: str, base_url: str, keys: tuple[str, ...]) -> Pool:
        """Those keys."""
        key = provider, base_url, keys
        pool = self._pools.get(key)
        return pool or self._added(self._pools, key, Pool(keys))

    def pools(self) -> list[tuple[str, str, Pool]]:
        """Provider, base URL and pool, of all of them."""
        return [(key[0], key[1], pool) for key, pool in list(self._pools.items())]  # type: ignore[index]

    def forget(self, provider: str) -> None:
        """Begin anew with *provider*."""
        with self._lock:
            self._places = {key: place for key, place in self._places.items() if place.provider != provider}

    def _added(self, table: dict[Hashable, Part], key: Hashable, new: Part) -> Part:
        with self._lock:
            return table.get(key) or _added(table, key, new, PLACES)


def _added(table: dict[Any, Part], key: Hashable, new: Part, most: int = PARTS) -> Part:
    if len(table) >= most:
        del table[next(iter(table))]
    return table.setdefault(key, new)
