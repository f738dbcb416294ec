"""What goes into an LLMix pipeline and comes out of it: LLMix's own names and shapes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict

if TYPE_CHECKING:
    from pathlib import Path

    from muxi_llm.harness.events import Telemetry
    from muxi_llm.llmix.response_cache import TwoTierCache
    from muxi_llm.llmix.telemetry import LLMixTelemetryProvider

    Listener: TypeAlias = Telemetry | LLMixTelemetryProvider

Messages = Sequence[Mapping[str, Any]]
Kwargs = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LLMUsage:
    """Tokens; all 0 for an answer from the cache."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cached_input_tokens: int = 0


@dataclass(frozen=True, slots=True)
class DispatchInput:
    """One attempt, for the function that makes it.

    kwargs: `temperature`, `max_tokens` and so on, by OpenAI's names and fitted to the provider; `None` where
    the config is silent. config: the call's, in snake case. timeout: seconds this attempt may take.
    """

    provider: str
    model: str
    api_key: str
    messages: Messages
    kwargs: Kwargs
    config: Mapping[str, Any]
    timeout: float = 120.0


class DispatchContext(Protocol):
    """What a dispatch function may rely on: a `DispatchInput`, or anything of its shape."""

    provider: str
    model: str
    api_key: str
    messages: Messages
    kwargs: Kwargs
    config: Mapping[str, Any]


class TransformKwargsContext(TypedDict, total=False):
    """What a provider's kwargs are made from."""

    model: str
    provider: str
    messages: Messages
    temperature: float | None
    top_p: float | None
    enable_thinking: bool | None
    provider_options: Mapping[str, Any]
    base_url: str | None


@dataclass(slots=True)
class ProviderResult:
    """What a dispatch function returns. headers: lower-case names; rate-limit headers steer concurrency."""

    content: str
    model: str
    usage: LLMUsage = LLMUsage()
    headers: Mapping[str, str] | None = None
    tool_calls: list[Any] | None = None


class ProviderError(Exception):
    """What a dispatch function raises. status_code: HTTP's, `None` if no answer came."""

    def __init__(
        self, message: str, *, status_code: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.headers = headers


Dispatch = Callable[[DispatchInput], Awaitable[ProviderResult] | ProviderResult]
"""Makes one attempt, async or not. An object may have a `sync` method too, for `call_sync`."""

ProviderDispatchFn = Dispatch
TransformKwargs = Callable[[TransformKwargsContext, Kwargs], Kwargs]
TransformKwargsCallback = TransformKwargs


@dataclass(slots=True)
class CallInput:
    """One call. config: keys in snake or camel case. singleflight_key: what equal calls have in common.

    context: who asks and why, for telemetry (`user_id`, `trace_id`, ...); nothing else looks at it.
    """

    config: Mapping[str, Any]
    messages: Messages
    singleflight_key: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class CallResponse:
    """How a call went; a failure is here too, not raised.

    cache_hit: `l1` (memory), `l2` (Redis) or `None`. thinking_content: what stood in `<think>` tags. Beyond
    LLMix's own: status_code and exception of a failure, attempts made, latency in milliseconds, and why
    `fallback.preset` was called, if it was.
    """

    content: str
    model: str
    provider: str
    usage: LLMUsage
    success: bool
    error: str | None = None
    thinking_content: str | None = None
    cache_hit: Literal["l1", "l2"] | None = None
    tool_calls: list[Any] | None = None
    status_code: int | None = None
    exception: Exception | None = field(default=None, repr=False)
    attempts: int = 0
    latency_ms: float = 0.0
    fallback_reason: str | None = None


@dataclass(slots=True)
class PipelineConfig:
    """How a pipeline works. dispatch: makes one attempt, async or not.

    Delays are milliseconds (jitter comes on top of the others), the breaker's cool-down seconds; a threshold
    of 0 is no breaker. semaphore_initial: attempts at once for each provider, at most. kill_switch_state_dir:
    where the file `killswitch` is looked for. singleflight: whether equal calls at the same time become one.
    bypass_key_pool_providers: their dispatch brings its own key. load_preset: resolves a config's
    `fallback.preset` (`module/preset`). telemetry: who listens, one or several: listeners of
    `muxi_llm.harness` or LLMix's own kind.
    """

    dispatch: Dispatch
    max_retries: int = 3
    retry_base_ms: float = 1000
    retry_max_delay_ms: float = 30_000
    circuit_breaker_threshold: int = 3
    circuit_breaker_cooldown_seconds: float = 30.0
    semaphore_initial: int = 32
    semaphore_min: int = 4
    kill_switch_state_dir: str | Path | None = None
    transform_kwargs_overrides: Mapping[str, TransformKwargs] | None = None
    response_cache: TwoTierCache | None = None
    close_response_cache: bool = True
    bypass_key_pool_providers: frozenset[str] = frozenset()
    singleflight: bool = True
    load_preset: Callable[[str], Mapping[str, Any]] | None = None
    retry_jitter_ms: int = 1000
    telemetry: Listener | Sequence[Listener] | None = None

    def __post_init__(self) -> None:
        for name in NOT_BELOW_0:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)!r}")
        if not self.circuit_breaker_cooldown_seconds > 0:
            raise ValueError("circuit_breaker_cooldown_seconds must be above 0")
        if not 1 <= self.semaphore_min <= self.semaphore_initial:
            raise ValueError("semaphore_min must be 1 or more, and semaphore_initial no less than that")


NOT_BELOW_0 = (
    "max_retries",
    "retry_base_ms",
    "retry_max_delay_ms",
    "retry_jitter_ms",
    "circuit_breaker_threshold",
)
