"""Amazon SageMaker: models on endpoints of one's own.

`sagemaker/my-endpoint` speaks OpenAI's chat completions with the container (vLLM, DJL, Hugging Face),
`sagemaker/tgi:my-endpoint` Text Generation Inference's `{"inputs", "parameters"}`; names of endpoints hold no
colon. Text completions go by the second in both cases. An inference component is named by its header:
`extra_headers={"X-Amzn-SageMaker-Inference-Component": "..."}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.providers.aws import AWSProvider
from muxi_llm.wire.aws.sagemaker import (
    SageMakerChat,
    SageMakerCompletions,
    SageMakerEmbeddings,
    SageMakerTGI,
)

if TYPE_CHECKING:
    from muxi_llm.wire.base import Endpoint, Ledger, Wire

TGI_PREFIX = "tgi:"


class SageMakerProvider(AWSProvider):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Runtime.html."""

    name = "sagemaker"
    host = "runtime.sagemaker"
    signing_name = "sagemaker"
    key_env = ()
    base_url_env = ("AWS_SAGEMAKER_RUNTIME_BASE_URL", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME")
    wires = {"chat": SageMakerChat, "completion": SageMakerCompletions, "embedding": SageMakerEmbeddings}
    renames = {"max_completion_tokens": "max_tokens"}

    json_mode_support = True
    json_schema_support = True
    vision_support = True
    streaming_support = True
    token_by_token_support = True

    def wire_for(self, endpoint: Endpoint, model: str, ledger: Ledger) -> Wire:
        bare = model.removeprefix(TGI_PREFIX)
        if endpoint == "chat" and bare != model:
            return SageMakerTGI(bare, ledger, self.profile(bare))
        return super().wire_for(endpoint, bare, ledger)
