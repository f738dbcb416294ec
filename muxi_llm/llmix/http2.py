"""HTTP clients for dispatch functions of one's own: HTTP/2 for the providers it does good with.

Of LLMix's module `create_http1_client`, `create_http2_client` and `create_ratelimit_hook` are left out:
httpx2's own clients do the first two, and a `ProviderResult` with its headers the third.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import httpx2


@dataclass(frozen=True, slots=True)
class ProviderTransportConfig:
    """What a provider's connections are like."""

    name: str
    http2: bool = False


PROVIDER_TRANSPORT: dict[str, ProviderTransportConfig] = {
    name: ProviderTransportConfig(name, name in {"openai", "google"})
    for name in ("openai", "anthropic", "google", "deepseek", "openrouter", "helicone")
}


def get_provider_transport(provider: str) -> ProviderTransportConfig:
    """What *provider*'s connections are like; HTTP/1.1 for one that is not known."""
    return PROVIDER_TRANSPORT.get(provider) or ProviderTransportConfig(provider)


def create_client_for_provider(provider: str, **options: Any) -> httpx2.AsyncClient:
    """An HTTP client for *provider*, to be closed by the caller. *options* are httpx2's.

    HTTP/2 is used where the provider is better off with it and the package `h2` is installed.
    """
    http2 = get_provider_transport(provider).http2 and find_spec("h2") is not None
    return httpx2.AsyncClient(**{"http2": http2, **options})
