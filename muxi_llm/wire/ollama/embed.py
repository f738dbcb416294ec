"""Ollama's own wire: embeddings (`/api/embed`) and the list of models (`/api/tags`).

Sources: https://docs.ollama.com/api/embed, https://docs.ollama.com/api/tags.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.wire.base import Json, Wire, loads, raise_in_band
from muxi_llm.wire.models_list import ModelsList
from muxi_llm.wire.ollama.request import settle
from muxi_llm.wire.reading import reading
from muxi_llm.wire.vectors import Asked, embeddings_of, inputs_of, tokens_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.models import CreateEmbeddingResponse


class OllamaEmbed(Wire):
    """Ollama embeddings."""

    endpoint = "embedding"
    path = "/api/embed"
    _asked = Asked()

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        self._asked = Asked.of(body)
        out: Json = {"model": self.model, "input": inputs_of(body["input"], "Ollama")}
        if body.get("dimensions"):
            out["dimensions"] = body["dimensions"]
        if body.get("user"):
            self.ledger.dropped("user", "Ollama has no such parameter", loss=False)
        return out

    def settle(self, body: Json) -> None:
        settle(body)

    def decode_response(self, data: bytes, *, created: int) -> CreateEmbeddingResponse:  # noqa: ARG002
        raw = loads(data)
        raise_in_band(raw)
        with reading("no embeddings", data):
            # The older `/api/embeddings`, and servers that imitate it, answer with one vector.
            vectors = raw["embeddings"] if "embeddings" in raw else [raw["embedding"]]
            told = {name: value for name, value in raw.items() if name not in {"embedding", "embeddings"}}
            usage = tokens_of(told.pop("prompt_eval_count", None))
            model = told.pop("model", None) or self.model
        return embeddings_of(vectors, self._asked, model, usage, rest=told)


class OllamaTags(ModelsList):
    """The models that are there."""

    path = "/api/tags"
    items = "models"
    name = "name"
