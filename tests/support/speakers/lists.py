"""The small wires: embeddings, text completions, lists of models. By the codec class that reads each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.speakers.base import Json, cut, listed, sse
from tests.support.speakers.hosted import part

Vectors = Sequence[Sequence[float]]


@dataclass(frozen=True)
class EmbeddingSpeaker:
    """One embeddings wire. whole: vectors → an answer's body. texts: a request's body → its texts."""

    whole: Callable[[Vectors], Any]
    texts: Callable[[Json], list[str]]
    model: str = "some-embedding"


def _openai(vectors: Vectors) -> Json:
    """https://platform.openai.com/docs/api-reference/embeddings."""
    data = [{"object": "embedding", "index": i, "embedding": list(v)} for i, v in enumerate(vectors)]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return {"object": "list", "data": data, "model": "some-embedding", "usage": usage}


def _cohere(vectors: Vectors) -> Json:
    """https://docs.cohere.com/reference/embed."""
    embeddings = {"float": [list(v) for v in vectors]}
    return {"id": "e1", "embeddings": embeddings, "texts": [], "response_type": "embeddings_by_type"}


def _plain(name: str, **fields: Any) -> Callable[[Vectors], Json]:
    """Vectors in a list by this name."""
    return lambda vectors: {name: [list(v) for v in vectors], **fields}


def _gemini(vectors: Vectors) -> Json:
    """https://ai.google.dev/api/embeddings#method:-models.batchembedcontents."""
    return {"embeddings": [{"values": list(v)} for v in vectors]}


def _vertex(vectors: Vectors) -> Json:
    """https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api."""
    counted = {"token_count": 3, "truncated": False}
    return {"predictions": [{"embeddings": {"values": list(v), "statistics": counted}} for v in vectors]}


def _watsonx(vectors: Vectors) -> Json:
    """https://cloud.ibm.com/apidocs/watsonx-ai#text-embeddings."""
    results = [{"embedding": list(v)} for v in vectors]
    return {"model_id": "m", "created_at": "2025-01-01T00:00:00Z", "results": results, "input_token_count": 3}


EMBEDDINGS: dict[str, EmbeddingSpeaker] = {
    "OpenAIEmbeddings": EmbeddingSpeaker(_openai, lambda body: listed(body["input"])),
    "CohereEmbed": EmbeddingSpeaker(_cohere, lambda body: body["texts"]),
    # https://docs.ollama.com/api/embed
    "OllamaEmbed": EmbeddingSpeaker(
        _plain("embeddings", model="some-embedding", prompt_eval_count=3), lambda body: listed(body["input"])
    ),
    # https://docs.nomic.ai/reference/api/embed-text-v-1-embedding-text-post
    "NomicEmbed": EmbeddingSpeaker(
        _plain("embeddings", usage={"prompt_tokens": 3, "total_tokens": 3}), lambda body: body["texts"]
    ),
    "GeminiEmbeddings": EmbeddingSpeaker(
        _gemini, lambda body: [part["text"] for one in body["requests"] for part in one["content"]["parts"]]
    ),
    "VertexPredict": EmbeddingSpeaker(_vertex, lambda body: [one["content"] for one in body["instances"]]),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
    "BedrockEmbeddings": EmbeddingSpeaker(
        _cohere, lambda body: body["texts"], model="cohere.embed-multilingual-v3"
    ),
    # https://huggingface.github.io/text-embeddings-inference/ (/embed)
    "SageMakerEmbeddings": EmbeddingSpeaker(
        lambda vectors: [list(v) for v in vectors], lambda body: body["inputs"]
    ),
    "WatsonxEmbeddings": EmbeddingSpeaker(_watsonx, lambda body: body["inputs"]),
}


def _named(key: str, field: str, prefix: str = "") -> Callable[[Sequence[str]], Json]:
    """A list of objects under *key*, with the name in *field*."""
    return lambda names: {key: [{field: prefix + name, "more": {"a": 1}} for name in names]}


