"""Anthropic Messages, ours → theirs: thinking, and what has to agree with it.

Sources: https://platform.claude.com/docs/en/build-with-claude/extended-thinking,
.../adaptive-thinking, .../effort. `reasoning_effort` becomes a budget of tokens on the models up to
4.5 and an effort on those since. `settle` runs last, over the caller's native options too.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from muxi_llm.wire.base import Profile

if TYPE_CHECKING:
    from muxi_llm.wire.base import Json, Ledger

THINKING = {"thinking", "redacted_thinking"}
"""The types of the blocks that hold it."""


@dataclass(frozen=True, slots=True)
class ClaudeProfile(Profile):
    """What the Claude families differ in, beside `Profile`."""

    max_output_tokens: int = 64_000
    efforts: tuple[str, ...] = ("low", "medium", "high")
    thinking_off: Literal["disabled", "between_tools"] | None = "disabled"
    """The `thinking.type` that turns adaptive thinking off; `None`: it is always on."""
    forced_tools: bool = True
    """`tool_choice` may demand a call."""
    prefill: bool = True
    """It goes on from an answer begun. https://platform.claude.com/docs/en/about-claude/models/migration-guide"""
    one_sampler: bool = False
    """`temperature` and `top_p` exclude each other."""

    @classmethod
    def of(cls, profile: Profile) -> ClaudeProfile:
        """*profile* itself, or what it says of a model that is no Claude but served the same way."""
        if isinstance(profile, cls):
            return profile
        told = {field.name: getattr(profile, field.name) for field in fields(profile)}
        return cls(**{name: value for name, value in told.items() if value is not None})


def encode_thinking(effort: str, model: str, profile: ClaudeProfile, ledger: Ledger) -> Json:
    """The fields that ask *model* for OpenAI's `reasoning_effort`."""
    if profile.thinking == "none":
        if effort != "none":
            ledger.dropped("reasoning_effort", f"{model} does not think")
        return {}
    if profile.thinking == "budget":
        if effort == "none":
            return {}
        return {"thinking": {"type": "enabled", "budget_tokens": BUDGETS[_nearest(effort, profile, ledger)]}}
    if effort == "none" and profile.thinking_off:
        return {"thinking": {"type": profile.thinking_off}}
    return {
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": _nearest(effort, profile, ledger)},
    }


def _nearest(effort: str, profile: ClaudeProfile, ledger: Ledger) -> str:
    nearest = nearest_effort(effort, profile.efforts)
    if nearest != effort:
        ledger.changed("reasoning_effort", f"{effort!r} sent as {nearest!r}, the nearest this model has")
    return nearest


def nearest_effort(effort: str, known: tuple[str, ...]) -> str:
    """*effort* itself if it is *known*, else the next one below, else the lowest."""
    if effort in known:
        return effort
    most = EFFORTS.index(effort) if effort in EFFORTS else len(EFFORTS)
    below = [level for level in known if EFFORTS.index(level) < most]
    return below[-1] if below else known[0]


def settle(body: Json, ledger: Ledger, profile: Profile) -> None:
    """Make thinking agree with the rest of *body*, in place.

    With a budget: none before a forced tool call or in an answer already begun; the last tool turn
    keeps its thinking; from 1,024 tokens and below max_tokens. In every kind: sampling is fixed.
    """
    kind = (body.get("thinking") or {}).get("type")
    if kind == "enabled":
        obstacle = _obstacle(body)
        if obstacle:
            del body["thinking"]
            ledger.dropped("reasoning_effort", obstacle)
            return
        _settle_budget(body, ledger, ClaudeProfile.of(profile).max_output_tokens)
    if kind in {"enabled", "adaptive"}:
        _settle_sampling(body, ledger)


def _obstacle(body: Json) -> str | None:
    if (body.get("tool_choice") or {}).get("type") in {"any", "tool"}:
        return "Anthropic does not think before a forced tool call"
    if body["messages"][-1]["role"] == "assistant":
        return "Anthropic does not think in an answer that is already begun"
    last = next((turn for turn in reversed(body["messages"]) if turn["role"] == "assistant"), None)
    kinds = [block["type"] for block in last["content"]] if last else []
    if "tool_use" in kinds and kinds[0] not in THINKING:
        return "the last tool call came without its thinking block, which Anthropic requires"
    return None


def _settle_budget(body: Json, ledger: Ledger, most: int) -> None:
    budget = max(body["thinking"].get("budget_tokens") or 0, 1024)
    body["thinking"] = {**body["thinking"], "budget_tokens": budget}
    if budget >= body["max_tokens"]:
        body["max_tokens"] = max(min(body["max_tokens"] + budget, most), budget + 1)
        ledger.changed(
            "max_tokens", f"raised for the {budget} tokens of thinking it includes there", loss=False
        )


def _settle_sampling(body: Json, ledger: Ledger) -> None:
    for name, lowest in SAMPLING_WHILE_THINKING.items():
        if body.get(name) is not None and body[name] < lowest:
            del body[name]
            ledger.dropped(name, "Anthropic fixes it while thinking")


# ------------------------------------------------------------------------------------------ tables

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24_576}

SAMPLING_WHILE_THINKING = {"temperature": 1, "top_p": 0.95, "top_k": float("inf")}
"""The lowest value taken; the highest is the parameter's own."""
