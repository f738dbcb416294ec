"""Redis as the second tier: asked within a budget, written to in the background, left alone while it fails.

Rules: an operation may take `BUDGET` seconds, whatever it is that takes longer (a name to look up, a reply in
drips); then it is a miss, and so is every other one until Redis has answered again; after a rest a single
question tries it. Questions are therefore asked in threads of their own, and left to themselves when they
are late. Whatever comes back instead of an entry is a miss. A server that answers but refuses (full,
read-only) is still asked. Entries are LLMix's: `{"data": text, "cached_at": epoch seconds}` under their
key, with Redis's own expiry, so that services in other languages share them.

    up      -- an operation failed  --> resting
    resting -- the rest is over     --> trying
    trying  -- it answered          --> up
    trying  -- an operation failed  --> resting
    up      -- it answered          --> up
    resting -- it answered          --> up
    resting -- an operation failed  --> resting
"""

from __future__ import annotations

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

try:
    import redis
except ImportError as error:  # pragma: no cover - tests have every extra
    raise ImportError("a Redis cache needs the redis package: pip install 'muxi-llm[redis]'") from error

from muxi_llm.harness.forks import outlives
from muxi_llm.harness.redis_client import client_of

if TYPE_CHECKING:
    from collections.abc import Callable

State = Literal["up", "resting", "trying"]

TRANSITIONS: dict[tuple[State, str], State] = {
    ("up", "an operation failed"): "resting",
    ("resting", "the rest is over"): "trying",
    ("trying", "it answered"): "up",
    ("trying", "an operation failed"): "resting",
    ("up", "it answered"): "up",
    ("resting", "it answered"): "up",
    ("resting", "an operation failed"): "resting",
}

BUDGET = 0.08
"""Seconds an operation may take: with all else it stays below a tenth of a second."""

REST = 1.0
LONGEST_REST = 30.0
"""Seconds Redis is left alone after a failure: doubled from the one up to the other."""

LARGEST = 16 * 2**20
"""Characters of an entry that are read at most; a longer one is not ours."""

ASKING = 8
"""Questions at once; more of them wait, within their budget."""

BACKLOG = 1000
"""Writes waiting at most; more are dropped, a cache may forget."""


DELETING = 10.0
"""Seconds somebody waits, at most, to hear that an entry is gone."""


LOCK = "muxi-llm:lock:"
"""How the keys of locks begin; then follows the key they are for."""

MARK = "muxi-llm:open:"
"""How the keys of marks begin: places to be left alone."""

UNLOCK = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1])"
"""In Redis, in one piece: nobody lets go of another's lock."""


class Found(NamedTuple):
    """An entry's text, and the seconds it has left."""

    text: str
    left: float


