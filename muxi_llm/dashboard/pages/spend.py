"""What was spent: by day, model, key, team and user, down to the rows of the ledger."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from muxi_llm.dashboard import charts
from muxi_llm.dashboard.asking import RefusedError
from muxi_llm.dashboard.pages.page import Page
from muxi_llm.dashboard.pages.pictures import cost_of, days_between
from muxi_llm.dashboard.pages.records import BY_FAMILY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from muxi_llm.dashboard.pages.kinds import Kind
    from muxi_llm.dashboard.visits import Visit

DAYS = 30
SAID = ("start_date", "end_date", "model")
"""Fields of the form that says which."""

WHOSE = {"api_key": "key", "user_id": "user", "team_id": "team", "organization_id": "organization"}
"""By which word the API is asked of whom."""

TOPS = (
    ("Keys", "/spend/keys", "spend/keys", "api_key"),
    ("Teams", "/spend/teams", "spend/teams", "team_id"),
    ("Users", "/spend/users", "spend/users", "user_id"),
)
"""What is ranked where nobody's spend in particular is looked at."""


def asked(visit: Visit) -> dict[str, str]:
    """The days and whose, as the address says; the last thirty days of all one may see."""
    last = datetime.now(UTC).date()
    out = {"start_date": str(last - timedelta(days=DAYS - 1)), "end_date": str(last)}
    for name in (*out, *WHOSE, "model"):
        if text := visit.query.get(name, "").strip():
            out[name] = text
    return out


async def named(visit: Visit, query: Mapping[str, str]) -> tuple[Kind, str, str] | None:
    """Whose they are: the kind, the id, and the name, if the viewer may know it."""
    for word, family in WHOSE.items():
        if word in query:
            kind, name = BY_FAMILY[family], query[word]
            with suppress(RefusedError):
                told = await visit.get(f"/{family}/info", **{kind.asked_by: query[word]})
                name = kind.name_of(told.get(family, told))
            return kind, query[word], name
    return None


async def show(visit: Visit) -> Response:
    """Sums, and whom they are of."""
    query = asked(visit)
    told, error = await visit.sought("/spend/logs", SAID, **query)
    if error:
        return visit.page("spend.html", 400, asked=query, whose=None, told=None, error=error)
    whose = next((name for name in WHOSE if name in query), "")
    tops = []
    if not whose and "model" not in query:
        dates = {name: query[name] for name in ("start_date", "end_date")}
        for title, path, right, word in TOPS:
            if visit.may(right):
                tops.append((title, (await visit.get(path, **dates, limit=10))["data"], word))
    days = days_between(date.fromisoformat(query["start_date"]), date.fromisoformat(query["end_date"]))
    return visit.page(
        "spend.html",
        asked=query,
        error=None,
        whose=await named(visit, query),
        told=told,
        picture=cost_of(visit, told["daily_usage"], days, charts.WIDTH),
        small=cost_of(visit, told["daily_usage"], days),
        tops=tops,
    )


async def rows(visit: Visit) -> Response:
    """The ledger, the newest first."""
    query = asked(visit)
    given = {**query, "after": visit.query.get("after", ""), "request_id": visit.query.get("request_id", "")}
    found, error = await visit.sought("/spend/rows", (*SAID, "request_id"), **given, limit=50)
    data = {"found": found, "whose": await named(visit, query), "request_id": given["request_id"]}
    return visit.page("ledger.html", 400 if error else 200, asked=query, error=error, **data)


async def row(visit: Visit) -> Response:
    """One request, and each of its attempts."""
    found = await visit.get("/spend/row", reservation_id=visit.query.get("id", ""))
    return visit.page(
        "ledger_row.html", attempts=found["data"], total=sum(one["spend"] for one in found["data"])
    )


async def export(visit: Visit) -> Response:
    """The ledger's rows as CSV, as the API exports them."""
    answer = await visit.relayed("GET", "/spend/export", params=asked(visit))
    head: dict[str, Any] = {"content-disposition": 'attachment; filename="spend.csv"'}
    return StreamingResponse(iter([answer.content]), 200, head, "text/csv; charset=utf-8")


PAGES = (
    Page("/spend", "Spend", show, "spend/logs", "Money"),
    Page("/spend/rows", "Ledger", rows, "spend/rows", "Money"),
    Page("/spend/row", "", row, "spend/row"),
    Page("/spend/export.csv", "", export, "spend/export"),
)
