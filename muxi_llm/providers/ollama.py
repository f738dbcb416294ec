"""Ollama, by its own API: a server of one's own, and the one at ollama.com."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit

from muxi_llm.errors import InvalidRequestError
from muxi_llm.providers.base import Provider
from muxi_llm.wire.ollama.chat import OllamaChat, OllamaGenerate
from muxi_llm.wire.ollama.embed import OllamaEmbed, OllamaTags


class OllamaProvider(Provider):
    """https://docs.ollama.com/api. People write its base URL with `/v1` or `/api`, or as `OLLAMA_HOST`."""

    name = "ollama"
    base_url = "http://127.0.0.1:11434"
    base_url_env: ClassVar[tuple[str, ...]] = ("OLLAMA_BASE_URL", "OLLAMA_HOST")
    key_required = False
    wires = {"chat": OllamaChat, "completion": OllamaGenerate, "embedding": OllamaEmbed, "models": OllamaTags}

    vision_support = True
    media_url_support = False
    streaming_support = True
    token_by_token_support = True
    json_mode_support = True
    json_schema_support = True
    reasoning_replay_support = True
    tool_parts_support = True
    top_k_support = True

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.base_url = base_of(self.base_url)


class OllamaCloudProvider(OllamaProvider):
    """https://docs.ollama.com/cloud. Its models are not held to a form:
    https://docs.ollama.com/capabilities/structured-outputs.
    """

    name = "ollama_cloud"
    base_url = "https://ollama.com"
    base_url_env = ("OLLAMA_CLOUD_BASE_URL",)
    key_env = ("OLLAMA_CLOUD_API_KEY", "OLLAMA_API_KEY")
    key_required = True
    json_mode_support = False
    json_schema_support = False


def base_of(text: str) -> str:
    """The server's URL, from any form `OLLAMA_HOST` may have: `host`, `:port`, `0.0.0.0`, a URL.

    Source: https://github.com/ollama/ollama/blob/main/envconfig/config.go (Host). An address to listen at
    is no address to call; this machine is meant.
    """
    scheme, found, _ = text.partition("://")
    try:
        url = urlsplit(text if found else f"http://{text}")
        port = url.port or (None if found else 11434)
    except ValueError as error:
        raise InvalidRequestError(f"ollama: {text!r} is no base URL: {error}", param="base_url") from error
    user, at, _ = url.netloc.rpartition("@")
    host = url.hostname or "127.0.0.1"
    host = LISTENING.get(host, f"[{host}]" if ":" in host else host)
    path = url.path.rstrip("/").removesuffix("/v1").removesuffix("/api")
    return f"{scheme if found else 'http'}://{user}{at}{host}{f':{port}' if port else ''}{path}"


LISTENING = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - replaced, nothing listens  # nosec B104
