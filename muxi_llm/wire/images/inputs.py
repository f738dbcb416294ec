"""Hosts that take a model's own inputs instead of OpenAI's parameters: Fireworks' workflows, Hugging Face's
task API, Replicate's predictions.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from muxi_llm.errors import InvalidRequestError
from muxi_llm.wire.base import Fault, Json, Wire, WireError, loads, raise_in_band
from muxi_llm.wire.feature_extraction import SERVED_BY
from muxi_llm.wire.images.sizes import fitted, pixels
from muxi_llm.wire.openai.images import OpenAIImages, images_of
from muxi_llm.wire.reading import reading
from muxi_llm.wire.replicate import FAILURES, PREDICTION, failure, prediction_path
from muxi_llm.wire.requesting import told_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Ledger, Profile
    from muxi_llm.wire.values import ImagesResponse


class FireworksImages(Wire):
    """https://docs.fireworks.ai/api-reference/generate-a-new-image-from-a-text-prompt."""

    endpoint = "image"
    headers = {"accept": "application/json"}

    def path_for(self, *, stream: bool) -> str:  # noqa: ARG002 - none exists
        return f"/workflows/{quote(self.model)}/text_to_image"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        encoded: Json = {"prompt": body["prompt"]}
        found = fitted(body.get("size"), FLUX_RATIOS, {"": 1024}, self.ledger)
        if found:
            encoded["aspect_ratio"] = found.ratio
        return encoded

    def decode_response(self, data: bytes, *, created: int) -> ImagesResponse:
        raw = loads(data)
        raise_in_band(raw)
        with reading("no images", data):
            if raw.get("finishReason") == "CONTENT_FILTERED":
                raise refused("the image was filtered", "CONTENT_FILTERED")
            rows = [{"b64_json": image.rpartition(";base64,")[2]} for image in raw["base64"]]
        return images_of({"created": created, "data": rows, "seed": raw.get("seed")}, created)


class TextToImage(Wire):
    """https://huggingface.co/docs/inference-providers/tasks/text-to-image: the reply is the image itself."""

    endpoint = "image"
    headers = {"accept": "image/png"}

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        super().__init__(model, ledger, profile)
        name, _, served_by = model.partition(":")
        if served_by not in {"", SERVED_BY}:
            story = f"{model}: images come from {SERVED_BY} only, not from {served_by}"
            raise InvalidRequestError(story, param="model")
        self.path = f"/{SERVED_BY}/models/{quote(name)}"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        sides = pixels(body.get("size"))
        parameters = {"parameters": {"width": sides[0], "height": sides[1]}} if sides else {}
        return {"inputs": body["prompt"], **parameters}

    def decode_response(self, data: bytes, *, created: int) -> ImagesResponse:
        image = base64.b64encode(data).decode()
        if told_by(image) is None:  # JSON or a page, in the place of an image
            start = data[:200].decode("utf-8", "replace")
            raise WireError("malformed", f"the reply is no image: {start!r}")
        return images_of({"data": [{"b64_json": image}]}, created)


class ReplicateImages(OpenAIImages):
    """https://replicate.com/black-forest-labs/flux-schnell/api/schema: the inputs most image models have.
    What a model has of its own goes by `extra_body`, as in a chat.
    """

    def path_for(self, *, stream: bool) -> str:  # noqa: ARG002 - none exists
        return prediction_path(self.model)[0]

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        version = prediction_path(self.model)[1]
        given: Json = {"prompt": body["prompt"]}
        if "n" in body:
            given["num_outputs"] = body["n"]
            self.ledger.renamed("n", "num_outputs, where the model has it")
        if "output_format" in body:
            given["output_format"] = FLUX_FORMATS.get(body["output_format"], body["output_format"])
        found = fitted(body.get("size"), FLUX_RATIOS, {"": 1024}, self.ledger)
        if found:
            given["aspect_ratio"] = found.ratio
        return {**({"version": version} if version else {}), "input": given}

    def settle(self, body: Json) -> None:
        """The caller's own inputs beside ours, wherever they were written."""
        for name in [name for name in body if name not in PREDICTION]:
            body["input"][name] = body.pop(name)

    def decode_response(self, data: bytes, *, created: int) -> ImagesResponse:
        raw = loads(data)
        with reading("no prediction", data):
            if raw["status"] in FAILURES:
                raise failure(raw["status"], raw.get("error"))
            output = raw.get("output")
            rows = [{"url": url} for url in ([output] if isinstance(output, str) else output)]
        return images_of({"data": rows, "id": raw.get("id")}, created)


def refused(message: str, reason: str) -> WireError:
    """An image that the provider does not give for what is in it: asking again is no help.

    Its code is OpenAI's: https://platform.openai.com/docs/guides/image-generation#content-moderation.
    """
    return WireError("fault", message, Fault(400, message, type=reason, code="moderation_blocked"))


# ------------------------------------------------------------------------------------------ tables

FLUX_RATIOS = ("1:1", "21:9", "16:9", "3:2", "5:4", "4:5", "2:3", "9:16", "9:21", "4:3", "3:4")
FLUX_FORMATS = {"jpeg": "jpg"}
