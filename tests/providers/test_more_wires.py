"""Where images, moderations and reranking are at each provider's own address, and what a model takes there."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm import Image, InvalidRequestError, Moderation, Rerank, UnsupportedParameterError
from muxi_llm.errors import MissingCredentialsError
from muxi_llm.transport.scripted import Answer
from tests.conftest import Driver
from tests.support.bodies import verdict
from tests.support.speakers.makers import PNG

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")

IMAGES = {"created": 1, "data": [{"b64_json": "aa=="}]}
ASKED: dict[str, Any] = {"query": "q", "documents": ["a"]}
DOT: dict[str, Any] = {"prompt": "a dot"}
RANKED = {"results": [{"index": 0, "relevance_score": 1}]}


def call_of(face: Any, answer: Any, **params: Any) -> Any:
    """The one call that went out."""
    value, script = Driver("sync").scripted(face, Answer(json=answer), retries=0, **params)
    if isinstance(value, Exception):
        raise value
    (call,) = script.calls
    return call, value


@pytest.mark.parametrize(
    ("face", "model", "answer", "params", "url"),
    [
        (Image, "openai/gpt-image-1", IMAGES, DOT, "https://api.openai.com/v1/images/generations"),
        (Image, "together/black-forest-labs/FLUX.1-schnell", IMAGES, DOT, "https://api.together.ai/v1/images/generations"),
        (Image, "deepinfra/o/m", IMAGES, DOT, "https://api.deepinfra.com/v1/openai/images/generations"),
        (Image, "nebius/o/m", IMAGES, DOT, "https://api.tokenfactory.nebius.com/v1/images/generations"),
        (Image, "xai/grok-imagine-image", IMAGES, DOT, "https://api.x.ai/v1/images/generations"),
        (Image, "fireworks/accounts/a/models/m", {"base64": ["aa=="]}, DOT,
         "https://api.fireworks.ai/inference/v1/workflows/accounts/a/models/m/text_to_image"),
        (Image, "google/imagen-4.0-generate-001", {"predictions": [{"bytesBase64Encoded": "aa=="}]}, DOT,
         "https://generativelanguage.googleapis.com/v1beta/models/imagen-4.0-generate-001:predict"),
        (Moderation, "mistral/m", {"results": [verdict()]}, {"input": "a"}, "https://api.mistral.ai/v1/moderations"),
        (Rerank, "cohere/rerank-v3.5", RANKED, ASKED, "https://api.cohere.com/v2/rerank"),
        (Rerank, "jina/m", RANKED, ASKED, "https://api.jina.ai/v1/rerank"),
        (Rerank, "voyage/rerank-2.5", {"data": RANKED["results"]}, ASKED, "https://api.voyageai.com/v1/rerank"),
        (Rerank, "nvidia/nvidia/nv-rerankqa", {"rankings": [{"index": 0, "logit": -1.5}]}, ASKED,
         "https://ai.api.nvidia.com/v1/retrieval/nvidia/nv-rerankqa/reranking"),
        (Rerank, "vllm/BAAI/bge", RANKED, ASKED, "http://127.0.0.1:8000/v1/rerank"),
        (Rerank, "llama_cpp/bge", RANKED, ASKED, "http://127.0.0.1:8080/v1/rerank"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_addresses(face: Any, model: str, answer: Any, params: Any, url: str) -> None:
    call, value = call_of(face, answer, model=model, api_key="sk-1", **params)
    assert call.url == url
    assert call.headers.get("authorization", "") == ("" if model.startswith("google") else "Bearer sk-1")
    assert value.muxi.model == model


def test_nvidias_own_container() -> None:
    """With a server of one's own nothing goes to NVIDIA."""
    answer = {"rankings": [{"index": 0, "logit": -1.5}]}
    call, _ = call_of(
        Rerank, answer, model="nvidia/nvidia/m", api_key="k", base_url="http://nim.test/v1", **ASKED
    )
    assert call.url == "http://nim.test/v1/ranking"


