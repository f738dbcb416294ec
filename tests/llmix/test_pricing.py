"""Prices and thinking: pure functions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.llmix import (
    MODEL_PRICING,
    calculate_cost,
    calculate_rerank_cost,
    get_model_pricing,
    normalize_model_name,
    strip_thinking,
)
from tests.support.length import long


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("GPT-5-Mini", "gpt-5-mini"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-haiku-4-5-20251001", "claude-4.5-haiku"),
        ("anthropic/claude-sonnet-4-5", "claude-4.5-sonnet"),
        ("mistral-large-2411", "mistral-large"),
        ("models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("claude-sonnet-5", "claude-sonnet-5"),
    ],
)
def test_names(name: str, normal: str) -> None:
    """No vendor, no date, Anthropic's version first."""
    assert normalize_model_name(name) == normal


def test_prices() -> None:
    """USD for a million tokens."""
    assert get_model_pricing("gpt-4o-mini") == {"input": 0.15, "output": 0.6}
    assert get_model_pricing("anthropic/claude-opus-4-5-20251101") == {"input": 5.0, "output": 25.0}
    assert get_model_pricing("nobody/knows") is None
    assert all(normalize_model_name(name) == name for name in MODEL_PRICING)
    assert len(MODEL_PRICING) == len(list(MODEL_PRICING)) > 100
    assert all(price["input"] >= 0 <= price["output"] for price in MODEL_PRICING.values())
    assert MODEL_PRICING["claude-4.5-haiku"] == {"input": 1.0, "output": 5.0}
    with pytest.raises(KeyError):
        MODEL_PRICING["nobody-knows"]


def test_costs() -> None:
    """To six digits; for a model that is not known there is none, and it is said."""
    assert calculate_cost("gpt-4o", 1_000_000, 500_000) == {
        "input_cost_usd": 2.5, "output_cost_usd": 5.0, "total_cost_usd": 7.5,
    }  # fmt: skip
    assert calculate_cost("gpt-4o", 2)["total_cost_usd"] == 0.000005
    with pytest.warns(UserWarning, match="the price of 'nobody/knows' is not known"):
        assert calculate_cost("nobody/knows", 5, 5)["total_cost_usd"] is None
    with pytest.warns(UserWarning, match="is not known"):
        assert calculate_rerank_cost("nobody/knows") is None
    assert calculate_rerank_cost("text-embedding-3-small", 50) == 0.001
    assert calculate_rerank_cost("bedrock/cohere.rerank-v3-5:0", 50) == 0.1


@pytest.mark.parametrize("tokens", [-1, math.nan, math.inf])
def test_tokens_that_cannot_be(tokens: float) -> None:
    """Would make a cost that cannot be."""
    with pytest.raises(ValueError, match="must be numbers from 0"):
        calculate_cost("gpt-4o", tokens)
    with pytest.raises(ValueError, match="must be numbers from 0"):
        calculate_cost("gpt-4o", 1, tokens)


@pytest.mark.parametrize(
    ("text", "content", "thinking"),
    [
        ("plain", "plain", None),
        (" plain ", " plain ", None),
        ("<think>a</think>b", "b", "a"),
        ("<think>a</think>  \n b", "b", "a"),
        ("<think>never closed", "", "never closed"),
        ("x<think>a</think>y<think>b</think>z", "xyz", "a\nb"),
        ("<think>a</think>b<think>c", "b", "a\nc"),
        ("<think>outer <think>inner</think> rest</think>answer", "rest</think>answer", "outer <think>inner"),
        ("never opened</think>\n\nanswer", "answer", "never opened"),
        ("</think>answer", "answer", None),
        ("<think></think>answer", "answer", None),
    ],
)
def test_thinking(text: str, content: str, thinking: str | None) -> None:
    """Tags of every kind."""
    assert strip_thinking(text) == (content, thinking)


@settings(max_examples=long(100, 33), deadline=None)
@given(st.lists(st.sampled_from(["<think>", "</think>", "a", " ", "\n", "b"])).map("".join))
def test_no_opening_tag_is_left(text: str) -> None:
    """And nothing is made up."""
    content, thinking = strip_thinking(text)
    assert "<think>" not in content
    assert len(content) + len(thinking or "") <= len(text)
