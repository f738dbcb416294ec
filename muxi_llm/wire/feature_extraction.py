"""Hugging Face's task API for embeddings: texts in, bare vectors out.

Source: https://huggingface.co/docs/inference-providers/tasks/feature-extraction. Models without a
pooling layer answer a vector for each token instead. How to pool those is the model's own matter (mean,
first token, last token), and a wrong guess gives bad vectors that look like good ones: they are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.wire.base import Fault, Json, Wire, WireError, loads
from muxi_llm.wire.vectors import Asked, embeddings_of, inputs_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.models import CreateEmbeddingResponse
    from muxi_llm.wire.base import Ledger, Profile

SERVED_BY = "hf-inference"
"""The one provider behind Hugging Face's router that has the task API."""


class FeatureExtraction(Wire):
    """Feature extraction. `normalize`, `prompt_name`, `truncate` go by `extra_body`."""

    endpoint = "embedding"
    _asked = Asked()

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        super().__init__(model, ledger, profile)
        name, _, served_by = model.partition(":")
        if served_by not in {"", SERVED_BY}:
            raise InvalidRequestError(
                f"{model}: embeddings come from {SERVED_BY} only, not from {served_by}", param="model"
            )
        self.path = f"/{SERVED_BY}/models/{quote(name)}/pipeline/feature-extraction"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        if body.get("dimensions") is not None:
            raise UnsupportedParameterError(
                "dimensions: the task API gives a model's own number of them", param="dimensions"
            )
        if body.get("user"):
            self.ledger.dropped("user", "the task API has no such parameter", loss=False)
        self._asked = Asked.of(body)
        return {"inputs": inputs_of(body["input"], "Hugging Face")}

    def decode_response(self, data: bytes, *, created: int) -> CreateEmbeddingResponse:  # noqa: ARG002
        vectors = loads(data)
        if not isinstance(vectors, list) or not all(isinstance(vector, list) for vector in vectors):
            raise WireError("malformed", f"the reply is no list of vectors: {str(vectors)[:200]}")
        if any(vector and isinstance(vector[0], list) for vector in vectors):
            why = f"{self.model} gives a vector for each token, none for a text; take a model that pools them"
            raise WireError("fault", why, Fault(422, why))
        return embeddings_of(vectors, self._asked, self.model)
