"""The families' quirks: one row for each, under every name their models go by."""

from __future__ import annotations

from typing import get_args

import pytest
from anthropic.resources.messages.messages import DEPRECATED_MODELS
from anthropic.types.model import Model

from muxi_llm.providers.profiles import DEFAULT, FAMILIES, profile_of, profile_within
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


# Most output, levels of effort, whether it reasons by itself, where its tools are called; then the names.
OPENAI = {
    (100_000, "low medium high", True, ""): "o1 o1-2024-12-17 o3 o3-mini o4-mini openai/o4-mini-2025-04-16",
    (100_000, "low medium high", True, "always"): "o1-pro o3-pro-2025-06-10 o3-deep-research",
    (65_536, "", True, ""): "o1-mini o1-preview-2024-09-12",
    (128_000, "minimal low medium high", True, ""): "gpt-5 gpt-5-mini gpt-5-2025-08-07 openai/gpt-5-nano",
    (272_000, "high", True, "always"): "gpt-5-pro gpt-5-pro-2025-10-06",
    (128_000, "low medium high", True, "always"): "gpt-5-codex gpt-5.1-codex gpt-5.1-codex-mini codex-mini-latest",
    (128_000, "low medium high xhigh", True, "always"): "gpt-5.1-codex-max gpt-5.2-codex gpt-5.3-codex",
    (128_000, "medium high xhigh", True, "always"): "gpt-5.2-pro gpt-5.4-pro",
    (128_000, "none low medium high", False, ""): "gpt-5.1 gpt-5.1-2025-11-13",
    (128_000, "none low medium high xhigh", False, ""): "gpt-5.2-2025-12-11 gpt-5.2",
    (128_000, "none low medium high xhigh", False, "tools"): "gpt-5.4 gpt-5.4-mini gpt-5.5",
    (128_000, "none low medium high xhigh", True, "tools"): "gpt-5.6-luna openai/gpt-5.6 gpt-6-astra",
    (16_384, "", False, ""): "gpt-4o gpt-4o-mini gpt-4o-2024-08-06 chatgpt-4o-latest gpt-4.5-preview",
    (4096, "", False, ""): "gpt-4o-2024-05-13 gpt-4-turbo gpt-4-1106-preview gpt-3.5-turbo gpt-35-turbo",
    (8192, "", False, ""): "gpt-4 gpt-4-0613",
    (32_768, "", False, ""): "gpt-4.1 gpt-4.1-mini-2025-04-14 openai/gpt-4.1-nano",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "row"), [(name, row) for row, names in OPENAI.items() for name in names.split()]
)
def test_openai(name, row):
    """By OpenAI's and OpenRouter's names."""
    profile = profile_of(name)
    levels = " ".join(profile.efforts or ())
    assert (profile.max_output_tokens, levels, profile.reasons, profile.responses) == row


@pytest.mark.parametrize("name", ["o3", "o4-mini", "gpt-5-mini", "gpt-5.1", "gpt-5.4", "gpt-5.6-luna"])
def test_openais_reasoning_models(name):
    """Take the newer limit, no stop sequences, and no sampling while they reason."""
    profile = profile_of(name)
    assert profile.renames == {"max_tokens": "max_completion_tokens"}
    assert "stop" in profile.drops
    assert {"temperature", "top_p", "logprobs"} <= {**profile.drops, **profile.drops_while_reasoning}.keys()
    assert ("parallel_tool_calls" in profile.drops) == name.startswith("o")


@pytest.mark.parametrize(
    "name",
    ["gpt-5-chat-latest", "gpt-5.1-chat-latest", "llama-3", "mistral/o-large", "", "octo", "gpt-oss-20b"],
)
def test_everyone_else(name):
    """Has no quirk."""
    assert profile_of(name) is DEFAULT


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("prod-gpt-5-mini", "gpt-5-mini"),
        ("team_a-o4-mini-eu", "o4-mini"),
        ("ft:gpt-4o-mini-2024-07-18:acme::abc123", "gpt-4o-mini"),
        ("gpt-5-mini", "gpt-5-mini"),
        ("gpt-35-turbo", "gpt-3.5-turbo"),
        ("marco-polo1", "unknown"),
    ],
)
def test_names_around_a_models(name, model):
    """A deployment and a fine-tuned model have the quirks of what they are named for."""
    assert profile_within(name) is profile_of(model)


def test_names_in_capitals():
    """Are the same names."""
    assert profile_of("Claude-Opus-4-6") is profile_of("claude-opus-4-6")


def test_efforts_are_known_and_rise():
    """Every row lists some of the known efforts, lowest first."""
    for _, profile in FAMILIES:
        assert list(profile.efforts or ()) == [name for name in EFFORTS if name in (profile.efforts or ())]


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
