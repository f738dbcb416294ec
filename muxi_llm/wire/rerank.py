"""Reranking: nearly everybody takes Cohere's and Jina's request, under other names, and answers with places
and scores. What differs is data of a class.

Sources: https://docs.cohere.com/reference/rerank, https://api.jina.ai/redoc, and over each class.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.wire.base import Json, Wire, WireError, build_value, loads, raise_in_band
from muxi_llm.wire.mending import count_of
from muxi_llm.wire.requesting import drop_others
from muxi_llm.wire.values import RerankResponse

if TYPE_CHECKING:
    from collections.abc import Mapping


class JinaRerank(Wire):
    """Jina's, also vLLM's, llama.cpp's and that of many more.

    https://api.jina.ai/redoc, https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#re-rank-api.
    """

    endpoint = "rerank"
    path = "/rerank"
    names: ClassVar[Mapping[str, str]] = {}
    """Our name of a parameter → the one here."""
    takes: ClassVar[frozenset[str]] = frozenset({"query", "documents", "top_n"})
    takes_dicts: ClassVar[bool] = False
    """Documents that are more than text."""
    rows: ClassVar[str] = "results"
    """Where the answer has its results, and what it calls a result's score."""
    score: ClassVar[str] = "relevance_score"
    _asked: Mapping[str, Any] = {}

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        self._asked = body
        drop_others(body, self.takes | OURS, self.ledger, f"{self.ledger.provider} has no such parameter")
        encoded: Json = {"model": self.model}
        for name, value in body.items():
            if name in self.takes:
                encoded[self.names.get(name, name)] = value
        if not self.takes_dicts:
            encoded[self.names.get("documents", "documents")] = self.texts(body["documents"])
        return encoded

    def texts(self, documents: list[Any]) -> list[str]:
        """The documents' texts, for those who take nothing else."""
        return [self._text(one, f"documents[{at}]") for at, one in enumerate(documents)]

    def _text(self, document: Any, at: str) -> str:
        if isinstance(document, str):
            return document
        text = document.get("text")
        if not isinstance(text, str):
            story = f"{at}: {self.ledger.provider} takes texts; this one has no 'text'"
            raise UnsupportedParameterError(story, param=at)
        if len(document) > 1:
            self.ledger.dropped(at, f"{self.ledger.provider} takes texts; the other fields are left out")
        return text

    def decode_response(self, data: bytes, *, created: int) -> RerankResponse:  # noqa: ARG002
        raw = loads(data)
        raise_in_band(raw)
        rows = self.rows_of(raw)
        if not isinstance(rows, list):
            raise WireError("malformed", f"the reply has no results: {str(raw)[:200]}")
        return self._ranked(rows, raw if isinstance(raw, dict) else {})

    def rows_of(self, raw: Any) -> Any:
        """The results of a reply, each with its `index`."""
        return raw.get(self.rows) if isinstance(raw, dict) else None

    def _ranked(self, rows: list[Any], raw: Json) -> RerankResponse:
        """The value of *rows*, whatever order they came in, and of what was told beside them."""
        documents = self._asked["documents"]
        results = [self._result(row, documents) for row in rows]
        if len({one["index"] for one in results}) != len(results):
            raise WireError("malformed", "a document was ranked twice")
        results.sort(key=lambda one: -one["relevance_score"])
        head = {"id": raw.get("id"), "model": raw.get("model")}
        told = {name: value for name, value in head.items() if isinstance(value, str)}
        value = {"model": self.model, **told, "results": results[: self._asked.get("top_n")]}
        meta = raw.get("meta")
        return build_value(
            RerankResponse,
            {**value, "usage": self.usage_of(raw), "meta": meta if isinstance(meta, dict) else None},
        )

    def _result(self, row: Any, documents: list[Any]) -> Json:
        told: Json = row if isinstance(row, dict) else {}
        index, score = told.get("index", -1), told.get(self.score, inf)
        is_placed = type(index) is int and 0 <= index < len(documents)
        if not is_placed or type(score) not in {int, float} or not abs(score) < inf:  # nan is not
            raise WireError("malformed", f"a result without a place and a score: {str(row)[:80]}")
        result: Json = {"index": index, "relevance_score": score}
        if self._asked.get("return_documents"):  # as they were given: some send them back, some do not
            given = documents[index]
            result["document"] = {"text": given} if isinstance(given, str) else given
        return result

    def usage_of(self, raw: Json) -> Json | None:
        """What is billed, where that is told."""
        usage = raw.get("usage")
        tokens = count_of(usage.get("total_tokens")) if isinstance(usage, dict) else None
        return None if tokens is None else {"total_tokens": tokens}


class CohereRerank(JinaRerank):
    """https://docs.cohere.com/reference/rerank."""

    takes = JinaRerank.takes | {"max_tokens_per_doc"}

    def usage_of(self, raw: Json) -> Json | None:
        meta = raw.get("meta")
        billed = meta.get("billed_units") if isinstance(meta, dict) else None
        units = billed.get("search_units") if isinstance(billed, dict) else None
        return {"search_units": units} if type(units) in {int, float} else None


class CohereV2Rerank(CohereRerank):
    """By Cohere's own address, whose base URL holds no version."""

    path = "/v2/rerank"


class SeeingRerank(JinaRerank):
    """Jina's own, and Together's, whose documents may be more than text.

    https://api.jina.ai/redoc, https://github.com/togethercomputer/together-typescript (resources/rerank.ts).
    """

    takes_dicts = True


class VoyageRerank(JinaRerank):
    """https://docs.voyageai.com/reference/reranker-api."""

    names = {"top_n": "top_k"}
    rows = "data"


class NvidiaRerank(JinaRerank):
    """Scores are logits.

    https://docs.nvidia.com/nim/nemo-retriever/text-reranking/latest/using-reranking.html
    """

    path = "/ranking"
    takes = frozenset({"query", "documents"})
    rows = "rankings"
    score = "logit"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        encoded = super().encode_request(body, stream=stream)
        passages = [{"text": text} for text in encoded.pop("documents")]
        return {**encoded, "query": {"text": body["query"]}, "passages": passages}


class TEIRerank(JinaRerank):
    """Hugging Face's text-embeddings-inference, whose answer is a list.

    https://huggingface.github.io/text-embeddings-inference/#/Text%20Embeddings%20Inference/rerank.
    """

    takes = frozenset({"query", "documents"})
    names = {"documents": "texts"}
    score = "score"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        encoded = super().encode_request(body, stream=stream)
        del encoded["model"]
        return encoded

    def rows_of(self, raw: Any) -> Any:
        return raw


OURS = {"return_documents", "top_n"}
"""What is done here, whoever ranks: the documents are known, and their order."""
