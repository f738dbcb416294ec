"""Limits of requests and tokens a minute, and of requests at once: who may go on, and what is left.

A request is under all limits of its key, user, team and organization that name its model, or any. They are
checked together and taken together: who is refused by one has taken nothing of the others. Tokens are guessed
first and put right when the answer is over; what is known to be too much at any time is never waited for.

    asked ── fits everywhere ──► taken ── over ──► settled: its place is free, its tokens are the true ones
      │                            └── nobody was asked after all ──► undone: as if it had never been
      ├── one has too little left ──► refused: wait so long
      └── larger than one of them ──► refused: never

Pure: no clock, no lock. How processes share counts is in `counters/`.
"""

from __future__ import annotations

from collections import OrderedDict
from math import ceil
from typing import TYPE_CHECKING, Literal, NamedTuple

from muxi_llm.errors import MuxiLLMError, refusal
from muxi_llm.governance.keys import is_listed
from muxi_llm.routing.deployments import Window
from muxi_llm.routing.windows import PARTS, Count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Kind = Literal["rpm", "tpm", "parallel"]
Whose = tuple[str, str, str, str]
"""What a count is known by: a limit without its number, which may be changed."""

Number = tuple[Whose, int, int]
"""Whose, of which stretch of time, how many."""

MINUTE = 60
LONGEST = 60
"""Seconds that clients are told to wait at most: where `retry-after` is longer, OpenAI's clients ask again at
once, or never.
"""

SOON = 1.0
"""Seconds after which to ask again for a place among those at once: nobody knows when one goes."""


class Limit(NamedTuple):
    """So much a minute, or at once. scope: `key`, `user`, `team` or `organization`; owner: its id. Whoever
    belongs to it draws on the same count. kind: requests a minute, tokens a minute, requests at once. model:
    for models of that shell pattern, all of them together; "": for all.
    """

    scope: str
    owner: str
    kind: Kind
    model: str
    most: int


class Demand(NamedTuple):
    """What a request would take: one request, one place, so many tokens, of each of these."""

    limits: tuple[Limit, ...]
    tokens: int = 0

    def amount(self, limit: Limit) -> int:
        """Of one of them."""
        return self.tokens if limit.kind == "tpm" else 1

    def numbers(self, part: int) -> Iterator[Number]:
        """Whose, of which stretch, how many; places among those at once are of none."""
        for limit in self.limits:
            yield limit[:4], 0 if limit.kind == "parallel" else part, self.amount(limit)


class Reading(NamedTuple):
    """What a limit has left, the request taken off if it was let on; wait: seconds until it could be."""

    limit: Limit
    left: int
    wait: float = 0.0


class Verdict(NamedTuple):
    """Whether a request may go on, and how its limits stand. part: the stretch of time it is counted in."""

    is_granted: bool
    readings: tuple[Reading, ...] = ()
    part: int = 0


GRANTED = Verdict(True)
"""Of a request without limits."""


def limits_for(limits: Iterable[Limit], model: str) -> tuple[Limit, ...]:
    """Those that a request for *model* is under."""
    return tuple(one for one in limits if not one.model or is_listed((one.model,), model))


def check_size(demand: Demand) -> None:
    """Raises a refusal of 400 for what no waiting helps: it is more than a limit has at its emptiest."""
    for limit in demand.limits:
        amount = demand.amount(limit)
        if amount > limit.most:
            message = f"the request takes {amount} {UNITS[limit.kind]}, and {named(limit)} is {limit.most}"
            raise refusal(400, message, type="invalid_request_error", code="request_exceeds_limit")


def refused(verdict: Verdict) -> MuxiLLMError:
    """The 429 of a request that was not let on: it names the limit that is waited for longest, and when."""
    longest = max(verdict.readings, key=lambda one: one.wait)
    limit, wait = longest.limit, min(max(ceil(longest.wait), 1), LONGEST)
    taken = "are under way" if limit.kind == "parallel" else f"are taken; {longest.left} are left"
    message = f"{named(limit)} is {limit.most}, which {taken}: try again in {wait} s"
    error = refusal(429, message, type="rate_limit_error", code="rate_limit_exceeded", retry_after=wait)
    error.response.headers.update(headers_of(verdict))  # type: ignore[attr-defined]
    return error


def headers_of(verdict: Verdict) -> dict[str, str]:
    """What a client is told of the tightest of its limits, of each kind, in OpenAI's words.

    https://developers.openai.com/api/docs/guides/rate-limits#rate-limits-in-headers
    """
    headers: dict[str, str] = {}
    for kind in ("rpm", "tpm"):
        found = [one for one in verdict.readings if one.limit.kind == kind]
        if found:
            tightest, unit = min(found, key=lambda one: (-one.wait, one.left)), UNITS[kind]
            headers[f"x-ratelimit-limit-{unit}"] = str(tightest.limit.most)
            headers[f"x-ratelimit-remaining-{unit}"] = str(tightest.left)
            headers[f"x-ratelimit-reset-{unit}"] = f"{ceil(tightest.wait) or MINUTE}s"
    return headers


