"""Embeddings on Bedrock, by InvokeModel: each vendor's own body, which the model's id tells.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html,
.../model-parameters-embed.html (Cohere 3), .../model-parameters-embed-v4.html.
"""

from __future__ import annotations

import base64
from array import array
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.models import CreateEmbeddingResponse
from muxi_llm.wire.aws_faults import decode_aws_fault
from muxi_llm.wire.base import Fault, Json, StreamDecoder, Wire, WireError, build_value, loads

if TYPE_CHECKING:
    from collections.abc import Mapping


class BedrockEmbeddings(Wire):
    """Titan (one text a call) and Cohere (many)."""

    endpoint = "embedding"
    _as_base64 = False

    def path_for(self, *, stream: bool) -> str:  # noqa: ARG002 - none exists
        return f"/model/{quote(self.model, safe='')}/invoke"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        self._as_base64 = body.get("encoding_format") == "base64"
        for name in body.keys() - TRANSLATED:
            self.ledger.dropped(name, "Bedrock's embeddings have no such parameter", loss=name != "user")
        texts = texts_of(body["input"], self.ledger.provider)
        sized = body.get("dimensions")
        if "cohere.embed" in self.model:
            size = {"output_dimension": sized} if sized else {}
            self.ledger.added("input_type", "required by Cohere; extra_body may say search_query")
            return {"texts": texts, "input_type": "search_document", **size}
        if "titan-embed" not in self.model:
            raise UnsupportedParameterError(
                f"{self.model}: embeddings of Titan and of Cohere are known here", param="model"
            )
        if len(texts) != 1:
            raise UnsupportedParameterError(
                f"{self.model} takes one text a call, not {len(texts)}", param="input"
            )
        return {"inputText": texts[0], **({"dimensions": sized} if sized else {})}

    def decode_response(self, data: bytes, *, created: int) -> CreateEmbeddingResponse:  # noqa: ARG002
        raw = loads(data)
        return embeddings_value(raw, _vectors(raw), self.model, as_base64=self._as_base64)

    def stream_decoder(self, *, created: int) -> StreamDecoder:
        raise NotImplementedError("embeddings are not streamed")

    @classmethod
    def decode_fault(cls, status: int, data: bytes) -> Fault:
        return decode_aws_fault(status, data)


def texts_of(given: Any, provider: str, *, param: str = "input") -> list[str]:
    """What is given for *param* as a list of texts: who takes those takes no tokens."""
    texts = [given] if isinstance(given, str) else list(given)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise UnsupportedParameterError(f"{provider}: {param} must be text, not tokens", param=param)
    return texts


def embeddings_value(raw: Any, vectors: Any, model: str, *, as_base64: bool) -> CreateEmbeddingResponse:
    """OpenAI's value for *vectors*, lists of floats; raises a `WireError` where *raw* holds none."""
    if not isinstance(vectors, list) or not all(isinstance(vector, list) for vector in vectors):
        raise WireError("malformed", f"the reply holds no embeddings: {str(raw)[:200]}")
    told = [encoded(vector) if as_base64 else vector for vector in vectors]
    counted = (raw.get("inputTextTokenCount") or 0) if isinstance(raw, dict) else 0
    value = {
        "object": "list",
        "model": model,
        "data": [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(told)],
        "usage": {"prompt_tokens": counted, "total_tokens": counted},
    }
    return build_value(CreateEmbeddingResponse, value)


def encoded(vector: list[float]) -> str:
    """Floats → base64 of little-endian 32-bit floats, as OpenAI sends them."""
    return base64.b64encode(array("f", vector).tobytes()).decode()


def _vectors(raw: Any) -> Any:
    if not isinstance(raw, dict):
        return None
    found = raw.get("embeddings", [raw.get("embedding")])
    return found.get("float") if isinstance(found, dict) else found


# ------------------------------------------------------------------------------------------ tables

TRANSLATED = {"input", "dimensions", "encoding_format"}
