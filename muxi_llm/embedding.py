"""`Embedding`: vectors for texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.runtime import prepare
from muxi_llm.types.common import EmbeddingParams
from muxi_llm.types.signatures import shows

if TYPE_CHECKING:
    from typing import Unpack

    from muxi_llm.models import CreateEmbeddingResponse
    from muxi_llm.types.common import Model


class Embedding:
    """Embeddings.

    model: as in `ChatCompletion`. input: a string, a list of strings, or token lists where the provider
    takes them. Returns OpenAI's `CreateEmbeddingResponse` with `.muxi`: floats, in the order of the
    inputs (a string of base64 if `encoding_format="base64"` was asked for). A chain across models of
    different dimensions is the caller's own risk. Raises as `ChatCompletion` does.
    """

    @classmethod
    @shows(EmbeddingParams, "CreateEmbeddingResponse")
    def create(
        cls, model: Model | None = None, input: Any = None, **params: Unpack[EmbeddingParams]
    ) -> CreateEmbeddingResponse:
        """The vectors (see the class), sync."""
        return prepare("embedding", {**params, "model": model, "input": input}).run()  # type: ignore[no-any-return]

    @classmethod
    @shows(EmbeddingParams, "CreateEmbeddingResponse")
    async def acreate(
        cls, model: Model | None = None, input: Any = None, **params: Unpack[EmbeddingParams]
    ) -> CreateEmbeddingResponse:
        """The vectors (see the class), async."""
        return await prepare("embedding", {**params, "model": model, "input": input}).arun()  # type: ignore[no-any-return]
