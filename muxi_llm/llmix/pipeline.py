"""The LLMix pipeline: the harness around any dispatch function.

    kill switch → cache → singleflight { breaker → retry { permit → key → dispatch } } → thinking

Every stage is the one every other call runs through; this file says only what LLMix calls things.
A config's `timeout.totalTime` bounds a call, its retries and pauses and its fallback; answers come whole,
so there is no first chunk for `timeout.streamFirstChunkTime` to wait for: it is there for dispatch
functions that stream.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from muxi_llm.core.call import call
from muxi_llm.core.options import is_count
from muxi_llm.core.request import Candidate, Limits, ModelRef, Request
from muxi_llm.core.step import run_sync
from muxi_llm.errors import APIConnectionError, APIStatusError, APITimeoutError
from muxi_llm.harness.breaker import Breaker
from muxi_llm.harness.pipeline import Stages
from muxi_llm.harness.singleflight import Singleflight
from muxi_llm.llmix.around import Around, Texts
from muxi_llm.llmix.dispatching import Answer, AsyncDispatch, BlockingDispatch, DispatchProvider
from muxi_llm.llmix.resilience import KillSwitch, calculate_delay
from muxi_llm.llmix.settings import checked, total_time
from muxi_llm.llmix.telemetry import Trackers
from muxi_llm.llmix.thinking import strip_thinking
from muxi_llm.llmix.values import (
    CallInput,
    CallResponse,
    DispatchContext,
    DispatchInput,
    LLMUsage,
    PipelineConfig,
    ProviderDispatchFn,
    ProviderError,
    ProviderResult,
)
from muxi_llm.providers.spelling import common_of
from muxi_llm.transport.ports import AsyncIO, BlockingIO

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from muxi_llm.core.port import IO
    from muxi_llm.llmix.key_pool import KeyPool

__all__ = [
    "CallInput",
    "CallPipeline",
    "CallResponse",
    "DispatchContext",
    "DispatchInput",
    "LLMUsage",
    "PipelineConfig",
    "ProviderDispatchFn",
    "ProviderError",
    "ProviderResult",
]


class CallPipeline:
    """Calls one provider at a time through the harness. `await call(...)`, or `call_sync(...)`."""

    def __init__(self, config: PipelineConfig) -> None:
        self._config = config
        self._pools: dict[str, KeyPool] = {}
        self._flights = Singleflight()
        self._trackers = Trackers(config.telemetry)
        stages = Stages(
            breaker=Breaker(
                in_a_row=config.circuit_breaker_threshold, cooldown=config.circuit_breaker_cooldown_seconds
            )
            if config.circuit_breaker_threshold
            else None,
            window=config.semaphore_initial,
            minimum=config.semaphore_min,
            paced=False,
            by_model=False,
        )
        self._harness = Around(
            stages,
            self._pools,
            kill_switch=KillSwitch(config.kill_switch_state_dir),
            replies=Texts(config.response_cache),
            flights=self._flights if config.singleflight else None,
            listeners=self._trackers.listeners,
        )
        self._async_io = AsyncIO(AsyncDispatch(config.dispatch))
        self._blocking_io = BlockingIO(BlockingDispatch(config.dispatch))

    def set_key_pool(self, provider: str, pool: KeyPool) -> None:
        """The keys for *provider*. Raises `ValueError` where the dispatch function brings its own."""
        if provider in self._bypassing():
            raise ValueError(
                f"the dispatch function has a key of its own for {provider} (client=, or "
                "bypass_key_pool_providers); a pool would never be used"
            )
        self._pools[provider] = pool
        self._harness.forget(provider)

    async def call(self, call_input: CallInput) -> CallResponse:
        """The answer, or how it failed. Raises nothing but a cancellation and bugs."""
        return await self._call(self._async_io, call_input)

    def call_sync(self, call_input: CallInput) -> CallResponse:
        """`call` without an event loop."""
        return run_sync(self._call(self._blocking_io, call_input))

    def close(self) -> Closed:
        """Let go of the cache's connections. Works at once; may be awaited as well."""
        cache = self._config.response_cache
        if cache is not None and self._config.close_response_cache:
            cache.close()
        return Closed(self._trackers)

    # ------------------------------------------------------------------------------ looking inside

    def get_circuit_breaker_state(self, provider: str, base_url: str = "") -> str | None:
        """`CLOSED`, `OPEN` or `HALF_OPEN`; `None` where nothing was called yet."""
        for place in self._harness.places_of(provider, base_url):
            with place.lock:
                for breaker in place.breakers.values():
                    return breaker.state(time.monotonic()).upper().replace("-", "_")
        return None

    def get_semaphore_window(self, provider: str) -> int | None:
        """How many attempts at once *provider* is given now; `None` where nothing was called yet."""
        windows = [
            permits.window.size
            for place in self._harness.places_of(provider)
            for permits in place.permits.values()
        ]
        return windows[0] if windows else None

    @property
    def singleflight_count(self) -> int:
        """Calls under way."""
        return len(self._flights)

    # ------------------------------------------------------------------------------------ one call

    async def _call(self, io: IO, asked: CallInput) -> CallResponse:
        turn = _Turn(io.now())
        try:
            turn.config = checked(asked.config)
            response = await self._answered(io, turn, asked)
        except Exception as error:  # noqa: BLE001 - reason: LLMix's promise, a failure is a response and never raised
            response = _failure(turn.config, error)
        response.latency_ms = (io.now() - turn.started) * 1000
        response.fallback_reason = turn.reason
        self._trackers.tell(turn.config, asked, response)
        return response

    async def _answered(self, io: IO, turn: _Turn, asked: CallInput) -> CallResponse:
        """What the config's provider says, or its fallback's; both within the config's total time."""
        seconds = total_time(turn.config)
        try:
            return await self._attempted(io, turn.config, asked, seconds)
        except (APIConnectionError, APIStatusError) as error:
            load, fallback = self._config.load_preset, turn.config.get("fallback") or {}
            left = turn.started + seconds - io.now()
            if load is None or left <= 0 or not _is_named(error, fallback):
                raise
            turn.reason = str(error)
        turn.config = {**checked(load(fallback["preset"])), "fallback": None}
        return await self._attempted(io, turn.config, asked, min(left, total_time(turn.config)))

    async def _attempted(
        self, io: IO, config: Mapping[str, Any], asked: CallInput, seconds: float
    ) -> CallResponse:
        for name in ("provider", "model"):
            if not isinstance(config.get(name), str) or not config[name]:
                raise ValueError(f"config.{name} must be a name, not {config.get(name)!r}")
        messages = list(asked.messages)
        provider = DispatchProvider(config, messages, self._config.transform_kwargs_overrides)
        provider.needs_key = config["provider"] not in self._bypassing()
        candidate = Candidate(ModelRef(config["provider"], config["model"]), provider)
        # What the attempt's function is given is the provider's; in the body it is there to be told of.
        told = {name: value for name, value in provider.kwargs.items() if value is not None}
        body = {**told, "messages": messages, "singleflight_key": asked.singleflight_key}
        request = Request("chat", body, mode="passthrough", limits=self._limits(config, seconds))
        return _success(config, await call(io, request, [candidate], self._harness))

    def _limits(self, config: Mapping[str, Any], seconds: float) -> Limits:
        retries = common_of(config).get("max_retries")
        if retries is None:
            retries = self._config.max_retries
        if not is_count(retries):
            raise ValueError(f"config.common.max_retries must be a whole number from 0, not {retries!r}")
        return Limits(retries=retries, timeout=seconds, deadline=seconds, pause=self._pause)

    def _pause(self, retry: int) -> float:
        """Seconds before retry number *retry*, from 1."""
        config = self._config
        grown = (config.retry_base_ms, config.retry_max_delay_ms, config.retry_jitter_ms)
        return calculate_delay(retry - 1, *grown) / 1000

    def _bypassing(self) -> frozenset[str]:
        own = getattr(self._config.dispatch, "__llmix_bypass_key_pool_providers__", ())
        return self._config.bypass_key_pool_providers | frozenset(own)


