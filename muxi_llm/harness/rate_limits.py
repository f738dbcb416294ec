"""What a reply's headers say of rate limits: how much is left, of how much, and when it is all there again.

Pure. Whatever a header holds that makes no sense says nothing. Limits fill up again evenly ("token bucket"),
so that a part of the way to the reset brings that part of the limit.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def left_of(headers: Mapping[str, str]) -> tuple[int, int] | None:
    """Requests left and their limit, by lower-case names; `None` where the headers do not say."""
    for sign, *names in REQUESTS:
        if sign in headers:  # most do not say
            remaining, limit = _count(headers[sign]), _count(headers.get(names[0], ""))
            return (remaining, limit) if remaining is not None and limit else None
    return None


def pause_of(headers: Mapping[str, str], tokens: int = 0) -> float | None:
    """Seconds until one more request like this one, which took so many *tokens*, will be taken.

    `None` where it would be now, as far as the headers say.
    """
    if SIGNS.isdisjoint(headers):  # most servers do not say
        return None
    found = [
        pause
        for families, needed in ((REQUESTS, 1), (TOKENS, max(tokens, 1)))
        for family in families
        if family[0] in headers and (pause := _pause(headers, family, needed)) is not None
    ]
    return max(found, default=None)


def _pause(headers: Mapping[str, str], family: tuple[str, str, str], needed: int) -> float | None:
    remaining = _count(headers[family[0]])
    if remaining is None or remaining >= needed:  # nearly always
        return None
    limit = _count(headers.get(family[1], ""))
    if not limit or remaining >= min(needed, limit):
        return None
    seconds = _seconds(headers.get(family[2], ""), headers.get("date"))
    return None if seconds is None else seconds * (min(needed, limit) - remaining) / (limit - remaining)


def _count(text: str) -> int | None:
    """A header's number, `None` for what is no count of anything: a server may say whatever it likes."""
    return int(text) if len(text) <= DIGITS and text.isascii() and text.isdecimal() else None


def _seconds(text: str, date: str | None) -> float | None:
    """A time to wait: `6m0s`, `120ms`, `1.5`, or a moment (RFC 3339) as seen from the reply's own date."""
    if (parts := DURATION.fullmatch(text)) and text:
        amounts = zip(parts.groups(), (3600.0, 60.0, 1.0, 0.001), strict=True)
        return sum(float(amount) * unit for amount, unit in amounts if amount)
    try:
        until = datetime.fromisoformat(text)
        since = datetime.strptime(date or "", "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        return max((until - since).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


DIGITS = 15
"""Of a count that makes sense, at most."""

NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
DURATION = re.compile(rf"(?:{NUMBER}h)?(?:{NUMBER}m(?!s))?(?:{NUMBER}s?)?(?:{NUMBER}ms)?", re.ASCII)

# What is left, of how much, until when. Lower-case names.
# https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
# https://console.groq.com/docs/rate-limits#rate-limit-headers
# https://docs.anthropic.com/en/api/rate-limits#response-headers
REQUESTS = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-limit-requests", "x-ratelimit-reset-requests"),
    (
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-reset",
    ),
)
TOKENS = (
    ("x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens"),
    (
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-tokens-reset",
    ),
)
SIGNS = frozenset(family[0] for family in (*REQUESTS, *TOKENS))
