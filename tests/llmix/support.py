"""A dispatch function that answers from a script, and pipelines around it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from muxi_llm.llmix import (
    CallInput,
    CallPipeline,
    CallResponse,
    CircuitBreaker,
    DispatchInput,
    KeyPool,
    LLMUsage,
    PipelineConfig,
    ProviderError,
    ProviderResult,
)

HELLO = [{"role": "user", "content": "Hello"}]
CONFIG: dict[str, Any] = {"provider": "openai", "model": "gpt-4o-mini"}
USAGE = LLMUsage(5, 2, 7)


class Script:
    """Answers in order, then for ever with the last one. asked: what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers) or ["Hi"]
        self.asked: list[DispatchInput] = []

    def __call__(self, asked: DispatchInput) -> ProviderResult:
        self.asked.append(asked)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, ProviderResult) else ProviderResult(answer, asked.model, USAGE)

    @property
    def keys(self) -> list[str]:
        return [asked.api_key for asked in self.asked]


def half_open(probes: int = 1) -> CircuitBreaker:
    """A breaker whose cool-down is just over, and whose next one is long."""
    breaker = CircuitBreaker("p", "u", cooldown_seconds=1e-9, permitted_half_open_calls=probes)
    for _ in range(3):
        breaker.on_failure(500)
    assert breaker.state == "HALF_OPEN"
    breaker._machine._cooldown = breaker._machine._base = 30.0
    return breaker


def refused(status: int | None, message: str = "no", **headers: str) -> ProviderError:
    """What a provider's refusal comes as."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return ProviderError(message, status_code=status, headers=told)


def pipeline_of(dispatch: Any, *, keys: Sequence[str] = ("sk-1",), **config: Any) -> CallPipeline:
    """A pipeline for `openai` that waits for nothing."""
    quick = {"retry_base_ms": 0, "retry_jitter_ms": 0, **config}
    pipeline = CallPipeline(PipelineConfig(dispatch=dispatch, **quick))
    if keys:
        pipeline.set_key_pool("openai", KeyPool(keys))
    return pipeline


def ask(face: str, pipeline: CallPipeline, *, messages: Any = HELLO, **config: Any) -> CallResponse:
    """One call, on the `sync` or the `async` face."""
    return ask_for(face, pipeline, CallInput({**CONFIG, **config}, messages))


def ask_for(face: str, pipeline: CallPipeline, wanted: CallInput) -> CallResponse:
    """One call, whole."""
    if face == "sync":
        return pipeline.call_sync(wanted)
    return asyncio.run(pipeline.call(wanted))
