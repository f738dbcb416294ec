"""`AudioTranslation`: what was said in a recording, in English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.runtime import prepare
from muxi_llm.types.common import TranslationParams
from muxi_llm.types.signatures import shows

if TYPE_CHECKING:
    from typing import Unpack

    from muxi_llm.types.common import Model


class AudioTranslation:
    """Translations of speech into English.

    As `AudioTranscription`, which see for *file*. Returns OpenAI's `Translation` or `TranslationVerbose`,
    or a string for `text`, `srt` and `vtt`.
    """

    @classmethod
    @shows(TranslationParams, "Translation | TranslationVerbose | TranscriptText")
    def create(cls, model: Model, file: Any, **params: Unpack[TranslationParams]) -> Any:
        """The text (see the class), sync."""
        return prepare("translation", {**params, "model": model, "file": file}).run()

    @classmethod
    @shows(TranslationParams, "Translation | TranslationVerbose | TranscriptText")
    async def acreate(cls, model: Model, file: Any, **params: Unpack[TranslationParams]) -> Any:
        """The text (see the class), async."""
        return await prepare("translation", {**params, "model": model, "file": file}).arun()
