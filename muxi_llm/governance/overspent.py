"""Refusals of money, in words that say which, whose, and whether asking again makes sense."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isinf
from typing import TYPE_CHECKING

from muxi_llm.errors import refusal
from muxi_llm.types.admission import SPENT, spent

if TYPE_CHECKING:
    from muxi_llm.errors import MuxiLLMError
    from muxi_llm.governance.budgets import Verdict


def over(verdict: Verdict, now: float) -> MuxiLLMError:
    """The refusal of a budget that is spent: which, whose, and when it is not any more."""
    assert verdict.claim is not None
    budget, subject = verdict.claim.budget, verdict.claim.subject
    facts: dict[str, float | str] = {
        "scope": budget.scope,
        "limit": budget.amount / 1e6,
        "spent": verdict.spent / 1e6,
        "period": budget.window.kind if not budget.window.seconds else f"{budget.window.seconds}s",
    }
    named = f"the {PERIODS[budget.window.kind]}budget of this {budget.scope}"
    if budget.scope in {"model", "provider"}:
        named = f"the {PERIODS[budget.window.kind]}budget of the {budget.scope} {subject or budget.scope_id}"
    told = f"{named} is spent: {facts['spent']:.2f} of {facts['limit']:.2f} USD"
    if isinf(verdict.resets_at):
        message = f"{told}; it does not reset"
        error = refusal(429, message, type=SPENT, code=SPENT, retry_after=DAY)
        error.body = facts  # type: ignore[attr-defined]
        return error
    resets = datetime.fromtimestamp(verdict.resets_at, UTC).isoformat(timespec="seconds")
    return spent(f"{told}; it resets at {resets}", resets_at=verdict.resets_at, now=now, **facts)


def busy(verdict: Verdict) -> MuxiLLMError:
    """The refusal of a budget of which others hold what is left: asking again makes sense."""
    scope = verdict.claim.budget.scope if verdict.claim else ""
    message = f"what is left of this {scope}'s budget is held by requests under way; try again soon"
    return refusal(429, message, type="rate_limit_error", code="budget_held", retry_after=2)


def unpriced(model: str) -> MuxiLLMError:
    """The refusal of a model that has no price, where one is needed."""
    message = f"{model!r} has no price, and a hard budget wants one: configure its price, or a default"
    return refusal(400, message, type="invalid_request_error", code="model_unpriced", param="model")


def unsure() -> MuxiLLMError:
    """The refusal of a key that is not known, while the store that may know it is away."""
    message = "the store of keys is away, and this key was not seen before it went; try again soon"
    return refusal(503, message, type="service_unavailable_error", code="store_away", retry_after=5)


def away() -> MuxiLLMError:
    """The refusal of a budget whose store is away."""
    message = "the store of budgets is away, and what may be spent without it is; try again soon"
    return refusal(503, message, type="service_unavailable_error", code="store_away", retry_after=5)


DAY = 86400
PERIODS = {
    "total": "",
    "hour": "hourly ",
    "day": "daily ",
    "week": "weekly ",
    "month": "monthly ",
    "rolling": "rolling ",
}
