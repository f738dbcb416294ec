"""What is known of a deployment by now: how busy, how fast, how well, and whether it is left alone.

Theory: an attempt enters and leaves; what it taught is counted when it leaves, what it takes when it enters,
so that nothing overshoots. What is per minute is of the minute on the clock, and forgotten with it whether
or not anybody succeeds.

    healthy ── 401 · 404 · 408 · 429 · more than half of five minutes failed ──► cooled ── time ──► healthy

A cooled deployment is not asked while another of its models' is healthy. Who decides that is the router: it
asks the one that wakes first where there is no other.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from muxi_llm.routing.windows import PARTS, Count

if TYPE_CHECKING:
    from muxi_llm.routing.deployments import Deployment

AT_ONCE = {401, 404, 408, 429}
"""Statuses that cool a deployment by themselves."""

BUCKETS = 5
"""Minutes whose attempts are looked at."""

ENOUGH = 5
"""Attempts in them, before their share of failures says anything."""

MINUTE = 60.0
SOON = 1.0
"""Seconds after which to ask again where nobody knows when."""

REQUESTS, TOKENS = "rpm", "tpm"
CORRECTED = {TOKENS}
"""Kinds that may be less afterwards: tokens are guessed first."""

SMOOTHING = 0.1
"""Weight of the latest attempt in the averages."""


class Kind(NamedTuple):
    """How numbers of a kind are kept: for stretches of so many seconds, each for so many more of them."""

    seconds: float
    more: int = 0

    def ends(self, part: int) -> float:
        """When that stretch counts no more, in seconds since 1970."""
        return (part + 1 + self.more) * self.seconds


class Facts:
    """Of one deployment. now: seconds of the wall clock."""

    def __init__(
        self, deployment: Deployment, *, cooling: float = 60.0, smoothing: float = SMOOTHING
    ) -> None:
        """cooling: seconds it is left alone, where its server does not say."""
        self.deployment = deployment
        self.in_flight = 0
        self.latency: float | None = None
        """Seconds a whole answer takes, on the average."""
        self.first_token: float | None = None
        """Seconds a stream takes to its first token."""
        self.cooled_until = 0.0
        self.cooled_for = ""
        self.windows = tuple(Count(window) for window in deployment.windows)
        self.provider = deployment.model.partition("/")[0]
        self._together: list[Facts] = [self]
        self._at_once: int | None = None
        self._cooling = cooling
        self._smoothing = smoothing
        self._minute = 0
        self._requests = self._tokens = 0
        self._buckets: deque[list[int]] = deque(maxlen=BUCKETS)
        """(minute, attempts that went well, that failed)."""

    # ------------------------------------------------------------------------------ what is known

    def requests(self, now: float) -> int:
        """Attempts begun in this minute."""
        return self._requests if self._minute == int(now // MINUTE) else 0

    def tokens(self, now: float) -> int:
        """Tokens of this minute: what attempts under way will take, about, and what others have taken."""
        return self._tokens if self._minute == int(now // MINUTE) else 0

    def success(self, now: float) -> float:
        """Share of the last minutes' attempts that went well; 1 if there was none."""
        well, failed = self.recent(now)
        return well / (well + failed) if well + failed else 1.0

    def recent(self, now: float) -> tuple[int, int]:
        """The last minutes' attempts: those that went well, and those that failed."""
        first = int(now // MINUTE) - BUCKETS
        recent = [bucket for bucket in self._buckets if bucket[0] > first]
        return sum(bucket[1] for bucket in recent), sum(bucket[2] for bucket in recent)

    def is_cooled(self, now: float) -> bool:
        """Whether it is left alone."""
        return now < self.cooled_until

    def limits(self, now: float, tokens: int) -> tuple[str, float]:
        """The limit a request of so many tokens would pass, and seconds until it would not; "" for none."""
        own, rest = self.deployment, MINUTE - now % MINUTE
        if self._at_once is not None and sum(one.in_flight for one in self._together) >= self._at_once:
            return f"its provider has {self._at_once} requests under way", SOON
        if own.rpm is not None and self.requests(now) >= own.rpm:
            return f"it has had its {own.rpm} requests of this minute", rest
        # One request alone may be more than its share: it would never be served.
        if own.tpm is not None and (taken := self.tokens(now)) and taken + tokens > own.tpm:
            return f"it has {max(own.tpm - taken, 0)} tokens left of this minute's {own.tpm}", rest
        for count in self.windows:
            if seconds := count.wait(now):
                return (
                    f"it has had its {count.window.limit} requests of {span(count.window.seconds)}",
                    seconds,
                )
        return "", 0.0

    def limit_at_once(self, together: list[Facts], limit: int | None) -> None:
        """At most *limit* attempts are under way at all those *together*."""
        self._together, self._at_once = together, limit

    # ---------------------------------------------------------------------------- what is learnt

    def enter(self, now: float, tokens: int) -> None:
        """An attempt begins, of so many tokens, about."""
        self._turn(now)
        self.in_flight += 1
        self._requests += 1
        self._tokens += tokens
        for count in self.windows:
            count.take(now)

    def began(self, seconds: float) -> None:
        """A stream's first token came."""
        self.first_token = self._averaged(self.first_token, seconds)

    def leave(self, now: float, *, entered: float, guessed: int, used: int | None = None) -> None:
        """It is over, however it ended.

        entered: when; guessed: with how many tokens; used: how many it took, if anybody said.
        """
        self.in_flight -= 1
        if used is not None and int(entered // MINUTE) == int(now // MINUTE) == self._minute:
            self._tokens += used - guessed

    def went_well(self, now: float, seconds: float, *, stream: bool) -> None:
        """It answered, within so many seconds."""
        self._bucket(now)[1] += 1
        if not stream:
            self.latency = self._averaged(self.latency, seconds)

    def failed(self, now: float, status: int | None, retry_after: float | None = None) -> bool:
        """It did not; whether that cools the deployment. status: `None` where there was no reply."""
        self._bucket(now)[2] += 1
        well, failed = self.recent(now)
        if status in AT_ONCE:
            why = f"HTTP {status}"
        elif well + failed >= ENOUGH and failed > well:
            why = f"{failed} of {well + failed} attempts failed"
        else:
            return False
        self.cool(now, self._cooling if retry_after is None else retry_after, why)
        return True

    def cool(self, now: float, seconds: float, why: str) -> None:
        """Leave it alone for so long; 0 seconds: no more."""
        self.cooled_until, self.cooled_for = now + seconds, why if seconds else ""

    # ---------------------------------------------------------------------- shared with others

    def kinds(self) -> dict[str, Kind]:
        """What of it is worth sharing: whatever a limit is set for."""
        minute = Kind(MINUTE)
        found = {name: minute for name in (REQUESTS, TOKENS) if getattr(self.deployment, name) is not None}
        windows = {f"{one.window.seconds}s": Kind(one.window.seconds / PARTS, PARTS) for one in self.windows}
        return found | windows

    def counts(self, now: float) -> dict[tuple[str, int], int]:
        """By kind and stretch of time."""
        minute = int(now // MINUTE)
        mine = {REQUESTS: self.requests(now), TOKENS: self.tokens(now)}
        found = {(name, minute): mine[name] for name in self.kinds() if name in mine}
        for count in self.windows:
            found |= {(f"{count.window.seconds}s", part): n for part, n in count.parts()}
        return found

    def add(self, now: float, kind: str, part: int, number: int) -> None:
        """So much was counted by others."""
        if kind in {REQUESTS, TOKENS}:
            self._turn(now)
            if part == self._minute:
                self._requests += number if kind == REQUESTS else 0
                self._tokens += number if kind == TOKENS else 0
            return
        for count in self.windows:
            if kind == f"{count.window.seconds}s":
                count.add(part, number)

    # ------------------------------------------------------------------------------------- parts

    def _turn(self, now: float) -> None:
        minute = int(now // MINUTE)
        if minute != self._minute:
            self._minute, self._requests, self._tokens = minute, 0, 0

    def _bucket(self, now: float) -> list[int]:
        minute = int(now // MINUTE)
        if not self._buckets or self._buckets[-1][0] != minute:
            self._buckets.append([minute, 0, 0])
        return self._buckets[-1]

    def _averaged(self, known: float | None, seconds: float) -> float:
        return seconds if known is None else known + self._smoothing * (seconds - known)


def span(seconds: int) -> str:
    """`5 hours`, `day`: a window's length, as people say it."""
    unit, name = next(one for one in UNITS if seconds % one[0] == 0)
    return f"1 {name}" if seconds == unit else f"{seconds // unit} {name}s"


UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
