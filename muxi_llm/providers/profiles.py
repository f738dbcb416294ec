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
    bare = _bare(model)
    return next((profile for pattern, profile in FAMILIES if pattern.match(bare)), DEFAULT)


@lru_cache(maxsize=1024)
def profile_within(name: str) -> Profile:
    """`profile_of` the model whose name is part of *name*: a deployment's (`prod-gpt-5-mini`), a fine-tuned
    model's (`ft:gpt-4o-mini:acme::id`).
    """
    bare = _bare(name)
    words = [match.start() for match in re.finditer(r"[a-z0-9.]+", bare)]
    found = (profile for start in words for pattern, profile in FAMILIES if pattern.match(bare, start))
    return next(found, DEFAULT)


def _bare(model: str) -> str:
    return model.lower().rpartition("/")[2].rpartition("anthropic.")[2]


DEFAULT = Profile()

# OpenAI. What its reasoning models refuse:
# https://platform.openai.com/docs/guides/reasoning#limitations,
# https://learn.microsoft.com/en-us/azure/foundry/openai/how-to/reasoning#not-supported; `stop`, the levels:
# https://platform.openai.com/docs/api-reference/chat/create, and what the API says of `minimal` on 5.1
# (https://github.com/anomalyco/opencode/issues/4451) and 5.6 (https://github.com/livekit/agents/pull/7169);
# most output: each model's page below https://platform.openai.com/docs/models. Function tools on chat, from
# 5.4 on: "use /v1/responses or set reasoning_effort to 'none'"
# (https://github.com/openai/openai-openapi/issues/541); 5.6 reasons unless told not to
# (https://github.com/BerriAI/litellm/pull/34569), those from 5.1 to 5.5 only if told.
REASONING = "reasoning models take no sampling parameters"
REMOVED = "removed from this model's API"
NO_STOP = {"stop": "reasoning models take no stop sequences"}
NO_VERBOSITY = {"verbosity": "GPT-5 and later have it"}
ONE_BY_ONE = {"parallel_tool_calls": "o-series models call as they see fit"}
SAMPLING = dict.fromkeys(
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
)
THREE = ("low", "medium", "high")

OPENAI_REASONING = Profile(
    renames={"max_tokens": "max_completion_tokens"},
    drops={**SAMPLING, **NO_STOP},
    max_output_tokens=128_000,
    efforts=("minimal", *THREE),
    reasons=True,
)
O_SERIES = replace(
    OPENAI_REASONING,
    drops={**OPENAI_REASONING.drops, **ONE_BY_ONE, **NO_VERBOSITY},
    max_output_tokens=100_000,
    efforts=THREE,
)
O1_EARLY = replace(O_SERIES, max_output_tokens=65_536, efforts=())
GPT_5_PRO = replace(OPENAI_REASONING, max_output_tokens=272_000, efforts=("high",), responses="always")
CODEX = replace(OPENAI_REASONING, efforts=THREE, responses="always")
CODEX_MAX = replace(CODEX, efforts=(*THREE, "xhigh"))
PRO = replace(CODEX, efforts=("medium", "high", "xhigh"))
GPT_51 = replace(
    OPENAI_REASONING,
    drops=NO_STOP,
    efforts=("none", *THREE),
    reasons=False,
    drops_while_reasoning=SAMPLING,
)
GPT_52 = replace(GPT_51, efforts=("none", *THREE, "xhigh"))
GPT_54 = replace(GPT_52, responses="tools")
GPT_56 = replace(GPT_54, reasons=True)
OPENAI_PLAIN = Profile(drops=NO_VERBOSITY, max_output_tokens=4096, efforts=())
GPT_4 = replace(OPENAI_PLAIN, max_output_tokens=8192)
GPT_4O = replace(OPENAI_PLAIN, max_output_tokens=16_384)
GPT_41 = replace(OPENAI_PLAIN, max_output_tokens=32_768)

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
    prefill=False,
    max_output_tokens=128_000,
    thinking="adaptive",
    efforts=("low", "medium", "high", "max"),
    one_sampler=True,
)
CLAUDE_47 = ClaudeProfile(
    prefill=False,
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

REASONED = Profile(reasoned_calls=True)

FAMILIES: list[tuple[re.Pattern[str], Profile]] = [
    (re.compile(pattern), profile)
    for pattern, profile in (
        # https://api-docs.deepseek.com/guides/thinking_mode#tool-calls,
        # https://platform.kimi.ai/docs/guide/use-kimi-k2-thinking-model
        (r"deepseek-(reasoner|v(3[.-]2|[4-9]))|kimi-k(2[.-][5-9]|2-thinking|[3-9])", REASONED),
        (r"gpt-5[\w.-]*-chat", DEFAULT),
        (r"gpt-5-pro", GPT_5_PRO),
        (r"gpt-5[\w.-]*-pro", PRO),
        (r"gpt-5\.(1-codex-max|[2-9]-codex)", CODEX_MAX),
        (r"(gpt-5[\w.-]*-codex|codex-)", CODEX),
        (r"gpt-5\.1", GPT_51),
        (r"gpt-5\.[23]", GPT_52),
        (r"gpt-5\.[45]", GPT_54),
        (r"gpt-(5\.\d|[6-9])", GPT_56),
        (r"gpt-5", OPENAI_REASONING),
        (r"(o[13]-pro|o\d-deep-research|o\d-mini-deep-research)", replace(O_SERIES, responses="always")),
        (r"o1-(mini|preview)", O1_EARLY),
        (r"o[1-9](-|$)", O_SERIES),
        (r"gpt-4\.1", GPT_41),
        (r"gpt-4o-2024-05-13", OPENAI_PLAIN),
        (r"(gpt-4o|gpt-4\.5|chatgpt-4o)", GPT_4O),
        (r"gpt-4(-0314|-0613|$)", GPT_4),
        (r"(gpt-4-|gpt-3\.5|gpt-35)", OPENAI_PLAIN),
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
