"""Gemini's embeddings. Source: https://ai.google.dev/api/embeddings (`batchEmbedContents` holds one as well
as many).
"""

from __future__ import annotations

import base64
import sys
from array import array
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import InvalidRequestError
from muxi_llm.models import CreateEmbeddingResponse
from muxi_llm.wire.base import (
    Json,
    StreamDecoder,
    Wire,
    WireError,
    build_value,
    is_neutral,
    loads,
    raise_in_band,
)
from muxi_llm.wire.gemini import model_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Ledger, Profile


class GeminiEmbeddings(Wire):
    """Gemini's batchEmbedContents."""

    endpoint = "embedding"
    method_name = "batchEmbedContents"

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        super().__init__(model, ledger, profile)
        self.path = f"{model_path(model)}:{self.method_name}"
        self._texts: list[str] = []
        self._asked_base64 = False

    # ------------------------------------------------------------------------------ ours → theirs

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        self._texts = _texts(body["input"])
        self._asked_base64 = body.get("encoding_format") == "base64"
        for name, value in body.items():
            if name not in TRANSLATED and not is_neutral(name, value):
                self.ledger.dropped(name, "Gemini's embeddings have no such parameter", loss=name != "user")
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
        try:
            vectors, tokens = self.vectors(raw)
        except (KeyError, TypeError, AttributeError) as error:
            raise WireError("malformed", f"no embeddings ({error!r}): {str(raw)[:200]}") from error
        embeddings = [
            {"object": "embedding", "index": index, "embedding": self._encoded(vector)}
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        value = {"object": "list", "data": embeddings, "model": self.model, "usage": usage}
        return build_value(CreateEmbeddingResponse, value)

    def vectors(self, raw: Json) -> tuple[list[list[float]], int]:
        """The vectors of a reply, and what they cost."""
        tokens = (raw.get("usageMetadata") or {}).get("promptTokenCount") or 0
        return [one["values"] for one in raw["embeddings"]], tokens

    def _encoded(self, vector: list[float]) -> Any:
        if not self._asked_base64:
            return vector
        values = array("f", vector)
        if sys.byteorder == "big":  # pragma: no cover - no such machine to test on
            values.byteswap()
        return base64.b64encode(values.tobytes()).decode()

    def stream_decoder(self, *, created: int) -> StreamDecoder:
        raise NotImplementedError("embeddings are not streamed")


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

    def vectors(self, raw: Json) -> tuple[list[list[float]], int]:
        """Each with the count of its own tokens."""
        made = [prediction["embeddings"] for prediction in raw["predictions"]]
        tokens = sum((one.get("statistics") or {}).get("token_count") or 0 for one in made)
        return [one["values"] for one in made], int(tokens)


def _texts(given: Any) -> list[str]:
    texts = [given] if isinstance(given, str) else list(given)
    if not all(isinstance(text, str) for text in texts):
        raise InvalidRequestError("Google's embeddings take text, not tokens", param="input")
    return texts


# ------------------------------------------------------------------------------------------ tables

TRANSLATED = {"input", "dimensions", "encoding_format"}

OPTIONS = {"task_type": "taskType", "output_dimensionality": "outputDimensionality"}

PARAMETERS = ("outputDimensionality", "autoTruncate")
