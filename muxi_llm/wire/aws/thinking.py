"""Bedrock Converse, ours → theirs: thinking, which every vendor's models are asked for in their own way.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html,
https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from muxi_llm.wire.anthropic.thinking import ClaudeProfile, encode_thinking, settle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from muxi_llm.wire.base import Json, Ledger, Profile


def effort_fields(effort: str, model: str, profile: Profile, ledger: Ledger) -> Json:
    """The model's own fields that ask for OpenAI's `reasoning_effort`."""
    if isinstance(profile, ClaudeProfile):
        return encode_thinking(effort, model, profile, ledger)
    if OPENAI.search(model):
        return {"reasoning_effort": effort}
    if NOVA_2.search(model) and effort == "none":
        return {"reasoningConfig": {"type": "disabled"}}
    if NOVA_2.search(model):
        nearest = NOVA_EFFORTS.get(effort, effort)
        if nearest != effort:
            ledger.changed("reasoning_effort", f"{effort!r} sent as {nearest!r}, the nearest Nova has")
        return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": nearest}}
    if effort != "none":
        ledger.dropped("reasoning_effort", f"Bedrock documents no such setting for {model}")
    return {}


def beta_fields(asked: Iterable[str], ledger: Ledger, *, taken: bool) -> Json:
    """The model's own field for Anthropic's betas, those that Bedrock knows: it refuses all others.

    taken: whether the model is one of Anthropic's.
    """
    known = [beta for beta in asked if beta in BETAS and taken]
    for beta in asked:
        if beta not in known:
            ledger.dropped("anthropic_beta", f"Bedrock refuses {beta}", loss=False)
    return {"anthropic_beta": known} if known else {}


def settle_thinking(body: Json, fields: Json, profile: Profile, ledger: Ledger) -> None:
    """Claude's rules, as `anthropic.thinking` has them, over Converse's names for the same; in place."""
    config = body.pop("inferenceConfig", {})
    view = {name: config[ours] for name, ours in SAMPLING.items() if ours in config}
    view |= {name: fields[name] for name in OF_THE_MODEL if name in fields}
    view["max_tokens"] = config.get("maxTokens") or ClaudeProfile.of(profile).max_output_tokens
    view["tool_choice"] = {"type": next(iter(body.get("toolConfig", {}).get("toolChoice", ())), None)}
    view["messages"] = [
        {**turn, "content": [{"type": TYPES.get(next(iter(block)))} for block in turn["content"]]}
        for turn in body["messages"]
    ]
    settle(view, ledger, profile)
    for name in OF_THE_MODEL:
        fields.pop(name, None)
        fields.update({name: view[name]} if name in view else {})
    config = {name: value for name, value in config.items() if name not in SAMPLING.values()}
    config |= {ours: view[name] for name, ours in SAMPLING.items() if name in view}
    if "maxTokens" in config:
        config["maxTokens"] = view["max_tokens"]
    if config:
        body["inferenceConfig"] = config


# ------------------------------------------------------------------------------------------ tables

SAMPLING = {"temperature": "temperature", "top_p": "topP"}

OF_THE_MODEL = ("thinking", "top_k")

TYPES = {"reasoningContent": "thinking", "toolUse": "tool_use"}

OPENAI = re.compile(r"(^|[./])openai\.")
NOVA_2 = re.compile(r"amazon\.nova-2")
NOVA_EFFORTS = {"minimal": "low", "xhigh": "high", "max": "high"}

BETAS = {
    "computer-use-2025-01-24", "token-efficient-tools-2025-02-19", "output-128k-2025-02-19",
    "interleaved-thinking-2025-05-14", "dev-full-thinking-2025-05-14", "context-1m-2025-08-07",
}  # fmt: skip
"""https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html;
an unknown one is a 400 there.
"""
