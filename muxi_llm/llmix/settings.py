"""What a call's config may say: a name that is none of these is a typo, and would be ignored in silence.

A provider's own options are not looked into: they go to the provider, which says what it thinks of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from muxi_llm.core.options import is_duration
from muxi_llm.llmix.types import VALID_PROVIDERS, InvalidConfigError
from muxi_llm.providers.spelling import snake_case

DEFAULT_TIMEOUT = 120.0
"""Seconds for a call, retries and all, where its config has no `timeout.totalTime`."""


def checked(config: Mapping[str, Any]) -> dict[str, Any]:
    """*config* in snake case. Raises `InvalidConfigError` for a name that is none of LLMix's."""
    if not isinstance(config, Mapping):
        raise InvalidConfigError(f"a config must be a mapping, not {type(config).__name__}")
    wanted = snake_case(config)
    _check(wanted, TOP, "config")
    for part, names in PARTS.items():
        said = wanted.get(part)
        if said is None:
            continue
        if not isinstance(said, Mapping):
            raise InvalidConfigError(f"config.{part} must be a mapping, not {said!r}")
        _check(said, names, f"config.{part}")
    return wanted


def total_time(config: Mapping[str, Any]) -> float:
    """Seconds for a call. Raises `InvalidConfigError` for what is no number of them."""
    said = (config.get("timeout") or {}).get("total_time")
    if said is None:
        return DEFAULT_TIMEOUT
    if not is_duration(said):
        raise InvalidConfigError(f"config.timeout.total_time must be seconds above 0, not {said!r}")
    return float(said)


def _check(said: Mapping[str, Any], names: frozenset[str], where: str) -> None:
    for name in said:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(names))}"
            raise InvalidConfigError(f"{where} has no {name!r}; {hint}")


# ------------------------------------------------------------------------------------------- tables


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


TOP = _names(
    "base_url bypass_gateway caching common config_id deprecated description fallback helicone model "
    "module preset provider provider_options response_format scope tags timeout version"
)
COMMON = _names(
    "enable_thinking frequency_penalty keep_thinking_output max_output_tokens max_retries model "
    "presence_penalty provider response_format seed stop_sequences temperature top_k top_p"
)
PARTS: dict[str, frozenset[str]] = {
    "common": COMMON,
    "caching": frozenset({"key", "max_items", "strategy", "ttl"}),
    "timeout": frozenset({"stream_first_chunk_time", "total_time"}),
    "fallback": frozenset({"on", "preset"}),
    "provider_options": frozenset({*VALID_PROVIDERS, "gemini"}),
}
