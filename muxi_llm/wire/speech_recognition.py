"""Hugging Face's task API for speech: sound in, text out.

Source: https://huggingface.co/docs/inference-providers/tasks/automatic-speech-recognition: "If no parameters
are provided, you can also provide the audio data as a raw bytes payload", so there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from muxi_llm.errors import InvalidRequestError
from muxi_llm.wire.base import Json, Wire, loads, raise_in_band
from muxi_llm.wire.feature_extraction import SERVED_BY
from muxi_llm.wire.transcripts import Transcript, refuse_formats, text_of, value_of
from muxi_llm.wire.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Ledger, Profile


class SpeechRecognition(Wire):
    """Automatic speech recognition."""

    endpoint = "transcription"
    _wanted = "json"

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        super().__init__(model, ledger, profile)
        name, _, served_by = model.partition(":")
        if served_by not in {"", SERVED_BY}:
            raise InvalidRequestError(
                f"{model}: transcriptions come from {SERVED_BY} only, not from {served_by}", param="model"
            )
        self.path = f"/{SERVED_BY}/models/{quote(name)}"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - not streamed
        given = dict(body)
        self._wanted = refuse_formats(given, frozenset({"json", "text"}), self.ledger, "it tells no times")
        file = given.pop("file")
        for name in given:
            self.ledger.dropped(name, f"{self.ledger.provider} takes none for a file sent as it is")
        return {"file": file}

    def content_of(self, body: Json) -> bytes | Upload:
        return Upload(file=body["file"])

    def decode_response(self, data: bytes, *, created: int) -> Any:  # noqa: ARG002 - it has no date
        raw = loads(data)
        raise_in_band(raw)
        return value_of(Transcript(text_of(raw)), self._wanted)
