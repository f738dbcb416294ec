"""LLMix's stand-alone tools: the harness' machines with a clock and a lock, under LLMix's names."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from enum import StrEnum
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from muxi_llm.errors import CircuitOpenError, KeyPoolExhaustedError, KillSwitchActiveError
from muxi_llm.harness import breaker, kill_switch, singleflight
from muxi_llm.llmix.dispatching import LOCAL, headers_of, status_of
from muxi_llm.llmix.file_lock import FileLock
from muxi_llm.transport.ports import AsyncIO
from muxi_llm.utils.retry import RETRY_AFTER_CAP, retry_after_seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path

    from muxi_llm.harness.breaker import Ticket

T = TypeVar("T")

__all__ = [
    "CircuitBreaker",
    "CircuitOpenError",
    "CircuitState",
    "FileLock",
    "KillSwitch",
    "KillSwitchActiveError",
    "RetryPolicy",
    "Singleflight",
    "calculate_delay",
    "is_retryable",
    "parse_retry_after",
]

NOWHERE: Any = None
MAX_RETRY_AFTER_MS = int(RETRY_AFTER_CAP * 1000)


# ----------------------------------------------------------------------------------- circuit breaker


class CircuitState(StrEnum):
    """How a breaker stands."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class CircuitBreaker:
    """A breaker for one provider and base URL (`muxi_llm.harness.breaker`). Thread-safe.

    failure_threshold: failures in a row that open it: 408, 429, 5xx, no answer. cooldown_seconds: until it
    is tried again. permitted_half_open_calls: let through then.
    """

    def __init__(
        self,
        provider: str,
        base_url: str = "",
        failure_threshold: int = 3,
        cooldown_seconds: float = 30.0,
        permitted_half_open_calls: int = 1,
    ) -> None:
        self.provider = provider
        self.base_url = base_url
        self.failure_threshold = failure_threshold
        self.cooldown_seconds = cooldown_seconds
        self.permitted_half_open_calls = permitted_half_open_calls
        self._machine = breaker.CircuitBreaker(
            breaker.Breaker(
                in_a_row=failure_threshold, cooldown=cooldown_seconds, probes=permitted_half_open_calls
            )
        )
        self._lock = Lock()
        self._probes: deque[Ticket] = deque()

    @property
    def state(self) -> CircuitState:
        """How it stands now."""
        with self._lock:
            return STATES[self._machine.state(time.monotonic())]

    def check(self) -> None:
        """Leave for one call. Raises `CircuitOpenError` where there is none."""
        with self._lock:
            now = time.monotonic()
            ticket = self._machine.admit(now)
            if ticket is None:
                raise CircuitOpenError(self.provider, self.base_url)
            if self._machine.state(now) == "half-open":
                self._probes.append(ticket)

    def on_success(self) -> None:
        """A call succeeded."""
        self._settle(failed=False)

    def on_failure(self, status_code: int | None = None, *, network_error: bool = False) -> None:
        """A call failed, with that status or without any answer."""
        self._settle(failed=network_error or is_retryable(status_code))

    def cancel_probe(self) -> None:
        """A call that was let through to try the provider was given up: its place goes to another."""
        with self._lock:
            if self._probes:
                self._machine.settle(self._probes.popleft(), None, time.monotonic())

    def reset(self) -> None:
        """Closed, as at the beginning."""
        with self._lock:
            self._machine.reset()
            self._probes.clear()

    def _settle(self, *, failed: bool) -> None:
        with self._lock:
            now = time.monotonic()
            if self._machine.state(now) != "half-open":
                self._probes.clear()
            ticket = self._probes.popleft() if self._probes else self._machine.admit(now)
            if ticket is not None:
                self._machine.settle(ticket, failed, now)


STATES: dict[breaker.State, CircuitState] = {
    "closed": CircuitState.CLOSED,
    "open": CircuitState.OPEN,
    "half-open": CircuitState.HALF_OPEN,
}


# ---------------------------------------------------------------------------------------- kill switch


