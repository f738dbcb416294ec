"""LLMix's names for prices, on `muxi_llm.prices`: USD per million tokens, and what a call costs by them.

An estimate, as LLMix has it: no discounts for cached input or batches, no surcharges for long prompts or
priority. `response.muxi.cost` has all of that.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from math import isfinite
from typing import TypedDict

from muxi_llm import prices


class ModelPricing(TypedDict):
    """USD per million tokens."""

    input: float
    output: float


class CostBreakdown(TypedDict):
    """USD, to six digits; `None` where nobody knows."""

    input_cost_usd: float | None
    output_cost_usd: float | None
    total_cost_usd: float | None


def normalize_model_name(name: str) -> str:
    """The name a price is found under: no vendor's prefix, no date, Anthropic's version before its tier.

    >>> normalize_model_name("anthropic/claude-haiku-4-5-20251001")
    'claude-4.5-haiku'
    """
    bare = name.lower().rpartition("/")[2]
    for date in (r"-\d{4}-\d{2}-\d{2}$", r"-\d{8}$", r"-\d{4}$"):
        bare = re.sub(date, "", bare)
    return re.sub(r"^claude-(haiku|sonnet|opus)-(\d+)-(\d+)$", r"claude-\2.\3-\1", bare)


def get_model_pricing(model_name: str) -> ModelPricing | None:
    """The price of a model, `None` for one that nobody knows."""
    provider, _, name = model_name.partition("/")
    if name and (price := _price(provider, name)):
        return price
    return MODEL_PRICING.get(normalize_model_name(model_name))


def calculate_cost(model_name: str, input_tokens: float, output_tokens: float = 0) -> CostBreakdown:
    """What so many tokens cost; `None`, and a warning, for a model that nobody knows.

    Raises `ValueError` for tokens below 0, and for what is no number of them.
    """
    for tokens in (input_tokens, output_tokens):
        if not isfinite(tokens) or tokens < 0:
            raise ValueError(f"input_tokens and output_tokens must be numbers from 0, not {tokens!r}")
    price = get_model_pricing(model_name)
    if price is None:
        warnings.warn(f"the price of {model_name!r} is not known", UserWarning, stacklevel=2)
        return {"input_cost_usd": None, "output_cost_usd": None, "total_cost_usd": None}
    spent = input_tokens * price["input"] / 1e6
    earned = output_tokens * price["output"] / 1e6
    return {
        "input_cost_usd": round(spent, 6),
        "output_cost_usd": round(earned, 6),
        "total_cost_usd": round(spent + earned, 6),
    }


def calculate_rerank_cost(model_name: str, search_count: int = 1) -> float | None:
    """What so many searches of a reranker cost; of one that is billed by tokens, taking a search for a
    thousand of them. `None` as above.
    """
    if "/" in model_name and (each := prices.price_of(model_name, "searches")) is not None:
        return round(search_count * float(each), 6)
    return calculate_cost(model_name, search_count * 1000)["total_cost_usd"]


# -------------------------------------------------------------------------------------------- table


class _Table(Mapping[str, ModelPricing]):
    """Prices by normal name: a vendor's own for its models, whoever else serves them."""

    def __getitem__(self, name: str) -> ModelPricing:
        for provider in VENDORS:
            if price := _price(provider, name):
                return price
        return _names()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_names())

    def __len__(self) -> int:
        return len(_names())


@cache
def _names() -> dict[str, ModelPricing]:
    found: dict[str, ModelPricing] = {}
    for provider in VENDORS:
        for model in prices.listed_models(provider):
            if price := _price(provider, model):
                found.setdefault(normalize_model_name(model), price)
    return found


def _price(provider: str, name: str) -> ModelPricing | None:
    """What a million tokens cost in a short prompt."""
    spent, earned = (prices.price_of(f"{provider}/{name}", kind) for kind in ("input", "output"))
    return None if spent is None else {"input": float(spent), "output": float(earned or 0)}


VENDORS = (
    "openai",
    "anthropic",
    "google",
    "deepseek",
    "mistral",
    "xai",
    "cohere",
    "voyage",
    "groq",
    "together",
)
"""Whose models go by a name without a vendor's; the first that has it."""

MODEL_PRICING: Mapping[str, ModelPricing] = _Table()
