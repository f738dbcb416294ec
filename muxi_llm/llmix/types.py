"""LLMix's names of errors and of what may be said in a config."""

from __future__ import annotations

from typing import Literal, get_args

CachingStrategy = Literal["native", "gateway", "disabled", "redis", "redis-or-memory", "memory"]
ResponseCacheStrategy = Literal["redis", "redis-or-memory", "memory"]
CacheHitTier = Literal["l1", "l2"]
FallbackTrigger = Literal["timeout", "connection_error", "5xx"]
Provider = Literal[
    "openai",
    "anthropic",
    "google",
    "deepseek",
    "openrouter",
    "sno-gpu",
    "deepinfra",
    "novita",
    "together",
]
VALID_PROVIDERS = get_args(Provider)


class LLMConfigError(Exception):
    """Something is wrong with a config."""


class ConfigNotFoundError(LLMConfigError):
    """It is not there."""


class ConfigAccessError(LLMConfigError):
    """It cannot be read."""


class InvalidConfigError(LLMConfigError, ValueError):
    """It says what no config may."""


class SecurityError(LLMConfigError):
    """It is not to be trusted."""
