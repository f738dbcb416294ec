"""`Image`: images from words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from muxi_llm.runtime import prepare
from muxi_llm.types.common import ImageEditParams, ImageParams
from muxi_llm.types.signatures import shows

if TYPE_CHECKING:
    from typing import Unpack

    from muxi_llm.core.stream import AsyncStream, Stream
    from muxi_llm.types.common import Model
    from muxi_llm.wire.values import ImageEvent, ImagesResponse, PartialImageEvent


class Image:
    """Images.

    model: as in `ChatCompletion`. prompt: what is to be seen. size: pixels, `"1024x1024"`; where a provider
    takes a ratio or one of a few sizes, the nearest. Returns OpenAI's `ImagesResponse` with `.muxi`: each of
    `data` has a `url` or `b64_json`, by `response_format` where the provider gives the choice; with
    `stream=True` an iterator of events, unfinished images first. Raises as `ChatCompletion` does.
    """

    @overload
    @classmethod
    def create(
        cls, model: Model, prompt: str, stream: Literal[False] = False, **params: Unpack[ImageParams]
    ) -> ImagesResponse: ...

    @overload
    @classmethod
    def create(
        cls, model: Model, prompt: str, stream: Literal[True], **params: Unpack[ImageParams]
    ) -> Stream[ImageEvent | PartialImageEvent]: ...

    @classmethod
    @shows(ImageParams, "ImagesResponse | Stream[ImageEvent | PartialImageEvent]")
    def create(cls, model: Model, prompt: str, stream: bool = False, **params: Any) -> Any:
        """The images (see the class), sync."""
        return prepare("image", {**params, "model": model, "prompt": prompt, "stream": stream}).run()

    @overload
    @classmethod
    async def acreate(
        cls, model: Model, prompt: str, stream: Literal[False] = False, **params: Unpack[ImageParams]
    ) -> ImagesResponse: ...

    @overload
    @classmethod
    async def acreate(
        cls, model: Model, prompt: str, stream: Literal[True], **params: Unpack[ImageParams]
    ) -> AsyncStream[ImageEvent | PartialImageEvent]: ...

    @classmethod
    @shows(ImageParams, "ImagesResponse | AsyncStream[ImageEvent | PartialImageEvent]")
    async def acreate(cls, model: Model, prompt: str, stream: bool = False, **params: Any) -> Any:
        """The images (see the class), async."""
        return await prepare("image", {**params, "model": model, "prompt": prompt, "stream": stream}).arun()

    @overload
    @classmethod
    def edit(
        cls,
        model: Model,
        image: Any,
        prompt: str,
        stream: Literal[False] = False,
        **params: Unpack[ImageEditParams],
    ) -> ImagesResponse: ...

    @overload
    @classmethod
    def edit(
        cls, model: Model, image: Any, prompt: str, stream: Literal[True], **params: Unpack[ImageEditParams]
    ) -> Stream[ImageEvent | PartialImageEvent]: ...

    @classmethod
    @shows(ImageEditParams, "ImagesResponse | Stream[ImageEvent | PartialImageEvent]")
    def edit(cls, model: Model, image: Any, prompt: str, stream: bool = False, **params: Any) -> Any:
        """*image*, or several, made into what *prompt* says, sync. A file is given as to
        `AudioTranscription`; the rest is as with `create`.
        """
        params.update(model=model, image=image, prompt=prompt, stream=stream)
        return prepare("image_edit", params).run()

    @overload
    @classmethod
    async def aedit(
        cls,
        model: Model,
        image: Any,
        prompt: str,
        stream: Literal[False] = False,
        **params: Unpack[ImageEditParams],
    ) -> ImagesResponse: ...

    @overload
    @classmethod
    async def aedit(
        cls, model: Model, image: Any, prompt: str, stream: Literal[True], **params: Unpack[ImageEditParams]
    ) -> AsyncStream[ImageEvent | PartialImageEvent]: ...

    @classmethod
    @shows(ImageEditParams, "ImagesResponse | AsyncStream[ImageEvent | PartialImageEvent]")
    async def aedit(cls, model: Model, image: Any, prompt: str, stream: bool = False, **params: Any) -> Any:
        """`edit`, async."""
        params.update(model=model, image=image, prompt=prompt, stream=stream)
        return await prepare("image_edit", params).arun()
