"""`client.audio` with arguments of ours.

Loaded when it is first asked for, as most programs never do.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from openai.resources import audio
from openai.resources.audio import speech, transcriptions, translations

from muxi_llm.clients.options import replacing, taking_options
from muxi_llm.clients.sending import sending

CREATE = {"create": taking_options}


@sending
@replacing(CREATE)
class Transcriptions(transcriptions.Transcriptions):
    """Transcriptions."""


@sending
@replacing(CREATE)
class AsyncTranscriptions(transcriptions.AsyncTranscriptions):
    """Transcriptions, async."""


@sending
@replacing(CREATE)
class Translations(translations.Translations):
    """Translations."""


@sending
@replacing(CREATE)
class AsyncTranslations(translations.AsyncTranslations):
    """Translations, async."""


@replacing(CREATE)
class Speech(speech.Speech):
    """Speech."""


@replacing(CREATE)
class AsyncSpeech(speech.AsyncSpeech):
    """Speech, async."""


class Audio(audio.Audio):
    """`client.audio`."""

    @cached_property
    def transcriptions(self) -> Any:
        """Transcriptions."""
        return Transcriptions(self._client)

    @cached_property
    def translations(self) -> Any:
        """Translations."""
        return Translations(self._client)

    @cached_property
    def speech(self) -> Any:
        """Speech."""
        return Speech(self._client)


class AsyncAudio(audio.AsyncAudio):
    """`client.audio`, async."""

    @cached_property
    def transcriptions(self) -> Any:
        """Transcriptions."""
        return AsyncTranscriptions(self._client)

    @cached_property
    def translations(self) -> Any:
        """Translations."""
        return AsyncTranslations(self._client)

    @cached_property
    def speech(self) -> Any:
        """Speech."""
        return AsyncSpeech(self._client)
