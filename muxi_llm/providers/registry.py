"""Provider names → classes: those already defined, then native modules, catalog rows, and what other
packages bring along (entry points of the group `muxi_llm.providers`: name → `Provider` subclass).

Nothing is imported or built before its name is asked for.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from muxi_llm.errors import InvalidRequestError
from muxi_llm.loading import loading
from muxi_llm.providers.base import CLASSES, Provider
from muxi_llm.providers.catalog import ROWS
from muxi_llm.providers.compatible import class_of

if TYPE_CHECKING:
    from muxi_llm.wire.base import Endpoint

NATIVE = {
    "anthropic": "muxi_llm.providers.anthropic",
    "azure": "muxi_llm.providers.azure",
    "bedrock": "muxi_llm.providers.amazon_bedrock",
    "cohere": "muxi_llm.providers.cohere",
    "databricks": "muxi_llm.providers.databricks",
    "deepgram": "muxi_llm.providers.audio_services",
    "elevenlabs": "muxi_llm.providers.audio_services",
    "google": "muxi_llm.providers.google",
    "huggingface": "muxi_llm.providers.huggingface",
    "jina": "muxi_llm.providers.embedding_services",
    "llama_cpp": "muxi_llm.providers.llama_cpp",
    "minimax": "muxi_llm.providers.minimax",
    "mixedbread": "muxi_llm.providers.embedding_services",
    "nomic": "muxi_llm.providers.embedding_services",
    "ollama": "muxi_llm.providers.ollama",
    "ollama_cloud": "muxi_llm.providers.ollama",
    "openai": "muxi_llm.providers.openai",
    "perplexity": "muxi_llm.providers.perplexity",
    "replicate": "muxi_llm.providers.replicate",
    "sagemaker": "muxi_llm.providers.sagemaker",
    "vertex": "muxi_llm.providers.vertex_ai",
    "voyage": "muxi_llm.providers.embedding_services",
    "watsonx": "muxi_llm.providers.watsonx",
}
"""Providers with a module of their own; importing it registers its class."""

ALIASES = {
    "alibaba": "dashscope",
    "ark": "volcengine",
    "azure_openai": "azure",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "github_models": "github",
    "glm": "zai",
    "hf": "huggingface",
    "kimi": "moonshot",
    "lmstudio": "lm_studio",
    "local": "vllm",
    "meta_llama": "llama",
    "nano-gpt": "nano_gpt",
    "nanogpt": "nano_gpt",
    "novita_ai": "novita",
    "nvidia_nim": "nvidia",
    "ovhcloud": "ovh",
    "qwen": "dashscope",
    "together_ai": "together",
    "togetherai": "together",
    "vercel_ai_gateway": "vercel",
    "vertex_ai": "vertex",
    "vertexai": "vertex",
    "workers_ai": "cloudflare",
    "xiaomi_mimo": "xiaomi",
    "zhipu": "zai",
}
"""Names by which other libraries know a provider: the same class, and read as its own name."""


def find(name: str) -> type[Provider] | None:
    """The provider's class, `None` if there is no such provider."""
    name = name if name in CLASSES else ALIASES.get(name, name)
    if name in CLASSES:
        return CLASSES[name]
    if name in NATIVE:
        with loading.under_way():
            import_module(NATIVE[name])
        return CLASSES[name]
    if name in ROWS:
        return class_of(name, ROWS[name])
    if name in installed():
        register(name, installed()[name].load())
    return CLASSES.get(name)


def register(name: str, provider: type[Provider]) -> None:
    """Make *provider* answer to *name* as well (a subclass is registered under its own by itself)."""
    CLASSES[name] = provider


@cache
def installed() -> dict[str, EntryPoint]:
    """Providers of other packages, not yet loaded."""
    return {point.name: point for point in entry_points(group="muxi_llm.providers")}


def own() -> list[type[Provider]]:
    """Every provider that needs no other package: ours, and those defined in this program."""
    return list(_own(tuple(CLASSES.items())))


def having(endpoint: Endpoint) -> list[str]:
    """Who has *endpoint* and is still there, by name."""
    return [kind.name for kind in own() if endpoint in kind.endpoints() and not getattr(kind, "closed", "")]


@lru_cache(maxsize=2)
def _own(_: object) -> list[type[Provider]]:
    """Asked at each call of some clients: made again only when a class was."""
    found = (find(name) for name in sorted({*CLASSES, *NATIVE, *ROWS}))
    return [kind for kind in found if kind is not None]


def names() -> list[str]:
    """Every known provider, sorted."""
    return sorted({*CLASSES, *NATIVE, *ROWS, *installed()})


def is_built_in(name: str) -> bool:
    """Whether it is one of ours, and neither the program's own nor another package's."""
    return name in NATIVE or name in ROWS


def check(name: str, param: str) -> None:
    """Raise an `InvalidRequestError` where *name* is no provider's own name."""
    if find(name) is None:
        raise InvalidRequestError(hint(name), param=param)
    if own_name := ALIASES.get(name):  # looked up by the provider's own name, it would be passed over
        raise InvalidRequestError(f"{name!r} is another name of {own_name!r}; use that", param=param)


def check_setting(setting: str) -> None:
    """Raise an `AttributeError` where *setting* of the package (`groq_api_key`) nearly names a provider.

    A name that is like none of theirs may be one that is yet to be defined.
    """
    name = re.sub("_(api_key|keys|base_url)$", "", setting)
    meant = ALIASES.get(name) if name in ALIASES and name not in CLASSES else None
    near = [meant] if meant else [other for other in nearest(name) if other not in ALIASES]
    if near and name not in names():
        raise AttributeError(
            f"there is no setting {setting!r}; did you mean {near[0] + setting[len(name) :]!r}?"
        )


def hint(name: str) -> str:
    """That there is no such provider, and which one may have been meant."""
    near = nearest(name)
    meant = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names())}"
    return f"there is no provider {name!r}; {meant}"


def nearest(name: str) -> list[str]:
    """The known names most like *name*, best first."""
    return get_close_matches(name.lower(), [*names(), *ALIASES], n=3, cutoff=0.75)
