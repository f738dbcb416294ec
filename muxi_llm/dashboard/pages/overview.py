"""What goes on: requests, tokens, cost and failures over time, by model and provider."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from muxi_llm.dashboard import charts, shown
from muxi_llm.dashboard.pages.page import Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit

SPANS = {"7": 7, "30": 30, "90": 90}
"""Days that may be chosen."""


async def show(visit: Visit) -> Response:
    """The first page."""
    days = SPANS.get(visit.query.get("days", ""), 30)
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
        drawn=drawn(visit, activity["data"], date.fromisoformat(dates["start_date"]), days),
        rows=activity["data"],
        models=models,
        providers=providers,
    )


def drawn(visit: Visit, rows: Sequence[Mapping[str, Any]], first: date, days: int) -> dict[str, Any]:
    """The charts: each day of the span, those without a request too."""
    labels = [str(first + timedelta(days=index)) for index in range(days)]
    found = {str(row["start"])[:10]: row for row in rows}

    def of(name: str) -> list[float]:
        return [float(found.get(label, {}).get(name) or 0) for label in labels]

    good = [all_ - bad for all_, bad in zip(of("requests"), of("failed"), strict=True)]
    say, short = visit.say, [label[5:] for label in labels]
    return {
        "requests": charts.stacked(
            short,
            [charts.Line(say("Answered"), good), charts.Line(say("Failed"), of("failed"))],
            say("Requests a day"),
            shown.count,
        ),
        "tokens": charts.stacked(
            short,
            [charts.Line(say("Read"), of("input")), charts.Line(say("Written"), of("output"))],
            say("Tokens a day"),
            shown.count,
        ),
        "cost": charts.stacked(short, [charts.Line(say("Cost"), of("cost"))], say("Cost a day"), shown.usd),
    }


PAGES = (Page("/", "Overview", show, "global/activity", "Now"),)
