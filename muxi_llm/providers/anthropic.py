"""Anthropic, by its own Messages API."""

from __future__ import annotations

from typing import Any

from muxi_llm.providers.base import Provider, stored_in
from muxi_llm.wire.anthropic.messages import AnthropicMessages
from muxi_llm.wire.models_list import ModelsList


class AnthropicModels(ModelsList):
    """https://docs.anthropic.com/en/api/models-list: the newest 1,000, as many as a page can hold."""

    path = "/v1/models?limit=1000"


class AnthropicProvider(Provider):
    """https://docs.anthropic.com/en/api. Its base URL does not include `/v1`, as in the vendor's SDK."""

    name = "anthropic"
    base_url = "https://api.anthropic.com"
    key_env = ("ANTHROPIC_API_KEY",)
    wires = {"chat": AnthropicMessages, "models": AnthropicModels}
    more_wires = stored_in("anthropic.stored")
    batch_lines = "anthropic.stored:MessageLines"

    vision_support = True
    streaming_support = True
    token_by_token_support = True
    json_schema_support = True
    file_input_support = True
    file_url_support = True
    developer_message_support = True
    cache_control_support = True
    thinking_blocks_support = True
    anthropic_blocks_support = True
    tool_parts_support = True
    error_result_support = True
    document_support = True
    prefill_support = True
    top_k_support = True
    tool_reference_support = True
    tool_media_support = True
    extra_content_support = True

    # https://docs.claude.com/en/docs/agents-and-tools/tool-use/overview; names of parameters:
    # https://github.com/ComposioHQ/composio/issues/3500
    own_tools = r".*_20\d{6}|mcp_toolset"
    server_tools = {"web_search": {"type": "web_search_20250305", "name": "web_search"}}
    one_root_schemas = True
    property_names = r"[a-zA-Z0-9_.-]{1,64}"

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.base_url = self.base_url.removesuffix("/v1")  # people write both; the path brings its own

    def authorize(self) -> dict[str, str]:
        key = {"x-api-key": self.api_key} if self.api_key else {}
        return {"anthropic-version": self.headers.get("anthropic-version", "2023-06-01"), **key}