# -------------------------------------------------------------------------------------------- Azure


@pytest.mark.parametrize(
    ("base_url", "endpoint", "url"),
    [
        ("https://r.openai.azure.com", None, "https://r.cognitiveservices.azure.com"),
        ("https://r.services.ai.azure.com/models", None, "https://r.services.ai.azure.com"),
        ("https://r.openai.azure.com", "https://safe.test/", "https://safe.test"),
    ],
)
def test_content_safety(base_url: str, endpoint: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own key header, and no deployment in the path."""
    if endpoint:
        monkeypatch.setenv("AZURE_CONTENT_SAFETY_ENDPOINT", endpoint)
    answer = {"categoriesAnalysis": [{"category": "Hate", "severity": 0}]}
    given = {"model": "azure/content-safety", "input": "a", "base_url": base_url}
    call, _ = call_of(Moderation, answer, api_key="k-1", **given)
    assert call.url == f"{url}/contentsafety/text:analyze?api-version=2024-09-01"
    assert call.headers["ocp-apim-subscription-key"] == "k-1"
    assert "api-key" not in call.headers
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "t-1")
    call, _ = call_of(Moderation, answer, **given)
    assert call.headers["authorization"] == "Bearer t-1"


def test_images_of_a_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_VERSION", "2025-04-01-preview")
    given = {"model": "azure/my-image", "base_url": "https://r.openai.azure.com", "api_key": "k"}
    call, _ = call_of(Image, IMAGES, **given, **DOT)
    assert call.url == (
        "https://r.openai.azure.com/openai/deployments/my-image/images/generations"
        "?api-version=2025-04-01-preview"
    )


# ------------------------------------------------------------------------------------------- Google


def test_vertex(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images below the project; ranking at a host of its own, in no region."""
    monkeypatch.setenv("VERTEXAI_PROJECT", "p1")
    monkeypatch.setenv("VERTEXAI_LOCATION", "europe-west4")
    answer = {"predictions": [{"bytesBase64Encoded": "aa=="}]}
    call, _ = call_of(Image, answer, model="vertex/imagen-4.0-generate-001", api_key="ya29.t", **DOT)
    assert call.url == (
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/p1/locations/europe-west4"
        "/publishers/google/models/imagen-4.0-generate-001:predict"
    )
    ranked = {"records": [{"id": "0", "score": 0.5}]}
    call, _ = call_of(Rerank, ranked, model="vertex/semantic-ranker-default-004", api_key="ya29.t", **ASKED)
    assert call.url == (
        "https://discoveryengine.googleapis.com/v1/projects/p1/locations/global"
        "/rankingConfigs/default_ranking_config:rank"
    )
    assert call.headers["authorization"] == "Bearer ya29.t"


def test_ranking_needs_a_project() -> None:
    error, script = Driver("sync").scripted(Rerank, model="vertex/m", api_key="AIza-express", **ASKED)
    assert isinstance(error, InvalidRequestError)
    assert "VERTEXAI_PROJECT" in str(error)
    assert script.calls == []


# -------------------------------------------------------------------------------------- HuggingFace


def test_hugging_faces_router() -> None:
    _, script = Driver("sync").scripted(
        Image, Answer(content=PNG), model="huggingface/o/m", api_key="hf", retries=0, **DOT
    )
    assert script.calls[0].url == "https://router.huggingface.co/hf-inference/models/o/m"
    assert script.calls[0].headers["accept"] == "image/png"
    error, script = Driver("sync").scripted(Rerank, model="huggingface/o/m", api_key="hf", **ASKED)
    assert isinstance(error, InvalidRequestError)
    assert (error.param, script.calls) == ("base_url", [])


def test_a_local_file_ranks_nothing() -> None:
    error, script = Driver("sync").scripted(Rerank, model="llama_cpp//tmp/m.gguf", **ASKED)
    assert isinstance(error, InvalidRequestError)
    assert "--reranking" in str(error)
    assert script.calls == []


# ------------------------------------------------------------------------------------------ Bedrock


@pytest.mark.parametrize(
    ("model", "region"),
    [
        ("cohere.rerank-v3-5:0", "us-west-2"),
        ("arn:aws:bedrock:eu-central-1::foundation-model/m:0", "eu-central-1"),
    ],
)
def test_bedrock(model: str, region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the agents' host, of the region that knows the model."""
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    answer = {"results": [{"index": 0, "relevanceScore": 0.5}]}
    call, _ = call_of(Rerank, answer, model=f"bedrock/{model}", api_key="k", **ASKED)
    assert call.url == f"https://bedrock-agent-runtime.{region}.amazonaws.com/rerank"
    assert f"arn:aws:bedrock:{region}::".encode() in call.body


# --------------------------------------------------------------------------------- what models take


@pytest.mark.parametrize(
    ("model", "params", "told"),
    [
        ("openai/gpt-image-1", {"response_format": "b64_json"}, []),
        ("openai/gpt-image-1", {"response_format": "url"}, [("response_format", True)]),
        ("openai/gpt-image-1", {"style": "vivid"}, [("style", True)]),
        ("openai/dall-e-3", {"style": "vivid", "response_format": "url"}, []),
        ("openai/dall-e-3", {"background": "opaque"}, [("background", True)]),
        ("openai/dall-e-2", {"style": "vivid", "n": 10}, [("style", True)]),
        ("azure/Dalle3", {"style": "vivid"}, []),
        ("together/o/m", {"background": "opaque", "user": "u"}, [("background", True), ("user", False)]),
        ("deepinfra/o/m", {"response_format": "url"}, [("response_format", True)]),
        ("xai/m", {"quality": "low", "n": 10}, []),
    ],
    ids=str,
)
def test_what_a_model_takes(model: str, params: dict[str, Any], told: Any) -> None:
    _, value = call_of(Image, IMAGES, model=model, api_key="k", base_url=HOMES.get(model), **DOT, **params)
    assert [(entry.param, entry.loss) for entry in value.muxi.adaptations] == told


HOMES = {"azure/Dalle3": "https://r.openai.azure.com"}


@pytest.mark.parametrize(
    ("model", "n"),
    [("openai/dall-e-3", 2), ("openai/gpt-image-1", 11), ("google/imagen-4.0-generate-001", 5), ("xai/m", 11),
     ("google/gemini-2.5-flash-image", 2), ("fireworks/m", 2), ("huggingface/o/m", 2), ("nebius/o/m", 2)],
)  # fmt: skip
def test_more_images_than_a_model_gives(model: str, n: int) -> None:
    """Refused before anything is sent, naming the argument."""
    error, script = Driver("sync").scripted(Image, model=model, api_key="k", n=n, **DOT)
    assert isinstance(error, UnsupportedParameterError)
    assert error.param == "n"
    assert script.calls == []


def test_a_server_of_ones_own() -> None:
    """It is sent what the caller writes."""
    given = {"model": "openai/flux", "base_url": "http://127.0.0.1:9/v1", "api_key": "k"}
    call, value = call_of(Image, IMAGES, **given, **DOT, n=99, style="vivid", response_format="url")
    assert b'"n":99' in call.body
    assert b'"style":"vivid"' in call.body
    assert value.muxi.adaptations == ()
    call, _ = call_of(Rerank, RANKED, **given, **ASKED)
    assert call.url == "http://127.0.0.1:9/v1/rerank"


def test_strict() -> None:
    error, script = Driver("sync").scripted(
        Image, model="together/o/m", api_key="k", adapt="strict", background="opaque", **DOT
    )
    assert isinstance(error, UnsupportedParameterError)
    assert (error.param, script.calls) == ("background", [])


def test_a_key_is_missing() -> None:
    error, _ = Driver("sync").scripted(Rerank, model="jina/m", **ASKED)
    assert isinstance(error, MissingCredentialsError)
