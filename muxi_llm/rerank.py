"""`Rerank`: which of many documents answer a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.runtime import prepare
from muxi_llm.types.common import RerankParams
from muxi_llm.types.signatures import shows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from muxi_llm.types.common import Model
    from muxi_llm.wire.values import RerankResponse


class Rerank:
    """Reranking.

    model: as in `ChatCompletion`. query: a string. documents: strings, or dicts with a `text`. top_n: how
    many to return. return_documents: put each document beside its score. Returns a `RerankResponse` with
    `.muxi`: `results`, the most relevant first, each with the `index` of its document and a
    `relevance_score` by the model's own measure, which differs from model to model. Raises as
    `ChatCompletion` does.
    """

    @classmethod
    @shows(RerankParams, "RerankResponse")
    def create(
        cls, model: Model, query: str, documents: Sequence[Any], **params: Unpack[RerankParams]
    ) -> RerankResponse:
        """The documents' places (see the class), sync."""
        given = {**params, "model": model, "query": query, "documents": documents}
        return prepare("rerank", given).run()  # type: ignore[no-any-return]

    @classmethod
    @shows(RerankParams, "RerankResponse")
    async def acreate(
        cls, model: Model, query: str, documents: Sequence[Any], **params: Unpack[RerankParams]
    ) -> RerankResponse:
        """The documents' places (see the class), async."""
        given = {**params, "model": model, "query": query, "documents": documents}
        return await prepare("rerank", given).arun()  # type: ignore[no-any-return]
