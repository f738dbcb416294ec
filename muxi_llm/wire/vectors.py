"""What the embedding wires share that are not OpenAI's: texts in, vectors out."""

from __future__ import annotations

import base64
import sys
from array import array
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.models import CreateEmbeddingResponse
from muxi_llm.wire.base import Json, WireError, build_value

if TYPE_CHECKING:
    from collections.abc import Mapping


def inputs_of(given: Any, provider: str) -> list[Any]:
    """*given* as a list. Token lists are refused: they mean nothing to another model's tokenizer."""
    inputs = [given] if isinstance(given, str) else list(given)
    if any(isinstance(item, int | list | tuple) for item in inputs):
        raise UnsupportedParameterError(f"input: {provider} embeds texts, not lists of tokens", param="input")
    return inputs


def texts_of(given: Any, provider: str, *, param: str = "input") -> list[str]:
    """What is given for *param* as a list, for those who take nothing but texts."""
    texts = [given] if isinstance(given, str) else list(given)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise UnsupportedParameterError(f"{provider}: {param} must be text, not tokens", param=param)
    return texts


def embeddings_of(
    vectors: Any,
    model: str,
    usage: Json | None = None,
    *,
    base64_wanted: bool = False,
    rest: Mapping[str, Any] = MappingProxyType({}),
) -> CreateEmbeddingResponse:
    """OpenAI's value of *vectors*, in the order of their inputs, and the *rest* that was told beside them.
    Without *usage* it stays unknown.
    """
    if not isinstance(vectors, list) or not all(isinstance(vector, list | str) for vector in vectors):
        raise WireError("malformed", f"the reply holds no embeddings: {str(vectors)[:200]}")
    if base64_wanted:
        vectors = [vector if isinstance(vector, str) else packed(vector) for vector in vectors]
    data = [
        {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)
    ]
    value: Json = {"model": model, **rest, "object": "list", "data": data}
    if usage is not None:
        value["usage"] = usage
    return build_value(CreateEmbeddingResponse, value)


def tokens_of(counted: Any) -> Json:
    """The usage of *counted* tokens read, none where that is no number."""
    tokens = counted if isinstance(counted, int | float) else 0
    return {"prompt_tokens": int(tokens), "total_tokens": int(tokens)}


def packed(vector: Any) -> str:
    """Floats → base64 of little-endian 32-bit floats, as OpenAI sends them."""
    try:
        values = array("f", vector)
    except TypeError as error:
        raise WireError("malformed", f"an embedding is no list of numbers: {str(vector)[:80]}") from error
    if sys.byteorder == "big":  # pragma: no cover - no such machine to test on
        values.byteswap()
    return base64.b64encode(values.tobytes()).decode()
