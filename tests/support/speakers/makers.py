"""Servers of images, moderations and reranking, a speaker for each wire: the answer to one question, and a
request read back. Written from the vendors' documentation, as the other speakers are.
"""

from __future__ import annotations

import base64
from typing import Any

from tests.support.bodies import verdict
from tests.support.upstream import Respond

Json = dict[str, Any]

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
PIXELS = base64.b64encode(PNG).decode()
PLACE = "https://cdn.test/1.png"
PROMPT = "Ein roter Punkt, 世界"
INSULT = "You are a fool, 世界"
QUERY, DOCUMENTS = "Which is it?", ["eins", "zwei", "drei 世界"]
SCORES = {2: 0.5, 0: 0.125, 1: 0.875}
"""Document → score, in no order."""


class Maker:
    """One wire. `asked` reads a request: `(model or None where the path or nothing says it, what was asked)`."""

    model = "some-model"
    hides_errors = True
    """Whether an error object may come behind a 200."""
    takes_any_bytes = False
    """Whether any bytes are an answer, so that none of them is off the wire."""

    def reply(self) -> Respond:
        """The answer to the one question."""
        raise NotImplementedError

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        """A request, understood."""
        raise NotImplementedError


# ------------------------------------------------------------------------------------------- images


class OpenAIImagesSpeaker(Maker):
    """https://platform.openai.com/docs/api-reference/images/create."""

    def reply(self) -> Respond:
        return Respond(json={"created": 5, "data": [{"b64_json": PIXELS}]})

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        assert path.endswith("/images/generations"), path
        assert body.keys() <= {"model", "prompt", "size"}, body
        assert body["size"] == "1024x1024"
        return body["model"], body["prompt"]


class SizedSpeaker(OpenAIImagesSpeaker):
    """Together and Nebius."""

    def reply(self) -> Respond:
        row = {"index": 0, "b64_json": PIXELS, "type": "b64_json"}
        return Respond(json={"id": "img-1", "model": self.model, "object": "list", "data": [row]})

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        assert (body.pop("width"), body.pop("height")) == (1024, 1024)
        return super().asked(path, {**body, "size": "1024x1024"})


class XAISpeaker(OpenAIImagesSpeaker):
    """https://docs.x.ai/developers/model-capabilities/images/generation."""

    model = "grok-imagine-image"

    def reply(self) -> Respond:
        return Respond(json={"data": [{"url": PLACE, "revised_prompt": ""}]})

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        assert (body.pop("aspect_ratio"), body.pop("resolution")) == ("1:1", "1k")
        return super().asked(path, {**body, "size": "1024x1024"})


class FireworksSpeaker(Maker):
    """https://docs.fireworks.ai/api-reference/generate-a-new-image-from-a-text-prompt."""

    model = "accounts/fireworks/models/flux-1-schnell-fp8"

    def reply(self) -> Respond:
        data = f"data:image/png;base64,{PIXELS}"
        return Respond(json={"id": "1", "base64": [data], "finishReason": "SUCCESS", "seed": 7})

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        before, _, end = path.rpartition("/")
        assert end == "text_to_image"
        assert body == {"prompt": body["prompt"], "aspect_ratio": "1:1"}
        return before.partition("/workflows/")[2], body["prompt"]


class TextToImageSpeaker(Maker):
    """https://huggingface.co/docs/inference-providers/tasks/text-to-image; an endpoint of one's own."""

    takes_any_bytes = True

    def reply(self) -> Respond:
        return Respond(body=PNG, headers={"Content-Type": "image/png"})

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        assert path in {"", "/"}
        assert body["parameters"] == {"width": 1024, "height": 1024}
        return None, body["inputs"]


class ReplicateImagesSpeaker(Maker):
    """https://replicate.com/docs/reference/http#predictions.create."""

    model = "black-forest-labs/flux-schnell"
    hides_errors = False

    def reply(self) -> Respond:
        return Respond(201, json={"id": "p1", "status": "succeeded", "output": [PLACE]})

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        assert path.endswith("/predictions")
        assert body == {"input": {"prompt": body["input"]["prompt"], "aspect_ratio": "1:1"}}
        return path.removeprefix("/models/").removesuffix("/predictions"), body["input"]["prompt"]


