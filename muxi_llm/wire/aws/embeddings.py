"""Embeddings on Bedrock, by InvokeModel: each vendor's own body, which the model's id tells.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html,
.../model-parameters-embed.html (Cohere 3), .../model-parameters-embed-v4.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.wire.aws.faults import decode_aws_fault
from muxi_llm.wire.base import Fault, Json, Wire, loads
from muxi_llm.wire.cohere.embed import add_input_type
from muxi_llm.wire.reading import reading
from muxi_llm.wire.requesting import drop_others
from muxi_llm.wire.vectors import Asked, embeddings_of, texts_of, tokens_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.models import CreateEmbeddingResponse


class BedrockEmbeddings(Wire):
    """Titan (one text a call) and Cohere (many)."""

    endpoint = "embedding"
    _asked = Asked()

    def path_for(self, *, stream: bool) -> str:  # noqa: ARG002 - none exists
        return f"/model/{quote(self.model, safe='')}/invoke"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        self._asked = Asked.of(body)
        drop_others(body, TRANSLATED, self.ledger, "Bedrock's embeddings have no such parameter")
        texts = texts_of(body["input"], self.ledger.provider)
        sized = body.get("dimensions")
        if "cohere.embed" in self.model:
            size = {"output_dimension": sized} if sized else {}
            return {"texts": texts, **size}
        if "titan-embed" not in self.model:
            raise UnsupportedParameterError(
                f"{self.model}: embeddings of Titan and of Cohere are known here", param="model"
            )
        if len(texts) != 1:
            raise UnsupportedParameterError(
                f"{self.model} takes one text a call, not {len(texts)}", param="input"
            )
        return {"inputText": texts[0], **({"dimensions": sized} if sized else {})}

    def settle(self, body: Json) -> None:
        if "texts" in body:
            add_input_type(body, self.ledger)

    def decode_response(self, data: bytes, *, created: int) -> CreateEmbeddingResponse:  # noqa: ARG002
        raw = loads(data)
        with reading("no embeddings", data):
            found = raw["embeddings"] if "embeddings" in raw else [raw["embedding"]]
            vectors = found.get("float") if isinstance(found, dict) else found
            usage = tokens_of(raw.get("inputTextTokenCount"))
        return embeddings_of(vectors, self._asked, self.model, usage)

    @classmethod
    def decode_fault(cls, status: int, data: bytes) -> Fault:
        return decode_aws_fault(status, data)


# ------------------------------------------------------------------------------------------ tables

TRANSLATED = {"input", "dimensions", "encoding_format"}
