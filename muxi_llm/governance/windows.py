"""The time a budget is for: a calendar's periods in a zone of one's own, or the last so many seconds.

A calendar's period is one bucket; a rolling window is many, of which those count that any of it is within. So
a rolling budget is never passed within its seconds, and frees what was spent up to a bucket late.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import floor
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from muxi_llm.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo


class Window(NamedTuple):
    """kind: `total` (for ever), `hour`, `day`, `week`, `month`, `rolling`. seconds: of a rolling one. zone:
    an IANA zone, "" UTC. week_start: 0 is Monday.
    """

    kind: str
    seconds: int = 0
    zone: str = ""
    week_start: int = 0

    @property
    def grain(self) -> int:
        """Seconds of a rolling window's bucket."""
        return max(-(-self.seconds // BUCKETS), 1)


class Span(NamedTuple):
    """What counts at an instant: buckets from *oldest* to *start*, which is the one it is in; *end* is when
    the next one begins (infinite, of a total).
    """

    oldest: int
    start: int
    end: float


def window_of(text: str, zone: str = "", week_start: int = 0) -> Window:
    """The window that *text* says: `total`, `hour`, `day`, `week`, `month`, or a rolling one (`30d`, `12h`,
    `90m`, `45s`). Raises `InvalidRequestError` that names the field.
    """
    if text in STARTS or text == "total":
        if zone and _zone(zone) is None:
            raise InvalidRequestError(f"zone: no time zone of the IANA's is called {zone!r}", param="zone")
        if week_start not in range(7):
            raise InvalidRequestError("week_start: 0 (Monday) to 6 (Sunday)", param="week_start")
        return Window(text, 0, zone, week_start if text == "week" else 0)
    told = ROLLING.fullmatch(text)
    if told is None or int(told[1]) == 0:
        raise InvalidRequestError(f"window: {KINDS}, not {text!r}", param="window")
    return Window("rolling", int(told[1]) * UNITS[told[2]])


def span(window: Window, at: float) -> Span:
    """What counts at the instant *at*."""
    if window.kind == "total":
        return Span(0, 0, float("inf"))
    if window.kind == "rolling":
        start = int(at // window.grain) * window.grain
        oldest = int((at - window.seconds) // window.grain) * window.grain
        return Span(oldest, start, start + window.grain)
    return _period(window, floor(at / MINUTE))


@lru_cache(4096)
def _period(window: Window, minute: int) -> Span:
    """A calendar's, of all instants of a minute: no clock is changed within one."""
    zone = _zone(window.zone) or UTC
    first = _start(window, minute * MINUTE, zone)
    ahead = first + AHEAD[window.kind]
    while (end := _start(window, ahead, zone)) <= first:  # an hour that a change of the clock made longer
        ahead += 1800
    return Span(first, first, end)


def frees_at(window: Window, bucket: int) -> float:
    """When what was spent in *bucket* no longer counts."""
    if window.kind == "rolling":
        return bucket + window.grain + window.seconds
    return span(window, bucket).end


def _start(window: Window, at: float, zone: tzinfo) -> int:
    return int(STARTS[window.kind](datetime.fromtimestamp(floor(at), zone), window.week_start).timestamp())


def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones is no zone either
        return None


# ------------------------------------------------------------------------------------------ tables
# A day that begins within a change of the clock begins when the clock says so for the first time.


def _hour(local: datetime, _: int) -> datetime:
    return local.replace(minute=0, second=0, microsecond=0)


def _day(local: datetime, _: int = 0) -> datetime:
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _week(local: datetime, first: int) -> datetime:
    return _day(local - timedelta(days=(local.weekday() - first) % 7))


def _month(local: datetime, _: int) -> datetime:
    return _day(local).replace(day=1)


STARTS: dict[str, Callable[[datetime, int], datetime]] = {
    "hour": _hour,
    "day": _day,
    "week": _week,
    "month": _month,
}
MINUTE = 60
HOUR = 3600
AHEAD = {"hour": HOUR, "day": 30 * HOUR, "week": (7 * 24 + 6) * HOUR, "month": (31 * 24 + 6) * HOUR}
"""Seconds from a period's start that are within the next one, if no clock was changed for more than six
hours.
"""

BUCKETS = 60
UNITS = {"s": 1, "m": 60, "h": HOUR, "d": 24 * HOUR, "w": 7 * 24 * HOUR}
ROLLING = re.compile(r"(\d{1,6})([smhdw])")
KINDS = "total, hour, day, week, month, or a rolling one such as 30d, 12h, 90m"
