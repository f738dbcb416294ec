"""What Vertex AI serves, by publisher: each one's own wire, in Vertex's place.

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from muxi_llm.wire.anthropic.messages import AnthropicMessages
from muxi_llm.wire.gemini.embeddings import VertexPredict
from muxi_llm.wire.gemini.generate_content import GenerateContent
from muxi_llm.wire.models_list import ModelsList
from muxi_llm.wire.openai.chat import OpenAIChat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json


PLACE = "{place}"
"""Stands in a path for project and location."""


class VertexGemini(GenerateContent):
    """Gemini, by v1beta1 as in Google's own SDK: v1 knows no ids of function calls."""

    def path_for(self, *, stream: bool) -> str:
        """Below a publisher, but for a tuned model, which has an endpoint of its own."""
        publisher = "" if self.path.startswith("/endpoints/") else "/publishers/google"
        return f"/v1beta1{PLACE}{publisher}{super().path_for(stream=stream)}"


class VertexEmbeddings(VertexPredict):
    """Google's embeddings."""

    def path_for(self, *, stream: bool) -> str:
        """Below the publisher, like a chat."""
        return f"/v1{PLACE}/publishers/google{super().path_for(stream=stream)}"


class VertexModels(ModelsList):
    """Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models/list."""

    path = "/v1beta1/publishers/google/models?pageSize=1000"
    items = "publisherModels"
    name = "name"
    prefix = "publishers/google/models/"


class VertexClaude(AnthropicMessages):
    """Source: https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai."""

    def path_for(self, *, stream: bool) -> str:
        """By the verb of partners, one for streams and one for the rest."""
        return raw_predict("anthropic", self.model, stream=stream)

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        encoded = super().encode_request(body, stream=stream)
        del encoded["model"]
        return {"anthropic_version": "vertex-2023-10-16", **encoded}


class VertexMistral(OpenAIChat):
    """Source: https://docs.mistral.ai/deployment/cloud/vertex/."""

    def path_for(self, *, stream: bool) -> str:
        """The same for Mistral."""
        return raw_predict("mistralai", self.model, stream=stream)


class VertexOpen(OpenAIChat):
    """Source: https://cloud.google.com/vertex-ai/generative-ai/docs/maas/call-open-model-apis."""

    path = f"/v1{PLACE}/endpoints/openapi/chat/completions"


def raw_predict(publisher: str, model: str, *, stream: bool) -> str:
    """Where a model answers in its publisher's own form."""
    verb = "streamRawPredict" if stream else "rawPredict"
    return f"/v1{PLACE}/publishers/{publisher}/models/{quote(model, safe='@')}:{verb}"
