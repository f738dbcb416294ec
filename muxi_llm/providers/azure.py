"""Azure OpenAI, and the other models of Azure AI Foundry."""

from __future__ import annotations

import re
from inspect import isawaitable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from muxi_llm.providers.base import STORED, stored_in
from muxi_llm.providers.openai import OPENAIS, OpenAIProvider
from muxi_llm.providers.tokens import left
from muxi_llm.providers.voices import OPENAI_AUDIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.core.port import IO
    from muxi_llm.wire.base import Reply, Wire, WireCall


class AzureProvider(OpenAIProvider):
    """https://learn.microsoft.com/en-us/azure/foundry/openai/api-version-lifecycle. Models are deployments.

    With a dated API version it is named in the path, as before the v1 API; without, in the body. An endpoint
    with a path of its own (`.../models`, a proxy's) is taken as it is. A key, or an Entra token: as it is
    (`AZURE_OPENAI_AD_TOKEN`), or from `muxi_llm.azure_ad_token_provider`, a function asked at each call.
    """

    name = "azure"
    base_url = "https://{resource}.openai.azure.com"
    base_url_env = ("AZURE_BASE_URL", "AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE")
    key_env = ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY")
    header_env = {}
    settings_env = {
        "resource": ("AZURE_RESOURCE_NAME",),
        "api_version": ("AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION", "AZURE_API_VERSION"),
        "ad_token": ("AZURE_OPENAI_AD_TOKEN", "AZURE_AD_TOKEN"),
        "ad_token_provider": (),
        "content_safety_endpoint": ("AZURE_CONTENT_SAFETY_ENDPOINT", "CONTENT_SAFETY_ENDPOINT"),
    }
    more_wires = {
        "image": "openai.images:OpenAIImages",
        "moderation": "content_safety:ContentSafety",
        **OPENAI_AUDIO,
        **stored_in(
            "stored"
        ),  # https://learn.microsoft.com/en-us/azure/foundry/reference/rest/batches-create-batch
    }
    # https://learn.microsoft.com/en-us/azure/foundry/openai/how-to/realtime-audio-websockets

    _openais = re.compile(rf"(.*[^a-z0-9])?{OPENAIS.pattern}")
    """Deployments are named after their models: `prod-gpt-5.4`."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        address = TARGET.fullmatch(self.base_url)
        if address is not None:  # the portal's target URI, of one endpoint
            self.base_url = address["base"]
            if address["version"]:
                self.settings = {"api_version": address["version"], **self.settings}
        self.key_required = self.settings.keys().isdisjoint({"ad_token", "ad_token_provider"})

    def authorize(self) -> dict[str, str]:
        token = self.settings.get("ad_token")
        if token:
            return {"authorization": f"Bearer {token}"}
        return {"api-key": self.api_key} if self.api_key else {}

    def url_of(self, wire: Wire, *, stream: bool) -> str:
        """By the v1 API, by deployment where the version is a date, or by the endpoint's own path.

        Responses name the deployment in their body:
        https://learn.microsoft.com/en-us/azure/foundry/openai/how-to/responses.
        """
        path = wire.path_for(stream=stream)
        if wire.endpoint == "moderation":
            return self._content_safety + path
        version = self.settings.get("api_version", "")
        query = f"{'&' if '?' in path else '?'}{urlencode({'api-version': version})}" if version else ""
        at = self.base_url
        if not urlsplit(at).path:
            dated = version[:1].isdigit()
            at += "/openai" if dated else "/openai/v1"
            if dated and wire.endpoint not in OF_NO_DEPLOYMENT and path != "/responses":
                at += f"/deployments/{quote(wire.model, safe='')}"
        return at + path + query

    def realtime_address(self, model: str) -> tuple[str, dict[str, str]]:
        """By the v1 API, or by deployment where the version is a date."""
        version = self.settings.get("api_version", "")
        at = self.base_url
        if not version[:1].isdigit():
            return at if urlsplit(at).path else f"{at}/openai/v1", {"model": model}
        return at if urlsplit(at).path else f"{at}/openai", {"api-version": version, "deployment": model}

    @property
    def _content_safety(self) -> str:
        """Where Content Safety is: a resource of its own, or the same by its other name.

        https://learn.microsoft.com/en-us/azure/ai-services/content-safety/quickstart-text
        """
        own = self.settings.get("content_safety_endpoint")
        parts = urlsplit(own or self.base_url)
        host = parts.netloc.replace(".openai.azure.com", ".cognitiveservices.azure.com")
        return f"{parts.scheme}://{host}"

    def prepare(
        self, wire: Wire, body: Mapping[str, Any], *, stream: bool, extra: Mapping[str, Any]
    ) -> WireCall:
        call = super().prepare(wire, body, stream=stream, extra=extra)
        if wire.endpoint == "moderation" and "api-key" in call.headers:
            call.headers["ocp-apim-subscription-key"] = call.headers.pop("api-key")
        return call

    async def send(self, io: IO, call: WireCall) -> Reply:
        provider: Any = self.settings.get("ad_token_provider")
        if provider is not None:
            ends = io.now() + call.timeout
            token = await io.run(provider)
            token = await token if isawaitable(token) else token
            call.timeout = left(io, ends)
            call.headers.pop("api-key", None)
            call.headers["authorization"] = f"Bearer {token}"
        return await io.send(call)


# ------------------------------------------------------------------------------------------ tables

OF_NO_DEPLOYMENT = {"models", *STORED}
TARGET = re.compile(
    r"(?P<base>https?://[^?]+?)(?:/chat/completions|/completions|/embeddings|/responses|/audio/\w+|/images/\w+)?"
    r"(?:\?(?:.*&)?api-version=(?P<version>[\w.-]+).*)?"
)
"""Endpoints as they stand in Azure's portal, to be copied: with the last words of the path, and a version."""
