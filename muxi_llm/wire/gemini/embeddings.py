"""Gemini's embeddings. Source: https://ai.google.dev/api/embeddings (`batchEmbedContents` holds one as well
as many).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.wire.base import Json, Wire, loads, raise_in_band
from muxi_llm.wire.gemini.generate_content import model_path
from muxi_llm.wire.reading import reading
from muxi_llm.wire.requesting import drop_others
from muxi_llm.wire.vectors import Asked, embeddings_of, texts_of, tokens_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.models import CreateEmbeddingResponse
    from muxi_llm.wire.base import Ledger, Profile


class GeminiEmbeddings(Wire):
    """Gemini's batchEmbedContents."""

    endpoint = "embedding"
    method_name = "batchEmbedContents"

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        super().__init__(model, ledger, profile)
        self.path = f"{model_path(model)}:{self.method_name}"
        self._texts: list[str] = []
        self._asked = Asked()

    # ------------------------------------------------------------------------------ ours → theirs

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        self._texts = texts_of(body["input"], self.ledger.provider)
        self._asked = Asked.of(body)
        drop_others(body, TRANSLATED, self.ledger, "Gemini's embeddings have no such parameter")
        return {"outputDimensionality": body["dimensions"]} if body.get("dimensions") else {}

    def settle(self, body: Json) -> None:
        """Options hold for each text: `task_type`, `title`, `outputDimensionality`."""
        options = {OPTIONS.get(name, name): value for name, value in body.items()}
        body.clear()
        body.update(self.request(self._texts, options))

    def request(self, texts: list[str], options: Json) -> Json:
        """The body that asks for *texts*, each with *options*."""
        model = model_path(self.model).removeprefix("/")
        return {
            "requests": [
                {"model": model, "content": {"parts": [{"text": text}]}, **options} for text in texts
            ]
        }

    # ------------------------------------------------------------------------------ theirs → ours

    def decode_response(self, data: bytes, *, created: int) -> CreateEmbeddingResponse:  # noqa: ARG002
        raw = loads(data)
        raise_in_band(raw)
        with reading("no embeddings", data):
            vectors, tokens = self.vectors(raw)
        return embeddings_of(vectors, self._asked, self.model, tokens_of(tokens))

    def vectors(self, raw: Json) -> tuple[list[list[float]], Any]:
        """The vectors of a reply, and what they cost."""
        tokens = (raw.get("usageMetadata") or {}).get("promptTokenCount")
        return [one["values"] for one in raw["embeddings"]], tokens


class VertexPredict(GeminiEmbeddings):
    """Vertex's predict.

    https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
    """

    method_name = "predict"

    def request(self, texts: list[str], options: Json) -> Json:
        """Options of the texts with each, those of the model once."""
        parameters = {name: options.pop(name) for name in PARAMETERS if name in options}
        kind = {"task_type": options.pop("taskType")} if "taskType" in options else {}
        return {
            "instances": [{"content": text, **kind, **options} for text in texts],
            "parameters": parameters,
        }

    def vectors(self, raw: Json) -> tuple[list[list[float]], Any]:
        """Each with the count of its own tokens."""
        made = [prediction["embeddings"] for prediction in raw["predictions"]]
        tokens = sum((one.get("statistics") or {}).get("token_count") or 0 for one in made)
        return [one["values"] for one in made], tokens


# ------------------------------------------------------------------------------------------ tables

TRANSLATED = {"input", "dimensions", "encoding_format"}

OPTIONS = {"task_type": "taskType", "output_dimensionality": "outputDimensionality"}

PARAMETERS = ("outputDimensionality", "autoTruncate")
