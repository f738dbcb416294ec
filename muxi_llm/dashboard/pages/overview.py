"""What goes on: requests, tokens, cost and failures over time, by model and provider."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.dashboard import charts, shown
from muxi_llm.dashboard.pages.page import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markupsafe import Markup
    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit

SPANS = {"7": "7", "30": "30", "90": "90"}
"""Days that may be chosen."""


class Picture(NamedTuple):
    """A chart, and what its hues are."""

    title: str
    lines: list[str]
    chart: Markup


async def show(visit: Visit) -> Response:
    """The first page."""
    days = int(SPANS.get(visit.query.get("days", ""), "30"))
    last = datetime.now(UTC).date()
    dates = {"start_date": str(last - timedelta(days=days - 1)), "end_date": str(last)}
    activity = await visit.get("/global/activity", **dates)
    models = (await visit.get("/global/spend/models", **dates, limit=8))["data"]
    providers = []
    if visit.may("global/spend/provider"):
        providers = (await visit.get("/global/spend/provider", **dates, limit=8))["data"]
    return visit.page(
        "overview.html",
        days=days,
        spans=SPANS,
        summary=activity["summary"],
        pictures=drawn(visit, activity["data"], date.fromisoformat(dates["start_date"]), days),
        rows=activity["data"],
        models=models,
        providers=providers,
    )


def drawn(visit: Visit, rows: Sequence[Mapping[str, Any]], first: date, days: int) -> list[Picture]:
    """The charts: each day of the span, those without a request too."""
    labels = [str(first + timedelta(days=index)) for index in range(days)]
    found = {str(row["start"])[:10]: row for row in rows}

    def of(name: str) -> list[float]:
        return [float(found.get(label, {}).get(name) or 0) for label in labels]

    good = [asked - bad for asked, bad in zip(of("requests"), of("failed"), strict=True)]
    say, short = visit.say, [label[5:] for label in labels]
    wanted: list[tuple[str, list[charts.Line], Callable[[float], str]]] = [
        (
            "Requests",
            [charts.Line(say("Answered"), good), charts.Line(say("Failed"), of("failed"))],
            shown.count,
        ),
        (
            "Tokens",
            [charts.Line(say("Read"), of("input")), charts.Line(say("Written"), of("output"))],
            shown.count,
        ),
        ("Cost", [charts.Line(say("Cost"), of("spend"))], shown.usd),
    ]
    return [
        Picture(say(title), [line.name for line in lines], charts.stacked(short, lines, say(title), told))
        for title, lines, told in wanted
    ]


PAGES = (Page("/", "Overview", show, "global/activity", "Now"),)