class KillSwitch(kill_switch.KillSwitch):
    """All calls stop while *state_dir* (default: LLMix's) has a file `killswitch`."""

    def __init__(self, state_dir: str | Path | None = None) -> None:
        super().__init__(state_dir)

    def is_active(self) -> bool:
        """Whether calls are stopped. Raises `OSError` where it cannot be told."""
        return self.state == "on"


# ------------------------------------------------------------------------------------------ retries


def is_retryable(status_code: int | None) -> bool:
    """Whether a call that failed so may succeed later: 408, 429, 5xx, or no status: no answer came."""
    return status_code is None or status_code in {408, 429} or 500 <= status_code < 600


def calculate_delay(
    attempt: int, base_ms: float = 1000, max_delay_ms: float = 30_000, jitter_ms: int = 1000
) -> float:
    """Milliseconds to wait after attempt number *attempt* (from 0): doubling, capped, jitter on top."""
    grown: float = min(2 ** min(attempt, 64) * base_ms, max_delay_ms)
    return grown + random.randint(0, jitter_ms)  # noqa: S311 - spreads load, guards nothing


def parse_retry_after(header_value: str | None, *, max_ms: int = MAX_RETRY_AFTER_MS) -> int | None:
    """Milliseconds a `Retry-After` asks for, *max_ms* at most; `None` for none, or none that makes sense."""
    if header_value is None or header_value.strip().startswith("-"):
        return None
    seconds = retry_after_seconds({"retry-after": header_value}, time.time())
    return None if seconds is None else int(min(seconds * 1000, max_ms))


class RetryPolicy:
    """Tries again, with pauses. Delays are milliseconds."""

    def __init__(
        self,
        max_retries: int = 3,
        base_ms: float = 1000,
        max_delay_ms: float = 30_000,
        jitter_ms: int = 1000,
        max_retry_after_ms: int = MAX_RETRY_AFTER_MS,
    ) -> None:
        self.max_retries = max_retries
        self.base_ms = base_ms
        self.max_delay_ms = max_delay_ms
        self.jitter_ms = jitter_ms
        self.max_retry_after_ms = max_retry_after_ms

    def get_delay_ms(self, attempt: int, retry_after_header: str | None = None) -> float:
        """The pause after attempt number *attempt* (from 0); what the provider asks for wins."""
        asked = parse_retry_after(retry_after_header, max_ms=self.max_retry_after_ms)
        if asked is not None:
            return asked
        return calculate_delay(attempt, self.base_ms, self.max_delay_ms, self.jitter_ms)

    async def execute(
        self,
        fn: Callable[[], Awaitable[T]],
        is_retryable_fn: Callable[[Exception], bool] | None = None,
    ) -> T:
        """What *fn* returns, at last. Raises its last error.

        is_retryable_fn: whether an error is worth another try; by default its `status_code` says, and a
        caller's mistake or an open breaker never is.
        """
        worth = is_retryable_fn or _is_worth_it
        attempt = 0
        while True:
            (outcome,) = await asyncio.gather(fn(), return_exceptions=True)
            if not isinstance(outcome, BaseException):
                return outcome
            if attempt == self.max_retries or not isinstance(outcome, Exception) or not worth(outcome):
                raise outcome
            asked = headers_of(outcome).get("retry-after")
            await asyncio.sleep(self.get_delay_ms(attempt, asked) / 1000)
            attempt += 1


def _is_worth_it(error: Exception) -> bool:
    return not isinstance(error, NEVER) and is_retryable(status_of(error))


NEVER = (CircuitOpenError, KeyPoolExhaustedError, KillSwitchActiveError, *LOCAL)


# -------------------------------------------------------------------------------------- singleflight


class Singleflight:
    """Equal work under way at the same time becomes one (`muxi_llm.harness.singleflight`)."""

    def __init__(self) -> None:
        self._flights = singleflight.Singleflight()

    async def do(self, key: str, fn: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What *fn* returns, or raises, for everyone who asks for *key* meanwhile."""
        result: T = await self._flights.do(AsyncIO(NOWHERE), key, fn)
        return result

    @property
    def in_flight_count(self) -> int:
        """How much is under way."""
        return len(self._flights)

    @staticmethod
    def make_key(data: str) -> str:
        """A key for *data*: its SHA-256, in hex."""
        return sha256(data.encode()).hexdigest()
