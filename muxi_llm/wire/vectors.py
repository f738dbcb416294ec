"""What the embedding wires share: texts in, vectors out, and a reply held against its request."""

from __future__ import annotations

import base64
import sys
from array import array
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.models import CreateEmbeddingResponse
from muxi_llm.wire.base import Json, WireError, build_value
from muxi_llm.wire.mending import count_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


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


class Asked(NamedTuple):
    """What a request for embeddings asked for. many: how many vectors. base64: as text, not as floats."""

    many: int = 1
    base64: bool = False

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Asked:
        """What *body* asks for; a list of numbers is one input, in tokens."""
        given = body.get("input")
        one = not isinstance(given, list) or (bool(given) and isinstance(given[0], int))
        return cls(1 if one else len(given), body.get("encoding_format") == "base64")  # type: ignore[arg-type]  # mypy forgets what `one` means


def embeddings_of(
    vectors: Any,
    asked: Asked,
    model: str,
    usage: Json | None = None,
    *,
    rest: Mapping[str, Any] = MappingProxyType({}),
) -> CreateEmbeddingResponse:
    """OpenAI's value of *vectors*, in the order of their inputs, and the *rest* that was told beside them.
    Without *usage* it stays unknown.
    """
    if not isinstance(vectors, list):
        raise WireError("malformed", f"the reply holds no embeddings: {str(vectors)[:200]}")
    data = [
        {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)
    ]
    value: Json = {"model": model, **rest, "object": "list", "data": data}
    if usage is not None:
        value["usage"] = usage
    return checked(build_value(CreateEmbeddingResponse, value), asked)


def checked(
    value: CreateEmbeddingResponse, asked: Asked, unpack: Callable[[str], list[float]] | None = None
) -> CreateEmbeddingResponse:
    """*value* with a vector for every input, in their order and in the form *asked* for.

    unpack: what a text stands for, if not for 32-bit floats. Raises `WireError` where vectors are missing,
    doubled or empty: callers put them beside their inputs.
    """
    rows = value.data
    if len(rows) != asked.many:
        raise WireError("malformed", f"{len(rows)} embeddings came for {asked.many} inputs")
    places: list[Any] = [row.index for row in rows]
    if places != list(range(asked.many)):
        if any(place is not None for place in places):
            if sorted(map(str, places)) != sorted(map(str, range(asked.many))):
                raise WireError("malformed", f"the embeddings are numbered {str(places)[:80]}")
            rows.sort(key=lambda row: int(row.index))
        for place, row in enumerate(rows):
            row.index = place
    for row in rows:
        vector: Any = row.embedding
        if not vector or not isinstance(vector, str | list):
            raise WireError("malformed", f"an embedding is no vector: {str(vector)[:80]}")
        if isinstance(vector, str) and not asked.base64:  # some answer base64 whatever they were asked
            row.embedding = (unpack or floats)(vector)
        elif isinstance(vector, list) and asked.base64:
            row.embedding = packed(vector)  # type: ignore[assignment]  # as OpenAI's own type has it
    return value


def tokens_of(counted: Any) -> Json:
    """The usage of *counted* tokens read, none where that is no number."""
    tokens = count_of(counted) or 0
    return {"prompt_tokens": tokens, "total_tokens": tokens}


def packed(vector: Any) -> str:
    """Floats → base64 of little-endian 32-bit floats, as OpenAI sends them."""
    try:
        values = array("f", vector)
    except (TypeError, OverflowError) as error:
        raise WireError("malformed", f"an embedding is no list of numbers: {str(vector)[:80]}") from error
    if sys.byteorder == "big":  # pragma: no cover - no such machine to test on
        values.byteswap()
    return base64.b64encode(values.tobytes()).decode()


def floats(text: str) -> list[float]:
    """Base64 of little-endian 32-bit floats → floats."""
    try:
        values = array("f", base64.b64decode(text, validate=True))
    except ValueError as error:
        raise WireError("malformed", f"an embedding is not base64 of floats: {text[:40]!r}") from error
    if sys.byteorder == "big":  # pragma: no cover - no such machine to test on
        values.byteswap()
    return values.tolist()
