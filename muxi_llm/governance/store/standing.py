"""How the budgets of records stand: what is spent and held of each in the period that it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from muxi_llm.governance.shapes import BUDGETS, iso, name_of, usd
from muxi_llm.governance.store.rows import defined
from muxi_llm.governance.store.schema import balances, budgets
from muxi_llm.governance.windows import Span, span, window_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

    Row = Mapping[Any, Any]


def standing_of(
    connection: Connection, kind: str, ids: Iterable[str], now: float
) -> dict[str, list[dict[str, Any]]]:
    """Of each record that has budgets: those, the ones that refuse first."""
    rows = connection.execute(defined(budgets, kind, ids)).mappings().all()
    periods: dict[Span, list[str]] = {}
    for row in rows:
        periods.setdefault(_span(row, now), []).append(row["id"])
    sums = {
        which: (spent, held)
        for period, of in periods.items()
        for which, spent, held in connection.execute(
            select(balances.c.budget_id, func.sum(balances.c.spent), func.sum(balances.c.reserved))
            .where(balances.c.budget_id.in_(of), balances.c.subject == "")
            .where(balances.c.period >= period.oldest, balances.c.period <= period.start)
            .group_by(balances.c.budget_id)
        )
    }
    out: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: not row["hard"]):
        told = _told(row, _span(row, now), *sums.get(row["id"], (0, 0)))
        out.setdefault(row["scope_id"], []).append(told)
    return out


def _span(row: Row, now: float) -> Span:
    return span(window_of(row["window"], row["zone"], row["week_start"]), now)


def _told(row: Row, period: Span, spent: int, held: int) -> dict[str, Any]:
    name = name_of(row)
    words = (word for word, (known, _) in BUDGETS.items() if known == name)
    return {
        "name": next(words, name),
        "model": row["model"],
        "hard": row["hard"],
        "max_budget": usd(row["amount"]),
        "spent": usd(int(spent)),
        "held": usd(int(held)),
        "window": row["window"],
        "since": iso(period.oldest),
        "until": None if row["window"] == "total" else iso(period.end),
    }
