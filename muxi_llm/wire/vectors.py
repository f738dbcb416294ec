"""What the embedding wires share that are not OpenAI's: texts in, vectors out."""

from __future__ import annotations

import base64
import sys
from array import array
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import InvalidRequestError
from muxi_llm.models import CreateEmbeddingResponse
from muxi_llm.wire.base import Json, WireError, build_value

if TYPE_CHECKING:
    from collections.abc import Iterable


def inputs_of(given: Any, provider: str) -> list[Any]:
    """*given* as a list. Token lists are refused: they mean nothing to another model's tokenizer."""
    inputs = [given] if isinstance(given, str) else list(given)
    if any(isinstance(item, int | list | tuple) for item in inputs):
        raise InvalidRequestError(f"input: {provider} embeds texts, not lists of tokens", param="input")
    return inputs


def embeddings_of(
    vectors: Iterable[Any], model: str, usage: Json | None = None, *, base64_wanted: bool = False
) -> CreateEmbeddingResponse:
    """OpenAI's value of *vectors*, in the order of their inputs. Without *usage* it stays unknown."""
    if base64_wanted:
        vectors = [vector if isinstance(vector, str) else packed(vector) for vector in vectors]
    data = [
        {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)
    ]
    value: Json = {"object": "list", "model": model, "data": data}
    if usage is not None:
        value["usage"] = usage
    return build_value(CreateEmbeddingResponse, value)


def packed(vector: Any) -> str:
    """Floats → base64 of little-endian 32-bit floats, as OpenAI sends them."""
    try:
        values = array("f", vector)
    except TypeError as error:
        raise WireError("malformed", f"an embedding is no list of numbers: {str(vector)[:80]}") from error
    if sys.byteorder == "big":  # pragma: no cover - no such machine to test on
        values.byteswap()
    return base64.b64encode(values.tobytes()).decode()
