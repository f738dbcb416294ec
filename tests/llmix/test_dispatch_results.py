"""The dispatch functions: what comes back, and what they raise."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import muxi_llm
from muxi_llm.core.port import TransportError
from muxi_llm.llmix import (
    CallInput,
    CallPipeline,
    DispatchInput,
    KeyPool,
    LLMUsage,
    PipelineConfig,
    ProviderError,
    openai_dispatch,
)
from muxi_llm.transport.scripted import Answer, Scripted
from tests.llmix.support import HELLO, USAGE, ask_for
from tests.llmix.test_dispatchers import call
from tests.support.bodies import chat

# ------------------------------------------------------------------------------------ what comes back


def test_an_answer(face: str) -> None:
    """Text, thinking, tokens, model."""
    response, _ = call("anthropic", "claude-sonnet-4-5", face=face)
    assert (response.content, response.thinking_content) == ("Hi", "hm")
    assert response.model == "claude-sonnet-4-5"
    assert response.usage == LLMUsage(8, 2, 10, 3)


def test_reasoning_beside_the_text() -> None:
    """Of vLLM's kind, and kept where it is wanted."""
    thoughtful = Answer(json=chat("Hi", reasoning_content="hm"))
    response, _ = call("together", "a/b", thoughtful)
    assert (response.content, response.thinking_content) == ("Hi", "hm")
    response, _ = call("together", "a/b", thoughtful, common={"keepThinkingOutput": True})
    assert response.content == "<think>hm</think>Hi"


def test_a_refusal_is_what_was_said() -> None:
    """OpenAI's field for it."""
    response, _ = call("openai", "gpt-4o", Answer(json=chat(None, refusal="I will not.")))
    assert response.content == "I will not."


def test_no_usage() -> None:
    """Is none."""
    answer = {**chat(), "usage": None}
    assert call("openai", "gpt-4o", Answer(json=answer))[0].usage == LLMUsage()


def test_no_choice(face: str) -> None:
    """Is no answer, and worth another try."""
    response, _ = call("openai", "gpt-4o", Answer(json={**chat(), "choices": []}), face=face)
    assert (response.status_code, response.success) == (502, False)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (chat(None, finish="length", reasoning_content="hm"), "sno-gpu: max_output_tokens were used up"),
        ({**chat(), "choices": []}, "the reply has no choices"),
    ],
    ids=["thinking alone", "no choice"],
)
def test_sno_gpu_without_an_answer(answer: Any, error: str) -> None:
    """Says what happened; more of the same would not help the first."""
    response, _ = call("sno-gpu", "m", Answer(json=answer), base_url="https://gpu.test")
    assert error in str(response.error)


def test_rate_limit_headers_steer() -> None:
    """They come through."""
    low = {"x-ratelimit-remaining-requests": "1", "x-ratelimit-limit-requests": "500"}
    script = Scripted(Answer(json=chat(), headers=low))
    pipeline = CallPipeline(PipelineConfig(openai_dispatch()))
    pipeline.set_key_pool("openai", KeyPool(["k"]))
    with muxi_llm.runtime.using(script):
        assert pipeline.call_sync(CallInput({"provider": "openai", "model": "gpt-4o"}, HELLO)).usage == USAGE
    assert pipeline.get_semaphore_window("openai") == 4


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_refusals(face: str, status: int) -> None:
    """With their status; one attempt is one request."""
    refusal = Answer(status=status, json={"error": {"message": "no"}}, headers={"retry-after": "7"})
    response, script = call("openai", "gpt-4o", refusal, face=face)
    assert response.status_code == status
    assert "no" in str(response.error)
    assert len(script.calls) == 1


def test_a_refusals_headers() -> None:
    """`Retry-After` among them."""
    script = Scripted(Answer(status=429, json={}, headers={"Retry-After": "7"}))
    asked = CallInput({"provider": "openai", "model": "gpt-4o"}, HELLO)
    with muxi_llm.runtime.using(script), pytest.raises(ProviderError) as raised:
        openai_dispatch().sync(_input(asked))
    assert raised.value.headers["retry-after"] == "7"  # type: ignore[index]


def _input(asked: CallInput) -> Any:
    return DispatchInput("openai", "gpt-4o", "k", asked.messages, {}, asked.config)


def test_no_answer(face: str) -> None:
    """Has no status."""
    response, _ = call("openai", "gpt-4o", Answer(error=TransportError("gone")), face=face)
    assert (response.status_code, response.error) == (None, "gone")


def test_what_no_attempt_can_help(face: str) -> None:
    """A request that is refused before it is sent says nothing of the key or the provider."""
    response, script = call("openai", "gpt-4o", Answer(json=chat()), face=face, messages=[{"role": "usre"}])
    assert "did you mean 'user'?" in str(response.error)
    assert script.calls == []


def test_no_key_anywhere(face: str) -> None:
    """Is the caller's to mend."""
    pipeline = CallPipeline(
        PipelineConfig(openai_dispatch(), bypass_key_pool_providers=frozenset({"openai"}))
    )
    response = ask_for(face, pipeline, CallInput({"provider": "openai", "model": "gpt-4o"}, HELLO))
    assert "no API key for openai" in str(response.error)
    assert response.attempts == 1


def test_called_without_a_pipeline() -> None:
    """It is a function like any other."""
    script = Scripted(Answer(json=chat()))
    asked = _input(CallInput({"provider": "openai", "model": "gpt-4o"}, HELLO))
    with muxi_llm.runtime.using(script):
        assert asyncio.run(openai_dispatch()(asked)).content == "Hi"
