"""Bedrock's reranking."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.wire.aws.rerank import BedrockRerank
from muxi_llm.wire.base import Ledger, Profile


def sent(model: str = "amazon.rerank-v1:0", region: str = "eu-central-1", **params: Any) -> Any:
    wire = BedrockRerank(model, Ledger("bedrock"), Profile())
    wire.region = region
    return wire.encode_request({"query": "q", "documents": ["a", {"title": "b"}], **params}, stream=False)


def test_documents_are_texts_or_json() -> None:
    sources = [source["inlineDocumentSource"] for source in sent()["sources"]]
    assert sources == [
        {"type": "TEXT", "textDocument": {"text": "a"}},
        {"type": "JSON", "jsonDocument": {"title": "b"}},
    ]


@pytest.mark.parametrize(
    ("model", "region", "arn"),
    [
        ("m:0", "eu-central-1", "arn:aws:bedrock:eu-central-1::foundation-model/m:0"),
        ("m:0", "cn-north-1", "arn:aws-cn:bedrock:cn-north-1::foundation-model/m:0"),
        (
            "arn:aws:bedrock:us-east-1::foundation-model/m:0",
            "x",
            "arn:aws:bedrock:us-east-1::foundation-model/m:0",
        ),
    ],
)
def test_the_models_arn(model: str, region: str, arn: str) -> None:
    chosen = sent(model, region)["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    assert chosen == {"modelConfiguration": {"modelArn": arn}}


@pytest.mark.parametrize(("top_n", "number"), [(1, 1), (9, 2)])
def test_no_more_results_than_documents(top_n: int, number: int) -> None:
    chosen = sent(top_n=top_n)["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    assert chosen["numberOfResults"] == number


def test_an_error_in_awss_form() -> None:
    fault = BedrockRerank.decode_fault(400, b'{"message": "no such model", "__type": "ValidationException"}')
    assert (fault.status, fault.message) == (400, "no such model")
