"""Thinking on Anthropic's wire: efforts, budgets, and what has to agree with them."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.providers.profiles import DEFAULT, profile_of
from muxi_llm.wire.anthropic.messages import AnthropicMessages
from muxi_llm.wire.anthropic.thinking import ClaudeProfile
from muxi_llm.wire.base import Ledger, Profile
from tests.support.anthropic import OLD_CLAUDE, Codec, assistant, call, check, result, tool, user

BUDGET, ADAPTIVE = "claude-sonnet-4-5", "claude-sonnet-4-6"
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "sig"}
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def asked(effort: str, model: str = BUDGET, **body: Any) -> Codec:
    codec = Codec(model=model, reasoning_effort=effort, **{"max_tokens": 30_000, **body})
    check(codec.out)
    return codec


# ----------------------------------------------------------------------------------------- efforts


@pytest.mark.parametrize(
    ("effort", "budget", "told"),
    [
        ("minimal", 1024, {}),
        ("low", 2048, {}),
        ("medium", 8192, {}),
        ("high", 24_576, {}),
        ("xhigh", 24_576, {"reasoning_effort": ("changed", True)}),
        ("max", 24_576, {"reasoning_effort": ("changed", True)}),
    ],
)
def test_pitfall_67_budgets(effort, budget, told):
    """One table; pitfall_33: what goes beyond it is not lowered in silence."""
    codec = asked(effort)
    assert codec.out["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert codec.told == told


@pytest.mark.parametrize("model", [BUDGET, OLD_CLAUDE])
def test_no_thinking_on_models_that_do_not_unless_asked(model):
    """`none` asks for what happens anyway."""
    codec = asked("none", model, max_tokens=4000)
    assert "thinking" not in codec.out
    assert codec.told == {}


def test_pitfall_36_models_that_cannot_think():
    """Say so, by name."""
    codec = asked("high", OLD_CLAUDE, max_tokens=4000)
    assert "thinking" not in codec.out
    (entry,) = codec.ledger.entries
    assert str(entry) == f"reasoning_effort dropped: {OLD_CLAUDE} does not think"


SENT = {
    "claude-opus-4-6": ("low", "low", "medium", "high", "high", "max"),
    "claude-opus-4-7": ("low", "low", "medium", "high", "xhigh", "max"),
    "claude-haiku-5-5": ("low", "low", "medium", "high", "xhigh", "max"),
    "claude-fable-5-1": ("low", "low", "medium", "high", "xhigh", "max"),
}


@pytest.mark.parametrize("model", SENT)
def test_pitfall_33_adaptive_efforts(model):
    """By the model's own levels; a level it has not becomes the next one below, and that is told."""
    for effort, sent in zip(EFFORTS[1:], SENT[model], strict=True):
        codec = asked(effort, model)
        assert (codec.out["thinking"], codec.out["output_config"]) == ({"type": "adaptive"}, {"effort": sent})
        assert codec.told == ({} if effort == sent else {"reasoning_effort": ("changed", True)})


def test_an_effort_nobody_knows():
    """Is taken for the highest."""
    assert asked("ultra", ADAPTIVE).out["output_config"] == {"effort": "max"}


