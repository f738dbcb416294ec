"""Counts that several processes share: a thread asks a store for many requests at once, in one round trip.

Each process is the only one who tells its own numbers, and tells them whole, never what was added: so nothing
is counted twice, whether an answer was lost, came too late or is told again. Whether a request may go on the
store decides, by everybody's numbers. While it is away this process decides by its own, which is said
(readiness, log, metrics); what it counted meanwhile is told once the store is back. A store that has
forgotten this process, or everything, is told everything.

    there ── an exchange fails, or is late ──► away: own numbers, nobody waits
      ▲                                          │
      └────────── it answers a probe ────────────┘
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import suppress
from itertools import islice
from math import inf
from queue import Empty, SimpleQueue
from secrets import token_hex
from typing import TYPE_CHECKING, NamedTuple, Protocol

from muxi_llm.governance.limits import GRANTED, MINUTE, Counts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from muxi_llm.governance.limits import Demand, Number, Verdict, Whose

log = logging.getLogger("muxi_llm.governance")

IDLE = 1.0
"""Seconds between two looks at a store that is away."""

PULSE = 10.0
"""Seconds between two exchanges, at most: a process that is not heard of is taken for dead."""

LEASE = 30.0
"""Seconds after which it is, and what it had under way counts no more."""

PACE = 0.02
"""Seconds that what is over may wait for company on its way to the store."""

AT_ONCE, MOST = 200, 2000
"""Requests decided, and numbers told, in one exchange."""


class Exchange(NamedTuple):
    """What a process says and asks. process: its name; told: its numbers that have changed."""

    process: str
    told: Sequence[Number]
    asked: Sequence[Demand]


class Reply(NamedTuple):
    """What the store says. now: its clock, in seconds; is_known: whether it knew the process before."""

    verdicts: Sequence[Verdict]
    now: float
    is_known: bool


class Store(Protocol):
    """Keeps numbers of several processes. Methods block for the store's own time, and raise `OSError` where
    it is away; then nothing has been done, or it is put right by what is told next.
    """

    def exchange(self, exchange: Exchange) -> Reply:
        """Take the numbers that are told for those of the process, then decide, one after the other."""

    def close(self) -> None:
        """No more."""


class _Over(NamedTuple):
    """A request that is over. tokens: `None` where it is as if it had not been."""

    demand: Demand
    part: int
    tokens: int | None


class _Waiting(NamedTuple):
    demand: Demand
    verdict: asyncio.Future[Verdict]


class SharedCounters:
    """One process's part in the counts of several."""

    def __init__(
        self, open_store: Callable[[], Store], minute: int = MINUTE, failed: Callable[[], None] = lambda: None
    ) -> None:
        """open_store: may raise `OSError`. failed: told of each exchange that did not come off."""
        self._open, self._failed = open_store, failed
        self._store: Store | None = None
        self._process = token_hex(8)
        self._own = Counts(minute)
        """What this process has taken: what it tells, and decides by while the store is away."""
        self._changed: dict[tuple[Whose, int], None] = {}
        """Those of them that the store has not been told."""
        self._ahead = 0.0
        """Seconds by which the store's clock is ahead of ours."""
        self._is_there: bool | None = None
        self._again = 0.0
        """When a store that is away is looked for; infinite while it is."""
        self._queue: SimpleQueue[_Waiting | _Over | Reply | OSError | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="muxi-llm-limits", daemon=True)

    @property
    def state(self) -> str:
        """`shared`, or `local-only`."""
        return "shared" if self._is_there else "local-only"

    def begin(self) -> None:
        """Ask the store once, then go on in a thread."""
        self._probe()
        self._hear(self._queue.get())
        self._thread.start()

    def end(self) -> None:
        """Tell the store what is left to tell."""
        if self._thread.ident is not None:
            self._queue.put(None)
            self._thread.join()
        if self._store is not None:
            self._store.close()

    async def take(self, demand: Demand) -> Verdict:
        """One round trip, together with whoever else asks at the moment."""
        if not demand.limits:
            return GRANTED
        verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._queue.put(_Waiting(demand, verdict))
        try:
            return await verdict
        except asyncio.CancelledError:
            if not verdict.cancelled():  # it had come already, and nobody will ever see it
                self._unseen(demand, verdict.result())
            raise

    def settle(self, demand: Demand, verdict: Verdict, tokens: int) -> None:
        """Told with the next exchange."""
        self._queue.put(_Over(demand, verdict.part, tokens))

    def undo(self, demand: Demand, verdict: Verdict) -> None:
        """Told with the next exchange."""
        self._queue.put(_Over(demand, verdict.part, None))

    # ----------------------------------------------------------------------------- in the thread

    def _run(self) -> None:
        is_ending = False
        while not is_ending:
            waiting, is_ending = self._gathered()
            verdicts = self._exchanged(waiting) if self._is_there else self._decided(waiting)
            self._answer(waiting, verdicts)
            if not self._is_there and time.monotonic() >= self._again:
                self._again = inf  # in a thread of its own: who asks meanwhile does not wait for it
                threading.Thread(target=self._probe, name="muxi-llm-limits-probe", daemon=True).start()
        while self._is_there and self._changed:
            self._exchanged([])

    def _gathered(self) -> tuple[list[_Waiting], bool]:
        """Who asks, as soon as somebody does, or the store is to be told something; whether that was all."""
        waiting: list[_Waiting] = []
        due = time.monotonic() + (IDLE if not self._is_there else PACE if self._changed else PULSE)
        while len(waiting) < AT_ONCE:
            try:
                one = self._queue.get(timeout=0 if waiting else max(due - time.monotonic(), 0))
            except Empty:
                break
            if one is None:
                return waiting, True
            if isinstance(one, _Waiting):
                waiting.append(one)
            else:
                self._hear(one)
                due = min(due, time.monotonic() + PACE)
        return waiting, False

    def _hear(self, said: _Waiting | _Over | Reply | OSError | None) -> None:
        if isinstance(said, _Over):
            if said.tokens is None:
                self._own.undo(said.demand, said.part)
            else:
                self._own.settle(said.demand, said.part, said.tokens)
            self._mark(said.demand, said.part)
        elif isinstance(said, Reply):
            self._heard(said)
        elif isinstance(said, OSError):
            self._lost(said)

    def _exchanged(self, waiting: Sequence[_Waiting]) -> Sequence[Verdict]:
        assert self._store is not None  # it is there
        numbers = list(islice(self._changed, MOST))
        told = [(whose, part, self._own.number(whose, part)) for whose, part in numbers]
        demands = [one.demand for one in waiting]
        try:
            reply = self._store.exchange(Exchange(self._process, told, demands))
        except OSError as error:
            self._lost(error)
            return self._decided(waiting)
        for number in numbers:
            del self._changed[number]
        for one, verdict in zip(demands, reply.verdicts, strict=True):
            if verdict.is_granted:
                self._own.count(one, verdict.part)
        self._heard(reply)
        return reply.verdicts

    def _decided(self, waiting: Sequence[_Waiting]) -> Sequence[Verdict]:
        """By this process's own numbers."""
        now = time.monotonic() + self._ahead
        verdicts = []
        for one in waiting:
            verdict = self._own.take(one.demand, now)
            verdicts.append(verdict)
            if verdict.is_granted:
                self._mark(one.demand, verdict.part)
        return verdicts

    def _mark(self, demand: Demand, part: int) -> None:
        self._changed.update(dict.fromkeys(number[:2] for number in demand.numbers(part)))

    def _heard(self, reply: Reply) -> None:
        self._ahead = reply.now - time.monotonic()
        self._own.forget(reply.now)
        if not reply.is_known:
            self._changed.update(dict.fromkeys(self._own.numbers()))
        if self._is_there is False:
            log.info("limits are shared again")
        self._is_there = True

    def _lost(self, error: OSError) -> None:
        self._failed()
        if self._is_there is not False:
            log.warning("limits are this process's own from now on: %s", type(error).__name__)
        self._is_there, self._again = False, time.monotonic() + IDLE

    def _probe(self) -> None:
        """Look whether the store is there; what it says, or does not, comes as everything else does."""
        try:
            if self._store is None:
                self._store = self._open()
            self._queue.put(self._store.exchange(Exchange(self._process, (), ())))
        except OSError as error:
            self._queue.put(error)

    def _answer(self, waiting: Sequence[_Waiting], verdicts: Sequence[Verdict]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, Verdict]]] = {}
        for one, verdict in zip(waiting, verdicts, strict=True):
            loops.setdefault(one.verdict.get_loop(), []).append((one, verdict))
        for loop, told in loops.items():
            with suppress(RuntimeError):  # it has ended, and who waited with it
                loop.call_soon_threadsafe(self._tell, told)

    # ------------------------------------------------------------------------- on the event loop

    def _tell(self, told: Sequence[tuple[_Waiting, Verdict]]) -> None:
        for (demand, waited), verdict in told:
            if waited.cancelled():
                self._unseen(demand, verdict)
            else:
                waited.set_result(verdict)

    def _unseen(self, demand: Demand, verdict: Verdict) -> None:
        """Whoever asked is gone."""
        if verdict.is_granted:
            self.undo(demand, verdict)
