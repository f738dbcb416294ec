"""One run over a batch's input: who is asked when, and when it is better to stop.

    one at a time, until something was answered  →  as many as are wanted
        a 429              everybody rests, and it is asked again
        nobody may ask     the run stops: the key, the bill, the kill switch
        N alike in a row   the run stops: the next would fail alike

A failure that stops the run because nobody may ask is no failure of its line: it is asked again next time.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

from openai import OpenAIError

from muxi_llm.errors import (
    AuthenticationError,
    CircuitOpenError,
    KillSwitchActiveError,
    MissingCredentialsError,
    RateLimitError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from muxi_llm.harness.batch.journal import Journal
    from muxi_llm.harness.batch.lines import Job

    Ask = Callable[[dict[str, Any]], Awaitable[Any]]

TURN = 256
"""Lines passed over in one go: those under way must not wait for a million that are done."""

ALIKE = 10
"""Failures in a row, each like the one before, after which a run stops by itself."""

REST, LONGEST_REST = 1.0, 60.0
"""Seconds after a 429 that does not say how long; doubled from one to the next without an answer between."""

RESTS = 30
"""Rests without an answer between, after which a run stops by itself."""

NOBODY = (AuthenticationError, MissingCredentialsError, KillSwitchActiveError)
UNPAID = 402
QUOTA = "insufficient_quota"
"""A 429 of OpenAI's and its kin that no rest helps: https://platform.openai.com/docs/guides/error-codes."""


class Batch:
    """One run over one input.

    ask: what gets the answer for a job's arguments. tell: called each time something is over. alike:
    failures in a row, each like the one before, after which the run stops; 0 for never. repeat: ask equal
    requests each by itself; by default they are asked once, but for those that ask for chance (a
    `temperature` and no `seed`).
    """

    def __init__(
        self,
        journal: Journal,
        ask: Ask,
        *,
        concurrency: int = 16,
        tell: Callable[[Batch], None] | None = None,
        alike: int = ALIKE,
        repeat: bool = False,
    ) -> None:
        if concurrency < 1:
            raise ValueError("concurrency must be 1 or more")
        self._journal = journal
        self._ask = ask
        self._concurrency = concurrency
        self._tell = tell
        self._repeat = repeat
        self._under_way: dict[str, list[Job]] = {}
        self._course = _Course(alike)
        self.answered = self.failed = 0
        """By this run."""
        self.answered_before = self.failed_before = 0
        """By earlier ones, and not asked again."""
        self.doubled: list[str] = []
        """Some `custom_id`s that several lines have which ask different things."""
        self.no_calls: list[ValueError] = []
        """Why some of the lines are no calls."""
        self.stopped = False
        """Somebody stopped it."""

    @property
    def over(self) -> int:
        """Lines that are over, whenever."""
        return self.answered + self.failed + self.answered_before + self.failed_before

    @property
    def given_up(self) -> str | None:
        """Why the run stopped by itself, `None` if it did not."""
        return self._course.given_up

    @property
    def resting(self) -> float:
        """Seconds until something is asked again, after a 429."""
        return self._course.resting

    def stop(self) -> None:
        """Begin no more; what is under way may end."""
        self.stopped = True

    async def run(self, given: Iterable[Job]) -> None:
        """Ask everything that is not over yet. Raises what is wrong with this machine, not with a call."""
        waiting = iter(given)
        try:
            await self._work(waiting, until=lambda: self.answered > 0)  # a wrong key is one request's worth
            async with asyncio.TaskGroup() as group:
                for _ in range(self._concurrency):
                    group.create_task(self._work(waiting, until=lambda: False))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _work(self, waiting: Iterator[Job], *, until: Callable[[], bool]) -> None:
        while not (self.stopped or self.given_up or until()) and (job := next(waiting, None)) is not None:
            if self._journal.is_doubled(job) and len(self.doubled) < SHOWN:
                self.doubled.append(job.key)
            was = self._journal.state(job)
            if was is None:
                await self._settle(job)
            else:
                self.answered_before += was
                self.failed_before += not was
                if self.over % TURN == 0:
                    await asyncio.sleep(0)
            if self._tell is not None:
                self._tell(self)

    async def _settle(self, job: Job) -> None:
        if job.error is not None:
            if len(self.no_calls) < SHOWN:
                self.no_calls.append(job.error)
            self._fail([job], job.error)
            return
        if self._repeat or job.is_sample:
            await self._asked(job, [job])
        elif job.digest in self._under_way:
            self._under_way[job.digest].append(job)
        elif (row := self._journal.answer(job.digest)) is not None:
            self._journal.copy(job, row)
            self.answered += 1
        else:
            equal = self._under_way[job.digest] = [job]
            try:
                await self._asked(job, equal)
            finally:
                del self._under_way[job.digest]

    async def _asked(self, job: Job, equal: list[Job]) -> None:
        """Ask, and settle all that are *equal* then."""
        while await self._course.rested(lambda: self.stopped):
            try:
                value = await self._ask(job.params)
            except (
                OpenAIError,
                TypeError,
                ValueError,
            ) as error:  # a call's own, or an argument that cannot be
                if self._course.failed(error):
                    self._fail(equal, error)
                    return
            else:
                self._course.answered()
                self.answered += len(equal)
                row = self._journal.write(job, value)
                for other in equal[1:]:
                    self._journal.copy(other, row)
                return

    def _fail(self, equal: list[Job], error: Exception) -> None:
        self.failed += len(equal)
        row = self._journal.write(equal[0], None, error)
        for other in equal[1:]:
            self._journal.copy(other, row)


