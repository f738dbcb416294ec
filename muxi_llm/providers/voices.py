"""Who hears, who speaks, and with which voices: the quirks of the audio endpoints, data only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.wire.base import Profile

if TYPE_CHECKING:
    from muxi_llm.wire.base import Endpoint

STREAMS = Profile(streams=True)
OF_OPENAI = dict.fromkeys(
    (
        *("chunking_strategy", "include", "keywords", "known_speaker_names", "known_speaker_references"),
        "languages",
    ),
    "OpenAI alone has it",
)
HEARS = Profile(drops=OF_OPENAI)
"""Servers of OpenAI's form, without what only OpenAI's own models do."""
WITHOUT_INSTRUCTIONS = {"instructions": "it takes none for its voice"}

OPENAI_AUDIO: dict[Endpoint, str] = {
    "transcription": "openai.audio:OpenAITranscription",
    "translation": "openai.audio:OpenAITranslation",
    "speech": "openai.audio:OpenAISpeech",
    "image_edit": "openai.images:OpenAIImageEdits",
}
FEW_FORMATS: dict[Endpoint, str] = {
    "transcription": "openai.audio:FewFormats",
    "translation": "openai.audio:FewTranslationFormats",
    "speech": "openai.audio:OpenAISpeech",
}

# https://platform.openai.com/docs/api-reference/audio/createSpeech, .../createTranscription: no streams of
# whisper-1, no instructions for tts-1
OPENAI_VOICES = (
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "fable",
    "marin",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
    "cedar",
)
OPENAI_QUIRKS: dict[Endpoint, dict[str, Profile]] = {
    "transcription": {"whisper": Profile(), "": STREAMS},
    "speech": {
        "tts-1": Profile(streams=True, drops=WITHOUT_INSTRUCTIONS, voices=OPENAI_VOICES),
        "": Profile(streams=True, voices=OPENAI_VOICES),
    },
}
# https://console.groq.com/docs/text-to-speech/orpheus, https://console.groq.com/docs/speech-to-text
GROQ_QUIRKS: dict[Endpoint, dict[str, Profile]] = {
    "transcription": {"": HEARS},
    "speech": {
        "canopylabs/orpheus-v1-english": Profile(
            streams=True,
            drops=WITHOUT_INSTRUCTIONS,
            voices=("autumn", "diana", "hannah", "austin", "daniel", "troy"),
        ),
        "canopylabs/orpheus-arabic-saudi": Profile(
            streams=True,
            drops=WITHOUT_INSTRUCTIONS,
            voices=("abdullah", "fahad", "sultan", "lulwa", "noura", "aisha"),
        ),
        "": Profile(streams=True, drops=WITHOUT_INSTRUCTIONS),
    },
}
# https://ai.google.dev/gemini-api/docs/speech-generation#voices
GEMINI_VOICES = (
    "Zephyr",
    "Puck",
    "Charon",
    "Kore",
    "Fenrir",
    "Leda",
    "Orus",
    "Aoede",
    "Callirrhoe",
    "Autonoe",
    "Enceladus",
    "Iapetus",
    "Umbriel",
    "Algieba",
    "Despina",
    "Erinome",
    "Algenib",
    "Rasalgethi",
    "Laomedeia",
    "Achernar",
    "Alnilam",
    "Schedar",
    "Gacrux",
    "Pulcherrima",
    "Achird",
    "Zubenelgenubi",
    "Vindemiatrix",
    "Sadachbia",
    "Sadaltager",
    "Sulafat",
)
