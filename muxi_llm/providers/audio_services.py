"""Services that hear and speak and do nothing else (of what this library does)."""

from __future__ import annotations

from muxi_llm.providers.base import Provider
from muxi_llm.providers.voices import STREAMS


class DeepgramProvider(Provider):
    """https://developers.deepgram.com/reference/deepgram-api-overview. Its own parameters go by
    `provider_options`.
    """

    name = "deepgram"
    base_url = "https://api.deepgram.com/v1"
    wires = {}
    more_wires = {"transcription": "deepgram:DeepgramListen", "speech": "deepgram:DeepgramSpeak"}
    quirks = {"speech": {"": STREAMS}}

    def authorize(self) -> dict[str, str]:
        return {"authorization": f"Token {self.api_key}"} if self.api_key else {}


class ElevenLabsProvider(Provider):
    """https://elevenlabs.io/docs/api-reference/introduction. Its own parameters go by `provider_options`."""

    name = "elevenlabs"
    base_url = "https://api.elevenlabs.io/v1"
    key_env = ("ELEVENLABS_API_KEY", "XI_API_KEY")
    wires = {}
    more_wires = {
        "transcription": "elevenlabs:ElevenLabsTranscription",
        "speech": "elevenlabs:ElevenLabsSpeech",
    }
    quirks = {"speech": {"": STREAMS}}

    def authorize(self) -> dict[str, str]:
        return {"xi-api-key": self.api_key} if self.api_key else {}
