"""Counts that outlive this process, or that several processes share: windows, minutes, who is left alone.

A thread exchanges with a store: what was counted here since the last time goes there, what others counted
comes back. No request ever waits for it; what several processes may do too much is what happens within one
exchange. While the store is away everything goes on by this process's own counts, which is said (readiness,
log, metrics), and what was counted meanwhile goes there once it is back.

    here ── counted here since ──► store ── counted by others ──► here
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from muxi_llm.routing.facts import CORRECTED, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.routes import Routes
    from muxi_llm.routing.facts import Facts

log = logging.getLogger("muxi_llm.gateway")

IDLE = 1.0
"""Seconds until others' counts are asked for where nothing happens here, and a store that failed is again."""


class Key(NamedTuple):
    """Of one number. kind: of what; part: the stretch of time, counted in its lengths since 1970."""

    deployment: str
    kind: str
    part: int


Counts = Mapping[Key, int]
Kept = Mapping[tuple[str, str], Kind]
"""How each deployment's numbers of a kind are kept."""
Cooled = Mapping[str, tuple[float, str]]
"""Deployments that are left alone: until when (seconds since 1970), and why."""


class Store(Protocol):
    """Keeps numbers. Methods may block for the store's own time; they raise `OSError` where it is away."""

    pace: float
    """Seconds between two exchanges, at least."""

    def exchange(self, added: Mapping[Key, int], kept: Kept, cooled: Cooled) -> tuple[Counts, Cooled]:
        """Add these, and tell all that counts still, and who is left alone. cooled: as is known here."""

    def close(self) -> None:
        """No more."""


class Sharing:
    """One gateway's exchange with a store."""

    def __init__(
        self, open_store: Callable[[], Store], routes: Routes, failed: Callable[[], None] = lambda: None
    ) -> None:
        """open_store: may raise `OSError`. failed: told of each exchange that did not come off."""
        self._open = open_store
        self._store: Store | None = None
        self.routes = routes
        self._failed = failed
        self.is_there: bool | None = None
        """Whether the store is; `None` until it was asked."""
        self._known: dict[Facts, dict[tuple[str, int], int]] = {}
        """What the store was last known to have."""
        self._due, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="muxi-llm-sharing", daemon=True)

    def begin(self) -> None:
        """Ask once, then go on in a thread. Blocks."""
        self.look()
        self._thread.start()

    def changed(self) -> None:
        """Something was counted."""
        if not self._due.is_set():
            self._due.set()

    def end(self) -> None:
        """Exchange a last time. Blocks."""
        self._ending.set()
        self._due.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.look()
        if self._store is not None:
            self._store.close()

    def _run(self) -> None:
        while not self._ending.is_set():
            self._due.wait(IDLE)
            self._due.clear()
            self.look()
            there = self._store is not None and self.is_there
            self._ending.wait(self._store.pace if self._store is not None and there else IDLE)

    def look(self) -> None:
        """One exchange."""
        try:
            if self._store is None:
                self._store = self._open()
            self._exchange(self._store)
        except OSError as error:
            self._failed()
            if self.is_there is not False:
                log.warning("counts are this process's own from now on: %s", type(error).__name__)
            self.is_there = False
        else:
            if self.is_there is False:
                log.info("counts are shared again")
            self.is_there = True

    def _exchange(self, store: Store) -> None:
        facts = dict(self.routes.router.facts)
        self._known = {one: self._known.get(one, {}) for one in facts.values()}
        with self.routes.lock:
            now = self.routes.clock()
            here = {name: one.counts(now) for name, one in facts.items()}
            cooled = {name: (one.cooled_until, one.cooled_for) for name, one in facts.items()}
        added = {
            Key(name, *key): counted - self._known[facts[name]].get(key, 0)
            for name, counts in here.items()
            for key, counted in counts.items()
        }
        kept = {(name, kind): kept for name, one in facts.items() for kind, kept in one.kinds().items()}
        found, others = store.exchange(
            {key: count for key, count in added.items() if count},
            kept,
            {name: one for name, one in cooled.items() if one[0] > now},
        )
        found = {key: total for key, total in found.items() if key[:2] in kept}
        with self.routes.lock:
            for key, total in found.items():
                one, own = facts[key.deployment], key[1:]
                self._known[one][own] = total
                more = total - here[key.deployment].get(own, 0)
                if more > 0 or key.kind in CORRECTED:  # else the store has forgotten, and is told again
                    one.add(now, *own, more)
            for name, (until, why) in others.items():
                if name in facts and until > max(facts[name].cooled_until, now):
                    facts[name].cool(now, until - now, why)
        self.routes.changes.catch_up()
        for name, one in facts.items():  # parts that are over are nobody's any more
            counts = self._known[one]
            self._known[one] = {key: n for key, n in counts.items() if Key(name, *key) in found}