class GeminiImagesSpeaker(Maker):
    """https://ai.google.dev/gemini-api/docs/image-generation."""

    model = "gemini-2.5-flash-image"

    def reply(self) -> Respond:
        parts = [{"text": "Here it is."}, {"inlineData": {"mimeType": "image/png", "data": PIXELS}}]
        usage = {"promptTokenCount": 5, "candidatesTokenCount": 1290, "totalTokenCount": 1295}
        candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
        return Respond(json={"candidates": [candidate], "usageMetadata": usage})

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        model, _, verb = path.rpartition("/")[2].partition(":")
        assert verb == "generateContent"
        config = body["generationConfig"]
        assert config == {"responseModalities": ["TEXT", "IMAGE"], "imageConfig": {"aspectRatio": "1:1"}}
        ((part,),) = (content["parts"] for content in body["contents"])
        return model, part["text"]


class ImagenSpeaker(Maker):
    """https://ai.google.dev/gemini-api/docs/imagen."""

    model = "imagen-4.0-generate-001"

    def reply(self) -> Respond:
        return Respond(json={"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": PIXELS}]})

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        model, _, verb = path.rpartition("/")[2].partition(":")
        assert verb == "predict"
        assert body["parameters"] == {"sampleCount": 1, "aspectRatio": "1:1"}
        return model, body["instances"][0]["prompt"]


# -------------------------------------------------------------------------------------- moderations


class OpenAIModerationsSpeaker(Maker):
    """https://platform.openai.com/docs/api-reference/moderations."""

    def reply(self) -> Respond:
        return Respond(json={"id": "modr-1", "model": "omni", "results": [verdict(hate=0.75)]})

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        assert path.endswith("/moderations"), path
        assert body.keys() == {"model", "input"}
        given = body["input"]
        return body["model"], given if isinstance(given, str) else given[0]


class MistralModerationsSpeaker(OpenAIModerationsSpeaker):
    """https://docs.mistral.ai/usage/guardrailing."""

    def reply(self) -> Respond:
        scores = {"sexual": 0.01, "hate_and_discrimination": 0.75, "selfharm": 0.0, "pii": 0.02}
        found = {name: score > 0.5 for name, score in scores.items()}
        row = {"categories": found, "category_scores": scores}
        return Respond(json={"id": "m1", "model": "mistral-moderation-latest", "results": [row]})


class ContentSafetySpeaker(Maker):
    """https://learn.microsoft.com/en-us/rest/api/contentsafety/text-operations/analyze-text."""

    def reply(self) -> Respond:
        severities = {"Hate": 5, "SelfHarm": 0, "Sexual": 0, "Violence": 2}
        rows = [{"category": name, "severity": severity} for name, severity in severities.items()]
        return Respond(json={"blocklistsMatch": [], "categoriesAnalysis": rows})

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        assert path == "/contentsafety/text:analyze"
        assert body == {"text": body["text"], "outputType": "EightSeverityLevels"}
        return None, body["text"]


# ------------------------------------------------------------------------------------------- rerank


class JinaSpeaker(Maker):
    """https://api.jina.ai/redoc; Cohere's, vLLM's, llama.cpp's and Together's are alike."""

    rows = "results"
    top = "top_n"
    path = "/rerank"

    def reply(self) -> Respond:
        rows = [{"index": index, "relevance_score": score} for index, score in SCORES.items()]
        return Respond(json={self.rows: rows, "model": self.model, "usage": {"total_tokens": 9}})

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        assert path.endswith(self.path), path
        assert body.keys() == {"model", "query", "documents", self.top}, body
        assert body[self.top] == 2
        return body["model"], (body["query"], body["documents"])


class CohereRerankSpeaker(JinaSpeaker):
    """https://docs.cohere.com/reference/rerank."""

    path = "/v2/rerank"

    def reply(self) -> Respond:
        reply = super().reply()
        meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
        return Respond(json={"id": "r1", "results": reply.json["results"], "meta": meta})


