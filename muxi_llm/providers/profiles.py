"""Quirks of model families, whoever serves them: one table, one lookup.

A profile is found by the model's bare name (`anthropic/claude-3-opus` at OpenRouter and
`us.anthropic.claude-3-opus-20240229-v1:0` at Bedrock are `claude-3-opus` at Anthropic). The first
matching row wins; rows go from the particular to the general.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from muxi_llm.wire.anthropic.thinking import ClaudeProfile
from muxi_llm.wire.base import Profile


@lru_cache(maxsize=1024)
def profile_of(model: str) -> Profile:
    """The family profile of *model*, the default one for unknown families."""
    bare = model.lower().rpartition("/")[2].rpartition("anthropic.")[2]
    return next((profile for pattern, profile in FAMILIES if pattern.match(bare)), DEFAULT)


DEFAULT = Profile()

REASONING = "reasoning models take no sampling parameters"
REMOVED = "removed from this model's API"

# https://platform.openai.com/docs/guides/reasoning#limitations; those from 5.1 to 5.5 take sampling
# parameters while they do not reason, which is their default: OpenAI judges.
OPENAI_HYBRID = Profile(renames={"max_tokens": "max_completion_tokens"})
OPENAI_REASONING = Profile(
    renames={"max_tokens": "max_completion_tokens"},
    drops=dict.fromkeys(
        (
            "temperature",
            "top_p",
            "presence_penalty",
            "frequency_penalty",
            "logprobs",
            "top_logprobs",
            "logit_bias",
        ),
        REASONING,
    ),
    efforts=("minimal", "low", "medium", "high", "xhigh"),
)

# Output maxima and thinking: https://platform.claude.com/docs/en/about-claude/models/overview, and each
# model's migration guide; efforts: https://platform.claude.com/docs/en/build-with-claude/effort;
# schemas, from 4.5 on: https://platform.claude.com/docs/en/build-with-claude/structured-outputs
CLAUDE_3 = ClaudeProfile(max_output_tokens=4096, json_schema_support=False)
CLAUDE_35 = ClaudeProfile(max_output_tokens=8192, json_schema_support=False)
CLAUDE_37 = ClaudeProfile(
    max_output_tokens=64_000,
    thinking="budget",
    efforts=("minimal", "low", "medium", "high"),
    json_schema_support=False,
)
CLAUDE_OPUS_40 = replace(CLAUDE_37, max_output_tokens=32_000)
CLAUDE_OPUS_41 = replace(CLAUDE_OPUS_40, one_sampler=True)
CLAUDE_45 = replace(CLAUDE_37, json_schema_support=None, one_sampler=True)
CLAUDE_46 = ClaudeProfile(
    max_output_tokens=128_000,
    thinking="adaptive",
    efforts=("low", "medium", "high", "max"),
    one_sampler=True,
)
CLAUDE_47 = ClaudeProfile(
    max_output_tokens=128_000,
    thinking="adaptive",
    efforts=("low", "medium", "high", "xhigh", "max"),
    drops=dict.fromkeys(("temperature", "top_p"), REMOVED),
)
CLAUDE_FABLE_5 = replace(CLAUDE_47, thinking_off=None)
CLAUDE_SONNET_55 = replace(CLAUDE_47, thinking_off="between_tools", forced_tools=False)
CLAUDE_LATEST = replace(CLAUDE_47, thinking_off=None, forced_tools=False)

# https://docs.x.ai/docs/guides/reasoning: refused with an error; which take an effort: the same page over
# time, and https://github.com/vercel/ai/releases/tag/%40ai-sdk%2Fxai%404.0.8
GROK_REASONING = Profile(
    drops=dict.fromkeys(
        ("stop", "presence_penalty", "frequency_penalty"), "refused by Grok's reasoning models"
    )
)
NO_EFFORT = {"reasoning_effort": "this Grok reasons as it sees fit"}
GROK_UNRULED = Profile(drops={**GROK_REASONING.drops, **NO_EFFORT})
GROK_PLAIN = Profile(drops={"reasoning_effort": "this Grok does not reason"})

FAMILIES: list[tuple[re.Pattern[str], Profile]] = [
    (re.compile(pattern), profile)
    for pattern, profile in (
        (r"gpt-5[\w.-]*-chat", DEFAULT),
        (r"gpt-5\.[1-5]", OPENAI_HYBRID),
        (r"(o[1-9](-|$)|gpt-5|gpt-6|codex-)", OPENAI_REASONING),
        (r"grok-(4.*non-reasoning|[23](-(?!mini)|$))", GROK_PLAIN),
        (r"grok-(4(-|$)|4\.1|4\.20(?!-multi)|code-)", GROK_UNRULED),
        (r"grok-([4-9]|3-mini)", GROK_REASONING),
        (r"claude-([12]\b|instant|3-(opus|sonnet|haiku))", CLAUDE_3),
        (r"claude-3[-.]5", CLAUDE_35),
        (r"claude-(3[-.]7|(sonnet-4|4-sonnet)(?![-.][5-9](\D|$)))", CLAUDE_37),
        (r"claude-opus-4[-.]1(\D|$)", CLAUDE_OPUS_41),
        (r"claude-(opus-4|4-opus)(?![-.][5-9](\D|$))", CLAUDE_OPUS_40),
        (r"claude-(\w+-4[-.]5|4\.5-)", CLAUDE_45),
        (r"claude-(\w+-4[-.]6|4\.6-)", CLAUDE_46),
        (r"claude-(\w+-4[-.][78]|4\.[78]-|haiku-5|(opus|sonnet)-5(?![-.]\d(\D|$)))", CLAUDE_47),
        (r"claude-(mythos-preview|(fable|mythos)-5(?![-.]\d(\D|$)))", CLAUDE_FABLE_5),
        (r"claude-sonnet-5[-.]5", CLAUDE_SONNET_55),
        (r"claude-", CLAUDE_LATEST),
    )
]
