"""Prices that genai-prices lacks, in USD, each with the page it is from (`types.prices.ModelPrice`).

A model without a row here, there, or in `muxi_llm.config.prices` has no price, and its calls no cost.
"""

from __future__ import annotations

from muxi_llm.types.prices import ModelPrice

ROWS: dict[str, ModelPrice] = {
    # Free of charge, which an empty list of prices does not say.
    **dict.fromkeys(
        ("openai/omni-moderation-latest", "openai/omni-moderation-2024-09-26"),
        ModelPrice(input=0, request=0, source="https://developers.openai.com/api/docs/guides/moderation"),
    ),
    # A query ranks up to 100 chunks of documents: https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-pricing.html
    "bedrock/amazon.rerank-v1:0": {"search": "0.001", "source": "https://aws.amazon.com/bedrock/pricing/"},
    "bedrock/cohere.rerank-v3-5:0": {"search": "0.002", "source": "https://aws.amazon.com/bedrock/pricing/"},
    "voyage/rerank-2.5": {"input": "0.05", "source": "https://docs.voyageai.com/docs/pricing"},
    "voyage/rerank-2.5-lite": {"input": "0.02", "source": "https://docs.voyageai.com/docs/pricing"},
    "voyage/rerank-2": {"input": "0.05", "source": "https://docs.voyageai.com/docs/pricing"},
    "voyage/rerank-2-lite": {"input": "0.02", "source": "https://docs.voyageai.com/docs/pricing"},
    "google/imagen-4.0-fast-generate-001": {
        "image": "0.02",
        "source": "https://ai.google.dev/gemini-api/docs/pricing#imagen-4",
    },
    "google/imagen-4.0-generate-001": {
        "image": "0.04",
        "source": "https://ai.google.dev/gemini-api/docs/pricing#imagen-4",
    },
    "google/imagen-4.0-ultra-generate-001": {
        "image": "0.06",
        "source": "https://ai.google.dev/gemini-api/docs/pricing#imagen-4",
    },
}

LEAST_SECONDS = {"groq": 10}
"""Sound shorter than this is billed as if it were so long: https://console.groq.com/docs/speech-to-text."""
