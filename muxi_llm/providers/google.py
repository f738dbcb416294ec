"""Google's Gemini API, by its own generateContent."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from muxi_llm.providers.base import Provider, stored_in
from muxi_llm.providers.voices import GEMINI_VOICES, STREAMS
from muxi_llm.wire.base import Profile
from muxi_llm.wire.gemini.embeddings import GeminiEmbeddings
from muxi_llm.wire.gemini.generate_content import GenerateContent
from muxi_llm.wire.models_list import ModelsList

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from muxi_llm import errors
    from muxi_llm.wire.base import Endpoint, Fault, Json, Reply, Wire


AS_DATA = {"response_format": "b64_json"}


class GeminiModels(ModelsList):
    """Source: https://ai.google.dev/api/models; as many as a page can hold."""

    path = "/models?pageSize=1000"
    items = "models"
    name = "name"
    prefix = "models/"


class GoogleProvider(Provider):
    """Source: https://ai.google.dev/api. The key goes in a header, never in the URL."""

    name = "google"
    base_url = "https://generativelanguage.googleapis.com/v1beta"
    base_url_env = ("GOOGLE_BASE_URL", "GEMINI_BASE_URL")
    key_env = ("GOOGLE_API_KEY", "GEMINI_API_KEY")
    wires = {"chat": GenerateContent, "embedding": GeminiEmbeddings, "models": GeminiModels}
    more_wires: Mapping[Endpoint, str] = {
        **stored_in("gemini.stored"),
        "image": "gemini.images:google_images",
        "transcription": "gemini.audio:GeminiTranscription",
        "speech": "gemini.audio:GeminiSpeech",
    }
    batch_lines = "gemini.stored:GeminiLines"
    # https://ai.google.dev/gemini-api/docs/imagen, .../image-generation
    quirks = {
        "image": {
            "imagen": Profile(takes=frozenset({"prompt", "n", "size"}), fixed=AS_DATA, ranges={"n": (1, 4)}),
            "": Profile(takes=frozenset({"prompt", "n", "size"}), fixed=AS_DATA, ranges={"n": (1, 1)}),
        },
        "transcription": {"": STREAMS},
        "speech": {"": Profile(voices=GEMINI_VOICES)},
    }

    json_mode_support = True
    vision_support = True
    audio_input_support = True
    audio_output_support = True  # https://ai.google.dev/gemini-api/docs/speech-generation
    image_output_support = True  # https://ai.google.dev/gemini-api/docs/image-generation
    image_replay_support = True
    video_input_support = True
    streaming_support = True
    token_by_token_support = True
    json_schema_support = True
    file_input_support = True
    developer_message_support = True
    audio_url_support = True
    file_url_support = True
    tool_media_support = True
    extra_content_support = True
    tool_parts_support = True
    error_result_support = True
    document_support = True
    prefill_support = True
    top_k_support = True

    # https://ai.google.dev/gemini-api/docs/tools, .../function-calling#multi-tool-use
    own_tools = r"\..*"
    server_tools = {
        "web_search": {"googleSearch": {}},
        "web_fetch": {"urlContext": {}},
        "code_execution": {"codeExecution": {}},
    }
    server_tools_alone = True
    allowed_tools_support = True

    def authorize(self) -> dict[str, str]:
        return {"x-goog-api-key": self.api_key} if self.api_key else {}

    def url_of(self, wire: Wire, *, stream: bool) -> str:
        """Below the base URL; that of the compatible endpoint is still set here and there."""
        base = self.base_url.removesuffix("/openai")
        if wire.endpoint == "file.create":  # https://ai.google.dev/api/files#method:-media.upload
            base = VERSION.sub(r"/upload\g<0>", base, count=1)
        return base + wire.path_for(stream=stream)

    def classify(self, fault: Fault, *, url: str, reply: Reply) -> errors.MuxiLLMError:
        return super().classify(google_fault(fault), url=url, reply=reply)


VERSION = re.compile(r"(/v\d\w*)?$")

# ------------------------------------------------------------------------------------------- errors
# `google.rpc.Status`: https://cloud.google.com/apis/design/errors


def google_fault(fault: Fault) -> Fault:
    """*fault* with the type and the code Google gives it. A key that is none is a 400 there, told by code."""
    error: Any = fault.body
    kind = error.get("status") if isinstance(error, dict) else None
    code = next(
        (reason for info in details_of(fault, "ErrorInfo") if (reason := info.get("reason"))), fault.code
    )
    status = 401 if code == "API_KEY_INVALID" else fault.status
    return replace(fault, status=status, code=code, type=kind if isinstance(kind, str) else fault.type)


def details_of(fault: Fault, kind: str) -> Iterator[Json]:
    """What an error says in its details of one *kind*."""
    details = fault.body.get("details") if isinstance(fault.body, dict) else None
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and str(detail.get("@type")).endswith(f"google.rpc.{kind}"):
            yield detail
