"""What type checkers are told of the drop-in clients' resources: the vendors' own arguments, ours besides,
and what comes back. Never run. The vendors' signatures, which a new release may add to:
https://github.com/openai/openai-python, https://github.com/anthropics/anthropic-sdk-python, `resources/`.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Literal, Required, Unpack, overload

import httpx2
from openai import AsyncStream, NotGiven, Omit, Stream
from openai._types import Body, FileTypes, Headers, Query, SequenceNotStr
from openai.lib.streaming.chat import AsyncChatCompletionStreamManager, ChatCompletionStreamManager
from openai.lib.streaming.responses import AsyncResponseStreamManager, ResponseStreamManager
from openai.resources import chat, completions, embeddings, images, moderations, responses
from openai.resources.chat import completions as chats
from openai.types import ImageEditStreamEvent, ImageGenStreamEvent, ModerationMultiModalInputParam
from openai.types.chat import (
    ChatCompletionAudioParam,
    ChatCompletionMessageParam,
    ChatCompletionPredictionContentParam,
    ChatCompletionStreamOptionsParam,
    ChatCompletionToolChoiceOptionParam,
    ChatCompletionToolUnionParam,
)
from openai.types.chat import ParsedChatCompletion as OpenAIParsedChatCompletion
from openai.types.chat import completion_create_params as chat_params
from openai.types.responses import ParsedResponse as OpenAIParsedResponse
from openai.types.responses import Response as OpenAIResponse
from openai.types.responses import (
    ResponseIncludable,
    ResponseInputParam,
    ResponsePromptParam,
    ResponseStreamEvent,
    ResponseTextConfigParam,
    ServiceTier,
    ToolParam,
)
from openai.types.responses import response_create_params as response_params
from openai.types.shared_params import Metadata, Reasoning, ReasoningEffort
from typing_extensions import TypeVar

from muxi_llm import models
from muxi_llm.types.common import Model, Options
from muxi_llm.wire import values

_Format = TypeVar("_Format", default=None)

class Arguments(Options, total=False):
    model: Model  # may be left out: a preset has one
    extra_headers: Headers | None
    extra_query: Query | None
    extra_body: Body | None
    timeout: float | httpx2.Timeout | NotGiven | None

class ChatArguments(Arguments, total=False):
    messages: Required[Iterable[ChatCompletionMessageParam]]
    audio: ChatCompletionAudioParam | Omit | None
    frequency_penalty: float | Omit | None
    function_call: chat_params.FunctionCall | Omit
    functions: Iterable[chat_params.Function] | Omit
    logit_bias: dict[str, int] | Omit | None
    logprobs: bool | Omit | None
    max_completion_tokens: int | Omit | None
    max_tokens: int | Omit | None
    metadata: Metadata | Omit | None
    modalities: list[Literal["text", "audio"]] | Omit | None
    moderation: chat_params.Moderation | Omit | None
    n: int | Omit | None
    parallel_tool_calls: bool | Omit
    prediction: ChatCompletionPredictionContentParam | Omit | None
    presence_penalty: float | Omit | None
    prompt_cache_key: str | Omit | None
    prompt_cache_options: chat_params.PromptCacheOptions | Omit
    prompt_cache_retention: Literal["in_memory", "24h"] | Omit | None
    reasoning_effort: ReasoningEffort | Omit | None
    safety_identifier: str | Omit | None
    seed: int | Omit | None
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | Omit | None
    stop: str | SequenceNotStr[str] | Omit | None
    store: bool | Omit | None
    stream_options: ChatCompletionStreamOptionsParam | Omit | None
    temperature: float | Omit | None
    tool_choice: ChatCompletionToolChoiceOptionParam | Omit
    tools: Iterable[ChatCompletionToolUnionParam] | Omit
    top_logprobs: int | Omit | None
    top_p: float | Omit | None
    user: str | Omit
    verbosity: Literal["low", "medium", "high"] | Omit | None
    web_search_options: chat_params.WebSearchOptions | Omit

class CompletionArguments(Arguments, total=False):
    prompt: Required[str | SequenceNotStr[str] | Iterable[int] | Iterable[Iterable[int]] | None]
    best_of: int | Omit | None
    echo: bool | Omit | None
    frequency_penalty: float | Omit | None
    logit_bias: dict[str, int] | Omit | None
    logprobs: int | Omit | None
    max_tokens: int | Omit | None
    n: int | Omit | None
    presence_penalty: float | Omit | None
    seed: int | Omit | None
    stop: str | SequenceNotStr[str] | Omit | None
    stream_options: ChatCompletionStreamOptionsParam | Omit | None
    suffix: str | Omit | None
    temperature: float | Omit | None
    top_p: float | Omit | None
    user: str | Omit

class EmbeddingArguments(Arguments, total=False):
    input: Required[str | SequenceNotStr[str] | Iterable[int] | Iterable[Iterable[int]]]
    dimensions: int | Omit
    encoding_format: Literal["float", "base64"] | Omit
    user: str | Omit

class ImageOutputArguments(Options, total=False):
    model: Model | Omit | None
    prompt: Required[str]
    background: Literal["transparent", "opaque", "auto"] | Omit | None
    complexity: Literal["low", "medium", "high"] | Omit | None
    frame_count: int | Omit | None
    frame_duration_ms: int | Omit | None
    n: int | Omit | None
    output_compression: int | Omit | None
    output_format: Literal["png", "webp", "jpeg", "gif", "svg"] | Omit | None
    partial_images: int | Omit | None
    quality: str | Omit | None
    response_format: Literal["url", "b64_json"] | Omit | None
    safety_identifier: str | Omit
    size: str | Omit | None
    svg: Any
    user: str | Omit
    extra_headers: Headers | None
    extra_query: Query | None
    extra_body: Body | None
    timeout: float | httpx2.Timeout | NotGiven | None

class ImageArguments(ImageOutputArguments, total=False):
    moderation: Literal["low", "auto"] | Omit | None
    style: Literal["vivid", "natural"] | Omit | None

class ImageEditArguments(ImageOutputArguments, total=False):
    image: Required[FileTypes | SequenceNotStr[FileTypes]]
    input_fidelity: Literal["high", "low"] | Omit | None
    markup: FileTypes | Omit
    mask: FileTypes | Omit

class ModerationArguments(Options, total=False):
    input: Required[str | SequenceNotStr[str] | Iterable[ModerationMultiModalInputParam]]
    model: Model | Omit
    extra_headers: Headers | None
    extra_query: Query | None
    extra_body: Body | None
    timeout: float | httpx2.Timeout | NotGiven | None

class ResponseArguments(Arguments, total=False):
    access_programs: response_params.AccessPrograms | Omit
    background: bool | Omit | None
    background_options: response_params.BackgroundOptions | Omit
    context_management: Iterable[response_params.ContextManagement] | Omit | None
    conversation: response_params.Conversation | Omit | None
    image: response_params.Image | Omit
    include: list[ResponseIncludable] | Omit | None
    input: str | ResponseInputParam | Omit
    instructions: str | Omit | None
    max_output_tokens: int | Omit | None
    max_tool_calls: int | Omit | None
    metadata: Metadata | Omit | None
    moderation: response_params.Moderation | Omit | None
    parallel_tool_calls: bool | Omit | None
    previous_response_id: str | Omit | None
    prompt: ResponsePromptParam | Omit | None
    prompt_cache_key: str | Omit | None
    prompt_cache_options: response_params.PromptCacheOptions | Omit
    prompt_cache_retention: Literal["in_memory", "24h"] | Omit | None
    reasoning: Reasoning | Omit | None
    safety_identifier: str | Omit | None
    service_tier: ServiceTier | Omit | None
    store: bool | Omit | None
    stream_options: response_params.StreamOptions | Omit | None
    temperature: float | Omit | None
    text: ResponseTextConfigParam | Omit
    tool_choice: response_params.ToolChoice | Omit
    tools: Iterable[ToolParam] | Omit
    top_logprobs: int | Omit | None
    top_p: float | Omit | None
    truncation: Literal["auto", "disabled"] | Omit | None
    user: str | Omit

class ChatCreateArguments(ChatArguments, total=False):
    response_format: chat_params.ResponseFormat | Omit

class ParsedChatCompletion(OpenAIParsedChatCompletion[_Format]):
    muxi: models.Report

class Response(OpenAIResponse):
    muxi: models.Report

class ParsedResponse(OpenAIParsedResponse[_Format]):
    muxi: models.Report

class Completions(chats.Completions):
    @overload  # type: ignore[override]
    def create(
        self, *, stream: Literal[False] | Omit | None = ..., **arguments: Unpack[ChatCreateArguments]
    ) -> models.ChatCompletion: ...
    @overload
    def create(
        self, *, stream: Literal[True], **arguments: Unpack[ChatCreateArguments]
    ) -> Stream[models.ChatCompletionChunk]: ...
    @overload
    def create(
        self, *, stream: bool, **arguments: Unpack[ChatCreateArguments]
    ) -> models.ChatCompletion | Stream[models.ChatCompletionChunk]: ...
    def parse(
        self, *, response_format: type[_Format] | Omit = ..., **arguments: Unpack[ChatArguments]
    ) -> ParsedChatCompletion[_Format]: ...
    def stream(
        self,
        *,
        response_format: chat_params.ResponseFormat | type[_Format] | Omit = ...,
        **arguments: Unpack[ChatArguments],
    ) -> ChatCompletionStreamManager[_Format]: ...

class AsyncCompletions(chats.AsyncCompletions):
    @overload  # type: ignore[override]
    async def create(
        self, *, stream: Literal[False] | Omit | None = ..., **arguments: Unpack[ChatCreateArguments]
    ) -> models.ChatCompletion: ...
    @overload
    async def create(
        self, *, stream: Literal[True], **arguments: Unpack[ChatCreateArguments]
    ) -> AsyncStream[models.ChatCompletionChunk]: ...
    @overload
    async def create(
        self, *, stream: bool, **arguments: Unpack[ChatCreateArguments]
    ) -> models.ChatCompletion | AsyncStream[models.ChatCompletionChunk]: ...
    async def parse(
        self, *, response_format: type[_Format] | Omit = ..., **arguments: Unpack[ChatArguments]
    ) -> ParsedChatCompletion[_Format]: ...
    def stream(
        self,
        *,
        response_format: chat_params.ResponseFormat | type[_Format] | Omit = ...,
        **arguments: Unpack[ChatArguments],
    ) -> AsyncChatCompletionStreamManager[_Format]: ...

class Chat(chat.Chat):
    @cached_property
    def completions(self) -> Completions: ...

class AsyncChat(chat.AsyncChat):
    @cached_property
    def completions(self) -> AsyncCompletions: ...

class TextCompletions(completions.Completions):
    @overload  # type: ignore[override]
    def create(
        self, *, stream: Literal[False] | Omit | None = ..., **arguments: Unpack[CompletionArguments]
    ) -> models.Completion: ...
    @overload
    def create(
        self, *, stream: Literal[True], **arguments: Unpack[CompletionArguments]
    ) -> Stream[models.Completion]: ...
    @overload
    def create(
        self, *, stream: bool, **arguments: Unpack[CompletionArguments]
    ) -> models.Completion | Stream[models.Completion]: ...

class AsyncTextCompletions(completions.AsyncCompletions):
    @overload  # type: ignore[override]
    async def create(
        self, *, stream: Literal[False] | Omit | None = ..., **arguments: Unpack[CompletionArguments]
    ) -> models.Completion: ...
    @overload
    async def create(
        self, *, stream: Literal[True], **arguments: Unpack[CompletionArguments]
    ) -> AsyncStream[models.Completion]: ...
    @overload
    async def create(
        self, *, stream: bool, **arguments: Unpack[CompletionArguments]
    ) -> models.Completion | AsyncStream[models.Completion]: ...

class Embeddings(embeddings.Embeddings):
    def create(self, **arguments: Unpack[EmbeddingArguments]) -> models.CreateEmbeddingResponse: ...

class AsyncEmbeddings(embeddings.AsyncEmbeddings):
    async def create(self, **arguments: Unpack[EmbeddingArguments]) -> models.CreateEmbeddingResponse: ...

class Images(images.Images):
    @overload  # type: ignore[override]
    def generate(
        self, *, stream: Literal[False] | Omit | None = ..., **arguments: Unpack[ImageArguments]
    ) -> values.ImagesResponse: ...
    @overload
    def generate(
        self, *, stream: Literal[True], **arguments: Unpack[ImageArguments]
    ) -> Stream[ImageGenStreamEvent]: ...
    @overload
    def generate(
        self, *, stream: bool, **arguments: Unpack[ImageArguments]
    ) -> values.ImagesResponse | Stream[ImageGenStreamEvent]: ...
    @overload  # type: ignore[override]
    def edit(
        self, *, stream: Literal[False] | Omit | None = ..., **arguments: Unpack[ImageEditArguments]
    ) -> values.ImagesResponse: ...
    @overload
    def edit(
        self, *, stream: Literal[True], **arguments: Unpack[ImageEditArguments]
    ) -> Stream[ImageEditStreamEvent]: ...
    @overload
    def edit(
        self, *, stream: bool, **arguments: Unpack[ImageEditArguments]
    ) -> values.ImagesResponse | Stream[ImageEditStreamEvent]: ...

class AsyncImages(images.AsyncImages):
    @overload  # type: ignore[override]
    async def generate(
        self, *, stream: Literal[False] | Omit | None = ..., **arguments: Unpack[ImageArguments]
    ) -> values.ImagesResponse: ...
    @overload
    async def generate(
        self, *, stream: Literal[True], **arguments: Unpack[ImageArguments]
    ) -> AsyncStream[ImageGenStreamEvent]: ...
    @overload
    async def generate(
        self, *, stream: bool, **arguments: Unpack[ImageArguments]
    ) -> values.ImagesResponse | AsyncStream[ImageGenStreamEvent]: ...
    @overload  # type: ignore[override]
    async def edit(
        self, *, stream: Literal[False] | Omit | None = ..., **arguments: Unpack[ImageEditArguments]
    ) -> values.ImagesResponse: ...
    @overload
    async def edit(
        self, *, stream: Literal[True], **arguments: Unpack[ImageEditArguments]
    ) -> AsyncStream[ImageEditStreamEvent]: ...
    @overload
    async def edit(
        self, *, stream: bool, **arguments: Unpack[ImageEditArguments]
    ) -> values.ImagesResponse | AsyncStream[ImageEditStreamEvent]: ...

class Moderations(moderations.Moderations):
    def create(self, **arguments: Unpack[ModerationArguments]) -> values.ModerationCreateResponse: ...

class AsyncModerations(moderations.AsyncModerations):
    async def create(self, **arguments: Unpack[ModerationArguments]) -> values.ModerationCreateResponse: ...

class Responses(responses.Responses):
    @overload  # type: ignore[override]
    def create(
        self, *, stream: Literal[False] | Omit | None = ..., **arguments: Unpack[ResponseArguments]
    ) -> Response: ...
    @overload
    def create(
        self, *, stream: Literal[True], **arguments: Unpack[ResponseArguments]
    ) -> Stream[ResponseStreamEvent]: ...
    @overload
    def create(
        self, *, stream: bool, **arguments: Unpack[ResponseArguments]
    ) -> Response | Stream[ResponseStreamEvent]: ...
    def parse(  # type: ignore[override]
        self, *, text_format: type[_Format] | Omit = ..., **arguments: Unpack[ResponseArguments]
    ) -> ParsedResponse[_Format]: ...
    def stream(  # type: ignore[override]
        self, *, text_format: type[_Format] | Omit = ..., **arguments: Unpack[ResponseArguments]
    ) -> ResponseStreamManager[_Format]: ...

class AsyncResponses(responses.AsyncResponses):
    @overload  # type: ignore[override]
    async def create(
        self, *, stream: Literal[False] | Omit | None = ..., **arguments: Unpack[ResponseArguments]
    ) -> Response: ...
    @overload
    async def create(
        self, *, stream: Literal[True], **arguments: Unpack[ResponseArguments]
    ) -> AsyncStream[ResponseStreamEvent]: ...
    @overload
    async def create(
        self, *, stream: bool, **arguments: Unpack[ResponseArguments]
    ) -> Response | AsyncStream[ResponseStreamEvent]: ...
    async def parse(  # type: ignore[override]
        self, *, text_format: type[_Format] | Omit = ..., **arguments: Unpack[ResponseArguments]
    ) -> ParsedResponse[_Format]: ...
    def stream(  # type: ignore[override]
        self, *, text_format: type[_Format] | Omit = ..., **arguments: Unpack[ResponseArguments]
    ) -> AsyncResponseStreamManager[_Format]: ...
