"""Ollama's own wire: embeddings (`/api/embed`) and the list of models (`/api/tags`).

Sources: https://docs.ollama.com/api/embed, https://docs.ollama.com/api/tags.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.models import CreateEmbeddingResponse
from muxi_llm.wire.base import Json, StreamDecoder, Wire, WireError, build_value, loads, raise_in_band
from muxi_llm.wire.models_list import ModelsList
from muxi_llm.wire.ollama_request import settle
from muxi_llm.wire.vectors import inputs_of, packed

if TYPE_CHECKING:
    from collections.abc import Mapping


class OllamaEmbed(Wire):
    """Ollama embeddings."""

    endpoint = "embedding"
    path = "/api/embed"
    _asked_base64 = False

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        self._asked_base64 = body.get("encoding_format") == "base64"
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
        try:
            # The older `/api/embeddings`, and servers that imitate it, answer with one vector.
            vectors = raw["embeddings"] if "embeddings" in raw else [raw["embedding"]]
            return build_value(CreateEmbeddingResponse, self._value_of(raw, vectors))
        except (KeyError, TypeError) as error:
            raise WireError("malformed", f"no embeddings ({error!r}): {str(raw)[:200]}") from error

    def _value_of(self, raw: Json, vectors: list[list[float]]) -> Json:
        data = [
            {"object": "embedding", "index": index, "embedding": packed(v) if self._asked_base64 else v}
            for index, v in enumerate(vectors)
        ]
        rest = {name: value for name, value in raw.items() if name not in {"embedding", "embeddings"}}
        tokens = rest.pop("prompt_eval_count", None) or 0
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"model": self.model, **rest, "object": "list", "data": data, "usage": usage}

    def stream_decoder(self, *, created: int) -> StreamDecoder:
        raise NotImplementedError("embeddings are not streamed")


class OllamaTags(ModelsList):
    """The models that are there."""

    path = "/api/tags"
    items = "models"
    name = "name"
