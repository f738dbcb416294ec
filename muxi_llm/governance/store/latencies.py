"""How long answers take: how many were within each step of a ladder. Averages are exact; what half of them
stayed below, and all but the slowest, is so within a step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import case, func, literal, literal_column, select

from muxi_llm.governance.shapes import iso
from muxi_llm.governance.store.schema import latencies, ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

STEPS = (*(int(digits * 10**power) for power in range(1, 6) for digits in (1, 1.5, 2, 3, 5, 7)), 10**6)
"""Milliseconds. What takes longer than the last is counted there."""

PARTS = {"whole": ledger.c.ms, "first": ledger.c.first_ms}
SCOPES = {"all": None, "model": ledger.c.model, "deployment": ledger.c.deployment}
SUMMED = ("requests", "ms")
NONE = {"requests": 0}


class Span(NamedTuple):
    """From *start* until before *end*, Unix seconds. scope: of `all`, of each `model`, as it was asked for,
    of each `deployment`. which: of that one alone, "" any.
    """

    start: float
    end: float
    scope: str = "all"
    which: str = ""


def answered(grain: str, start: Any, scope: str, part: str) -> Any:
    """The rows of the ledger that tell of *part*, summed up. Sessions, failures and corrections do not."""
    took, which = PARTS[part], SCOPES[scope]
    bounds: list[Any] = [literal_column(str(one)) for one in STEPS]  # one that is bound is another each time
    step = case(*((took <= most, most) for most in bounds[:-1]), else_=bounds[-1])
    told: Any = literal("") if which is None else which
    by = [start, step] if which is None else [start, which, step]
    found = select(
        literal(grain), literal(scope), start, told, literal(part), step, func.count(), func.sum(took)
    )
    tells = (took > 0, ledger.c.status >= 200, ledger.c.status < 300, ledger.c.kind != "correction")
    return found.where(*tells).group_by(*by)


def told(connection: Connection, span: Span, grain: str, by: str = "") -> list[dict[str, Any]]:
    """For each *by* (`start`; `scope_id`: the most answers first; one of all without it): both parts, a part
    nobody tells of as `None`.
    """
    at = latencies.c
    which = [at[by]] if by else []
    sums = (func.sum(at[name]).label(name) for name in SUMMED)
    found = select(*which, at.part, at.up_to, *sums).group_by(*which, at.part, at.up_to)
    found = found.where(
        at.grain == grain, at.scope == span.scope, at.start >= span.start, at.start < span.end
    )
    if span.which:
        found = found.where(at.scope_id == span.which)
    out: dict[Any, dict[str, list[Any]]] = {} if by else {"": {}}
    for row in connection.execute(found.order_by(*which, at.up_to)):
        out.setdefault(row[0] if by else "", {}).setdefault(row.part, []).append(row)
    name = {"start": "start", "scope_id": span.scope}.get(by)
    told = [
        ({name: iso(one) if by == "start" else one} if name else {})
        | {part: _of(rows.get(part)) for part in PARTS}
        for one, rows in out.items()
    ]
    return told if by != "scope_id" else sorted(told, key=lambda one: -(one["whole"] or NONE)["requests"])


def _of(rows: list[Any] | None) -> dict[str, Any] | None:
    if not rows:
        return None
    counts = [(int(row.up_to), int(row.requests)) for row in rows]
    many = sum(count for _, count in counts)
    mean = sum(int(row.ms) for row in rows) / many
    return {"requests": many, "mean_ms": round(mean, 1)} | {
        f"p{percent}_ms": round(below(counts, percent / 100), 1) for percent in (50, 95)
    }


def below(counts: Sequence[tuple[int, int]], part: float) -> float:
    """What that *part* of the answers stayed below. counts: of the steps, in their order."""
    wanted = part * sum(count for _, count in counts)
    for step, count in counts:
        if count >= wanted:
            least = max(one for one in (0, *STEPS) if one < step)
            return least + (step - least) * wanted / count
        wanted -= count
    return float(counts[-1][0])
