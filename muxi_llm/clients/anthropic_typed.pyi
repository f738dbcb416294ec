"""As `typed`, of Anthropic's client."""

from collections.abc import Iterable
from typing import Literal, Required, Unpack, overload

import httpx2
from anthropic import AsyncStream, NotGiven, Omit, Stream
from anthropic._types import Body, Headers, Query, SequenceNotStr
from anthropic.lib.streaming import (
    AsyncMessageStreamManager,
    BetaAsyncMessageStreamManager,
    BetaMessageStreamManager,
    MessageStreamManager,
)
from anthropic.lib.tools._tool_params import BetaToolLike
from anthropic.resources import beta, messages
from anthropic.resources.beta import messages as beta_messages
from anthropic.types import (
    AnthropicBetaParam,
    CacheControlEphemeralParam,
    DiagnosticsParam,
    MessageCreateParamsContainerParam,
    MessageParam,
    MetadataParam,
    OutputConfigParam,
    ParsedMessage,
    RawMessageStreamEvent,
    TextBlockParam,
    ThinkingConfigParam,
    ToolChoiceParam,
    ToolUnionParam,
)
from anthropic.types.beta import (
    BetaBillingPolicyParam,
    BetaCacheControlEphemeralParam,
    BetaCompactionConfigParam,
    BetaContextManagementConfigParam,
    BetaDiagnosticsParam,
    BetaFallbacksParam,
    BetaMessageParam,
    BetaMessageThreadParam,
    BetaMetadataParam,
    BetaOutputConfigParam,
    BetaRawMessageStreamEvent,
    BetaRequestMCPServerURLDefinitionParam,
    BetaTextBlockParam,
    BetaThinkingConfigParam,
    BetaToolChoiceParam,
)
from anthropic.types.beta import message_create_params as beta_params
from anthropic.types.beta.parsed_beta_message import ParsedBetaMessage
from typing_extensions import TypeVar

from muxi_llm.clients.anthropic_answers import BetaMessage, Message
from muxi_llm.types.common import Model, Options

_Format = TypeVar("_Format", default=None)

class Arguments(Options, total=False):
    model: Model  # may be left out: a preset has one
    extra_headers: Headers | None
    extra_query: Query | None
    extra_body: Body | None
    timeout: float | httpx2.Timeout | NotGiven | None

class MessageArguments(Arguments, total=False):
    max_tokens: int  # likewise
    messages: Required[Iterable[MessageParam]]
    cache_control: CacheControlEphemeralParam | Omit | None
    container: MessageCreateParamsContainerParam | Omit | None
    diagnostics: DiagnosticsParam | Omit | None
    inference_geo: str | Omit | None
    metadata: MetadataParam | Omit
    output_config: OutputConfigParam | Omit
    service_tier: Literal["auto", "standard_only"] | Omit
    speed: Literal["standard", "fast"] | Omit | None
    stop_sequences: SequenceNotStr[str] | Omit
    system: str | Iterable[TextBlockParam] | Omit
    thinking: ThinkingConfigParam | Omit
    tool_choice: ToolChoiceParam | Omit
    tools: Iterable[ToolUnionParam] | Omit
    user_profile_id: str | Omit
    workspace_id: str | Omit

class BetaMessageArguments(Arguments, total=False):
    max_tokens: int  # likewise
    messages: Required[Iterable[BetaMessageParam]]
    billing_policy: BetaBillingPolicyParam | Omit | None
    cache_control: BetaCacheControlEphemeralParam | Omit | None
    compaction: BetaCompactionConfigParam | Omit | None
    container: beta_params.Container | Omit | None
    context_management: BetaContextManagementConfigParam | Omit | None
    diagnostics: BetaDiagnosticsParam | Omit | None
    fallback_credit_token: beta_params.FallbackCreditToken | Omit | None
    fallbacks: BetaFallbacksParam | Omit | None
    inference_geo: str | Omit | None
    mcp_servers: Iterable[BetaRequestMCPServerURLDefinitionParam] | Omit
    metadata: BetaMetadataParam | Omit
    output_config: BetaOutputConfigParam | Omit
    service_tier: Literal["auto", "standard_only"] | Omit
    speed: Literal["standard", "fast"] | Omit | None
    stop_sequences: SequenceNotStr[str] | Omit
    system: str | Iterable[BetaTextBlockParam] | Omit
    thinking: BetaThinkingConfigParam | Omit
    thread: BetaMessageThreadParam | Omit | None
    tool_choice: BetaToolChoiceParam | Omit
    tools: Iterable[BetaToolLike] | Omit
    betas: list[AnthropicBetaParam] | Omit
    user_profile_id: str | Omit
    workspace_id: str | Omit

