"""Dispatch functions for the providers LLMix knows: each makes one attempt through this SDK.

One attempt means one: retries, breaker and concurrency are the pipeline's. With `client=`, a client of
openai's, anthropic's or google-genai's, the attempt goes through that client, with its key, its address and
its HTTP connections; a pool of keys would then never be used, and the pipeline takes none.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import (
    APIStatusError,
    InvalidRequestError,
    MalformedReplyError,
    MissingCredentialsError,
    MuxiLLMError,
)
from muxi_llm.llmix.client_port import CLIENTS, client_port
from muxi_llm.llmix.values import LLMUsage, ProviderError, ProviderResult
from muxi_llm.providers import asked as options
from muxi_llm.providers.spelling import snake_case
from muxi_llm.runtime import AdaptationWarning, Prepared, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.llmix.values import DispatchInput
    from muxi_llm.providers.asked import Asked

    Fit = Callable[[Mapping[str, Any], Asked], None]


class ProviderDispatch:
    """A dispatch function: `await dispatch(input)`, or `dispatch.sync(input)` without an event loop.

    Raises `ProviderError` with the provider's status and headers, `ValueError` for what no attempt can help.
    """

    provider = ""
    """Whom it calls, by this SDK's name."""
    serves: tuple[str, ...] = ()
    """What configs call it."""

    def __init__(self, fit: Fit, client: Any = None) -> None:
        self._fit = fit
        self._client = client
        self.__llmix_bypass_key_pool_providers__ = frozenset(self.serves if client is not None else ())

    async def __call__(self, asked: DispatchInput) -> ProviderResult:
        with _Failures():
            return self.result_of(await self._prepared(asked, blocking=False).arun())

    def sync(self, asked: DispatchInput) -> ProviderResult:
        """The same without an event loop."""
        with _Failures():
            return self.result_of(self._prepared(asked, blocking=True).run())

    def model_of(self, model: str) -> str:
        """The provider's name of a config's *model*."""
        return model

    def _prepared(self, asked: DispatchInput, *, blocking: bool) -> Prepared:
        config = snake_case(asked.config)
        wanted = asked_of(asked)
        self._fit(config, wanted)
        for story in wanted.lost:
            warnings.warn(story, AdaptationWarning, stacklevel=2)
        prepared = prepare(
            "chat", {**wanted.params, **self.call_params(asked, config), "extra_body": wanted.extra}
        )
        if self._client is None:
            return prepared
        port = client_port(self._client, CLIENTS[self.provider], asked, blocking=blocking)
        return Prepared(prepared.request, prepared.candidates, "auto", port)

    def call_params(self, asked: DispatchInput, config: Mapping[str, Any]) -> dict[str, Any]:
        """Where the attempt goes, and how."""
        return {
            "model": f"{self.provider}/{self.model_of(asked.model)}",
            "messages": options.without_reasoning(config, asked.messages),
            "api_key": asked.api_key or ("the-clients-own" if self._client is not None else None),
            "base_url": asked.kwargs.get("base_url") or config.get("base_url"),
            "timeout": asked.timeout,
            "retries": 0,
            "fallback_models": [],
            "cache": False,
        }

    def result_of(self, answer: Any) -> ProviderResult:
        """LLMix's value for a chat completion; thinking beside the text goes before it, in `<think>` tags."""
        if not answer.choices:
            raise ProviderError("the provider answered without a choice", status_code=502)
        message, usage = answer.choices[0].message, answer.usage
        text, thought = message.content or message.refusal or "", message.reasoning_content
        details = getattr(usage, "prompt_tokens_details", None)
        return ProviderResult(
            content=f"<think>{thought}</think>{text}" if thought else text,
            model=answer.model,
            usage=LLMUsage(
                getattr(usage, "prompt_tokens", None) or 0,
                getattr(usage, "completion_tokens", None) or 0,
                getattr(usage, "total_tokens", None) or 0,
                getattr(details, "cached_tokens", None) or 0,
            ),
            headers=answer.muxi.headers,
            tool_calls=[call.model_dump(exclude_none=True) for call in message.tool_calls or ()] or None,
        )


class OpenAIDispatch(ProviderDispatch):
    """OpenAI, by chat completions."""

    provider, serves = "openai", ("openai",)


class AnthropicDispatch(ProviderDispatch):
    """Anthropic, by messages."""

    provider, serves = "anthropic", ("anthropic",)


class GeminiDispatch(ProviderDispatch):
    """Google, by generateContent."""

    provider, serves = "google", ("google", "gemini")


