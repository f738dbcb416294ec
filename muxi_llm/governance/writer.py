"""One thread that writes: many requests' steps in one transaction, and whoever waits is woken together.

A receipt is in the spool before it is here, so it may wait for others; a question may not. While the store is
away questions are answered `None` at once, and receipts wait.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from muxi_llm.governance.budgets import Ask, hold_of
from muxi_llm.governance.store import money
from muxi_llm.governance.store.engine import StoreAwayError
from muxi_llm.governance.store.money import More, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from muxi_llm.governance.budgets import Budget, Verdict
    from muxi_llm.governance.spool import Segment, Spool
    from muxi_llm.governance.store.engine import Store
    from muxi_llm.governance.store.money import Step

    Chore = Callable[[Connection], object]

log = logging.getLogger("muxi_llm.governance")

MOST = 256
"""Steps of one transaction."""
HELD = 20_000
"""Steps in memory, while the store is away; more receipts are in the spool alone."""
GATHER = 0.02
"""Seconds that receipts wait for a question to be booked along with."""
LINGER, LONGEST = 0.002, 0.01
"""Seconds that a question waits for others where there are many: as long as the last transaction took, at
least and at most.
"""
PAUSE = 0.5
"""Seconds between two tries while the store is away."""


class Job(NamedTuple):
    """A step, who waits for what comes of it, and the file it is in until it is booked."""

    step: Step | Chore
    waiting: asyncio.Future[Any] | None = None
    segment: Segment | None = None


class Writer:
    """Writes what it is given, in that order. `is_away`: the store is; nothing is asked of it then."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        budget_of: Callable[[str], Budget | None],
        *,
        clock: Callable[[], float] = time.time,
        patience: float = 2.0,
    ) -> None:
        """patience: seconds a transaction may take before the store is taken to be away."""
        self._store = store
        self._spool = spool
        self._budget_of = budget_of
        self._clock = clock
        self._patience = patience
        self._jobs: deque[Job] = deque()
        self._asked = threading.Event()
        """Somebody waits, or it is time to end."""
        self._given = threading.Event()
        """There is anything to do."""
        self._under_way: Sequence[Job] = ()
        self._since = self._took = 0.0
        self._is_ending = False
        self._is_busy = False
        self._thread = threading.Thread(target=self._run, name="muxi-llm writer", daemon=True)
        self.is_away = False
        self.trouble = ""
        """Why receipts cannot be kept in the spool, "" where they can."""

    def begin(self) -> None:
        """Write from here on."""
        self._thread.start()

    def end(self, seconds: float = 5.0) -> None:
        """Write what there is, for at most so many *seconds*; the rest is in the spool."""
        self._is_ending = True
        self._asked.set()
        self._given.set()
        self._thread.join(seconds)

    async def ask(self, step: Ask | More) -> Verdict | None:
        """What the store says of it; `None` while it is away."""
        if self.is_away:
            return None
        waiting = asyncio.get_running_loop().create_future()
        self._put(Job(step, waiting), self._asked)
        verdict: Verdict | None = None
        try:
            verdict = await waiting
        finally:
            if verdict is None and isinstance(step, Ask):  # it may have been, or be yet, let in all the same
                self._release(step)
        return verdict

    def _release(self, ask: Ask) -> None:
        now = self._clock()
        holds = tuple(hold_of(claim, now) for claim in ask.claims)
        self.settle(Receipt(ask.id, now, ask.created_at, holds, ask.facts, ()))

    def tell(self, step: Ask | money.Beat | Chore) -> None:
        """What nobody waits for, and is lost while the store is away."""
        if not self.is_away:
            self._put(Job(step), self._given)

    def settle(self, receipt: Receipt) -> None:
        """Never lost: kept in the spool, and should that be full in memory, until it is booked."""
        try:
            if len(self._jobs) >= HELD:
                self._spool.put_by(receipt)
                return
            segment = self._spool.append(receipt)
            self.trouble = ""
        except OSError as error:
            segment = None
            self.trouble = error.strerror or "the spool cannot be written"
            log.error("a receipt is kept in memory alone: %s", self.trouble)  # noqa: TRY400 - nothing to trace
        self._put(Job(receipt, None, segment), self._given)

    def take_over(self) -> int:
        """Book what processes left behind that are no more, and what was put by; how many receipts. Some of
        it, where that is much, and nothing while the store is away.
        """
        found = 0
        if self.is_away or len(self._jobs) >= HELD:
            return found
        for receipts, segment in self._spool.orphans():
            self._jobs.extend(Job(receipt, None, segment) for receipt in receipts)
            found += len(receipts)
            if len(self._jobs) >= HELD:
                break
        self._given.set()
        return found

    def watch(self) -> None:
        """Whether a transaction takes too long; to be called now and then, by another thread than the
        writer's.
        """
        if self._under_way and time.monotonic() - self._since > self._patience:
            self._gone(self._under_way)

    @property
    def waiting(self) -> int:
        """Steps not written yet."""
        return len(self._jobs) + len(self._under_way)

    # ---------------------------------------------------------------------------- the thread's own

    def _put(self, job: Job, why: threading.Event) -> None:
        self._jobs.append(job)
        for event in (why, self._given):
            if not event.is_set():  # the thread clears it before it looks for jobs
                event.set()

    def _run(self) -> None:
        while not (self._is_ending and (self.is_away or not self._jobs)):
            self._given.wait()
            if not self.is_away:
                self._asked.wait(GATHER)
            if self._is_busy:
                time.sleep(min(max(self._took, LINGER), LONGEST))
            self._given.clear()
            self._asked.clear()
            self._is_busy = len(self._jobs) > 1
            while self._jobs and not self.is_away:
                self._write([self._jobs.popleft() for _ in range(min(len(self._jobs), MOST))])
            if self.is_away and not self._is_ending:
                time.sleep(PAUSE)
                self._look()
                self._given.set()

    def _look(self) -> None:
        """Whether the store is there again."""
        try:
            with self._store.writing():
                self.is_away = False
        except StoreAwayError:
            return
        log.warning("the store is there again; %d steps to write", len(self._jobs))

    def _write(self, jobs: list[Job]) -> None:
        jobs = [job for job in jobs if job.waiting is None or not job.waiting.done()]
        self._since, self._under_way = time.monotonic(), jobs
        try:
            results = self._applied(jobs)
        except StoreAwayError as error:
            log.warning("%s; receipts wait in the spool", error)
            self._gone(jobs)
            self._jobs.extendleft(reversed([job for job in jobs if isinstance(job.step, Receipt)]))
            self._spool.sync()
            return
        except (SQLAlchemyError, ValueError, TypeError, OverflowError) as error:
            self._one_by_one(jobs, error)
            return
        finally:
            self._under_way = ()
            self._took = time.monotonic() - self._since
        self.is_away = False
        for job in jobs:
            if job.segment is not None:
                self._spool.booked(job.segment)
        _wake(list(zip(jobs, results, strict=True)))

    def _applied(self, jobs: Sequence[Job]) -> list[Any]:
        """The results of *jobs*, in one transaction. Chores come last, when all receipts are booked."""
        steps = [job.step for job in jobs if isinstance(job.step, STEPS)]
        with self._store.writing() as connection:
            results = iter(money.apply(connection, steps, self._clock(), self._budget_of) if steps else ())
            done = [next(results) if isinstance(job.step, STEPS) else None for job in jobs]
            for job in jobs:
                if not isinstance(job.step, STEPS):
                    job.step(connection)
        return done

    def _one_by_one(self, jobs: Sequence[Job], error: Exception) -> None:
        """One of them cannot be written: it must not hold up the others. What it held stays held until it
        expires, and is booked then; its receipt stays in the spool.
        """
        if len(jobs) > 1:
            for job in jobs:
                self._write([job])
            return
        log.error("a step cannot be written (%s): %s", type(jobs[0].step).__name__, type(error).__name__)
        _wake([(jobs[0], None)])

    def _gone(self, jobs: Sequence[Job]) -> None:
        self.is_away = True
        waiting = [job for job in (*jobs, *self._jobs) if job.waiting is not None]
        _wake([(job, None) for job in waiting])


def _wake(done: Sequence[tuple[Job, Any]]) -> None:
    """Those who wait, each loop once."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for job, result in done:
        if job.waiting is not None:
            loops.setdefault(job.waiting.get_loop(), []).append((job.waiting, result))
    for loop, each in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_deliver, each)


def _deliver(each: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for waiting, result in each:
        if not waiting.done():
            waiting.set_result(result)


STEPS = (Ask, More, Receipt, money.Beat, money.Expire)
