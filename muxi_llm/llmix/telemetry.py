"""Who is told of LLMix calls: the harness' listeners, and LLMix's own kind, one event after each call."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from muxi_llm.harness.events import Listeners
from muxi_llm.llmix.pricing import calculate_cost, get_model_pricing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from muxi_llm.llmix.values import CallInput, CallResponse

log = logging.getLogger("muxi_llm.llmix")

CAPTURE = "LLMIX_CAPTURE_TELEMETRY_PAYLOAD"
"""Set to `1` or `true`, events hold the messages and the answer too."""


class TelemetryPlugin(Protocol):
    """A proxy that sees the traffic, for dispatch functions that go through one."""

    def is_enabled(self) -> bool:
        """Whether there is a proxy."""

    def get_proxy_url(self, provider: str) -> str:
        """The base URL to use instead of *provider*'s."""

    def get_headers(self, *, app: str, module: str) -> dict[str, str]:
        """What the proxy wants beside the provider's headers."""

    def create_http_client(self, provider: str, enable_fallback: bool = True) -> Any:
        """An HTTP client that goes through the proxy, `None` if any will do."""

    def log_cache_ratio(self, response: dict[str, Any], module: str, caller: str) -> None:
        """Take note of what the provider's own cache saved."""


class LLMCallEventData(TypedDict, total=False):
    """One call. latency_ms: whole, waits included. cost_usd: by list prices, `None` for a model they lack."""

    config_id: str
    provider: str
    model: str
    module: str
    preset: str
    scope: str
    version: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost_usd: float | None
    latency_ms: int
    success: bool
    error_message: str
    cache_hit: str
    attempts: int
    context: Mapping[str, Any]
    messages: Sequence[Any]
    output: str


class LLMixTelemetryProvider(Protocol):
    """Is told of every call once it is over; what it raises is logged, and breaks no call.

    It may have a `calculate_cost(model, input_tokens, output_tokens)` as well, with prices of its own.
    """

    def track_llm_call(self, event: LLMCallEventData) -> Awaitable[None] | None:
        """Take note of *event*."""


class Trackers:
    """A pipeline's listeners, of both kinds."""

    def __init__(self, telemetry: Any) -> None:
        each = telemetry if isinstance(telemetry, Sequence) else [telemetry]
        self.listeners = Listeners(one for one in each if hasattr(one, "record"))
        self._trackers = [one for one in each if hasattr(one, "track_llm_call")]
        self._tasks: set[asyncio.Future[None]] = set()

    def tell(self, config: Mapping[str, Any], asked: CallInput, response: CallResponse) -> None:
        """Tell LLMix's kind how a call went; the others have been told by the harness."""
        for tracker in self._trackers:
            with _Logged():
                told = tracker.track_llm_call(_event(tracker, config, asked, response))
                if isawaitable(told):
                    self._soon(told)

    def _soon(self, told: Awaitable[None]) -> None:
        if asyncio._get_running_loop() is None:  # noqa: SLF001 - the public one raises where there is none
            asyncio.run(_quietly(told))
            return
        task = asyncio.ensure_future(_quietly(told))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait for those that are still being told, on this event loop."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(task for task in self._tasks if task.get_loop() is loop))


async def _quietly(told: Awaitable[None]) -> None:
    with _Logged():
        await told


class _Logged:
    """Best effort: what goes wrong inside is logged."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        log.error("a telemetry provider failed", exc_info=error)
        return True


def _event(
    tracker: Any, config: Mapping[str, Any], asked: CallInput, response: CallResponse
) -> LLMCallEventData:
    context = dict(asked.context)
    known = {name: context.pop(name, config.get(name)) for name in IDENTITY}
    if response.fallback_reason is not None:
        context.update(fallback_used=True, fallback_reason=response.fallback_reason)
    usage = response.usage
    price = getattr(tracker, "calculate_cost", None) or _cost
    event: LLMCallEventData = {
        **{name: value for name, value in known.items() if value is not None},  # type: ignore[typeddict-item]
        "provider": response.provider,
        "model": response.model,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "cost_usd": price(response.model, usage.input_tokens, usage.output_tokens),
        "latency_ms": round(response.latency_ms),
        "success": response.success,
        "attempts": response.attempts,
        "context": context,
    }
    if response.error is not None:
        event["error_message"] = response.error
    if response.cache_hit is not None:
        event["cache_hit"] = response.cache_hit
    if os.environ.get(CAPTURE, "").lower() in {"1", "true"}:
        event["messages"], event["output"] = list(asked.messages), response.content
    return event


def _cost(model: str, input_tokens: int, output_tokens: int) -> float | None:
    if get_model_pricing(model) is None:
        return None
    return calculate_cost(model, input_tokens, output_tokens)["total_cost_usd"]


IDENTITY = ("config_id", "module", "preset", "scope", "version")
"""What a call's config is known by: from its context, or from the config itself."""
