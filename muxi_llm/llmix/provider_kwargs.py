"""From a config to a provider's request fields: LLMix's table of transformations, one for each provider.

A transformation gets the call's `TransformKwargsContext` and its kwargs by OpenAI's names, and returns the
kwargs that its provider wants. Providers without one get them as they are.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from muxi_llm.llmix.values import TransformKwargs, TransformKwargsCallback, TransformKwargsContext
from muxi_llm.providers.spelling import base_kwargs, common_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.llmix.values import Kwargs, Messages

__all__ = [
    "PROVIDER_KWARGS_REGISTRY",
    "TransformKwargsCallback",
    "TransformKwargsContext",
    "apply_transform_kwargs",
    "gemini_transform_kwargs",
    "openai_transform_kwargs",
    "openrouter_transform_kwargs",
    "sno_gpu_transform_kwargs",
    "transform_kwargs",
]

REASONING_MODELS = re.compile(r"o\d|gpt-5|codex-|computer-use|glm-")
"""Those that take no sampling parameters, by their bare name."""

LEAST_THINKING = 1024
"""Tokens. Source: https://platform.claude.com/docs/en/build-with-claude/extended-thinking"""


def transform_kwargs(
    config: Mapping[str, Any], messages: Messages, overrides: Mapping[str, TransformKwargs] | None
) -> Kwargs:
    """The kwargs of a call with *config* (snake case); *overrides* win over the table.

    Raises `ValueError` for a config that cannot be right for its provider.
    """
    _check_thinking(config)
    common = common_of(config)
    ctx: TransformKwargsContext = {
        "model": config["model"],
        "provider": config["provider"],
        "messages": messages,
        "temperature": common.get("temperature"),
        "top_p": common.get("top_p"),
        "enable_thinking": common.get("enable_thinking"),
        "provider_options": config.get("provider_options") or {},
        "base_url": config.get("base_url"),
    }
    transform = {**PROVIDER_KWARGS_REGISTRY, **(overrides or {})}.get(config["provider"])
    return apply_transform_kwargs(ctx, base_kwargs(config), transform)


def apply_transform_kwargs(
    ctx: TransformKwargsContext, kwargs: Kwargs, callback: TransformKwargs | None
) -> Kwargs:
    """What *callback* makes of *kwargs*; themselves, where there is none."""
    return kwargs if callback is None else callback(ctx, kwargs)


def _check_thinking(config: Mapping[str, Any]) -> None:
    options = (config.get("provider_options") or {}).get("anthropic") or {}
    thinking = options.get("thinking") or {}
    if config["provider"] != "anthropic" or thinking.get("type") != "enabled":
        return
    budget = thinking.get("budget_tokens")
    if budget is not None and (not isinstance(budget, int) or budget < LEAST_THINKING):
        raise ValueError(
            f"anthropic thinking.budget_tokens must be a whole number from {LEAST_THINKING}, not {budget!r}"
        )


def is_reasoning_model(model: str) -> bool:
    """Whether *model*, with or without its vendor's prefix, takes no sampling parameters."""
    return REASONING_MODELS.match(model.lower().rpartition("/")[2]) is not None


# ----------------------------------------------------------------------------------- transformations


def openai_transform_kwargs(ctx: TransformKwargsContext, kwargs: Kwargs) -> Kwargs:
    """Reasoning models: no sampling, `max_completion_tokens` for `max_tokens`."""
    if not is_reasoning_model(ctx["model"]):
        return kwargs
    out = {
        name: value for name, value in kwargs.items() if name not in {"temperature", "top_p", "max_tokens"}
    }
    if kwargs.get("max_tokens") is not None:
        out.setdefault("max_completion_tokens", kwargs["max_tokens"])
    return out


def openrouter_transform_kwargs(ctx: TransformKwargsContext, kwargs: Kwargs) -> Kwargs:
    """Routing (by price, unless the config says otherwise) and reasoning; what is there already wins."""
    options = _options(ctx, "openrouter")
    wanted = {"provider": options.get("provider") or {"sort": "price"}}
    if options.get("reasoning"):
        wanted["reasoning"] = options["reasoning"]
    return {**kwargs, "extra_body": {**wanted, **(kwargs.get("extra_body") or {})}}


def gemini_transform_kwargs(ctx: TransformKwargsContext, kwargs: Kwargs) -> Kwargs:
    """No thinking, unless there is a budget for it or it is asked for."""
    said = kwargs.get("thinking_config") or {}
    options = _options(ctx, "google")
    config = options.get("thinking_config") or {}
    budget = said.get("thinking_budget", config.get("thinking_budget", options.get("thinking_budget")))
    if budget is None:
        if ctx.get("enable_thinking") is True or "thinking_level" in {**config, **said}:
            return kwargs
        budget = 0
    return {**kwargs, "thinking_config": {**said, "thinking_budget": budget}}


def sno_gpu_transform_kwargs(ctx: TransformKwargsContext, kwargs: Kwargs) -> Kwargs:
    """The address, made of the server's and the GPU's path, and thinking the way its servers are asked."""
    options = _options(ctx, "sno-gpu")
    base = (ctx.get("base_url") or os.environ.get("GPU_BASE_URL") or "").strip().rstrip("/")
    base = base.removesuffix("/v1").rstrip("/")
    if not base:
        raise ValueError("sno-gpu provider requires a non-empty base_url in config or GPU_BASE_URL env var")
    path = options.get("gpu_path")
    out = {**kwargs, "base_url": f"{base}/{_safe(path)}/v1" if path else f"{base}/v1"}
    thinking = {
        "enable_thinking": options.get("enable_thinking", ctx.get("enable_thinking")),
        "thinking_budget": options.get("thinking_budget"),
    }
    thinking = {name: value for name, value in thinking.items() if value is not None}
    if thinking:
        extra = kwargs.get("extra_body") or {}
        template = {**thinking, **(extra.get("chat_template_kwargs") or {})}
        out["extra_body"] = {**thinking, **extra, "chat_template_kwargs": template}
    return out


def _safe(path: object) -> str:
    if not isinstance(path, str) or len(path) > LONGEST_PATH or not GPU_PATH_PATTERN.fullmatch(path):
        raise ValueError(
            f"Invalid gpu_path: {path!r}. "
            "Must be a safe relative path using letters, digits, '_', '-', or '/'."
        )
    return path


def _options(ctx: TransformKwargsContext, provider: str) -> Mapping[str, Any]:
    return (ctx.get("provider_options") or {}).get(provider) or {}


# ------------------------------------------------------------------------------------------- tables

GPU_PATH_PATTERN = re.compile(r"[a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*")
LONGEST_PATH = 256

PROVIDER_KWARGS_REGISTRY: dict[str, TransformKwargs] = {
    "openai": openai_transform_kwargs,
    "openrouter": openrouter_transform_kwargs,
    "deepseek": openrouter_transform_kwargs,
    "google": gemini_transform_kwargs,
    "gemini": gemini_transform_kwargs,
    "sno-gpu": sno_gpu_transform_kwargs,
}
