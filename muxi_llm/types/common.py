"""Parameters of the faces as `TypedDict`s: what type checkers and editors show, and the one list of
the names that are allowed. OpenAI's own parameters keep OpenAI's types and meanings:
https://platform.openai.com/docs/api-reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from muxi_llm.harness import Breaker, Cache
    from muxi_llm.presets.source import Preset

Message = Mapping[str, Any]
"""A chat message: a dict, or a pydantic object such as `response.choices[0].message`."""

Messages = Iterable[Any]
Model = str | Sequence[str]
"""`provider/model`, or several of them: a chain, tried in order."""

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


class FallbackConfig(TypedDict, total=False):
    """How a chain falls back.

    retriable_errors: further errors to fall back on, as exception classes, class names or HTTP statuses.
    max_fallbacks: at most this many of the fallbacks are used. log_fallbacks: one INFO line for each
    fallback (logger `muxi_llm`). fallback_callback: called with `(failed_model, next_model, error)`,
    may be a coroutine function on the async face. deadline: seconds for the whole call, waits included.
    """

    retriable_errors: Sequence[type[BaseException] | str | int]
    max_fallbacks: int
    log_fallbacks: bool
    fallback_callback: Callable[[str, str, Exception], Any]
    deadline: float


class Options(TypedDict, total=False):
    """Arguments of ours: what faces and drop-in clients take alike, see `CallParams`."""

    fallback_models: Sequence[str] | None
    fallback_config: FallbackConfig | None
    retries: int | None
    provider_options: Mapping[str, Mapping[str, Any]] | None
    adapt: Literal["adapt", "strict", "passthrough"] | None
    cache: Literal["memory", "redis", "redis-or-memory", False] | Cache | Mapping[str, Any] | None
    tenant: str | None
    singleflight: bool | None
    breaker: bool | float | Breaker | None
    concurrency: int | None
    provider: str | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    preset: str | Preset | None


class CallParams(Options, total=False):
    """What every face takes besides its endpoint's own parameters.

    fallback_models: models to try, in order, when the first one fails. retries: tries after the first
    on each model (default 2 without fallbacks, 0 with). timeout: seconds for each attempt.
    api_key, base_url: for the first model's provider, instead of the configured ones.
    extra_headers, extra_query, extra_body: sent as they are, to the first model's provider alone; of the
    headers, fallbacks get those that trace a request (`traceparent`, `tracestate`, `x-request-id` and its
    kin). provider_options: the same by provider, fallbacks too: fields of the body, `extra_headers` and
    `extra_query`, as in `{"anthropic": {"top_k": 5, "extra_headers": {"anthropic-beta": "..."}}}`.
    provider: who is asked, where no model says so. preset: `module/preset` of the configured registry (see
    `muxi_llm.config.presets`), or one that was loaded: its model and its parameters, where the call has none.
    adapt: `adapt`, `strict` or `passthrough`. cache: where answers are kept and looked for, `False` for
    nowhere, or a `muxi_llm.harness.Cache` (or its fields as a dict). tenant: whose the call is: callers of
    another tenant share no answer with it (default: each key is its own). singleflight, breaker,
    concurrency, requests_per_minute, tokens_per_minute: as in `muxi_llm.harness.HarnessSettings`; calls of
    equal quotas share one. What is not said of these is as `muxi_llm.harness.configure` set it.
    """

    timeout: float | None
    api_key: str | None
    base_url: str | None
    extra_headers: Mapping[str, str] | None
    extra_query: Mapping[str, Any] | None
    extra_body: Mapping[str, Any] | None


class UnformattedChatParams(CallParams, total=False):
    """Parameters of a chat completion, besides `model`, `messages`, `stream` and `response_format`."""

    audio: Any
    frequency_penalty: float | None
    function_call: Any
    functions: Iterable[Any] | None
    logit_bias: Mapping[str, int] | None
    logprobs: bool | None
    max_completion_tokens: int | None
    max_tokens: int | None
    metadata: Mapping[str, str] | None
    modalities: Sequence[str] | None
    moderation: Any
    n: int | None
    parallel_tool_calls: bool | None
    prediction: Any
    presence_penalty: float | None
    prompt_cache_key: str | None
    prompt_cache_options: Any
    prompt_cache_retention: str | None
    reasoning_effort: str | None
    safety_identifier: str | None
    seed: int | None
    service_tier: str | None
    stop: str | Sequence[str] | None
    store: bool | None
    stream_options: Mapping[str, Any] | None
    temperature: float | None
    tool_choice: Any
    tools: Iterable[Any] | None
    top_logprobs: int | None
    top_p: float | None
    user: str | None
    verbosity: str | None
    web_search_options: Any


class ChatParams(UnformattedChatParams, total=False):
    """Parameters of a chat completion, besides `model`, `messages` and `stream`."""

    response_format: Any


class CompletionParams(CallParams, total=False):
    """Parameters of a text completion, besides `model`, `prompt` and `stream`."""

    best_of: int | None
    echo: bool | None
    frequency_penalty: float | None
    logit_bias: Mapping[str, int] | None
    logprobs: int | None
    max_tokens: int | None
    n: int | None
    presence_penalty: float | None
    seed: int | None
    stop: str | Sequence[str] | None
    stream_options: Mapping[str, Any] | None
    suffix: str | None
    temperature: float | None
    top_p: float | None
    user: str | None


class EmbeddingParams(CallParams, total=False):
    """Parameters of an embedding call, besides `model` and `input`."""

    dimensions: int | None
    encoding_format: Literal["float", "base64"] | None
    user: str | None


class ImageParams(CallParams, total=False):
    """Parameters of an image call, besides `model`, `prompt` and `stream`."""

    background: str | None
    complexity: str | None
    frame_count: int | None
    frame_duration_ms: int | None
    moderation: str | None
    n: int | None
    output_compression: int | None
    output_format: str | None
    partial_images: int | None
    quality: str | None
    response_format: Literal["url", "b64_json"] | None
    safety_identifier: str | None
    size: str | None
    style: str | None
    svg: Mapping[str, Any] | None
    user: str | None


class FileParams(CallParams, total=False):
    """Parameters of `File.create`, besides `file` and `purpose`.

    model: for lines of a batch that name none.
    """

    model: str | None
    expires_after: Mapping[str, Any] | None


class ListParams(CallParams, total=False):
    """Parameters of `File.list` and `Batch.list`. after: the id of the last one of the page before."""

    model: str | None
    after: str | None
    limit: int | None


class FileListParams(ListParams, total=False):
    """Parameters of `File.list`."""

    order: Literal["asc", "desc"] | None
    purpose: str | None


class StoredParams(CallParams, total=False):
    """Parameters of what is asked of a file or a batch that is there, besides its id."""

    model: str | None


class BatchParams(StoredParams, total=False):
    """Parameters of `Batch.create`, besides `input_file_id` and `endpoint`."""

    completion_window: str | None
    metadata: Mapping[str, str] | None
    output_expires_after: Mapping[str, Any] | None


class RerankParams(CallParams, total=False):
    """Parameters of a rerank call, besides `model`, `query` and `documents`."""

    max_tokens_per_doc: int | None
    return_documents: bool | None
    top_n: int | None


class ImageEditParams(CallParams, total=False):
    """Parameters of an image edit, besides `model`, `image`, `prompt` and `stream`."""

    background: str | None
    complexity: str | None
    frame_count: int | None
    frame_duration_ms: int | None
    input_fidelity: str | None
    markup: Any
    mask: Any
    n: int | None
    output_compression: int | None
    output_format: str | None
    partial_images: int | None
    quality: str | None
    response_format: Literal["url", "b64_json"] | None
    safety_identifier: str | None
    size: str | None
    svg: Mapping[str, Any] | None
    user: str | None


class TranslationParams(CallParams, total=False):
    """Parameters of a translation of speech, besides `model` and `file`."""

    prompt: str | None
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] | None
    temperature: float | None


class TranscriptionParams(CallParams, total=False):
    """Parameters of a transcription, besides `model`, `file` and `stream`."""

    chunking_strategy: Any
    include: Sequence[str] | None
    keywords: Sequence[str] | None
    known_speaker_names: Sequence[str] | None
    known_speaker_references: Sequence[str] | None
    language: str | None
    languages: Sequence[str] | None
    prompt: str | None
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"] | None
    temperature: float | None
    timestamp_granularities: Sequence[Literal["word", "segment"]] | None


class SpeechParams(CallParams, total=False):
    """Parameters of a speech call, besides `model`, `input`, `voice` and `stream`."""

    instructions: str | None
    response_format: str | None
    speed: float | None