def key_of(whose: Whose) -> str:
    """What a store calls it: nothing in it can be taken for something else."""
    scope, owner, kind, model = whose
    return f"{kind}:{scope}:{len(owner)}:{owner}:{model}"


def named(limit: Limit) -> str:
    """What a message calls it: `the team's limit of tokens a minute for gpt-*`."""
    model = f" for {limit.model}" if limit.model else ""
    return f"the {limit.scope}'s limit of {UNITS[limit.kind]}{TIMES[limit.kind]}{model}"


UNITS = {"rpm": "requests", "tpm": "tokens", "parallel": "requests"}
TIMES = {"rpm": " a minute", "tpm": " a minute", "parallel": " at once"}


class Counts:
    """What one place has counted. now: seconds, of a clock that is never put back."""

    def __init__(self, minute: int = MINUTE) -> None:
        """minute: seconds of one."""
        self._window = Window(0, minute)
        self._span = minute / PARTS
        self._minutes: OrderedDict[Whose, Count] = OrderedDict()
        """The one that was taken from longest ago first: there, what is over is forgotten."""
        self._held: dict[Whose, int] = {}

    def take(self, demand: Demand, now: float) -> Verdict:
        """All or nothing."""
        found = [self._reading(limit, demand.amount(limit), now) for limit in demand.limits]
        if any(one.wait for one in found):
            return Verdict(is_granted=False, readings=tuple(found))
        part = int(now // self._span)
        self.count(demand, part)
        self.forget(now)
        left = tuple(Reading(one.limit, one.left - demand.amount(one.limit)) for one in found)
        return Verdict(is_granted=True, readings=left, part=part)

    def count(self, demand: Demand, part: int) -> None:
        """It was let on elsewhere."""
        for number in demand.numbers(part):
            self.add(*number)

    def settle(self, demand: Demand, part: int, tokens: int) -> None:
        """It is over, and took so many tokens."""
        for limit in demand.limits:
            if limit.kind != "rpm":
                self.add(limit[:4], part, -1 if limit.kind == "parallel" else tokens - demand.tokens)

    def undo(self, demand: Demand, part: int) -> None:
        """Nobody was asked after all."""
        for whose, stretch, number in demand.numbers(part):
            self.add(whose, stretch, -number)

    def forget(self, now: float) -> None:
        """Whatever nothing counts in any more."""
        while self._minutes:
            whose, found = next(iter(self._minutes.items()))
            if not found.is_empty(now):
                return
            del self._minutes[whose]

    # --------------------------------------------------------------------- numbers, one by one

    def add(self, whose: Whose, part: int, number: int) -> None:
        """So many more."""
        if whose[2] == "parallel":
            self._held[whose] = self._held.get(whose, 0) + number
            if not self._held[whose]:
                del self._held[whose]
            return
        found = self._minutes.get(whose)
        if found is None:
            found = self._minutes[whose] = Count(self._window)
        self._minutes.move_to_end(whose)
        found.add(part, number)
        found.taken(part * self._span)  # what is over by then is forgotten

    def number(self, whose: Whose, part: int) -> int:
        """What is counted in that stretch; of places among those at once, whatever the stretch."""
        if whose[2] == "parallel":
            return self._held.get(whose, 0)
        found = self._minutes.get(whose)
        return 0 if found is None else dict(found.parts()).get(part, 0)

    def numbers(self) -> Iterator[tuple[Whose, int]]:
        """All there are: whose, and of which stretch."""
        yield from ((whose, 0) for whose in self._held)
        yield from ((whose, part) for whose, found in self._minutes.items() for part, _ in found.parts())

    def _reading(self, limit: Limit, amount: int, now: float) -> Reading:
        if limit.kind == "parallel":
            left = max(limit.most - self._held.get(limit[:4], 0), 0)
            return Reading(limit, left, 0.0 if left >= amount else SOON)
        found = self._minutes.get(limit[:4])
        if found is None:
            return Reading(limit, limit.most, 0.0 if limit.most >= amount else MINUTE)
        if found.window.limit != limit.most:
            found.window = found.window._replace(limit=limit.most)
        left = found.left(now)
        return Reading(limit, left, 0.0 if left >= amount else max(found.wait(now, amount), LEAST))


LEAST = 0.001
"""Seconds a wait is at least, however the clock is rounded."""
