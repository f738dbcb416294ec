"""OpenAI: the reference every compatible provider is measured by."""

from __future__ import annotations

from typing import ClassVar

from muxi_llm.providers.compatible import OpenAICompatible


class OpenAIProvider(OpenAICompatible):
    """https://platform.openai.com/docs/api-reference."""

    name = "openai"
    base_url = "https://api.openai.com/v1"
    key_env: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)
    header_env = {"openai-organization": "OPENAI_ORG_ID", "openai-project": "OPENAI_PROJECT_ID"}

    vision_support = True
    audio_input_support = True
    realtime_support = True
    json_schema_support = True
    developer_message_support = True
    file_input_support = True
