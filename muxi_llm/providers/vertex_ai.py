"""Google Cloud's Vertex AI: Gemini by its own wire, Claude by Anthropic's, the others by OpenAI's.

Credentials: an access token or an API key as `api_key`, else what Google's own libraries would use
(Application Default Credentials, with the extra `muxi-llm[google]`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from muxi_llm import errors
from muxi_llm.providers import registry
from muxi_llm.providers.base import Provider, stored_in
from muxi_llm.providers.compatible import OpenAICompatible
from muxi_llm.providers.google import GoogleProvider
from muxi_llm.providers.google_credentials import default_credentials
from muxi_llm.providers.tokens import left
from muxi_llm.wire.gemini import vertex as wires
from muxi_llm.wire.openai.completions import CompletionsOverChat

if TYPE_CHECKING:
    from muxi_llm.core.port import IO
    from muxi_llm.wire.base import Endpoint, Ledger, Reply, Wire, WireCall


class VertexProvider(GoogleProvider):
    """Source: https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest."""

    name = "vertex"
    base_url = "https://aiplatform.googleapis.com"
    base_url_env = ("VERTEX_BASE_URL", "VERTEXAI_BASE_URL")
    key_env = ("VERTEX_API_KEY", "GOOGLE_VERTEX_API_KEY")
    key_required = False
    settings_env = {
        "project": ("VERTEXAI_PROJECT", "GOOGLE_CLOUD_PROJECT"),
        "location": ("VERTEXAI_LOCATION", "GOOGLE_CLOUD_LOCATION"),
        "credentials": ("GOOGLE_APPLICATION_CREDENTIALS",),
        "bucket": ("VERTEXAI_BUCKET", "GCS_BUCKET_NAME"),
    }
    wires = {
        "chat": wires.VertexGemini,
        "embedding": wires.VertexEmbeddings,
        "models": wires.VertexModels,
    }
    more_wires = {
        **stored_in("gemini.vertex_stored"),
        "image": "gemini.images:vertex_images",
        "rerank": "gemini.ranking:VertexRanking",
    }
    batch_lines = "gemini.vertex_stored:VertexLines"

    def wire_for(self, endpoint: Endpoint, model: str, ledger: Ledger) -> Wire:
        """The publisher's wire; its habits become those of this instance, which serves one model."""
        if endpoint == "completion":
            return CompletionsOverChat(self.wire_for("chat", model, ledger))
        publisher, _, bare = model.rpartition("/")
        if not publisher:
            publisher = next(
                (name for prefix, name in PUBLISHERS.items() if bare.startswith(prefix)), "google"
            )
        if endpoint != "chat" or publisher in {"google", "endpoints"}:
            wire = super().wire_for(endpoint, bare if publisher == "google" else model, ledger)
            wire.storage = self._storage
            return wire
        kind, maker = SERVED.get(publisher, (wires.VertexOpen, ""))
        habits = registry.find(maker) or OpenModels
        vars(self).update({name: getattr(habits, name) for name in HABITS})
        return kind(model if kind is wires.VertexOpen else bare, ledger, self.profile(bare))

    def authorize(self) -> dict[str, str]:
        if not self.api_key or self._is_key:
            return super().authorize()
        return {"authorization": f"Bearer {self.api_key}"}

    @property
    def _is_key(self) -> bool:
        """Whether `api_key` is one, not a token."""
        return (self.api_key or "").startswith(API_KEYS)

    def url_of(self, wire: Wire, *, stream: bool) -> str:
        """At the location's host, below its project."""
        location = self.settings.get("location", "global")
        if wire.endpoint == "rerank":  # a service of its own, which is nowhere in particular
            base = self.base_url if self.base_url != VertexProvider.base_url else RANKING
            place = self._place("global")
            if not place:
                raise errors.InvalidRequestError(NO_PROJECT, param="model")
            return f"{base}/v1{place}{wire.path}"
        base = self.base_url if self.base_url != VertexProvider.base_url else host_of(location)
        path = wire.path_for(stream=stream)
        if wire.storage and path.startswith(wire.storage):
            return path
        return base + (path.replace(wires.PLACE, self._place(location)) if wires.PLACE in path else path)

    @property
    def _storage(self) -> str:
        """Where files are: Google's own Cloud Storage, or beside a server that stands for all of Google's."""
        host = urlsplit(self.base_url).hostname or ""
        return "https://storage.googleapis.com" if host.endswith("googleapis.com") else self.base_url

    def _place(self, location: str) -> str:
        """Project and location; a key without a project is one of express mode, which has neither.

        https://cloud.google.com/vertex-ai/generative-ai/docs/start/express-mode/vertex-ai-express-mode-api-reference
        """
        project = self.settings.get("project")
        if project is None and self._is_key:
            return ""
        if project is None and self.api_key:
            raise errors.InvalidRequestError(NO_PROJECT, param="model")
        return f"/projects/{project or UNKNOWN}/locations/{location}"

    async def send(self, io: IO, call: WireCall) -> Reply:
        if call.headers.keys().isdisjoint({"authorization", "x-goog-api-key"}):
            ends = io.now() + call.timeout
            file = self.settings.get("credentials")
            headers, project = await io.run(partial(default_credentials, file, call.timeout))
            call.timeout = left(io, ends)
            if UNKNOWN in call.url and not project:
                raise errors.MissingCredentialsError(NO_PROJECT)
            call.headers.update(headers)
            call.url = call.url.replace(UNKNOWN, project or "")
        return await io.send(call)


class OpenModels(OpenAICompatible, register=False):
    """What the open models can do, as far as they have it in common."""

    vision_support = True
    json_schema_support = True


def host_of(location: str) -> str:
    """Source: https://cloud.google.com/vertex-ai/docs/reference/rest#service-endpoint."""
    if location == "global":
        return VertexProvider.base_url
    if location in {"us", "eu"}:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


# ------------------------------------------------------------------------------------------- tables

RANKING = "https://discoveryengine.googleapis.com"
"""https://cloud.google.com/generative-ai-app-builder/docs/reference/rest#service-endpoint."""

API_KEYS = ("AIza", "AQ.")
UNKNOWN = "project-of-the-credentials"
"""Stands in the URL for what only the credentials know."""

NO_PROJECT = "vertex: no project; set VERTEXAI_PROJECT or GOOGLE_CLOUD_PROJECT, or muxi_llm.vertex_project"

PUBLISHERS = {
    "claude": "anthropic",
    **dict.fromkeys(("mistral", "codestral", "ministral", "magistral"), "mistralai"),
}
"""The beginning of a model's name → who made it, where the name does not say so itself."""

SERVED: dict[str, tuple[type[Wire], str]] = {
    "anthropic": (wires.VertexClaude, "anthropic"),
    "mistralai": (wires.VertexMistral, "mistral"),
}
"""Publisher → its wire, and the provider that has its habits."""

IDENTITY = {"name", "base_url", "wires", "more_wires", "quirks", "verbatim", "namespaced_models"}
HABITS = [
    name
    for name, value in vars(Provider).items()
    if not (
        name.startswith("_") or name.endswith(("_env", "_required")) or name in IDENTITY or callable(value)
    )
]
"""What a provider class says of what it can do, without who and where it is."""
