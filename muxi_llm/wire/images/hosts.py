"""Hosts whose images wire is nearly OpenAI's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from muxi_llm.wire.images.sizes import fitted, pixels
from muxi_llm.wire.openai.images import OpenAIImages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json


class SizedImages(OpenAIImages):
    """OpenAI's, with width and height in the place of `size`."""

    formats: ClassVar[Mapping[str, str]] = {}
    """`output_format` → what it is called here; the first one for all others."""
    format_name: ClassVar[str] = "output_format"
    encoding: ClassVar[str] = "b64_json"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        encoded = super().encode_request(body, stream=stream)
        sides = pixels(encoded.pop("size", None))
        if sides:
            encoded["width"], encoded["height"] = sides
        wanted = encoded.pop("output_format", None)
        if wanted:
            known = self.formats.get(wanted)
            if known is None:
                known = next(iter(self.formats.values()))
                self.ledger.changed("output_format", f"{self.ledger.provider} has no such; sent as {known}")
            encoded[self.format_name] = known
        if encoded.get("response_format") == "b64_json":
            encoded["response_format"] = self.encoding
        return encoded


class TogetherImages(SizedImages):
    """https://docs.together.ai/reference/post-images-generations,
    https://github.com/togethercomputer/together-typescript/blob/main/src/resources/images.ts.
    """

    formats = {"png": "png", "jpeg": "jpeg"}
    encoding = "base64"


class NebiusImages(SizedImages):
    """https://docs.getbifrost.ai/providers/supported-providers/nebius;
    https://huggingface.co/spaces/AgentsGuards/image_utilities_mcp/blob/main/src/utils/generate_image.py.
    """

    formats = {"png": "png", "jpeg": "jpg", "webp": "webp"}
    format_name = "response_extension"


class XAIImages(OpenAIImages):
    """https://docs.x.ai/developers/model-capabilities/images/generation."""

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        encoded = super().encode_request(body, stream=stream)
        found = fitted(encoded.pop("size", None), XAI_RATIOS, {"1k": 1024, "2k": 2048}, self.ledger)
        if found:
            encoded["aspect_ratio"], encoded["resolution"] = found
        return encoded


# From xAI's schema: https://docs.comfy.org/development/comfy-router/models/xai/grok-imagine-image/code
XAI_RATIOS = (
    "1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2", "9:19.5", "19.5:9", "9:20", "20:9", "1:2", "2:1",
)  # fmt: skip
