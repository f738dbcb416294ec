"""Hugging Face: its router for chat, its task API for embeddings, and dedicated endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.errors import InvalidRequestError
from muxi_llm.providers.compatible import OpenAICompatible
from muxi_llm.wire.base import Profile
from muxi_llm.wire.feature_extraction import SERVED_BY, FeatureExtraction
from muxi_llm.wire.models_list import ModelsList
from muxi_llm.wire.openai.chat import OpenAIChat
from muxi_llm.wire.openai.completions import OpenAICompletions
from muxi_llm.wire.openai.embeddings import OpenAIEmbeddings

if TYPE_CHECKING:
    from muxi_llm.wire.base import Endpoint, Ledger, Wire


class HuggingFaceProvider(OpenAICompatible):
    """https://huggingface.co/docs/inference-providers. A model is `org/name`, or `org/name:provider` for one
    of the providers behind the router.

    With a `base_url` of one's own (an Inference Endpoint: TGI, vLLM, TEI) every endpoint is OpenAI's, but for
    images, which the toolkit there makes of the same task, and reranking, which is TEI's alone.
    """

    name = "huggingface"
    base_url = "https://router.huggingface.co/v1"
    key_env = ("HF_TOKEN", "HUGGINGFACE_API_KEY", "HUGGING_FACE_HUB_TOKEN")
    wires = {"chat": OpenAIChat, "embedding": FeatureExtraction, "models": ModelsList}
    more_wires = {
        "image": "images.inputs:TextToImage",
        "rerank": "rerank:TEIRerank",
        "transcription": "speech_recognition:SpeechRecognition",
    }
    quirks = {
        "image": {
            "": Profile(
                takes=frozenset({"prompt", "n", "size"}),
                fixed={"response_format": "b64_json"},
                ranges={"n": (1, 1)},
            )
        }
    }
    namespaced_models = True
    vision_support = True
    json_schema_support = True
    # https://huggingface.co/docs/inference-providers/tasks/chat-completion (and TGI) know the older name only
    renames = {"max_completion_tokens": "max_tokens"}

    def wire_for(self, endpoint: Endpoint, model: str, ledger: Ledger) -> Wire:
        """An endpoint of one's own talks OpenAI's wires throughout."""
        own = DEDICATED.get(endpoint) if self._is_dedicated else None
        if endpoint == "rerank" and not self._is_dedicated:
            where = "an endpoint of your own (text-embeddings-inference); pass base_url="
            raise InvalidRequestError(f"huggingface: rerank needs {where}", param="base_url")
        return own(model, ledger, self.profile(model)) if own else super().wire_for(endpoint, model, ledger)

    @property
    def _is_dedicated(self) -> bool:
        return self.base_url != type(self).base_url

    def url_of(self, wire: Wire, *, stream: bool) -> str:
        """The task API stands beside the router's `/v1`, not below it; of one's own, it is all there is."""
        if wire.endpoint == "rerank" or wire.path.startswith(f"/{SERVED_BY}/"):
            alone = wire.endpoint in {"image", "transcription"} and self._is_dedicated
            return self.base_url.removesuffix("/v1") + ("" if alone else wire.path)
        return super().url_of(wire, stream=stream)


DEDICATED: dict[Endpoint, type[Wire]] = {"embedding": OpenAIEmbeddings, "completion": OpenAICompletions}
"""What an endpoint of one's own serves otherwise than the router."""
