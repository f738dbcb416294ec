"""LLMix's names of errors and of what may be said in a config."""

from __future__ import annotations

from typing import Literal, get_args

from muxi_llm.presets.errors import (
    ConfigAccessError,
    ConfigNotFoundError,
    InvalidConfigError,
    LLMConfigError,
    SecurityError,
)

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

__all__ = [
    "VALID_PROVIDERS",
    "CacheHitTier",
    "CachingStrategy",
    "ConfigAccessError",
    "ConfigNotFoundError",
    "FallbackTrigger",
    "InvalidConfigError",
    "LLMConfigError",
    "Provider",
    "ResponseCacheStrategy",
    "SecurityError",
]