class Messages(messages.Messages):
    @overload
    def create(
        self, *, stream: Literal[False] | Omit | None = ..., **arguments: Unpack[MessageArguments]
    ) -> Message: ...
    @overload
    def create(
        self, *, stream: Literal[True], **arguments: Unpack[MessageArguments]
    ) -> Stream[RawMessageStreamEvent]: ...
    @overload
    def create(
        self, *, stream: bool, **arguments: Unpack[MessageArguments]
    ) -> Message | Stream[RawMessageStreamEvent]: ...
    def parse(  # type: ignore[override]
        self, *, output_format: type[_Format] | Omit = ..., **arguments: Unpack[MessageArguments]
    ) -> ParsedMessage[_Format]: ...
    def stream(
        self, *, output_format: type[_Format] | Omit | None = ..., **arguments: Unpack[MessageArguments]
    ) -> MessageStreamManager[_Format]: ...

class AsyncMessages(messages.AsyncMessages):
    @overload
    async def create(
        self, *, stream: Literal[False] | Omit | None = ..., **arguments: Unpack[MessageArguments]
    ) -> Message: ...
    @overload
    async def create(
        self, *, stream: Literal[True], **arguments: Unpack[MessageArguments]
    ) -> AsyncStream[RawMessageStreamEvent]: ...
    @overload
    async def create(
        self, *, stream: bool, **arguments: Unpack[MessageArguments]
    ) -> Message | AsyncStream[RawMessageStreamEvent]: ...
    async def parse(  # type: ignore[override]
        self, *, output_format: type[_Format] | Omit = ..., **arguments: Unpack[MessageArguments]
    ) -> ParsedMessage[_Format]: ...
    def stream(
        self, *, output_format: type[_Format] | Omit | None = ..., **arguments: Unpack[MessageArguments]
    ) -> AsyncMessageStreamManager[_Format]: ...

class BetaMessages(beta_messages.Messages):
    @overload
    def create(
        self, *, stream: Literal[False] | Omit | None = ..., **arguments: Unpack[BetaMessageArguments]
    ) -> BetaMessage: ...
    @overload
    def create(
        self, *, stream: Literal[True], **arguments: Unpack[BetaMessageArguments]
    ) -> Stream[BetaRawMessageStreamEvent]: ...
    @overload
    def create(
        self, *, stream: bool, **arguments: Unpack[BetaMessageArguments]
    ) -> BetaMessage | Stream[BetaRawMessageStreamEvent]: ...
    def parse(  # type: ignore[override]
        self, *, output_format: type[_Format] | Omit = ..., **arguments: Unpack[BetaMessageArguments]
    ) -> ParsedBetaMessage[_Format]: ...
    def stream(
        self, *, output_format: type[_Format] | Omit | None = ..., **arguments: Unpack[BetaMessageArguments]
    ) -> BetaMessageStreamManager[_Format]: ...

class AsyncBetaMessages(beta_messages.AsyncMessages):
    @overload
    async def create(
        self, *, stream: Literal[False] | Omit | None = ..., **arguments: Unpack[BetaMessageArguments]
    ) -> BetaMessage: ...
    @overload
    async def create(
        self, *, stream: Literal[True], **arguments: Unpack[BetaMessageArguments]
    ) -> AsyncStream[BetaRawMessageStreamEvent]: ...
    @overload
    async def create(
        self, *, stream: bool, **arguments: Unpack[BetaMessageArguments]
    ) -> BetaMessage | AsyncStream[BetaRawMessageStreamEvent]: ...
    async def parse(  # type: ignore[override]
        self, *, output_format: type[_Format] | Omit = ..., **arguments: Unpack[BetaMessageArguments]
    ) -> ParsedBetaMessage[_Format]: ...
    def stream(
        self, *, output_format: type[_Format] | Omit | None = ..., **arguments: Unpack[BetaMessageArguments]
    ) -> BetaAsyncMessageStreamManager[_Format]: ...

class Beta(beta.Beta):
    @property
    def messages(self) -> BetaMessages: ...

class AsyncBeta(beta.AsyncBeta):
    @property
    def messages(self) -> AsyncBetaMessages: ...
