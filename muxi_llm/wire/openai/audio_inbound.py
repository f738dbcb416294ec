"""OpenAI's audio wires, backwards: requests come as what their form says, answers are JSON, text or sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.wire.openai.chat import OpenAIInbound

if TYPE_CHECKING:
    from collections.abc import Mapping


class TranscriptInbound(OpenAIInbound):
    """Transcriptions and translations: JSON or a text."""

    _is_text = False

    def content_type(self, headers: Mapping[str, str], *, stream: bool) -> str:
        if self._is_text:
            return "text/plain; charset=utf-8"
        said = headers.get("content-type", "")  # of a provider's own text, passed through
        plain = said.startswith("text/") and not stream
        return said if plain else super().content_type(headers, stream=stream)

    def encode_response(self, value: Any) -> bytes:
        self._is_text = isinstance(value, str)
        return value.encode() if isinstance(value, str) else super().encode_response(value)


class SpeechInbound(OpenAIInbound):
    """Speech: the sound, whole or in pieces."""

    def content_type(self, headers: Mapping[str, str], *, stream: bool) -> str:  # noqa: ARG002 - both are bytes
        """As the provider has it; where that is JSON, the sound was in it."""
        said = headers.get("content-type", "")
        return said if said.startswith("audio/") else "application/octet-stream"

    def encode_response(self, value: Any) -> bytes:
        content: bytes = value.content
        return content

    def encode_chunk(self, chunk: Any) -> bytes:
        piece: bytes = chunk
        return piece

    def encode_end(self) -> bytes:
        return b""
