"""OpenAI: the reference every compatible provider is measured by."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from muxi_llm.providers.compatible import OpenAICompatible
from muxi_llm.providers.profiles import profile_within
from muxi_llm.wire.responses.instead import ChatOrResponses

if TYPE_CHECKING:
    from muxi_llm.wire.base import Profile


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
    extra_content_support = True  # of Responses; chat completions are sent none

    # https://platform.openai.com/docs/api-reference/chat/create; ids of calls: "maximum length 40"
    # (https://github.com/agno-agi/agno/issues/5382)
    wires = {**OpenAICompatible.wires, "chat": ChatOrResponses}
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

    def profile(self, model: str) -> Profile:
        """Of the model a fine-tuned one or a deployment is named for."""
        return profile_within(model)