@pytest.mark.parametrize(
    ("model", "sent", "told"),
    [
        ("claude-opus-4-6", {"thinking": {"type": "disabled"}}, {}),
        ("claude-sonnet-5", {"thinking": {"type": "disabled"}}, {}),
        ("claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}, {}),
        (
            "claude-opus-5-5",
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
            {"reasoning_effort": ("changed", True)},
        ),
        (
            "claude-fable-5",
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
            {"reasoning_effort": ("changed", True)},
        ),
    ],
)
def test_turning_thinking_off(model, sent, told):
    """In the model's own way; where it is always on, as little of it as there is."""
    codec = asked("none", model)
    assert {name: codec.out[name] for name in ("thinking", "output_config") if name in codec.out} == sent
    assert codec.told == told


# ------------------------------------------------------------------------------------------ budgets


@pytest.mark.parametrize(
    ("limit", "sent"),
    [(100, 8292), (8192, 16_384), (8193, 8193), (60_000, 60_000)],
)
def test_pitfall_35_room_for_the_answer(limit, sent):
    """The limit there includes thinking: it is raised where the budget would fill it."""
    codec = asked("medium", max_tokens=limit)
    assert codec.out["thinking"]["budget_tokens"] == 8192
    assert codec.out["max_tokens"] == sent
    assert codec.told == ({} if limit == sent else {"max_tokens": ("changed", False)})


def test_pitfall_35_no_more_than_the_model_can_say():
    """Raised to the model's own maximum, not past it."""
    codec = asked("high", "claude-opus-4-1", max_tokens=20_000)
    assert codec.out["max_tokens"] == 32_000


@pytest.mark.parametrize(
    ("native", "budget", "limit"),
    [({"budget_tokens": 10}, 1024, 2000), ({}, 1024, 2000), ({"budget_tokens": 99_000}, 99_000, 99_001)],
)
def test_pitfall_35_a_budget_of_the_callers(native, budget, limit):
    """Given as Anthropic's own option: from 1,024 up, and the limit above it."""
    thinking = {"type": "enabled", **native}
    codec = Codec(native={"thinking": thinking}, max_tokens=2000)
    assert codec.out["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert codec.out["max_tokens"] == limit
    assert thinking == {"type": "enabled", **native}


# ------------------------------------------------------------------------------- what has to agree


@pytest.mark.parametrize(
    ("model", "given", "kept"),
    [
        (BUDGET, {"temperature": 0.5}, {}),
        (BUDGET, {"temperature": 1}, {"temperature": 1}),
        (BUDGET, {"top_p": 0.5}, {}),
        (BUDGET, {"top_p": 0.95}, {"top_p": 0.95}),
        (ADAPTIVE, {"temperature": 0}, {}),
    ],
)
def test_pitfall_62_sampling_is_fixed_while_thinking(model, given, kept):
    """Other values are a 400 in either kind of thinking."""
    codec = asked("low", model, **given)
    assert {name: codec.out[name] for name in given if name in codec.out} == kept
    assert codec.told == ({} if kept else dict.fromkeys(given, ("dropped", True)))


def test_top_k_of_the_callers():
    """Goes too; without thinking it stays."""
    assert "top_k" not in Codec(native={"top_k": 5}, reasoning_effort="low").out
    assert Codec(native={"top_k": 5}).out["top_k"] == 5


CALLED = [user(), assistant(None, call()), result()]
OBSTACLES = {
    "pitfall_57 a forced call": ({"tools": [tool()], "tool_choice": "required"}, "before a forced tool call"),
    "a named call": (
        {"tools": [tool()], "tool_choice": {"type": "function", "function": {"name": "f"}}},
        "before a forced tool call",
    ),
    "an answer begun": ({"messages": [user(), assistant("The")]}, "already begun"),
    "pitfall_26 a call without its thinking": (
        {"messages": CALLED, "tools": [tool()]},
        "without its thinking",
    ),
}


@pytest.mark.parametrize(("body", "why"), OBSTACLES.values(), ids=OBSTACLES.keys())
def test_what_thinking_with_a_budget_cannot_go_with(body, why):
    """Thinking gives way, and that is told; strict mode refuses."""
    codec = asked("low", **body)
    assert "thinking" not in codec.out
    (entry,) = codec.ledger.entries
    assert (entry.param, entry.action, entry.loss) == ("reasoning_effort", "dropped", True)
    assert why in entry.detail
    with pytest.raises(UnsupportedParameterError, match=why):
        asked("low", strict=True, **body)


NO_OBSTACLES = {
    "a call with its thinking": [user(), assistant(None, call(), thinking_blocks=[THOUGHT]), result()],
    "a call of an earlier turn": [*CALLED, assistant("done"), user("and?")],
}


@pytest.mark.parametrize("messages", NO_OBSTACLES.values(), ids=NO_OBSTACLES.keys())
def test_what_it_can_go_with(messages):
    """The last tool turn only, and only if its thinking is missing."""
    codec = asked("low", messages=messages, tools=[tool()])
    assert codec.out["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert codec.told == {}


def test_adaptive_thinking_goes_with_a_forced_call():
    """As the API answers (the newest models refuse the forced call itself)."""
    codec = asked("high", ADAPTIVE, tools=[tool()], tool_choice="required")
    assert codec.out["thinking"] == {"type": "adaptive"}
    assert codec.out["tool_choice"] == {"type": "any"}


# ---------------------------------------------------------------------------------------- profiles


def test_a_model_that_is_no_claude():
    """Served in the same form by others: what its family's profile says counts."""
    profile = Profile(max_output_tokens=7, thinking="budget", efforts=("low",))
    seen = ClaudeProfile.of(profile)
    assert (seen.max_output_tokens, seen.thinking, seen.efforts, seen.forced_tools) == (
        7,
        "budget",
        ("low",),
        True,
    )
    assert ClaudeProfile.of(seen) is seen
    wire = AnthropicMessages("kimi-k2", Ledger("kimi"), DEFAULT)
    assert wire.encode_request({"messages": [user()]}, stream=False)["max_tokens"] == 64_000
    assert wire.profile is profile_of("kimi-k2")
