"""Amazon Bedrock, by its Converse API: one wire for every vendor's models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.models import CreateEmbeddingResponse
from muxi_llm.providers.aws import AWSProvider
from muxi_llm.providers.base import stored_in
from muxi_llm.wire.aws.converse import Converse
from muxi_llm.wire.aws.embeddings import BedrockEmbeddings
from muxi_llm.wire.aws.faults import decode_aws_fault
from muxi_llm.wire.models_list import ModelsList

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Endpoint, Fault, Ledger, Reply, Wire, WireCall


class BedrockModels(ModelsList):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html."""

    path = "/foundation-models"
    items = "modelSummaries"
    name = "modelId"

    @classmethod
    def decode_fault(cls, status: int, data: bytes) -> Fault:
        return decode_aws_fault(status, data)


class BedrockProvider(AWSProvider):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference. The model is an id, an inference profile or
    an ARN. A bearer key (`AWS_BEARER_TOKEN_BEDROCK`) goes before signing.
    """

    name = "bedrock"
    host = "bedrock-runtime"
    signing_name = "bedrock"
    key_env = ("AWS_BEARER_TOKEN_BEDROCK",)
    base_url_env = ("AWS_BEDROCK_RUNTIME_BASE_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME")
    wires = {"chat": Converse, "embedding": BedrockEmbeddings, "models": BedrockModels}
    more_wires = {**stored_in("aws.stored"), "rerank": "aws.rerank:BedrockRerank"}
    batch_lines = "aws.stored:ConverseLines"
    settings_env = {
        **AWSProvider.settings_env,
        "bucket": ("AWS_S3_BUCKET_NAME",),
        "batch_role": ("AWS_BATCH_ROLE_ARN",),
        # https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
        "s3_endpoint": ("AWS_ENDPOINT_URL_S3",),
    }

    vision_support = True
    audio_input_support = True
    video_input_support = True
    file_input_support = True
    media_url_support = False
    streaming_support = True
    token_by_token_support = True
    json_schema_support = True
    developer_message_support = True
    cache_control_support = True
    thinking_blocks_support = True
    anthropic_blocks_support = True
    tool_parts_support = True
    error_result_support = True
    document_support = True
    prefill_support = True
    top_k_support = True
    tool_media_support = True
    extra_content_support = True

    # https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Tool.html
    own_tools = r"\.(toolSpec|systemTool|cachePoint)"
    one_root_schemas = True
    property_names = r"[a-zA-Z0-9_.-]{1,64}"

    def wire_for(self, endpoint: Endpoint, model: str, ledger: Ledger) -> Wire:
        wire = super().wire_for(endpoint, model, ledger)
        wire.storage = self.storage
        return wire

    @property
    def storage(self) -> str:
        """Where S3 is: https://docs.aws.amazon.com/general/latest/gr/s3.html."""
        given = self.settings.get("s3_endpoint", "").rstrip("/")
        partition = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return given or (f"https://s3.{self.region}.{partition}" if self.region else "")

    def url_of(self, wire: Wire, *, stream: bool) -> str:
        path = wire.path_for(stream=stream)
        if wire.storage and path.startswith(wire.storage):
            return path
        url = super().url_of(wire, stream=stream)
        host = HOSTS.get(wire.endpoint, "bedrock")
        return url.replace("//bedrock-runtime.", f"//{host}.", 1)

    def prepare(
        self, wire: Wire, body: Mapping[str, Any], *, stream: bool, extra: Mapping[str, Any]
    ) -> WireCall:
        if wire.endpoint == "rerank":
            wire.region = self.region  # type: ignore[attr-defined]  # of the model's ARN
        return super().prepare(wire, body, stream=stream, extra=extra)

    def read(self, wire: Wire, reply: Reply) -> Any:
        value = super().read(wire, reply)
        counted = reply.headers.get("x-amzn-bedrock-input-token-count", "")
        if isinstance(value, CreateEmbeddingResponse) and counted.isdecimal():  # Cohere's body counts none
            value.usage.prompt_tokens = value.usage.total_tokens = int(counted)
        return value


HOSTS = {
    "chat": "bedrock-runtime",
    "embedding": "bedrock-runtime",
    "rerank": "bedrock-agent-runtime",
}
"""Endpoint → its host, if not the control plane's: https://docs.aws.amazon.com/general/latest/gr/bedrock.html."""
