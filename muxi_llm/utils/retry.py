"""When to try again, and how long to wait first: pure functions, used by the plan and public.

Nothing here sleeps or reads a clock.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BACKOFF_CAP", "RETRY_AFTER_CAP", "backoff_seconds", "is_retryable_status", "retry_after_seconds"]

BACKOFF_CAP = 8.0
"""Longest pause of our own choosing, in seconds."""

RETRY_AFTER_CAP = 60.0
"""Longest pause a provider may ask for, in seconds; beyond it the next candidate is better."""

RETRYABLE_4XX = frozenset({408, 409, 425, 429})


def is_retryable_status(status: int) -> bool:
    """Whether the same request may succeed later: 408, 409, 425, 429 and every 5xx (529 too)."""
    return status in RETRYABLE_4XX or 500 <= status < 600


def backoff_seconds(retry: int, base: float) -> float:
    """A random pause before retry number *retry* (from 1): full jitter, doubling from *base* seconds.

    >>> 0 <= backoff_seconds(3, 0.5) <= 2.0
    True
    """
    from tenacity import RetryCallState, Retrying, wait_random_exponential  # noqa: PLC0415 - most calls do without

    state = RetryCallState(Retrying(), None, (), {})  # it wants one; its loop is never run
    state.attempt_number = retry
    return wait_random_exponential(multiplier=base, max=BACKOFF_CAP)(state)


def retry_after_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """The pause a reply asks for, in seconds, `None` if it does not.

    headers: lower-case names. now: epoch seconds, used for an HTTP date only where the reply has
    no `Date` of its own (a server's two dates agree with each other even if our clock does not).
    Source: RFC 9110 §10.2.3; `retry-after-ms` is OpenAI's and Azure's.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _number(value)
    if seconds is None:
        until = _epoch(value)
        seconds = None if until is None else until - (_epoch(headers.get("date")) or now)
    return None if seconds is None else max(0.0, seconds)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is None or abs(number) < float("inf") else None  # nan and inf are not waits


def _epoch(date: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(date) if date else None
        if moment is None:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()  # HTTP dates are GMT
    except (ValueError, TypeError, OverflowError):  # a date of no calendar, before 1970 or after all time
        return None
