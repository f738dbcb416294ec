"""Bedrock's reranking. Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html;
that `index` is the document's place in the request: https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-use.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.wire.aws.faults import decode_aws_fault
from muxi_llm.wire.rerank import JinaRerank

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Fault, Json


class BedrockRerank(JinaRerank):
    """Documents are texts or JSON; the model is named by its ARN, which knows its region."""

    takes_dicts = True
    score = "relevanceScore"
    region = ""
    """Set by the provider, which knows it."""

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        super().encode_request(body, stream=stream)
        named = self.model.startswith("arn:")
        partition = "aws-cn" if self.region.startswith("cn-") else "aws"
        arn = self.model if named else f"arn:{partition}:bedrock:{self.region}::foundation-model/{self.model}"
        chosen: Json = {"modelConfiguration": {"modelArn": arn}}
        if "top_n" in body:
            chosen["numberOfResults"] = min(body["top_n"], len(body["documents"]))
        sources = [{"type": "INLINE", "inlineDocumentSource": _source(one)} for one in body["documents"]]
        return {
            "queries": [{"type": "TEXT", "textQuery": {"text": body["query"]}}],
            "sources": sources,
            "rerankingConfiguration": {
                "type": "BEDROCK_RERANKING_MODEL",
                "bedrockRerankingConfiguration": chosen,
            },
        }

    @classmethod
    def decode_fault(cls, status: int, data: bytes) -> Fault:
        return decode_aws_fault(status, data)


def _source(document: Any) -> Json:
    if isinstance(document, str):
        return {"type": "TEXT", "textDocument": {"text": document}}
    return {"type": "JSON", "jsonDocument": document}
