"""A call's config, whatever its spelling: camel case as in presets, or snake case as in Python."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Values under these are a provider's own: their keys are not ours to spell.
OPAQUE = {
    "deepinfra",
    "logit_bias",
    "metadata",
    "novita",
    "prediction",
    "provider",
    "reasoning",
    "response_format",
    "together",
}


def snake_case(config: Mapping[str, Any]) -> dict[str, Any]:
    """*config* with snake-case keys throughout; where both spellings are given, snake case wins."""
    out: dict[str, Any] = {}
    for key, value in config.items():
        name = snake_name(key)
        if name in out and name != key:
            continue
        out[name] = snake_case(value) if isinstance(value, Mapping) and name not in OPAQUE else value
    return out


def camel_case(value: Any) -> Any:
    """*value* with camel-case keys throughout, for the cache key: the same in every language."""
    if isinstance(value, Mapping):
        return {
            camel_name(str(key)): item if snake_name(str(key)) in OPAQUE else camel_case(item)
            for key, item in value.items()
        }
    return value


def snake_name(key: str) -> str:
    """`maxOutputTokens` → `max_output_tokens`; names with dashes are providers', and stay."""
    return re.sub(r"(?<=[a-zA-Z0-9])[A-Z]", lambda found: "_" + found[0].lower(), key)


def camel_name(key: str) -> str:
    """`max_output_tokens` → `maxOutputTokens`."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), key)


def common_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The `common` part of a snake-case config."""
    common = config.get("common") or {}
    return common if isinstance(common, Mapping) else {}


def base_kwargs(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a config says, by OpenAI's names; `None` where it is silent."""
    common = common_of(config)
    wanted = {name: common.get(source) for name, source in KWARGS.items()}
    wanted["response_format"] = common.get("response_format", config.get("response_format"))
    return wanted


def key_fields(config: Mapping[str, Any], messages: Any, base_url: str) -> dict[str, Any]:
    """What the cache key is made of: see `muxi_llm.harness.canonical.FIELDS`."""
    common = common_of(config)
    return {
        "provider": config["provider"],
        "model": config["model"],
        "messages": messages,
        "baseUrl": base_url or None,
        "responseFormat": common.get("response_format", config.get("response_format")),
        "providerOptions": camel_case(config.get("provider_options")),
        **{camel_name(name): common.get(name) for name in KEYED},
    }


KWARGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_output_tokens",
    "top_k": "top_k",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "stop": "stop_sequences",
    "seed": "seed",
}
KEYED = (
    "enable_thinking",
    "frequency_penalty",
    "max_output_tokens",
    "presence_penalty",
    "seed",
    "stop_sequences",
    "temperature",
    "top_k",
    "top_p",
)
