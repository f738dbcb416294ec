"""Embedding services that are nearly OpenAI's, and Nomic's, which is not.

Sources: https://docs.voyageai.com/reference/embeddings-api, https://jina.ai/embeddings (API),
https://docs.nomic.ai/reference/api/embed-text-v-1-embedding-text-post.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from muxi_llm.wire.base import Json, Wire, loads
from muxi_llm.wire.openai.embeddings import OpenAIEmbeddings
from muxi_llm.wire.reading import reading
from muxi_llm.wire.vectors import Asked, embeddings_of, inputs_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.models import CreateEmbeddingResponse


class TextEmbeddings(OpenAIEmbeddings):
    """OpenAI's form for texts alone. format_name: what `encoding_format` is called there.

    A vector as floats is what these services give unasked, and some know no word for it.
    """

    format_name: ClassVar[str] = "encoding_format"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        inputs_of(body["input"], self.ledger.provider)
        encoded = super().encode_request(body, stream=stream)
        wanted = encoded.pop("encoding_format", "float")
        if wanted != "float":
            encoded[self.format_name] = wanted
        return encoded

    def decode_response(self, data: bytes, *, created: int) -> CreateEmbeddingResponse:
        value = super().decode_response(data, created=created)
        usage: Any = value.usage  # off the schema, it may be anything
        if getattr(usage, "prompt_tokens", 0) is None:  # Voyage tells the total alone
            usage.prompt_tokens = usage.total_tokens
        return value


class JinaEmbeddings(TextEmbeddings):
    """Jina's name for the format."""

    format_name = "embedding_type"


class NomicEmbed(Wire):
    """Nomic's text embeddings. `task_type` and the rest go by `extra_body`."""

    endpoint = "embedding"
    path = "/embedding/text"
    _asked = Asked()

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        self._asked = Asked.of(body)
        out: Json = {"model": self.model, "texts": inputs_of(body["input"], "Nomic")}
        if body.get("dimensions") is not None:
            out["dimensionality"] = body["dimensions"]
        return out

    def decode_response(self, data: bytes, *, created: int) -> CreateEmbeddingResponse:  # noqa: ARG002
        raw = loads(data)
        with reading("no embeddings", data):
            vectors, model = raw["embeddings"], raw.get("model") or self.model
        return embeddings_of(vectors, self._asked, model, raw.get("usage"))