@dataclass(slots=True)
class _Turn:
    """One call: the config that is tried, and why it is the fallback's, if it is."""

    started: float
    config: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None


class Closed:
    """The end of a pipeline. `pipeline.close()` is enough; awaited, telemetry under way has been told too."""

    def __init__(self, trackers: Trackers) -> None:
        self._trackers = trackers

    def __await__(self) -> Generator[Any, None, None]:
        return self._trackers.finish().__await__()


# --------------------------------------------------------------------------------------- responses


def _success(config: Mapping[str, Any], answer: Answer) -> CallResponse:
    result, report = answer.result, answer.muxi
    content, thinking = result.content or "", None
    if not common_of(config).get("keep_thinking_output"):
        content, thinking = strip_thinking(content)
    return CallResponse(
        content=content,
        model=result.model or config["model"],
        provider=config["provider"],
        usage=result.usage,
        success=True,
        thinking_content=thinking,
        cache_hit=report.cache_hit,
        tool_calls=result.tool_calls,
        attempts=len(report.attempts),
    )


def _failure(config: Mapping[str, Any], error: Exception) -> CallResponse:
    return CallResponse(
        content="",
        model=str(config.get("model", "")),
        provider=str(config.get("provider", "")),
        usage=LLMUsage(),
        success=False,
        error=str(error),
        status_code=getattr(error, "status_code", None),
        exception=error,
        attempts=len(getattr(error, "attempts", ())),
    )


def _is_named(error: Exception, fallback: Mapping[str, Any]) -> bool:
    """Whether *fallback* is for an error like this one."""
    kinds = fallback.get("on") or tuple(FALLBACK_ON)
    return bool(fallback.get("preset")) and any(
        FALLBACK_ON[kind](error) for kind in kinds if kind in FALLBACK_ON
    )


FALLBACK_ON: dict[str, Callable[[Exception], bool]] = {
    "timeout": lambda error: isinstance(error, APITimeoutError),
    "connection_error": lambda error: (
        isinstance(error, APIConnectionError) and not isinstance(error, APITimeoutError)
    ),
    "5xx": lambda error: isinstance(error, APIStatusError) and error.status_code >= 500,
}
