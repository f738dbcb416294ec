"""OpenAI's embeddings wire. Source: https://platform.openai.com/docs/api-reference/embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.models import CreateEmbeddingResponse
from muxi_llm.wire.base import Json, StreamDecoder, Wire, read_value
from muxi_llm.wire.vectors import Asked, checked, floats

if TYPE_CHECKING:
    from collections.abc import Mapping


class OpenAIEmbeddings(Wire):
    """OpenAI embeddings."""

    endpoint = "embedding"
    path = "/embeddings"
    unpack = staticmethod(floats)
    """What a vector that comes as text, though nobody asked for that, stands for."""
    _asked = Asked()

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        self._asked = Asked.of(body)
        return {"model": self.model, **body}

    def decode_response(self, data: bytes, *, created: int) -> CreateEmbeddingResponse:  # noqa: ARG002
        return checked(read_value(CreateEmbeddingResponse, data), self._asked, self.unpack)

    def stream_decoder(self, *, created: int) -> StreamDecoder:
        raise NotImplementedError("embeddings are not streamed")
