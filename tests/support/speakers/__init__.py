"""Servers of every wire, for tests that ask all providers the same.

Written from the vendors' documentation, without the codecs they are to judge: a speaker turns an answer
into its wire's bytes and reads a request back into what was meant. One file for each wire.
"""

from __future__ import annotations

from tests.support.speakers.anthropic_messages import AnthropicSpeaker
from tests.support.speakers.base import Speaker
from tests.support.speakers.cohere import CohereSpeaker
from tests.support.speakers.converse import ConverseSpeaker
from tests.support.speakers.gemini import GeminiSpeaker
from tests.support.speakers.hosted import SageMakerSpeaker, WatsonxSpeaker
from tests.support.speakers.ollama import OllamaSpeaker
from tests.support.speakers.openai_chat import OpenAIChatSpeaker
from tests.support.speakers.replicate import ReplicateSpeaker

SPEAKERS: dict[str, Speaker] = {
    "OpenAIChat": OpenAIChatSpeaker(),
    "AnthropicMessages": AnthropicSpeaker(),
    "GenerateContent": GeminiSpeaker(),
    "Converse": ConverseSpeaker(),
    "CohereChat": CohereSpeaker(),
    "OllamaChat": OllamaSpeaker(),
    "ReplicatePrediction": ReplicateSpeaker(),
    "WatsonxChat": WatsonxSpeaker(),
    "SageMakerChat": SageMakerSpeaker(),
}
"""Speakers by the name of the codec class whose wire they speak; subclasses of it speak the same."""


def speaker_of(wire: type) -> Speaker:
    """The speaker of a codec's wire. Raises `LookupError`: a new wire needs one."""
    for kind in wire.__mro__:
        if kind.__name__ in SPEAKERS:
            return SPEAKERS[kind.__name__]
    raise LookupError(f"{wire.__name__} has no speaker in tests/support/speakers")


def has_speaker(wire: type) -> bool:
    """Whether `speaker_of` finds one."""
    return any(kind.__name__ in SPEAKERS for kind in wire.__mro__)