class RedisTier:
    """One Redis server. Thread-safe; usable again after a fork. budget, rest: seconds; backlog: writes."""

    def __init__(
        self, url: str, *, budget: float = BUDGET, rest: float = REST, backlog: int = BACKLOG
    ) -> None:
        self._client: Any = client_of(url, budget)
        self._budget: float = self._client.connection_pool.connection_kwargs["socket_timeout"]
        self._room = backlog
        self._state: State = "up"
        self._first_rest = self._rest = rest
        self._until = 0.0
        self._threads: dict[tuple[int, str], ThreadPoolExecutor] = {}
        self.after_fork()
        outlives(self)

    def after_fork(self) -> None:
        """Nothing waits to be written."""
        self._lock = Lock()
        self._backlog = BoundedSemaphore(self._room)

    @property
    def state(self) -> State:
        """How Redis is doing."""
        return self._state

    def is_worth_asking(self) -> bool:
        """Whether an operation may go out now; while Redis is resting one in a while, to try it."""
        with self._lock:
            if self._state == "up":
                return True
            if time.monotonic() < self._until:
                return False
            if self._state == "resting":
                self._go("the rest is over")
            self._until = (
                time.monotonic() + self._rest
            )  # should this try never come back, the next is due then
            return True

    def find(self, key: str, ttl: float) -> Found | None:
        """The entry under *key*, if it is fresh by a *ttl* in seconds and makes sense."""
        entry = self._ask(lambda: _entry(self._client.getrange(key, 0, LARGEST)))
        if entry is None:
            return None
        text, made = entry
        left = ttl - max(0.0, time.time() - made)
        return Found(text, left) if left > 0 else None

    def keep(self, key: str, text: str, ttl: float) -> None:
        """*text* under *key* for *ttl* seconds, written in the background."""
        if self._state != "up" or not self._backlog.acquire(blocking=False):
            return
        made = time.time()
        if self._begun("write", lambda: self._write(key, text, ttl, made)) is None:
            self._backlog.release()

    def delete(self, key: str) -> bool:
        """Forget what is under *key*, after what waits to be written; whether there was anything.

        This is nobody's call, so it may take `DELETING`. Raises `ConnectionError` where Redis does not say.
        """
        asked = self._begun("write", lambda: self._client.delete(key))
        try:
            return asked is not None and bool(asked.result(DELETING))
        except (redis.RedisError, OSError, TimeoutError) as error:
            raise ConnectionError("Redis does not say that the entry is gone") from error

    def lock(self, key: str, token: str, seconds: float) -> bool | None:
        """Whether the lock of *key* is *token*'s now, for so long; `None`: Redis does not say."""
        wanted = {"nx": True, "px": max(1, int(seconds * 1000))}
        locked: bool | None = self._ask(lambda: self._client.set(LOCK + key, token, **wanted) is not None)
        return locked

    def is_locked(self, key: str) -> bool:
        """Whether somebody has the lock of *key*, as far as Redis says."""
        return bool(self._ask(lambda: self._client.exists(LOCK + key)))

    def unlock(self, key: str, token: str) -> None:
        """Let go of the lock, if it is still *token*'s: in the background, after what waits to be written."""
        self._begun("write", lambda: self._ask(lambda: self._client.eval(UNLOCK, 1, LOCK + key, token)))

    def mark(self, name: str, seconds: float) -> None:
        """Make a mark of that *name* which lasts so long, in the background."""
        lasts = max(1, int(seconds * 1000))
        self._begun("write", lambda: self._ask(lambda: self._client.set(MARK + name, 1, px=lasts)))

    def unmark(self, name: str) -> None:
        """Remove the mark of that *name*, in the background."""
        self._begun("write", lambda: self._ask(lambda: self._client.delete(MARK + name)))

    def left(self, name: str) -> float:
        """Seconds the mark of that *name* has left, 0 where there is none as far as Redis says."""
        left = self._ask(lambda: self._client.pttl(MARK + name))
        return left / 1000 if isinstance(left, int) and left > 0 else 0.0

    def flush(self) -> None:
        """Wait within the budget for what is to be written: a program may end right after its call."""
        through = self._begun("write", lambda: None)
        if through is not None:
            wait([through], self._budget)

    def close(self) -> None:
        """Write what waits, then disconnect."""
        for kind in ("write", "ask"):
            threads = self._threads.pop((os.getpid(), kind), None)
            if threads is not None:
                threads.shutdown(wait=kind == "write")
        self._client.close()

    def _begun(self, kind: Literal["ask", "write"], what: Callable[[], Any]) -> Future[Any] | None:
        """*what*, begun in a thread of this process: none survives a fork. `None` if none is to be had."""
        pid = os.getpid()
        with self._lock:
            threads = self._threads.get((pid, kind))
            if threads is None:
                count = ASKING if kind == "ask" else 1
                threads = ThreadPoolExecutor(count, thread_name_prefix="muxi-llm-cache")
                self._threads = {at: there for at, there in self._threads.items() if at[0] == pid}
                self._threads[pid, kind] = threads
        with suppress(RuntimeError):  # the interpreter ends, or it was closed just now
            return threads.submit(what)
        return None

    def _write(self, key: str, text: str, ttl: float, made: float) -> None:
        self._backlog.release()
        if self._state == "up":
            payload = orjson.dumps({"data": text, "cached_at": made})
            self._ask(lambda: self._client.set(key, payload, px=max(1, int(ttl * 1000))))

    def _ask(self, what: Callable[[], Any]) -> Any:
        """What *what* gives within the budget, `None` for whatever else comes of it."""
        if self._state == "resting":  # it failed while this one stood in line
            return None
        asked = self._begun("ask", what)
        if asked is None:
            return None
        try:
            error = asked.exception(self._budget)
        except TimeoutError:
            asked.cancel()
            self._note("an operation failed")
            return None
        refused = isinstance(error, redis.ResponseError)  # it is there, and says no
        self._note("it answered" if error is None or refused else "an operation failed")
        return asked.result() if error is None else None

    def _note(self, event: str) -> None:
        if self._state == "up" and event == "it answered":
            return
        with self._lock:
            self._go(event)
            if self._state == "up":
                self._rest = self._first_rest
            else:
                self._until = time.monotonic() + self._rest
                self._rest = min(2 * self._rest, LONGEST_REST)
                with suppress(redis.RedisError, OSError):
                    self._client.connection_pool.disconnect()  # whoever still reads there may stop

    def _go(self, event: str) -> None:
        self._state = TRANSITIONS[self._state, event]


def _entry(raw: object) -> tuple[str, float] | None:
    """Text and time of an entry of whoever wrote it; `None` for what is none."""
    if not isinstance(raw, str) or not raw:
        return None
    try:
        entry = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("data"), str):
        return None
    made = entry.get("cached_at", entry.get("cachedAt"))
    if not isinstance(made, int | float) or made < 0:
        return entry["data"], time.time()
    return entry["data"], made / 1000 if made > 1e12 else made  # JavaScript counts milliseconds
