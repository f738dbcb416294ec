"""Google's images: Imagen's `predict`, and those that Gemini's models make in an answer.

Sources: https://ai.google.dev/gemini-api/docs/imagen, https://ai.google.dev/gemini-api/docs/image-generation,
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.wire.base import Json, Wire, WireError, loads, raise_in_band
from muxi_llm.wire.gemini.generate_content import model_path
from muxi_llm.wire.images.inputs import refused
from muxi_llm.wire.images.sizes import fitted
from muxi_llm.wire.mending import count_of
from muxi_llm.wire.openai.images import images_of
from muxi_llm.wire.reading import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Ledger, Profile
    from muxi_llm.wire.values import ImagesResponse


def google_images(model: str, ledger: Ledger, profile: Profile) -> Wire:
    """The wire of a model of Google's: Imagen has one of its own."""
    return (ImagenPredict if model.startswith("imagen") else GeminiImages)(model, ledger, profile)


def vertex_images(model: str, ledger: Ledger, profile: Profile) -> Wire:
    """The same on Vertex AI."""
    return (VertexImagen if model.startswith("imagen") else VertexGeminiImages)(model, ledger, profile)


class ImagenPredict(Wire):
    """Imagen."""

    endpoint = "image"

    def path_for(self, *, stream: bool) -> str:  # noqa: ARG002 - none exists
        return f"{model_path(self.model)}:predict"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        parameters: Json = {"sampleCount": body.get("n", 1)}
        found = fitted(body.get("size"), IMAGEN_RATIOS, {"1K": 1024, "2K": 2048}, self.ledger)
        if found:
            parameters["aspectRatio"] = found.ratio
            if found.scale != "1K":  # which Imagen 3 does not know
                parameters["sampleImageSize"] = found.scale
        return {"instances": [{"prompt": body["prompt"]}], "parameters": parameters}

    def settle(self, body: Json) -> None:
        """Native options are Imagen's parameters, wherever they were written."""
        for name in [name for name in body if name not in PREDICT]:
            body["parameters"][name] = body.pop(name)

    def decode_response(self, data: bytes, *, created: int) -> ImagesResponse:
        raw = loads(data)
        raise_in_band(raw)
        with reading("no images", data):
            told = raw.get("predictions") or []
            rows = [row for one in told if (row := _image_of(one.get("bytesBase64Encoded")))]
            why = next((one["raiFilteredReason"] for one in told if one.get("raiFilteredReason")), None)
            if why and not rows:
                raise refused(str(why), "RAI_FILTERED")
        return images_of({"data": rows}, created)


class GeminiImages(Wire):
    """Gemini's models that draw."""

    endpoint = "image"

    def path_for(self, *, stream: bool) -> str:  # noqa: ARG002 - none exists
        return f"{model_path(self.model)}:generateContent"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        config: Json = {"responseModalities": ["TEXT", "IMAGE"]}
        found = fitted(body.get("size"), GEMINI_RATIOS, {"1K": 1024, "2K": 2048, "4K": 4096}, self.ledger)
        if found:
            larger = (
                {} if found.scale == "1K" else {"imageSize": found.scale}
            )  # which older models do not know
            config["imageConfig"] = {"aspectRatio": found.ratio, **larger}
        said = [{"role": "user", "parts": [{"text": body["prompt"]}]}]
        return {"contents": said, "generationConfig": config}

    def decode_response(self, data: bytes, *, created: int) -> ImagesResponse:
        raw = loads(data)
        raise_in_band(raw)
        with reading("no images", data):
            blocked = (raw.get("promptFeedback") or {}).get("blockReason")
            candidates = raw.get("candidates") or []
            parts = [part for one in candidates for part in (one.get("content") or {}).get("parts") or ()]
            rows = [row for part in parts if (row := _image_of((part.get("inlineData") or {}).get("data")))]
            if not rows:
                raise _none(blocked, candidates)
        value = {"data": rows, "usage": _usage_of(raw.get("usageMetadata"))}
        return images_of({name: part for name, part in value.items() if part}, created)


class VertexImagen(ImagenPredict):
    """Below the publisher, like a chat."""

    def path_for(self, *, stream: bool) -> str:
        return f"/v1{PLACE}/publishers/google{super().path_for(stream=stream)}"


class VertexGeminiImages(GeminiImages):
    """Likewise."""

    def path_for(self, *, stream: bool) -> str:
        return f"/v1{PLACE}/publishers/google{super().path_for(stream=stream)}"


def _image_of(data: Any) -> Json | None:
    return {"b64_json": data} if isinstance(data, str) and data else None


def _none(blocked: Any, candidates: list[Json]) -> WireError:
    """Why there is no image: what is in it, or the model that only talked."""
    reason = blocked or next((one.get("finishReason") for one in candidates), None)
    if blocked or reason in FILTERS:
        return refused(f"the image was refused: {reason}", str(reason))
    return WireError("malformed", f"the answer holds no image (finishReason: {reason})")


def _usage_of(told: Any) -> Json | None:
    if not isinstance(told, dict):
        return None
    sent, made = count_of(told.get("promptTokenCount")) or 0, count_of(told.get("candidatesTokenCount")) or 0
    return {
        "input_tokens": sent,
        "output_tokens": made,
        "total_tokens": count_of(told.get("totalTokenCount")) or sent + made,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": sent},
    }


# ------------------------------------------------------------------------------------------ tables

PLACE = "{place}"
"""As in `wire.gemini.vertex`."""

PREDICT = {"instances", "parameters"}
IMAGEN_RATIOS = ("1:1", "3:4", "4:3", "9:16", "16:9")
GEMINI_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
FILTERS = {
    "SAFETY", "IMAGE_SAFETY", "PROHIBITED_CONTENT", "IMAGE_PROHIBITED_CONTENT", "BLOCKLIST", "SPII",
    "RECITATION", "IMAGE_RECITATION",
}  # fmt: skip
"""https://ai.google.dev/api/generate-content#FinishReason."""
