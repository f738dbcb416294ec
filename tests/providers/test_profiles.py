"""The families' quirks: one row for each, under every name their models go by."""

from __future__ import annotations

from typing import get_args

import pytest
from anthropic.resources.messages.messages import DEPRECATED_MODELS
from anthropic.types.model import Model

from muxi_llm.providers.profiles import DEFAULT, FAMILIES, profile_of
from muxi_llm.wire.anthropic.thinking import EFFORTS, ClaudeProfile

# Most output, thinking, how it is turned off, highest effort, schemas, sampling (both, one of two, none),
# whether a call can be forced; then the names.
CLAUDE = {
    (4096, "none", None, None, False, 2, True): """
        claude-2.1 claude-instant-1.2 claude-3-opus-20240229 claude-3-haiku-20240307
        anthropic/claude-3-haiku anthropic.claude-3-sonnet-20240229-v1:0""",
    (8192, "none", None, None, False, 2, True): """
        claude-3-5-sonnet-20241022 claude-3-5-haiku-latest anthropic/claude-3.5-haiku""",
    (64_000, "budget", None, "high", False, 2, True): """
        claude-3-7-sonnet-20250219 anthropic/claude-3.7-sonnet:thinking claude-sonnet-4-20250514
        claude-sonnet-4-0 anthropic/claude-sonnet-4 claude-4-sonnet-20250514 claude-sonnet-4@20250514""",
    (32_000, "budget", None, "high", False, 2, True): """
        claude-opus-4-20250514 claude-opus-4-0 claude-opus-4@20250514 claude-4-opus-20250514
        anthropic.claude-opus-4-20250514-v1:0""",
    (32_000, "budget", None, "high", False, 1, True): """
        claude-opus-4-1-20250805 claude-opus-4-1@20250805 anthropic/claude-opus-4.1""",
    (64_000, "budget", None, "high", None, 1, True): """
        claude-sonnet-4-5 claude-sonnet-4-5-20250929 claude-haiku-4-5-20251001 claude-opus-4-5
        anthropic/claude-opus-4.5 claude-4.5-sonnet us.anthropic.claude-sonnet-4-5-20250929-v1:0""",
    (128_000, "adaptive", "disabled", "max", None, 1, True): """
        claude-opus-4-6 claude-sonnet-4-6 anthropic/claude-opus-4.6 global.anthropic.claude-opus-4-6-v1""",
    (128_000, "adaptive", "disabled", "max", None, 0, True): """
        claude-opus-4-7 claude-opus-4-8 anthropic/claude-4.7-opus claude-sonnet-5 claude-opus-5
        claude-opus-5-20260724 claude-haiku-5-5""",
    (128_000, "adaptive", None, "max", None, 0, True): """
        claude-fable-5 claude-mythos-5 claude-mythos-preview""",
    (128_000, "adaptive", "between_tools", "max", None, 0, False): """
        claude-sonnet-5-5 anthropic/claude-sonnet-5.5""",
    (128_000, "adaptive", None, "max", None, 0, False): """
        claude-opus-5-5 claude-fable-5-1 claude-fable-5-2 claude-mythos-5-1 claude-mythos-5-2
        anthropic/claude-opus-5.5 claude-opus-7""",
}
ROWS = [(name, row) for row, names in CLAUDE.items() for name in names.split()]


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_claude(name, row):
    """By Anthropic's, OpenRouter's, Bedrock's and Vertex's names."""
    profile = profile_of(name)
    assert isinstance(profile, ClaudeProfile)
    thinks = profile.thinking != "none"
    samplers = 0 if "temperature" in profile.drops else 1 if profile.one_sampler else 2
    assert (
        profile.max_output_tokens,
        profile.thinking,
        profile.thinking_off if profile.thinking == "adaptive" else None,
        profile.efforts[-1] if thinks else None,
        profile.json_schema_support,
        samplers,
        profile.forced_tools,
    ) == row


def test_the_efforts_of_46_and_47():
    """4.6 has no `xhigh`: the API answers it with a 400."""
    assert profile_of("claude-opus-4-6").efforts == ("low", "medium", "high", "max")
    assert profile_of("claude-opus-4-7").efforts == ("low", "medium", "high", "xhigh", "max")


@pytest.mark.parametrize("name", get_args(get_args(Model)[0]))
def test_every_model_the_vendor_names(name):
    """Thinks, and answers by a schema: none of them falls among the old ones."""
    profile = profile_of(name)
    assert profile.thinking != "none"
    assert profile.json_schema_support is None


@pytest.mark.parametrize("name", DEPRECATED_MODELS)
def test_every_model_the_vendor_has_given_up(name):
    """Is known by a row of its own, not taken for one of the latest."""
    assert profile_of(name) is not profile_of("claude-opus-5-5")


REASONING = "o1 o3-mini o4-mini gpt-5 gpt-5-mini gpt-5-2025-08-07 openai/gpt-5-nano gpt-5.6-luna gpt-6-astra codex-mini"


@pytest.mark.parametrize("name", REASONING.split())
def test_openais_reasoning_models(name):
    """Take the newer limit and no sampling."""
    profile = profile_of(name)
    assert profile.renames == {"max_tokens": "max_completion_tokens"}
    assert {"temperature", "top_p", "logprobs", "presence_penalty"} <= profile.drops.keys()


@pytest.mark.parametrize("name", ["gpt-5.1", "gpt-5.2-2025-12-11", "gpt-5.4-mini"])
def test_openais_models_that_may_reason(name):
    """Take sampling while they do not, which is their default: OpenAI judges."""
    assert profile_of(name).renames == {"max_tokens": "max_completion_tokens"}
    assert profile_of(name).drops == {}


@pytest.mark.parametrize(
    "name", ["gpt-4o", "gpt-5-chat-latest", "gpt-5.1-chat-latest", "llama-3", "mistral/o-large", "", "octo"]
)
def test_everyone_else(name):
    """Has no quirk."""
    assert profile_of(name) is DEFAULT


def test_names_in_capitals():
    """Are the same names."""
    assert profile_of("Claude-Opus-4-6") is profile_of("claude-opus-4-6")


def test_efforts_are_known_and_rise():
    """Every row lists some of the known efforts, lowest first."""
    for _, profile in FAMILIES:
        assert list(profile.efforts) == [effort for effort in EFFORTS if effort in profile.efforts]


# Refuses stop and penalties, refuses an effort; then the names.
GROK = {
    (True, True): """
        grok-4 grok-4-0709 grok-4-latest grok-4-fast-reasoning grok-4-1-fast x-ai/grok-4.1-fast
        grok-4.20-reasoning grok-4.20-0309-reasoning grok-code-fast-1""",
    (True, False): "grok-3-mini grok-3-mini-fast grok-4.3 grok-4.5 grok-4.20-multi-agent-0309 xai/grok-5",
    (False, True): "grok-3 grok-3-latest grok-2-1212 grok-4-fast-non-reasoning grok-4.20-0309-non-reasoning",
    (False, False): "grok-latest grok-build-0.1 grokking",
}


@pytest.mark.parametrize(
    ("row", "name"), [(row, name) for row, names in GROK.items() for name in names.split()]
)
def test_pitfall_36_grok(name, row):
    """By model, not by provider: some reason, some can be told how hard."""
    drops = profile_of(name).drops
    assert (
        {"stop", "presence_penalty", "frequency_penalty"} <= drops.keys(),
        "reasoning_effort" in drops,
    ) == row
