"""Databricks: foundation models and serving endpoints of a workspace."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from muxi_llm.providers.tokens import FORM, TokenProvider
from muxi_llm.wire.anthropic.thinking import BUDGETS
from muxi_llm.wire.base import Json, WireCall
from muxi_llm.wire.models_list import ModelsList
from muxi_llm.wire.openai.chat import OpenAIChat
from muxi_llm.wire.openai.completions import OpenAICompletions
from muxi_llm.wire.openai.embeddings import OpenAIEmbeddings

if TYPE_CHECKING:
    from collections.abc import Mapping


class ServingEndpoints(ModelsList):
    """https://docs.databricks.com/api/workspace/servingendpoints/list: what one may name as a model."""

    items = "endpoints"
    name = "name"


class DatabricksChat(OpenAIChat):
    """https://docs.databricks.com/aws/en/machine-learning/model-serving/query-reason-models: Claude there is
    asked to think in Anthropic's words, all others in OpenAI's.
    """

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        encoded = super().encode_request(body, stream=stream)
        if "claude" not in self.model or "reasoning_effort" not in encoded:
            return encoded
        effort, most = encoded.pop("reasoning_effort"), encoded.get("max_tokens")
        budget = BUDGETS.get(effort, 0 if effort == "none" else BUDGETS["high"])
        if most is not None and most <= budget:  # it must be less, and 1,024 at least
            budget = most - 1 if most > BUDGETS["minimal"] else 0
        if budget:
            encoded["thinking"] = {"type": "enabled", "budget_tokens": budget}
            self.ledger.moved("reasoning_effort", "Databricks' Claude is asked by thinking")
        else:
            self.ledger.dropped(
                "reasoning_effort", "no room to think within max_tokens", loss=effort != "none"
            )
        return encoded


class DatabricksProvider(TokenProvider):
    """https://docs.databricks.com/aws/en/machine-learning/model-serving/query-chat-models.

    A personal token, or a service principal's client id and secret:
    https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m.
    """

    name = "databricks"
    base_url = "https://{host}/serving-endpoints"
    key_env = ("DATABRICKS_TOKEN", "DATABRICKS_API_KEY")
    settings_env = {
        "host": ("DATABRICKS_HOST",),
        "client_id": ("DATABRICKS_CLIENT_ID",),
        "client_secret": ("DATABRICKS_CLIENT_SECRET",),
    }
    wires = {
        "chat": DatabricksChat,
        "completion": OpenAICompletions,
        "embedding": OpenAIEmbeddings,
        "models": ServingEndpoints,
    }
    paths = {"/models": "../api/2.0/serving-endpoints"}

    vision_support = True
    json_schema_support = True
    renames = {"max_completion_tokens": "max_tokens"}

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.key_required = not {"client_id", "client_secret"} <= self.settings.keys()

    def token_call(self) -> WireCall:
        """The workspace's own token service."""
        pair = f"{self.settings['client_id']}:{self.settings['client_secret']}".encode()
        form = urlencode({"grant_type": "client_credentials", "scope": "all-apis"}).encode()
        url = self.base_url.removesuffix("/serving-endpoints") + "/oidc/v1/token"
        return WireCall(url, {**FORM, "authorization": f"Basic {b64encode(pair).decode()}"}, form)
