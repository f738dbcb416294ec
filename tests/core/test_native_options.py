"""Native options stand beside what the parameters became, however deep both are, on every wire."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import muxi_llm
from muxi_llm import ChatCompletion
from muxi_llm.runtime import using
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.wire.base import overlaid
from tests.support.bodies import HELLO

BEDROCK = "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
KEYS = {"api_key": "k", "base_url": "http://here.test/v1", "retries": 0}


def asked(model: str, **params: Any) -> dict[str, Any]:
    """The body of the one request that goes out."""
    script = Scripted(Answer(status=400, json={"error": {"message": "enough"}}))
    with using(script), pytest.raises(muxi_llm.MuxiLLMError):
        ChatCompletion.create(model=model, messages=HELLO, **KEYS, **params)
    return script.bodies[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("model", "params", "options", "wanted"),
    [
        (
            BEDROCK,
            {"temperature": 0.5},
            {"inferenceConfig": {"maxTokens": 7}},
            {"inferenceConfig": {"temperature": 0.5, "maxTokens": 7}},
        ),
        (
            BEDROCK,
            {"reasoning_effort": "high", "max_tokens": 30_000},
            {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}}},
            {
                "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            },
        ),
        (
            "google/gemini-3-flash",
            {"temperature": 0.5, "reasoning_effort": "low"},
            {"generationConfig": {"thinkingConfig": {"includeThoughts": False}, "topK": 3}},
            {
                "generationConfig": {
                    "temperature": 0.5,
                    "topK": 3,
                    "thinkingConfig": {"includeThoughts": False, "thinkingLevel": "low"},
                }
            },
        ),
        (
            "google/gemini-3-flash",
            {"reasoning_effort": "low"},
            {"thinking_config": {"thinkingBudget": 5}},
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": 5, "includeThoughts": True}}},
        ),
        (
            "anthropic/claude-opus-4-8",
            {"reasoning_effort": "low", "response_format": {"type": "text"}},
            {"output_config": {"task_budget": {"type": "tokens", "total": 9}}},
            {"output_config": {"effort": "low", "task_budget": {"type": "tokens", "total": 9}}},
        ),
        (
            "ollama/qwen3",
            {"temperature": 0.5},
            {"options": {"num_ctx": 8192}},
            {"options": {"temperature": 0.5, "num_ctx": 8192}},
        ),
        (
            "cohere/command-a-reasoning",
            {"reasoning_effort": "low"},
            {"thinking": {"type": "disabled"}},
            {"thinking": {"type": "disabled"}},
        ),
        (
            "together/qwen3",
            {"reasoning_effort": "none"},
            {"reasoning": {"exclude": True}},
            {"reasoning": {"enabled": False, "exclude": True}},
        ),
    ],
)
def test_options_are_laid_over_what_there_is(
    model: str, params: Any, options: Any, wanted: dict[str, Any]
) -> None:
    """By either name they may be given under, and under both at once."""
    provider = model.partition("/")[0]
    for given_as in ({"extra_body": options}, {"provider_options": {provider: options}}):
        body = asked(model, **params, **given_as)
        assert {name: body[name] for name in wanted} == wanted


def test_both_ways_of_giving_them_are_one() -> None:
    """`provider_options`, being the more particular, win where the two differ."""
    body = asked(
        "vllm/qwen",
        extra_body={"chat_template_kwargs": {"a": 1, "b": 1}},
        provider_options={"vllm": {"chat_template_kwargs": {"b": 2}}},
    )
    assert body["chat_template_kwargs"] == {"a": 1, "b": 2}


TREES = st.recursive(
    st.one_of(st.integers(), st.lists(st.integers(), max_size=2)),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
).filter(lambda tree: isinstance(tree, dict))


@given(base=TREES, over=TREES)
def test_what_is_given_wins_and_nothing_else_is_lost(base: dict[str, Any], over: dict[str, Any]) -> None:
    """Every leaf of the one given is there, every other leaf of the base too; both stay as they were."""
    before = repr((base, over))
    out = overlaid(base, over)
    assert repr((base, over)) == before
    assert overlaid(out, over) == out
    assert overlaid(base, {}) == base
    assert overlaid({}, over) == over
    assert out.keys() == base.keys() | over.keys()
    for name in base.keys() - over.keys():
        assert out[name] == base[name]


def test_objects_of_two_types_are_two_things() -> None:
    """One replaces the other whole; with the same type, or one that says none, they are merged."""
    budget = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    assert overlaid(budget, {"thinking": {"type": "adaptive"}}) == {"thinking": {"type": "adaptive"}}
    assert overlaid(budget, {"thinking": {"budget_tokens": 9}})["thinking"]["type"] == "enabled"
    assert overlaid({"a": {"b": 1}}, {"a": {"type": "c"}}) == {"a": {"b": 1, "type": "c"}}
