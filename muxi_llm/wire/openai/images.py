"""OpenAI's images wire. Source: https://platform.openai.com/docs/api-reference/images/create, and
.../images-streaming for its streams.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, ClassVar

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.wire.base import Json, Wire, WireError, build_value, fault_of, loads, raise_in_band
from muxi_llm.wire.event_decoder import EventDecoder
from muxi_llm.wire.upload import form_of
from muxi_llm.wire.values import ImageEvent, ImagesResponse, PartialImageEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.wire.base import Endpoint
    from muxi_llm.wire.upload import File, Upload


class OpenAIImages(Wire):
    """OpenAI images."""

    endpoint: ClassVar[Endpoint] = "image"
    path = "/images/generations"
    stream_headers = {"accept": "text/event-stream"}
    _many = 1

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        self._many = body.get("n") or 1
        encoded = {"model": self.model, **body}
        if stream:
            encoded["stream"] = True
        return encoded

    def decode_response(self, data: bytes, *, created: int) -> ImagesResponse:
        raw = loads(data)
        raise_in_band(raw)
        return images_of(raw, created)

    def stream_decoder(self, *, created: int) -> ImageStreamDecoder:  # noqa: ARG002 - in the events
        return ImageStreamDecoder(self._many)


class OpenAIImageEdits(OpenAIImages):
    """OpenAI's edits of images: a form. Source: https://platform.openai.com/docs/api-reference/images/createEdit."""

    endpoint = "image_edit"
    path = "/images/edits"

    def content_of(self, body: Json) -> bytes | Upload:
        return form_of(body)


class InlineImageEdits(OpenAIImages):
    """The same as JSON, the images inside. Source: https://docs.x.ai/developers/model-capabilities/images."""

    endpoint = "image_edit"
    path = "/images/edits"
    inlines = 20_000_000

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        for name in body.keys() & {"mask", "markup"}:
            why = f"{self.ledger.provider} edits by words alone"
            raise UnsupportedParameterError(f"{name}: {why}", param=name)
        given = super().encode_request(body, stream=stream)
        images = given.pop("image")
        if isinstance(images, list) and len(images) > 1:
            given["images"] = [_inlined(one) for one in images]
        else:
            given["image"] = _inlined(images[0] if isinstance(images, list) else images)
        return given


def _inlined(file: File) -> Json:
    return {"type": "image_url", "url": f"data:{file.type};base64,{b64encode(file.read()).decode()}"}


def images_of(raw: Any, created: int) -> ImagesResponse:
    """OpenAI's value of an answer in its own form. Raises `WireError` where there is no image in it."""
    rows = raw.get("data") if isinstance(raw, dict) else None
    if not isinstance(rows, list) or not rows or not all(map(_is_image, rows)):
        raise WireError("malformed", f"the reply has no images: {str(raw)[:200]}")
    if not isinstance(raw.get("created"), int):
        raw["created"] = created
    return build_value(ImagesResponse, raw)


def _is_image(row: Any) -> bool:
    return isinstance(row, dict) and any(isinstance(row.get(name), str) and row[name] for name in SOURCES)


class ImageStreamDecoder(EventDecoder[Any]):
    """Events → images, unfinished ones and finished ones."""

    terminator = "a finished image"

    def __init__(self, many: int) -> None:
        super().__init__()
        self._to_come = many

    def read(self, name: bytes, data: bytes) -> Sequence[Any]:  # noqa: ARG002 - it is in the data
        if data == b"[DONE]":
            self.over = True
            return ()
        raw = loads(data)
        kind = str(raw.get("type"))
        if kind == "error" or raw.get("error"):
            fault = fault_of(500, raw)
            raise WireError("fault", fault.message, fault)
        if kind.endswith(".partial_image"):
            return (build_event(PartialImageEvent, raw),)
        if not kind.endswith(".completed"):
            return ()
        self._to_come -= 1
        self.over = self._to_come <= 0
        return (build_event(ImageEvent, raw),)


def build_event(kind: type[Any], raw: Json) -> Any:
    """An event with an image in it; whatever else it lacks."""
    if not _is_image(raw):
        raise WireError("malformed", f"an event without an image: {str(raw)[:200]}")
    return kind.construct(**raw)


SOURCES = ("b64_json", "url")
"""Fields of which an image has one."""
