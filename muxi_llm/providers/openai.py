"""OpenAI: the reference every compatible provider is measured by."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from muxi_llm.providers.base import stored_in
from muxi_llm.providers.compatible import OpenAICompatible
from muxi_llm.providers.profiles import profile_within
from muxi_llm.providers.voices import OPENAI_AUDIO, OPENAI_QUIRKS, STREAMS
from muxi_llm.wire.base import Profile
from muxi_llm.wire.responses.instead import ChatOrResponses

if TYPE_CHECKING:
    from muxi_llm.wire.base import Endpoint, Ledger, Wire


OPENAIS = re.compile(
    r"(ft:)?(gpt-(?!oss)|o[1-9]|chatgpt|codex|computer-use|davinci|babbage|text-|tts-|whisper|dall-e|omni-)"
)
"""How names of OpenAI's models begin."""


OF_DALL_E_3 = "dall-e-3 alone has it"
GPT_IMAGE_ONLY = dict.fromkeys(
    ("background", "moderation", "output_compression", "output_format", "partial_images"),
    "models of the gpt-image family alone have it",
)
"""https://platform.openai.com/docs/api-reference/images/create."""


class OpenAIProvider(OpenAICompatible):
    """https://platform.openai.com/docs/api-reference."""

    name = "openai"
    base_url = "https://api.openai.com/v1"
    key_env: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)
    header_env = {"openai-organization": "OPENAI_ORG_ID", "openai-project": "OPENAI_PROJECT_ID"}

    vision_support = True
    audio_input_support = True
    audio_output_support = True  # https://platform.openai.com/docs/guides/audio
    audio_replay_support = True
    realtime_support = True
    json_schema_support = True
    developer_message_support = True
    file_input_support = True
    extra_content_support = True  # of Responses; chat completions are sent none
    tool_parts_support = True

    # https://platform.openai.com/docs/api-reference/chat/create; ids of calls: "maximum length 40"
    # (https://github.com/agno-agi/agno/issues/5382)
    wires = {**OpenAICompatible.wires, "chat": ChatOrResponses}
    more_wires = {
        "image": "openai.images:OpenAIImages",
        "moderation": "openai.moderations:OpenAIModerations",
        **stored_in("stored"),
        **OPENAI_AUDIO,
    }
    batch_lines = "batch_lines:Lines"
    quirks = {
        "image": {
            # Inside a name as well: Azure's deployments are named after their models.
            "(?i).*dall-?e-?2": Profile(
                ranges={"n": (1, 10)}, drops={**GPT_IMAGE_ONLY, "style": OF_DALL_E_3}
            ),
            "(?i).*dall-?e-?3": Profile(ranges={"n": (1, 1)}, drops=GPT_IMAGE_ONLY),
            "": Profile(
                ranges={"n": (1, 10)},
                drops={"style": OF_DALL_E_3},
                fixed={"response_format": "b64_json"},
                streams=True,
            ),
        },
        # https://platform.openai.com/docs/api-reference/images/createEdit
        "image_edit": {
            "dall-e-2": Profile(
                ranges={"n": (1, 10)},
                drops={**GPT_IMAGE_ONLY, "input_fidelity": GPT_IMAGE_ONLY["background"]},
            ),
            "": Profile(ranges={"n": (1, 10)}, streams=True),
        },
        **OPENAI_QUIRKS,
    }
    foreign = frozenset()
    # Of its own tools those that it runs; of the others the caller could not be told the calls.
    own_tools = (
        r"custom|web_search(_preview)?(_20\d\d_\d\d_\d\d)?|file_search|code_interpreter|image_generation|mcp"
    )
    server_tools = {"web_search": {"type": "web_search"}}
    allowed_tools_support = True
    one_root_schemas = True
    whole_schemas = True
    stop_limit = 4
    lengths = {"user": 64, "safety_identifier": 64, "prompt_cache_key": 64}
    tool_call_id = r"(?s).{1,40}"

    _is_openai = True
    _openais = OPENAIS

    def wire_for(self, endpoint: Endpoint, model: str, ledger: Ledger) -> Wire:
        """A server of the caller's own that speaks OpenAI's wire is told by its host, and by a model that is
        none of OpenAI's. An instance serves one model, so what is found out here becomes its own.
        """
        self._is_openai = self.is_openais(model)
        if not self._is_openai:
            more_wires = {**type(self).more_wires, "rerank": "rerank:JinaRerank"}
            vars(self).update(COMPATIBLE, more_wires=more_wires)
        return super().wire_for(endpoint, model, ledger)

    def is_openais(self, model: str) -> bool:
        """Whether *model* is OpenAI's, or the server is."""
        if self._openais.match(model) is not None:
            return True
        return _is_home(self.base_url)

    def profile(self, model: str) -> Profile:
        """Of the model a fine-tuned one or a deployment is named for."""
        return profile_within(model)

    @property
    def giver(self) -> str:
        """Another server gives in its own name."""
        return self.name if self._is_openai else urlsplit(self.base_url).netloc


@lru_cache(256)
def _is_home(url: str) -> bool:
    return (urlsplit(url).hostname or "").endswith(HOMES)


HOMES = ("openai.com", "azure.com")

COMPATIBLE = {
    "quirks": {
        "image": {"": Profile(streams=True)},
        "image_edit": {"": STREAMS},
        "transcription": {"": STREAMS},
        "speech": {"": STREAMS},
    },
    "wires": OpenAICompatible.wires,
    "own_tools": OpenAICompatible.own_tools,
    "server_tools": OpenAICompatible.server_tools,
    "developer_message_support": False,
    "tool_parts_support": False,
    "reasoning_replay_support": True,
    "reasoning_details_support": True,
    "extra_content_support": True,
    "top_k_support": True,
    "audio_output_support": True,
    "image_output_support": True,
    "audio_replay_support": True,
    "image_replay_support": True,
}
"""What a server of the caller's own is taken for: he knows what he writes to it, and templates of open models
know neither a developer nor results in parts.
"""
