"""Charts of days, as several pages have them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.dashboard import charts, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from markupsafe import Markup

    from muxi_llm.dashboard.visits import Visit

    Rows = Sequence[Mapping[str, Any]]

LONGEST = 366
"""Days of a chart."""


class Picture(NamedTuple):
    """A chart, and what its hues are."""

    title: str
    lines: list[str]
    chart: Markup


def days_between(first: date, last: date) -> list[str]:
    """Every day from *first* to *last*, the latest of them if they are very many."""
    many = min((last - first).days + 1, LONGEST)
    return [str(last - timedelta(days=index)) for index in reversed(range(many))]


def of_days(rows: Rows, days: Sequence[str], name: str) -> list[float]:
    """That sum on each of *days*, those without a request too."""
    found = {str(row["start"])[:10]: row for row in rows}
    return [float(found.get(day, {}).get(name) or 0) for day in days]


def requests_of(visit: Visit, rows: Rows, days: Sequence[str]) -> Picture:
    """Those that were answered, and those that were not."""
    asked, failed = of_days(rows, days, "requests"), of_days(rows, days, "failed")
    good = [all_ - bad for all_, bad in zip(asked, failed, strict=True)]
    return _picture(visit, days, "Requests", {"Answered": good, "Failed": failed}, shown.count, charts.NARROW)


def tokens_of(visit: Visit, rows: Rows, days: Sequence[str]) -> Picture:
    """Those read, and those written."""
    lines = {"Read": of_days(rows, days, "input"), "Written": of_days(rows, days, "output")}
    return _picture(visit, days, "Tokens", lines, shown.count, charts.NARROW)


def cost_of(visit: Visit, rows: Rows, days: Sequence[str], width: int = charts.NARROW) -> Picture:
    """USD."""
    return _picture(visit, days, "Cost", {"Cost": of_days(rows, days, "spend")}, shown.usd, width)


def took_of(visit: Visit, title: str, rows: Rows, days: Sequence[str], part: str) -> Picture:
    """How long *part* of the answers took: what half of them stayed below, and nearly all. Seconds."""
    found = {str(row["start"])[:10]: row[part] for row in rows if row[part]}
    lines = [
        charts.Trace(visit.say(name), [found[day][of] / 1000 if day in found else None for day in days])
        for name, of in (("Median", "p50_ms"), ("95% within", "p95_ms"))
    ]
    labels = [day[5:] for day in days]
    drawn = charts.traced(labels, lines, visit.say(title), shown.seconds, charts.HALF)
    return Picture(visit.say(title), [line.name for line in lines], drawn)


def _picture(
    visit: Visit,
    days: Sequence[str],
    title: str,
    lines: Mapping[str, list[float]],
    told: Callable[[float], str],
    width: int,
) -> Picture:
    named = [charts.Line(visit.say(name), values) for name, values in lines.items()]
    drawn = charts.stacked([day[5:] for day in days], named, visit.say(title), told, width)
    return Picture(visit.say(title), [line.name for line in named], drawn)
