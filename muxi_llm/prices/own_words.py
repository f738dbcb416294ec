"""What a provider itself says a call has cost, which is what it bills. By provider: the same field means
something else, or nothing, at another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def told_cost(provider: str, usage: Mapping[str, Any]) -> Decimal | None:
    """USD, `None` where it says nothing."""
    read = TELLING.get(provider)
    return None if read is None else read(usage)


def _usd(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    usd = Decimal(str(value))
    return usd if usd.is_finite() and usd >= 0 else None


def _openrouter(usage: Mapping[str, Any]) -> Decimal | None:
    """Credits, which are USD; with a key of one's own at the provider behind, that one's bill comes on top.

    https://openrouter.ai/docs/use-cases/usage-accounting
    """
    cost = _usd(usage.get("cost"))
    if cost is not None and usage.get("is_byok"):
        behind = _usd((usage.get("cost_details") or {}).get("upstream_inference_cost"))
        return None if behind is None else cost + behind
    return cost


def _xai(usage: Mapping[str, Any]) -> Decimal | None:
    """https://docs.x.ai/developers/cost-tracking."""
    ticks = _usd(usage.get("cost_in_usd_ticks"))
    return None if ticks is None else ticks / 10**10


def _perplexity(usage: Mapping[str, Any]) -> Decimal | None:
    """https://docs.perplexity.ai/api-reference/chat-completions-post."""
    cost = usage.get("cost")
    return _usd(cost.get("total_cost")) if isinstance(cost, Mapping) else None


TELLING: dict[str, Callable[[Mapping[str, Any]], Decimal | None]] = {
    "openrouter": _openrouter,
    "perplexity": _perplexity,
    "xai": _xai,
}
