"""What a request came to, as rows of the ledger: one for each attempt that was billed.

An attempt that failed costs what its provider had counted, and nothing if it told nothing. A stream that was
cut costs what its provider had counted by then, else what was read and what was sent of it, as an estimate;
so does an answer that its client did not wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.governance.budgets import Row
from muxi_llm.governance.estimates import read, written

if TYPE_CHECKING:
    from muxi_llm.gateway.told import Told
    from muxi_llm.governance.governor import Held
    from muxi_llm.governance.prices import Cost, Tariff
    from muxi_llm.models import Report
    from muxi_llm.stored.late import Late


def rows_of(held: Held, told: Told) -> list[Row]:
    """None where nothing was billed."""
    held.facts["streamed"] = told.streamed
    report = told.report
    attempts = report.attempts if report is not None else getattr(told.error, "attempts", ())
    rows: list[Row] = []
    for attempt in attempts:
        usage = getattr(attempt.error, "usage", None)
        if usage is not None and held.prices is not None:
            status = attempt.status or 0
            more = {"ms": _ms(attempt.seconds), "first_ms": 0, "status": status if status >= 400 else BROKEN}
            _add(rows, held, told, attempt.model, held.prices.cost(attempt.model, usage), "usage", **more)
    if report is not None and not held.asked.path.startswith(KEPT):
        _answer(rows, held, told, report)
    elif told.gone and held.prices is not None and (asked := told.tries):
        left = asked[-1].deployment.model  # whoever was asked has read it, and may well have answered
        guessed = {"input": read(held.asked.body, held.asked.size)}
        _add(rows, held, told, left, held.prices.cost(left, guessed), "estimated")
    return rows


def late_rows(told: Told, late: Late, tariff: Tariff) -> list[Row]:
    """Of a batch that is over: by a batch's price, where there is one. None where its usage is not known."""
    if late.usage is None:
        return []
    prices = tariff.frozen([(late.deployment, late.place)])
    cost = prices.cost(late.place, late.usage, tier="batch")
    if not cost.is_known:
        cost = prices.cost(late.place, late.usage)
    row = _row(f"{name_of(late)}:0", told, late.place, cost, "usage")
    return [row._replace(more={**row.more, "model": late.model, "ms": 0})]  # nobody has waited for it


def name_of(late: Late) -> str:
    """Of the reservation that a batch's costs are booked by."""
    return f"batch:{late.name}"


def _answer(rows: list[Row], held: Held, told: Told, report: Report) -> None:
    meter = report.meter
    if report.cache_hit or report.shared or meter is None or held.prices is None:
        return
    if meter.usage is not None:
        cost = held.prices.cost(report.model, meter.usage, answered=meter.model, tier=meter.tier)
        _add(rows, held, told, report.model, cost, "usage")
    elif meter.streamed:
        asked = held.asked
        guessed = {"input": read(asked.body, asked.size), "output": written(told.sent)}
        _add(rows, held, told, report.model, held.prices.cost(report.model, guessed), "estimated")
    else:
        _add(rows, held, told, report.model, held.prices.cost(report.model, {}), "usage")


def _add(rows: list[Row], held: Held, told: Told, model: str, cost: Cost, kind: str, **more: Any) -> None:
    row = _row(f"{held.id}:{len(rows)}", told, model, cost, kind)
    rows.append(row._replace(more={**row.more, **more}))


def _row(name: str, told: Told, model: str, cost: Cost, kind: str) -> Row:
    tries = told.tries
    more: dict[str, Any] = {
        "answered": model,
        "deployment": tries[-1].deployment.name if tries else "",
        "input": cost.input,
        "cached": cost.cached,
        "cache_write": cost.cache_write,
        "output": cost.output,
        "prices": cost.prices,
        "status": told.result,
        "streamed": told.streamed,
        "ms": _ms(told.ended - told.began),
        "first_ms": _ms(told.report.latency) if told.streamed and told.report is not None else 0,
    }
    return Row(name, kind, cost.micro, model.partition("/")[0], more)


def _ms(seconds: float) -> int:
    return max(round(seconds * 1000), 1)


BROKEN = 502
"""The status of an attempt that failed although its server did not say so."""
KEPT = "/files", "/batches"
"""To look at these costs nothing; what a batch has used is told every time."""