class VoyageSpeaker(JinaSpeaker):
    """https://docs.voyageai.com/reference/reranker-api."""

    rows = "data"
    top = "top_k"


class NvidiaSpeaker(Maker):
    """https://docs.nvidia.com/nim/nemo-retriever/text-reranking/latest/using-reranking.html."""

    def reply(self) -> Respond:
        rows = [{"index": index, "logit": score} for index, score in SCORES.items()]
        return Respond(json={"rankings": rows})

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        assert path.endswith("/ranking")
        assert body.keys() == {"model", "query", "passages"}
        return body["model"], (body["query"]["text"], [passage["text"] for passage in body["passages"]])


class TEISpeaker(Maker):
    """https://huggingface.github.io/text-embeddings-inference/."""

    def reply(self) -> Respond:
        return Respond(json=[{"index": index, "score": score} for index, score in SCORES.items()])

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        assert path == "/rerank"
        assert body.keys() == {"query", "texts"}
        return None, (body["query"], body["texts"])


class BedrockSpeaker(Maker):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html."""

    model = "cohere.rerank-v3-5:0"

    def reply(self) -> Respond:
        rows = [{"index": index, "relevanceScore": score} for index, score in SCORES.items()]
        return Respond(json={"results": rows})

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        assert path == "/rerank"
        (query,) = body["queries"]
        assert query["type"] == "TEXT"
        chosen = body["rerankingConfiguration"]
        assert chosen["type"] == "BEDROCK_RERANKING_MODEL"
        chosen = chosen["bedrockRerankingConfiguration"]
        assert chosen["numberOfResults"] == 2
        arn = chosen["modelConfiguration"]["modelArn"]
        assert arn.startswith("arn:aws:bedrock:us-east-1::foundation-model/")
        documents = [source["inlineDocumentSource"]["textDocument"]["text"] for source in body["sources"]]
        return arn.partition("/")[2], (query["textQuery"]["text"], documents)


class RankingSpeaker(Maker):
    """https://cloud.google.com/generative-ai-app-builder/docs/reference/rest/v1/projects.locations.rankingConfigs/rank."""

    model = "semantic-ranker-default-004"

    def reply(self) -> Respond:
        rows = [{"id": str(index), "score": score} for index, score in SCORES.items()]
        return Respond(json={"records": rows})

    def asked(self, path: str, body: Json) -> tuple[str | None, Any]:
        assert path == "/v1/projects/p1/locations/global/rankingConfigs/default_ranking_config:rank"
        assert body["topN"] == 2
        assert [record["id"] for record in body["records"]] == ["0", "1", "2"]
        return body["model"], (body["query"], [record["content"] for record in body["records"]])


MAKERS: dict[str, Maker] = {
    "OpenAIImages": OpenAIImagesSpeaker(),
    "SizedImages": SizedSpeaker(),
    "XAIImages": XAISpeaker(),
    "FireworksImages": FireworksSpeaker(),
    "TextToImage": TextToImageSpeaker(),
    "ReplicateImages": ReplicateImagesSpeaker(),
    "GeminiImages": GeminiImagesSpeaker(),
    "ImagenPredict": ImagenSpeaker(),
    "OpenAIModerations": OpenAIModerationsSpeaker(),
    "MistralModerations": MistralModerationsSpeaker(),
    "ContentSafety": ContentSafetySpeaker(),
    "JinaRerank": JinaSpeaker(),
    "CohereV2Rerank": CohereRerankSpeaker(),
    "VoyageRerank": VoyageSpeaker(),
    "NvidiaRerank": NvidiaSpeaker(),
    "TEIRerank": TEISpeaker(),
    "BedrockRerank": BedrockSpeaker(),
    "VertexRanking": RankingSpeaker(),
}
"""By the name of the codec class whose wire they speak; subclasses of it speak the same."""


def maker_of(wire: type) -> Maker:
    """The speaker of a codec's wire. Raises `LookupError`: a new wire needs one."""
    return next(MAKERS[kind.__name__] for kind in wire.__mro__ if kind.__name__ in MAKERS)