class _Course:
    """Whether to go on, and when, by how the last calls ended."""

    def __init__(self, alike: int) -> None:
        self._alike = alike
        self._kind, self._times = "", 0
        self._rests = 0
        self._until = 0.0
        self.given_up: str | None = None

    @property
    def resting(self) -> float:
        return max(0.0, self._until - time.monotonic())

    async def rested(self, stopped: Callable[[], bool]) -> bool:
        """Wait for the end of a rest; whether to ask then."""
        while (seconds := self.resting) and not (stopped() or self.given_up):  # noqa: ASYNC110 - a rest may grow
            await asyncio.sleep(min(seconds, LOOK))
        return not (stopped() or self.given_up)

    def answered(self) -> None:
        self._kind, self._times, self._rests = "", 0, 0

    def failed(self, error: Exception) -> bool:
        """Whether the failure is the line's; else it is asked again, in this run or the next."""
        if isinstance(error, NOBODY) or _is_unpaid(error):
            self.given_up = f"nobody may ask: {error}"
            return False
        if isinstance(error, RateLimitError | CircuitOpenError):
            self._rest(error)
            return False
        kind = f"{type(error).__name__} {VARYING.sub('#', str(error))}"  # all but numbers and ids
        self._times = self._times + 1 if kind == self._kind else 1
        self._kind = kind
        if self._times == self._alike:
            self.given_up = f"{self._times} in a row failed alike: {error}"
        return True

    def _rest(self, error: RateLimitError | CircuitOpenError) -> None:
        if self.resting:  # what was under way when the rest began says nothing new
            return
        self._rests += 1
        if self._rests > RESTS:
            self.given_up = f"{RESTS} rests, and no answer after any of them: {error}"
        asked: float | None = getattr(error, "retry_after", None)
        seconds = asked or min(REST * 2.0 ** (self._rests - 1), LONGEST_REST)
        self._until = time.monotonic() + seconds


def _is_unpaid(error: Exception) -> bool:
    return getattr(error, "status_code", None) == UNPAID or getattr(error, "code", None) == QUOTA


VARYING = re.compile(r"[\w-]*\d[\w-]*")
SHOWN = 5
LOOK = 0.5
"""Seconds of a rest after which it is seen that somebody stopped the run."""
