"""OpenAI's resources beside chat, with arguments of ours. Their calls go the original's road until the moment
of sending.
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from openai import types
from openai.resources import images, moderations

from muxi_llm.clients.options import replacing, taking_options
from muxi_llm.clients.sending import sending
from muxi_llm.loading import loading

if TYPE_CHECKING:
    from muxi_llm.clients import stored_typed, typed


@sending
@replacing({"generate": taking_options, "edit": taking_options})
class Images(images.Images):
    """Images."""


@sending
@replacing({"generate": taking_options, "edit": taking_options})
class AsyncImages(images.AsyncImages):
    """Images, async."""


@replacing({"create": taking_options})
class Moderations(moderations.Moderations):
    """Moderations."""


@replacing({"create": taking_options})
class AsyncModerations(moderations.AsyncModerations):
    """Moderations, async."""


class Beside:
    """A client that has them."""

    if TYPE_CHECKING:  # what they are is in `storing`

        @cached_property
        def files(self) -> stored_typed.Files: ...
        @cached_property
        def batches(self) -> stored_typed.Batches: ...

    @cached_property
    def images(self) -> typed.Images:
        """`client.images`."""
        return Images(self)  # type: ignore[arg-type,return-value]

    @cached_property
    def moderations(self) -> typed.Moderations:
        """`client.moderations`."""
        return Moderations(self)  # type: ignore[arg-type,return-value]


class AsyncBeside:
    """An async client that has them."""

    if TYPE_CHECKING:  # what they are is in `storing`

        @cached_property
        def files(self) -> stored_typed.AsyncFiles: ...
        @cached_property
        def batches(self) -> stored_typed.AsyncBatches: ...

    @cached_property
    def images(self) -> typed.AsyncImages:
        """`client.images`."""
        return AsyncImages(self)  # type: ignore[arg-type,return-value]

    @cached_property
    def moderations(self) -> typed.AsyncModerations:
        """`client.moderations`."""
        return AsyncModerations(self)  # type: ignore[arg-type,return-value]


def ours(kind: Any) -> Any:
    """The class of ours for answers of OpenAI's *kind*, which most programs never see; `None` for others."""
    if str(getattr(kind, "__module__", "")).startswith("openai.types.audio."):
        with loading.under_way():
            return getattr(import_module("muxi_llm.sounds"), kind.__name__, None)
    if kind not in LATER:
        return None
    with loading.under_way():
        return getattr(import_module(VALUES), LATER[kind])


VALUES = "muxi_llm.wire.values"
LATER = {
    types.ImagesResponse: "ImagesResponse",
    types.ModerationCreateResponse: "ModerationCreateResponse",
}
