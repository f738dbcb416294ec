"""Perplexity: OpenAI's chat with stricter turns, and embeddings of small integers."""

from __future__ import annotations

import base64
from array import array

from muxi_llm.providers.compatible import OpenAICompatible
from muxi_llm.wire.base import WireError
from muxi_llm.wire.models_list import ModelsList
from muxi_llm.wire.openai.chat import OpenAIChat
from muxi_llm.wire.openai.embeddings import OpenAIEmbeddings

REFUSED = "Perplexity has no such parameter"


def int8s(text: str) -> list[float]:
    """Base64 of signed bytes → floats."""
    try:
        return [float(number) for number in array("b", base64.b64decode(text, validate=True))]
    except ValueError as error:
        raise WireError("malformed", f"an embedding is not base64: {text[:40]!r}") from error


class Int8Embeddings(OpenAIEmbeddings):
    """https://docs.perplexity.ai/api-reference/embeddings-post: signed bytes in base64."""

    unpack = staticmethod(int8s)


class PerplexityProvider(OpenAICompatible):
    """https://docs.perplexity.ai/api-reference/sonar-post; it lists models and embeds below /v1."""

    name = "perplexity"
    base_url = "https://api.perplexity.ai"
    key_env = ("PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY")
    wires = {"chat": OpenAIChat, "embedding": Int8Embeddings, "models": ModelsList}
    paths = {"/embeddings": "v1/embeddings", "/models": "v1/models"}

    json_mode_support = False
    tools_support = False
    vision_support = True
    json_schema_support = True
    renames = {"max_completion_tokens": "max_tokens"}
    drops = dict.fromkeys(("n", "seed", "stop", "logprobs", "top_logprobs", "logit_bias", "user"), REFUSED)
    effort_fields = {"xhigh": {"reasoning_effort": "high"}}
    alternating_roles = True
