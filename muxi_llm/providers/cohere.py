"""Cohere, by its own API."""

from __future__ import annotations

from typing import Any

from muxi_llm.providers.base import Provider
from muxi_llm.wire.base import Profile
from muxi_llm.wire.cohere.chat import CohereChat, CohereModels
from muxi_llm.wire.cohere.embed import CohereEmbed


class CohereProvider(Provider):
    """https://docs.cohere.com/reference/about. Its base URL holds no version: lists have another one."""

    name = "cohere"
    base_url = "https://api.cohere.com"
    key_env = ("CO_API_KEY", "COHERE_API_KEY")
    more_wires = {"rerank": "rerank:CohereV2Rerank"}
    wires = {"chat": CohereChat, "embedding": CohereEmbed, "models": CohereModels}

    json_mode_support = True
    json_schema_support = True
    vision_support = True
    streaming_support = True
    token_by_token_support = True
    reasoning_replay_support = True
    tool_parts_support = True
    top_k_support = True

    # https://docs.cohere.com/reference/chat
    ranges = {"top_p": (0.01, 0.99), "frequency_penalty": (0, 1), "presence_penalty": (0, 1)}
    stop_limit = 5
    message_drops = {"name": "Cohere's messages have no name"}
    # https://docs.cohere.com/v2/docs/reasoning: the others answer 400 to `thinking`
    families = {r"command-a-(reasoning|plus)": Profile(thinking="budget")}

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        for version in ("/v1", "/v2", "/compatibility"):  # people write them; the paths bring their own
            self.base_url = self.base_url.removesuffix(version)
