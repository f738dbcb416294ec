"""OpenAI's embeddings wire. Source: https://platform.openai.com/docs/api-reference/embeddings."""

from __future__ import annotations

import base64
import sys
from array import array
from typing import TYPE_CHECKING, Any

from muxi_llm.models import CreateEmbeddingResponse
from muxi_llm.wire.base import Json, StreamDecoder, Wire, WireError, read_value

if TYPE_CHECKING:
    from collections.abc import Mapping


class OpenAIEmbeddings(Wire):
    """OpenAI embeddings."""

    endpoint = "embedding"
    path = "/embeddings"
    _asked_base64 = False

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        self._asked_base64 = body.get("encoding_format") == "base64"
        return {"model": self.model, **body}

    def decode_response(self, data: bytes, *, created: int) -> CreateEmbeddingResponse:  # noqa: ARG002
        value = read_value(CreateEmbeddingResponse, data)
        if not self._asked_base64:
            for item in value.data:
                vector: object = item.embedding
                if isinstance(vector, str):  # some servers answer base64 whatever they were asked
                    item.embedding = floats(vector)
        return value

    def stream_decoder(self, *, created: int) -> StreamDecoder:
        raise NotImplementedError("embeddings are not streamed")


def floats(text: str) -> list[float]:
    """Base64 of little-endian 32-bit floats → floats."""
    try:
        values = array("f", base64.b64decode(text, validate=True))
    except ValueError as error:
        raise WireError("malformed", f"an embedding is not base64 of floats: {text[:40]!r}") from error
    if sys.byteorder == "big":  # pragma: no cover - no such machine to test on
        values.byteswap()
    return values.tolist()
