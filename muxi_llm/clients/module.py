"""The module-level client: `muxi_llm.chat.completions.create(...)`, `muxi_llm.api_key = "sk-..."`.

As in the openai package, whose settings have the same names; here the client behind it is ours. A
setting is an attribute of `muxi_llm`, read at each request.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import httpx2
import openai
from openai import _module_client as resources
from openai._utils import LazyProxy

from muxi_llm.clients.openai import AzureOpenAI, OpenAI

if TYPE_CHECKING:
    from collections.abc import Callable

# `isinstance` would ask a proxy for its `__class__`, and so make the original's own client.
RESOURCES = frozenset(name for name, value in vars(resources).items() if issubclass(type(value), LazyProxy))
"""Names that stand for a resource of the module-level client: `chat`, `files`, ..."""

AZURE_SETTINGS = ("azure_endpoint", "azure_ad_token", "azure_ad_token_provider")
AZURE_VARIABLES = {"AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"}
COMMON = (
    "organization", "base_url", "timeout", "max_retries", "default_headers", "default_query", "http_client",
)  # fmt: skip
PLAIN = ("api_key", "admin_api_key", "project", "webhook_secret", *COMMON)
AZURE = ("api_key", "api_version", *AZURE_SETTINGS, *COMMON)
BEDROCK = ("api_key", "bedrock_token_provider", "project", "webhook_secret", *COMMON)

_lock = threading.Lock()
_client: openai.OpenAI | None = None


def setting(name: str) -> Any:
    """A setting: what was set on `muxi_llm`, else the openai package's own."""
    return vars(sys.modules["muxi_llm"]).get(name, getattr(openai, name))


class Resource(LazyProxy[Any]):
    """A resource of the module-level client, found when it is used."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __load__(self) -> Any:
        return getattr(client(), self._name)


def client() -> openai.OpenAI:
    """The module-level client, made when first needed."""
    global _client
    with _lock:
        if _client is None:
            kind = _kind()
            _set("api_type", kind)
            _client = MAKERS.get(kind, MAKERS["openai"])()
        return _client


def reset() -> None:
    """Forget the client; the next use makes a new one from the settings of then."""
    global _client
    _client = None


def _set(name: str, value: Any) -> None:
    vars(sys.modules["muxi_llm"])[name] = value


def _kind() -> str:
    """Whose client, as the original decides it."""
    if kind := setting("api_type"):
        return str(kind)
    azure = any(map(setting, AZURE_SETTINGS)) or not AZURE_VARIABLES.isdisjoint(os.environ)
    if azure and "OPENAI_API_KEY" in os.environ:
        raise openai._AmbiguousModuleClientUsageError
    return "azure" if azure else "openai"


def _live(name: str, none: Any = None) -> Any:
    """A client's attribute that is the module's setting, both ways. none: what `None` means."""
    return property(
        lambda _: none if setting(name) is None else setting(name), lambda _, value: _set(name, value)
    )


class Live:
    """A client that reads its settings from the module, at each request."""

    api_key = _live("api_key")
    admin_api_key = _live("admin_api_key")
    organization = _live("organization")
    project = _live("project")
    webhook_secret = _live("webhook_secret")
    timeout = _live("timeout")
    max_retries = _live("max_retries")
    _custom_headers = _live("default_headers", {})
    _custom_query = _live("default_query", {})
    _enforce_trailing_slash: Any

    @property
    def _base_url(self) -> Any:
        url = setting("base_url")
        return vars(self)["_base_url"] if url is None else self._enforce_trailing_slash(httpx2.URL(str(url)))

    @_base_url.setter
    def _base_url(self, url: Any) -> None:
        vars(self)["_base_url"] = url

    @property
    def _client(self) -> Any:
        return setting("http_client") or vars(self)["_client"]

    @_client.setter
    def _client(self, used: Any) -> None:
        vars(self)["_client"] = used


class LiveBedrock(Live):
    """Bedrock's client has credentials of many kinds: the module's key, if any, goes before them all."""

    @property
    def api_key(self) -> Any:
        """The module's, else the client's own."""
        key = setting("api_key")
        return vars(self).get("api_key") if key is None else key

    @api_key.setter
    def api_key(self, key: Any) -> None:
        """The client's own, which it found for itself: the module's stays the caller's."""
        vars(self)["api_key"] = key

    def _refresh_api_key(self) -> Any:
        key = setting("api_key")
        return super()._refresh_api_key() if key is None else key  # type: ignore[misc]

    def _legacy_auth_configuration(self) -> Any:
        key = setting("api_key")
        return super()._legacy_auth_configuration() if key is None else ("bearer", key)  # type: ignore[misc]


_ModuleClient: Any = type("_ModuleClient", (Live, OpenAI), {})
_AzureModuleClient: Any = type("_AzureModuleClient", (Live, AzureOpenAI), {})
_BedrockModuleClient: Any = type("_BedrockModuleClient", (LiveBedrock, openai.BedrockOpenAI), {})

MAKERS: dict[str, Callable[[], Any]] = {
    "openai": lambda: _ModuleClient(**_settings(PLAIN), _enforce_credentials=False),
    "azure": lambda: _AzureModuleClient(**_settings(AZURE)),
    "amazon-bedrock": lambda: _BedrockModuleClient(**_settings(BEDROCK)),
}


def _settings(names: tuple[str, ...]) -> dict[str, Any]:
    return {name: setting(name) for name in names}
