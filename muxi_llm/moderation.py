"""`Moderation`: whether texts and images are harmful."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.runtime import prepare
from muxi_llm.types.common import CallParams
from muxi_llm.types.signatures import shows

if TYPE_CHECKING:
    from typing import Unpack

    from muxi_llm.types.common import Model
    from muxi_llm.wire.values import ModerationCreateResponse


class Moderation:
    """Moderations.

    model: as in `ChatCompletion`. input: a string, a list of strings, or a list of parts (text and images,
    one input together) where the provider sees images. Returns OpenAI's `ModerationCreateResponse` with
    `.muxi`, a verdict for each input; a category that the provider does not look for is `None`, one of its
    own is there by its own name. Raises as `ChatCompletion` does.
    """

    @classmethod
    @shows(CallParams, "ModerationCreateResponse")
    def create(cls, model: Model, input: Any, **params: Unpack[CallParams]) -> ModerationCreateResponse:
        """The verdicts (see the class), sync."""
        return prepare("moderation", {**params, "model": model, "input": input}).run()  # type: ignore[no-any-return]

    @classmethod
    @shows(CallParams, "ModerationCreateResponse")
    async def acreate(
        cls, model: Model, input: Any, **params: Unpack[CallParams]
    ) -> ModerationCreateResponse:
        """The verdicts (see the class), async."""
        return await prepare("moderation", {**params, "model": model, "input": input}).arun()  # type: ignore[no-any-return]
