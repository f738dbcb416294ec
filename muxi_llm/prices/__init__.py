"""What calls cost. `response.muxi.cost` comes from here, and `cost_of(model, usage)` is for anyone.

Reading order: `cost` (an amount and its parts), `counts` (any provider's usage → counts), `rates` (a model's
prices: one's own, `rows`, genai-prices), `own_words` (what a provider says it bills), `quotes` (counts by
rates), `calls` (all attempts of a call).

Nothing of it is loaded before a cost is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from muxi_llm.prices.calls import cost_of_attempts as cost_of_attempts
    from muxi_llm.prices.calls import quote_of_call as quote_of_call
    from muxi_llm.prices.cost import Cost as Cost
    from muxi_llm.prices.cost import Part as Part
    from muxi_llm.prices.cost import Quote as Quote
    from muxi_llm.prices.quotes import cost_of as cost_of
    from muxi_llm.prices.quotes import price_of as price_of
    from muxi_llm.prices.quotes import quote as quote
    from muxi_llm.prices.rates import listed_models as listed_models

_HOMES = {
    "Cost": "cost",
    "Part": "cost",
    "Quote": "cost",
    "cost_of": "quotes",
    "cost_of_attempts": "calls",
    "listed_models": "rates",
    "price_of": "quotes",
    "quote": "quotes",
    "quote_of_call": "calls",
}
__all__ = [
    "Cost",
    "Part",
    "Quote",
    "cost_of",
    "cost_of_attempts",
    "listed_models",
    "price_of",
    "quote",
    "quote_of_call",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'muxi_llm.prices' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"muxi_llm.prices.{_HOMES[name]}"), name)
    return value
