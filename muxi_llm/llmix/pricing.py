"""List prices of well-known models, in USD per million tokens, and what a call costs by them.

An estimate: no discounts for cached input or batches, no surcharges for long prompts or priority. As of
2026-11-20.
"""

from __future__ import annotations

import re
import warnings
from math import isfinite
from typing import TypedDict


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
    """The price of a model, `None` for one that is not in the table."""
    return MODEL_PRICING.get(model_name) or MODEL_PRICING.get(normalize_model_name(model_name))


def calculate_cost(model_name: str, input_tokens: float, output_tokens: float = 0) -> CostBreakdown:
    """What so many tokens cost; `None`, and a warning, for a model that is not in the table.

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
    """What so many searches of a reranker cost, taking one for a thousand tokens; `None` as above."""
    return calculate_cost(model_name, search_count * 1000)["total_cost_usd"]


# -------------------------------------------------------------------------------------------- table

_PRICES: dict[str, tuple[float, float]] = {
    # https://developers.openai.com/api/docs/pricing
    "gpt-6-astra": (10, 50),
    "gpt-5.6-sol": (4, 20),
    "gpt-5.6-terra": (2, 12),
    "gpt-5.6-luna": (0.2, 1.2),
    "gpt-5.5": (5, 30),
    "gpt-5.5-pro": (30, 180),
    "gpt-5.4": (2.5, 15),
    "gpt-5.4-mini": (0.75, 4.5),
    "gpt-5.4-nano": (0.2, 1.25),
    "gpt-5.2": (1.75, 14),
    "gpt-5.1": (1.25, 10),
    "gpt-5": (1.25, 10),
    "gpt-5-pro": (15, 120),
    "gpt-5-mini": (0.25, 2),
    "gpt-5-nano": (0.05, 0.4),
    "gpt-4.1": (2, 8),
    "gpt-4.1-mini": (0.4, 1.6),
    "gpt-4.1-nano": (0.1, 0.4),
    "gpt-4o": (2.5, 10),
    "gpt-4o-mini": (0.15, 0.6),
    "o1": (15, 60),
    "o3": (2, 8),
    "o3-mini": (1.1, 4.4),
    "o4-mini": (1.1, 4.4),
    "text-embedding-3-small": (0.02, 0),
    "text-embedding-3-large": (0.13, 0),
    # https://platform.claude.com/docs/en/about-claude/pricing
    "claude-sonnet-5": (2, 10),
    "claude-4.7-opus": (5, 25),
    "claude-4.6-opus": (5, 25),
    "claude-4.5-opus": (5, 25),
    "claude-4.1-opus": (15, 75),
    "claude-opus-4": (15, 75),
    "claude-4.6-sonnet": (3, 15),
    "claude-4.5-sonnet": (3, 15),
    "claude-sonnet-4": (3, 15),
    "claude-4.5-haiku": (1, 5),
    "claude-3-5-haiku": (0.8, 4),
    "claude-3-haiku": (0.25, 1.25),
    # https://ai.google.dev/gemini-api/docs/pricing: prompts up to 200,000 tokens
    "gemini-3.8-flash": (0.75, 3.75),  # until the end of 2026, then twice that
    "gemini-3.5-flash": (1.5, 9),
    "gemini-3.5-flash-lite": (0.3, 2.5),
    "gemini-3.1-pro-preview": (2, 12),
    "gemini-2.5-pro": (1.25, 10),
    "gemini-2.5-flash": (0.3, 2.5),
    "gemini-2.5-flash-lite": (0.1, 0.4),
    # https://api-docs.deepseek.com/quick_start/pricing: cache misses, off-peak
    "deepseek-flash": (0.15, 0.6),
    "deepseek-v4-pro": (0.66, 1.98),
}

MODEL_PRICING: dict[str, ModelPricing] = {
    model: {"input": float(spent), "output": float(earned)} for model, (spent, earned) in _PRICES.items()
}