MODELS: dict[str, Callable[[Sequence[str]], Json]] = {
    # By provider, where a row of the catalog says what is different.
    # https://developers.cloudflare.com/api/resources/ai/subresources/models/methods/list/
    "cloudflare": _named("result", "name"),
    "writer": _named("models", "id"),  # https://dev.writer.com/api-reference/completion-api/list-models
    # https://platform.openai.com/docs/api-reference/models/list
    "ModelsList": lambda names: {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": 1, "owned_by": "us"} for name in names],
    },
    # https://docs.anthropic.com/en/api/models-list
    "AnthropicModels": lambda names: {
        "data": [{"type": "model", "id": name, "created_at": "2025-02-19T00:00:00Z"} for name in names],
        "has_more": False,
    },
    "CohereModels": _named("models", "name"),  # https://docs.cohere.com/reference/list-models
    "OllamaTags": _named("models", "name"),  # https://docs.ollama.com/api/tags
    "GeminiModels": _named(
        "models", "name", "models/"
    ),  # https://ai.google.dev/api/models#method:-models.list
    # https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models/list
    "VertexModels": _named("publisherModels", "name", "publishers/google/models/"),
    # https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html
    "BedrockModels": _named("modelSummaries", "modelId"),
    # https://docs.databricks.com/api/workspace/servingendpoints/list
    "ServingEndpoints": _named("endpoints", "name"),
    # https://cloud.ibm.com/apidocs/watsonx-ai#list-foundation-model-specs
    "FoundationModels": _named("resources", "model_id"),
    # https://replicate.com/docs/reference/http#collections.get
    "ReplicateModels": lambda names: {
        "models": [dict(zip(("owner", "name"), name.split("/"), strict=True)) for name in names]
    },
}


def spoken(table: dict[str, Any], name: str, wire: type) -> Any:
    """The entry for a provider, for its codec class, or for the nearest of its bases; else `None`."""
    names = [name, *(kind.__name__ for kind in wire.__mro__)]
    return next((table[one] for one in names if one in table), None)


@dataclass(frozen=True)
class CompletionSpeaker:
    """One wire of text completions. whole: text → body. events: the same streamed. prompt: body → prompt."""

    whole: Callable[[str], Any]
    events: Callable[[str], list[bytes]]
    prompt: Callable[[Json], str]
    stream_type: str = "text/event-stream"


def _completion(text: str, finish: str | None = "stop") -> Json:
    """https://platform.openai.com/docs/api-reference/completions."""
    choice = {"index": 0, "text": text, "finish_reason": finish, "logprobs": None}
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "some-model"}
    return {**head, "choices": [choice]}


def _completion_events(text: str) -> list[bytes]:
    *begun, last = cut(text)
    chunks = [_completion(piece, None) for piece in begun] + [_completion(last)]
    return [*map(sse, chunks), b"data: [DONE]\n\n"]


def _generated(text: str, *, done: bool = True) -> Json:
    """https://docs.ollama.com/api/generate."""
    ended = {"done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2} if done else {}
    head = {"model": "qwen3", "created_at": "2025-10-26T17:15:24.097767Z"}
    return {**head, "response": text, "done": done, **ended}


def _generated_events(text: str) -> list[bytes]:
    chunks = [_generated(piece, done=False) for piece in cut(text)] + [_generated("")]
    return [json.dumps(chunk, ensure_ascii=False).encode() + b"\n" for chunk in chunks]


def _tgi(text: str) -> list[Json]:
    """https://huggingface.github.io/text-generation-inference/ (/generate, as SageMaker's containers have it)."""
    return [{"generated_text": text, "details": {"finish_reason": "eos_token", "generated_tokens": 2}}]


def _tgi_events(text: str) -> list[bytes]:
    pieces = cut(text)
    chunks: list[Json] = [{"token": {"id": 1, "text": piece, "special": False}} for piece in pieces]
    details = {"finish_reason": "eos_token", "generated_tokens": len(pieces)}
    chunks[-1].update(generated_text=text, details=details)
    return [part(sse({"generated_text": None, "details": None, **chunk}, "")) for chunk in chunks]


COMPLETIONS: dict[str, CompletionSpeaker] = {
    "sagemaker": CompletionSpeaker(
        _tgi, _tgi_events, lambda body: body["inputs"], "application/vnd.amazon.eventstream"
    ),
    "OpenAICompletions": CompletionSpeaker(_completion, _completion_events, lambda body: body["prompt"]),
    "OllamaGenerate": CompletionSpeaker(
        _generated, _generated_events, lambda body: body["prompt"], "application/x-ndjson"
    ),
}
"""Wires of their own; everyone else completes over chat."""
