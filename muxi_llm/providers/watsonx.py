"""IBM watsonx.ai: OpenAI's messages on paths, and with a few names, of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from muxi_llm.providers.tokens import FORM, TokenProvider
from muxi_llm.wire.base import Json, Wire, WireCall, loads
from muxi_llm.wire.models_list import ModelsList
from muxi_llm.wire.openai.chat import OpenAIChat
from muxi_llm.wire.reading import reading
from muxi_llm.wire.vectors import Asked, embeddings_of, texts_of, tokens_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.models import CreateEmbeddingResponse


class WatsonxChat(OpenAIChat):
    """https://www.ibm.com/docs/en/watsonx/saas?topic=solutions-chat."""

    path = "/ml/v1/text/chat"

    def path_for(self, *, stream: bool) -> str:
        """Streams have a path of their own."""
        return f"{self.path}_stream" if stream else self.path

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        encoded = super().encode_request(body, stream=stream)
        encoded.pop("stream", None)  # the path says it
        encoded["model_id"] = encoded.pop("model")
        if isinstance(encoded.get("tool_choice"), str):
            encoded["tool_choice_option"] = encoded.pop("tool_choice")
        return encoded


class WatsonxEmbeddings(Wire):
    """https://cloud.ibm.com/apidocs/watsonx-ai#text-embeddings."""

    endpoint = "embedding"
    path = "/ml/v1/text/embeddings"
    _asked = Asked()

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        self._asked = Asked.of(body)
        rest = {name: value for name, value in body.items() if name not in {"input", "encoding_format"}}
        return {"model_id": self.model, "inputs": texts_of(body["input"], self.ledger.provider), **rest}

    def decode_response(self, data: bytes, *, created: int) -> CreateEmbeddingResponse:  # noqa: ARG002
        raw = loads(data)
        with reading("no embeddings", data):
            vectors = [row["embedding"] for row in raw["results"]]
            model, usage = raw.get("model_id") or self.model, tokens_of(raw.get("input_token_count"))
        return embeddings_of(vectors, self._asked, model, usage)


class FoundationModels(ModelsList):
    """https://cloud.ibm.com/apidocs/watsonx-ai#list-foundation-model-specs."""

    path = "/ml/v1/foundation_model_specs"
    items = "resources"
    name = "model_id"


class WatsonxProvider(TokenProvider):
    """https://cloud.ibm.com/apidocs/watsonx-ai. An IBM Cloud API key is exchanged for an IAM token:
    https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey. `WATSONX_TOKEN` is sent as it is.
    """

    name = "watsonx"
    base_url = "https://us-south.ml.cloud.ibm.com"
    key_env = ("WATSONX_API_KEY", "WATSONX_APIKEY")
    base_url_env = ("WATSONX_BASE_URL", "WATSONX_URL")
    settings_env = {
        "project_id": ("WATSONX_PROJECT_ID",),
        "space_id": ("WATSONX_SPACE_ID", "WATSONX_DEPLOYMENT_SPACE_ID"),
        "token": ("WATSONX_TOKEN",),
        "api_version": ("WATSONX_API_VERSION",),
        "iam_url": ("WATSONX_IAM_URL",),
    }
    wires = {"chat": WatsonxChat, "embedding": WatsonxEmbeddings, "models": FoundationModels}

    vision_support = True
    json_schema_support = True
    drops = dict.fromkeys(
        ("stream_options", "user", "parallel_tool_calls", "dimensions"),
        "watsonx has no such parameter",
    )

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.key_required = "token" not in self.settings

    def authorize(self) -> dict[str, str]:
        token = self.settings.get("token")
        return {"authorization": f"Bearer {token}"} if token else {}

    def token_call(self) -> WireCall:
        """IAM, which is the same for every region."""
        form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": self.api_key or ""}
        return WireCall(self.settings.get("iam_url", IAM), dict(FORM), urlencode(form).encode())

    def url_of(self, wire: Wire, *, stream: bool) -> str:
        """With the version that every request must name."""
        version = self.settings.get("api_version", VERSION)
        return f"{super().url_of(wire, stream=stream)}?{urlencode({'version': version})}"

    def prepare(
        self, wire: Wire, body: Mapping[str, Any], *, stream: bool, extra: Mapping[str, Any]
    ) -> WireCall:
        place = {name: self.settings[name] for name in ("project_id", "space_id") if name in self.settings}
        # One of them, not both; a list of models wants neither, and has no body.
        return super().prepare(wire, body, stream=stream, extra={**dict(list(place.items())[:1]), **extra})


IAM = "https://iam.cloud.ibm.com/identity/token"
VERSION = "2025-02-06"
"""The API's date, as in https://www.ibm.com/docs/en/watsonx/saas?topic=resources-rest-api."""
