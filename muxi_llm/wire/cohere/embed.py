"""Cohere's embeddings wire (v2). Source: https://docs.cohere.com/reference/embed.

`input` holds texts, or for the models that see images parts (`{"type": "image_url", …}`) and whole
inputs of several parts (`{"content": […]}`). `input_type`, which Cohere requires, is
`search_document` unless `extra_body` or `provider_options` say otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.errors import UnsupportedParameterError, shown
from muxi_llm.wire.base import Json, Wire, loads
from muxi_llm.wire.reading import reading
from muxi_llm.wire.vectors import Asked, embeddings_of, inputs_of, tokens_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.models import CreateEmbeddingResponse
    from muxi_llm.wire.base import Ledger


class CohereEmbed(Wire):
    """Cohere embed, v2."""

    endpoint = "embedding"
    path = "/v2/embed"
    _asked = Asked()

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        self._asked = Asked.of(body)
        inputs = inputs_of(body["input"], "Cohere")
        out: Json = {"model": self.model, "embedding_types": [body.get("encoding_format") or "float"]}
        if all(isinstance(item, str) for item in inputs):
            out["texts"] = inputs
        else:
            out["inputs"] = [_input(item) for item in inputs]
        if body.get("dimensions") is not None:
            out["output_dimension"] = body["dimensions"]
        if body.get("user"):
            self.ledger.dropped("user", "Cohere's embed has no such parameter", loss=False)
        return out

    def settle(self, body: Json) -> None:
        add_input_type(body, self.ledger)

    def decode_response(self, data: bytes, *, created: int) -> CreateEmbeddingResponse:  # noqa: ARG002
        raw = loads(data)
        with reading("no embeddings", data):
            vectors = next((vectors for vectors in raw["embeddings"].values() if vectors), None)
            billed = (raw.get("meta") or {}).get("billed_units") or {}
            tokens = (billed.get("input_tokens") or 0) + (billed.get("image_tokens") or 0)
        return embeddings_of(vectors, self._asked, self.model, tokens_of(tokens))


def add_input_type(body: Json, ledger: Ledger) -> None:
    """What the embeddings are for, in place: Cohere wants to be told."""
    if not body.get("input_type"):
        body["input_type"] = "search_document"
        ledger.added("input_type", "required by Cohere; for queries give extra_body input_type")


def _input(item: Any) -> Json:
    if isinstance(item, str):
        item = {"type": "text", "text": item}
    if not isinstance(item, dict):
        raise UnsupportedParameterError(
            f"input: Cohere embeds texts and parts, not {shown(item)}", param="input"
        )
    return dict(item) if "content" in item else {"content": [item]}