class OpenRouterDispatch(ProviderDispatch):
    """OpenRouter; models that configs call by their vendor's own name get its prefix."""

    provider, serves = "openrouter", ("openrouter", "deepseek")

    def model_of(self, model: str) -> str:
        """OpenRouter's name of *model*."""
        if "/" in model:
            return model
        vendor = next((vendor for vendor in ("deepseek", "qwen") if model.startswith(vendor)), None)
        return OPENROUTER_MODELS.get(model) or (f"{vendor}/{model}" if vendor else model)


class DeepInfraDispatch(ProviderDispatch):
    """DeepInfra."""

    provider, serves = "deepinfra", ("deepinfra",)


class NovitaDispatch(ProviderDispatch):
    """Novita."""

    provider, serves = "novita", ("novita",)


class TogetherDispatch(ProviderDispatch):
    """Together."""

    provider, serves = "together", ("together",)


class SnoGpuDispatch(ProviderDispatch):
    """Sno's own GPU servers, which run vLLM and know their callers by a header."""

    provider, serves = "vllm", ("sno-gpu",)

    def call_params(self, asked: DispatchInput, config: Mapping[str, Any]) -> dict[str, Any]:
        """vLLM's, with the key in the servers' own header."""
        key = asked.api_key or os.environ.get("SNO_LLM_API_KEY")
        headers = {"x-sno-llm-key": key} if key else {}
        return {**super().call_params(asked, config), "api_key": "not-used", "extra_headers": headers}

    def result_of(self, answer: Any) -> ProviderResult:
        """As everywhere; an answer that is thinking alone, cut off, is none."""
        choice = answer.choices[0] if answer.choices else None
        if choice is not None and choice.finish_reason == "length" and not choice.message.content:
            raise ValueError("sno-gpu: max_output_tokens were used up before there was any visible answer")
        return super().result_of(answer)


def openai_dispatch(client: Any = None) -> ProviderDispatch:
    """Attempts at OpenAI. client: an `OpenAI` or `AsyncOpenAI`."""
    return OpenAIDispatch(options.openai, client)


def anthropic_dispatch(client: Any = None) -> ProviderDispatch:
    """Attempts at Anthropic. client: an `Anthropic` or `AsyncAnthropic`."""
    return AnthropicDispatch(options.anthropic, client)


def gemini_dispatch(client: Any = None) -> ProviderDispatch:
    """Attempts at Google. client: google-genai's `Client`, or its `aio`."""
    return GeminiDispatch(options.google, client)


def openrouter_dispatch(client: Any = None) -> ProviderDispatch:
    """Attempts at OpenRouter, for configs of `openrouter` and `deepseek`. client: as for OpenAI."""
    return OpenRouterDispatch(options.openrouter, client)


def deepinfra_dispatch(client: Any = None) -> ProviderDispatch:
    """Attempts at DeepInfra. client: as for OpenAI."""
    return DeepInfraDispatch(options.deepinfra, client)


def novita_dispatch(client: Any = None) -> ProviderDispatch:
    """Attempts at Novita. client: as for OpenAI."""
    return NovitaDispatch(options.novita, client)


def together_dispatch(client: Any = None) -> ProviderDispatch:
    """Attempts at Together. client: as for OpenAI."""
    return TogetherDispatch(options.together, client)


def sno_gpu_dispatch(client: Any = None) -> ProviderDispatch:
    """Attempts at Sno's GPU servers. client: as for OpenAI."""
    return SnoGpuDispatch(options.sno_gpu, client)


def asked_of(input_: DispatchInput) -> Asked:
    """What an attempt's kwargs ask for."""
    asked = options.Asked({}, {})
    asked.add({name: value for name, value in input_.kwargs.items() if name not in OURS})
    asked.extra.update(input_.kwargs.get("extra_body") or {})
    return asked


class _Failures:
    """The SDK's errors → LLMix's. Those of a client of the caller's own pass: the pipeline reads them."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, InvalidRequestError | MissingCredentialsError):
            raise ValueError(str(error)) from error  # noqa: TRY004 - a caller's mistake, to LLMix
        if isinstance(error, APIStatusError):
            headers = dict(error.response.headers)
            raise ProviderError(_said(error), status_code=error.status_code, headers=headers) from error
        if isinstance(error, MalformedReplyError):
            raise ProviderError(_said(error), status_code=502) from error
        if isinstance(error, MuxiLLMError):
            raise ProviderError(_said(error)) from error


def _said(error: Any) -> str:
    """What was said, without where: a pipeline's response has that beside it."""
    return str(error.message)


# ------------------------------------------------------------------------------------------- tables

OURS = {"base_url", "extra_body"}

OPENROUTER_MODELS = {
    "deepseek-chat": "deepseek/deepseek-chat-v3-0324",
    "deepseek-v3": "deepseek/deepseek-chat-v3-0324",
    "deepseek-v3.2-speciale": "deepseek/deepseek-chat-v3-0324:free",
}
