"""The values of the endpoints beside chat: the openai package's own types as in `models`, and what OpenAI has
none of: reranking, in the shape of Cohere's and Jina's answers.

Sources: https://platform.openai.com/docs/api-reference/images/object, .../moderations/object,
https://docs.cohere.com/reference/rerank, https://api.jina.ai/redoc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openai import BaseModel
from openai.types import Image as OpenAIImage
from openai.types import ImageGenCompletedEvent, ImageGenPartialImageEvent
from openai.types import ImagesResponse as OpenAIImagesResponse
from openai.types import Moderation as OpenAIModeration
from openai.types import ModerationCreateResponse as OpenAIModerationResponse
from openai.types import moderation as moderations

from muxi_llm.models import Countable, ItemAccess, ReportedModel, Whole

__all__ = ["ImagesResponse", "ModerationCreateResponse", "RerankResponse"]


class Image(ItemAccess, OpenAIImage):
    """One image: at a `url`, or in `b64_json`."""


class ImageEvent(ItemAccess, ImageGenCompletedEvent):
    """A finished image in a stream."""


class PartialImageEvent(ItemAccess, ImageGenPartialImageEvent):
    """An image that is still being made."""


class ImagesResponse(ItemAccess, ReportedModel, Whole, Countable, OpenAIImagesResponse):
    """Images, as many as were asked for. `usage` is there where the provider counts."""

    __slots__ = ("_muxi", "_wire_bytes")

    if TYPE_CHECKING:
        data: list[Image]  # type: ignore[assignment]  # but for what a client's own server leaves out
    else:
        data: list[Image] | None = None

    def counted(self) -> dict[str, Any] | None:
        # None of them is no count: it would be a price of 0 for a model whose price nobody knows.
        return {"images": len(self.data)} if isinstance(self.data, list) and self.data else None

    def chunks(self) -> list[Any]:
        told = self.model_dump(exclude={"data", "created"}, exclude_unset=True, warnings=False)
        head = {**told, "type": "image_generation.completed", "created_at": self.created}
        # A row may say of itself what the event says of itself.
        return [ImageEvent.construct(**{**one.model_dump(exclude_unset=True), **head}) for one in self.data]


class ModerationCategories(ItemAccess, moderations.Categories):
    """What was found; `None` where the provider does not look for it."""


class ModerationScores(ItemAccess, moderations.CategoryScores):
    """How sure it is of each."""


class Moderation(ItemAccess, OpenAIModeration):
    """The verdict on one input."""

    categories: ModerationCategories
    category_scores: ModerationScores


class ModerationCreateResponse(ItemAccess, ReportedModel, Countable, OpenAIModerationResponse):
    """Verdicts, in the order of the inputs."""

    __slots__ = ("_muxi", "_wire_bytes")

    results: list[Moderation]  # type: ignore[assignment]  # as in `models`

    def counted(self) -> dict[str, Any]:
        return {"requests": 1}


class RerankResult(ItemAccess, BaseModel):
    """index: the document's place in the request. relevance_score: by the model's own measure; higher is
    nearer. document: as it was given (a string as `{"text": ...}`), if asked for.
    """

    index: int
    relevance_score: float
    document: dict[str, Any] | None = None


class RerankUsage(ItemAccess, BaseModel):
    """What is billed: tokens or searches, whichever the provider counts."""

    total_tokens: int | None = None
    search_units: float | None = None


class RerankResponse(ItemAccess, ReportedModel, BaseModel):
    """The documents' places, the most relevant first. meta: what the provider told besides."""

    __slots__ = ("_muxi", "_wire_bytes")

    id: str | None = None
    model: str
    results: list[RerankResult]
    usage: RerankUsage | None = None
    meta: dict[str, Any] | None = None
