"""What goes on: requests, tokens, cost, failures and how long answers take, over time and by whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from muxi_llm.dashboard.pages.page import Page
from muxi_llm.dashboard.pages.pictures import cost_of, days_between, requests_of, tokens_of, took_of

if TYPE_CHECKING:
    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit

SPANS = {"7": "7", "30": "30", "90": "90"}
"""Days that may be chosen."""
PARTS = (("Latency", "whole"), ("First token", "first"))
"""Of answers, whose time is told."""


async def show(visit: Visit) -> Response:
    """The first page."""
    many = int(SPANS.get(visit.query.get("days", ""), "30"))
    last = datetime.now(UTC).date()
    first = last - timedelta(days=many - 1)
    dates = {"start_date": str(first), "end_date": str(last)}
    activity = await visit.get("/global/activity", **dates)
    models = (await visit.get("/global/spend/models", **dates, limit=8))["data"]
    providers = []
    if visit.may("global/spend/provider"):
        providers = (await visit.get("/global/spend/provider", **dates, limit=8))["data"]
    took: dict[str, Any] = {}
    if visit.may("global/latency"):
        took = await visit.get("/global/latency", **dates, limit=8)
    rows, days = activity["data"], days_between(first, last)
    pictures = [of(visit, rows, days) for of in (requests_of, tokens_of, cost_of)]
    pictures += [
        took_of(visit, title, took["data"], days, part)
        for title, part in PARTS
        if took and took["summary"][part]
    ]
    return visit.page(
        "overview.html",
        days=many,
        spans=SPANS,
        summary=activity["summary"],
        pictures=pictures,
        rows=rows,
        took=took,
        days_times={row["start"]: row for row in took.get("data", ())},
        models=models,
        providers=providers,
    )


PAGES = (Page("/", "Overview", show, "global/activity", "Now"),)
