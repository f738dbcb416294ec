"""Numbers, amounts and instants as people read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

NOTHING = "\N{EN DASH}"
UNITS = ((1e9, "B"), (1e6, "M"), (1e3, "k"))


def count(value: float | None) -> str:
    """1234567 → `1.23M`; whole up to 9,999."""
    if value is None:
        return NOTHING
    if abs(value) < 10_000:
        return f"{value:,.0f}"
    size, unit = next(pair for pair in UNITS if abs(value) >= pair[0] or pair[0] == 1e3)
    return f"{value / size:.3g}{unit}"


def usd(value: float | None) -> str:
    """`$12.34`; what is less than a cent has as many digits as tell it."""
    if value is None:
        return NOTHING
    if value == 0 or abs(value) >= 0.01:
        return f"${value:,.2f}"
    return f"${value:.2g}" if abs(value) >= 1e-4 else f"${value:.6f}"


def percent(part: float, whole: float) -> str:
    """*part* of *whole*."""
    return f"{100 * part / whole:.1f}%" if whole else NOTHING


def seconds(value: float | None) -> str:
    """0.0123 → `12 ms`, 3.4 → `3.4 s`, 90 → `1 min 30 s`."""
    if value is None:
        return NOTHING
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{n} {unit}" for n, unit in [part for part in parts if part[0]][:2])


def instant(value: str | float | None) -> str:
    """An RFC 3339 time, or Unix seconds, as `2026-12-01 03:04 UTC`."""
    if not value:
        return NOTHING
    when = datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value, UTC)
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def typed(value: object) -> str:
    """As somebody types it into a field: 900.0 → `900`, a list with commas, nothing for nothing."""
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def plain(value: object) -> str:
    """Of JSON, to be read: text as it is, nothing for what says nothing."""
    if value in (None, "", [], {}):
        return NOTHING
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


FILTERS = {"count": count, "usd": usd, "seconds": seconds, "instant": instant, "typed": typed, "plain": plain}
"""By their names in templates."""
