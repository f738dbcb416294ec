"""The dispatch functions for each provider: what of a config is on the wire, and what comes back."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

import muxi_llm
from muxi_llm.llmix import (
    CallInput,
    CallPipeline,
    CallResponse,
    KeyPool,
    PipelineConfig,
    anthropic_dispatch,
    deepinfra_dispatch,
    gemini_dispatch,
    novita_dispatch,
    openai_dispatch,
    openrouter_dispatch,
    sno_gpu_dispatch,
    together_dispatch,
)
from muxi_llm.transport.scripted import Answer, Scripted
from tests.llmix.support import HELLO, ask_for
from tests.support.bodies import chat

CLAUDE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_reason": "end_turn",
    "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "Hi"}],
    "usage": {"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 3},
}  # fmt: skip
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7},
    "modelVersion": "gemini-2.5-pro",
}  # fmt: skip
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "s",
        "schema": {"type": "object", "properties": {}, "additionalProperties": False},
    },
}

DISPATCHES = {
    "openai": openai_dispatch,
    "anthropic": anthropic_dispatch,
    "google": gemini_dispatch,
    "openrouter": openrouter_dispatch,
    "deepseek": openrouter_dispatch,
    "deepinfra": deepinfra_dispatch,
    "novita": novita_dispatch,
    "together": together_dispatch,
    "sno-gpu": sno_gpu_dispatch,
}
BODIES = {"anthropic": CLAUDE, "google": GEMINI}


def call(
    provider: str, model: str, *answers: Answer, face: str = "sync", messages: Any = HELLO, **config: Any
) -> tuple[CallResponse, Scripted]:
    """A call of one attempt, and what was sent."""
    script = Scripted(*(answers or [Answer(json=BODIES.get(provider, chat()))]))
    pipeline = CallPipeline(PipelineConfig(DISPATCHES[provider](), max_retries=0))
    pipeline.set_key_pool(provider, KeyPool(["sk-1"]))
    with muxi_llm.runtime.using(script):
        wanted = CallInput({"provider": provider, "model": model, **config}, messages)
        return ask_for(face, pipeline, wanted), script


def body(provider: str, model: str, **config: Any) -> dict[str, Any]:
    """What is sent, but for model and messages."""
    response, script = call(provider, model, **config)
    assert response.success, response.error
    return {
        name: value
        for name, value in script.bodies[0].items()
        if name not in {"model", "messages", "contents"}
    }


# ------------------------------------------------------------------------------------- where it goes


@pytest.mark.parametrize(
    ("provider", "model", "url", "header"),
    [
        ("openai", "gpt-4o", "https://api.openai.com/v1/chat/completions", "authorization"),
        ("anthropic", "claude-sonnet-4-5", "https://api.anthropic.com/v1/messages", "x-api-key"),
        (
            "google",
            "gemini-2.5-flash",
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent",
            "x-goog-api-key",
        ),
        ("openrouter", "a/b", "https://openrouter.ai/api/v1/chat/completions", "authorization"),
        ("deepseek", "deepseek-chat", "https://openrouter.ai/api/v1/chat/completions", "authorization"),
        ("deepinfra", "a/b", "https://api.deepinfra.com/v1/openai/chat/completions", "authorization"),
        ("novita", "a/b", "https://api.novita.ai/openai/v1/chat/completions", "authorization"),
        ("together", "a/b", "https://api.together.ai/v1/chat/completions", "authorization"),
    ],
)
def test_addresses(face: str, provider: str, model: str, url: str, header: str) -> None:
    """Each provider's own, with the pool's key; on both faces."""
    response, script = call(provider, model, face=face)
    assert response.success, response.error
    [sent] = script.calls
    assert sent.url == url
    assert sent.headers[header].removeprefix("Bearer ") == "sk-1"


@pytest.mark.parametrize("provider", ["openai", "anthropic", "together"])
def test_an_address_of_the_configs(provider: str) -> None:
    """In either spelling."""
    for spelling in ("baseUrl", "base_url"):
        _, script = call(provider, "m", **{spelling: "https://proxy.test/v1"})
        assert script.calls[0].url.startswith("https://proxy.test/v1/")


def test_sno_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its path, its header, its thinking."""
    _, script = call(
        "sno-gpu",
        "qwen3.6-27b",
        baseUrl="https://gpu.test",
        providerOptions={"sno-gpu": {"gpuPath": "extract", "enableThinking": True, "thinkingBudget": 9}},
        common={"topK": 3},
    )
    [sent] = script.calls
    assert sent.url == "https://gpu.test/extract/v1/chat/completions"
    assert (sent.headers["x-sno-llm-key"], sent.headers["authorization"]) == ("sk-1", "Bearer not-used")
    thinking = {"enable_thinking": True, "thinking_budget": 9}
    assert orjson.loads(sent.body) == {
        "model": "qwen3.6-27b", "messages": HELLO, "top_k": 3, **thinking, "chat_template_kwargs": thinking,
    }  # fmt: skip


@pytest.mark.parametrize(("key", "headers"), [("env", {"x-sno-llm-key": "env"}), (None, {})])
def test_sno_gpus_key_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, key: str | None, headers: dict[str, str]
) -> None:
    """Where the pipeline has no pool."""
    if key:
        monkeypatch.setenv("SNO_LLM_API_KEY", key)
    script = Scripted(Answer(json=chat()))
    bypass = frozenset({"sno-gpu"})
    pipeline = CallPipeline(PipelineConfig(sno_gpu_dispatch(), bypass_key_pool_providers=bypass))
    config = {"provider": "sno-gpu", "model": "m", "base_url": "https://gpu.test"}
    with muxi_llm.runtime.using(script):
        assert pipeline.call_sync(CallInput(config, HELLO)).success
    assert {k: v for k, v in script.calls[0].headers.items() if k == "x-sno-llm-key"} == headers


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("deepseek-chat", "deepseek/deepseek-chat-v3-0324"),
        ("deepseek-v3", "deepseek/deepseek-chat-v3-0324"),
        ("deepseek-v3.2-speciale", "deepseek/deepseek-chat-v3-0324:free"),
        ("deepseek-v4-flash", "deepseek/deepseek-v4-flash"),
        ("deepseek-reasoner", "deepseek/deepseek-reasoner"),
        ("qwen3.6-27b", "qwen/qwen3.6-27b"),
        ("z-ai/glm-5", "z-ai/glm-5"),
        ("other", "other"),
    ],
)
def test_openrouters_names(model: str, sent: str) -> None:
    """Its vendors' prefixes."""
    _, script = call("openrouter", model)
    assert script.bodies[0]["model"] == sent


# ------------------------------------------------------------------------------------- what is asked

COMMON = {
    "temperature": 0.3, "topP": 0.9, "maxOutputTokens": 64, "presencePenalty": 0.1, "frequencyPenalty": 0.2,
    "stopSequences": ["END"], "seed": 7,
}  # fmt: skip
OPENAIS = {
    "temperature": 0.3, "top_p": 0.9, "max_tokens": 64, "presence_penalty": 0.1, "frequency_penalty": 0.2,
    "stop": ["END"], "seed": 7,
}  # fmt: skip
JSON = {"type": "json_object"}


@pytest.mark.parametrize(
    ("provider", "more"),
    [
        ("openai", {}),
        ("openrouter", {"provider": {"sort": "price"}}),
        ("deepinfra", {"top_k": 3}),
        ("novita", {"top_k": 3, "enable_thinking": False}),
        ("together", {"top_k": 3}),
    ],
)
def test_all_of_common(provider: str, more: dict[str, Any]) -> None:
    """By OpenAI's names."""
    common = {**COMMON, **({"topK": 3} if "top_k" in more else {})}
    assert body(provider, "m", common=common, responseFormat=JSON) == {
        **OPENAIS,
        "response_format": JSON,
        **more,
    }


def test_openai_reasoning() -> None:
    """No sampling; all of its own options."""
    options = {
        "reasoningEffort": "medium", "parallelToolCalls": False, "user": "u", "store": False,
        "metadata": {"aB": "c"}, "serviceTier": "flex", "textVerbosity": "low", "promptCacheKey": "k",
        "promptCacheRetention": "24h", "safetyIdentifier": "s", "prediction": {"type": "content", "content": "x"},
    }  # fmt: skip
    assert body("openai", "gpt-5-mini", common={"temperature": 1, "maxOutputTokens": 9}, providerOptions={"openai": options}) == {
        "max_completion_tokens": 9, "reasoning_effort": "medium", "parallel_tool_calls": False, "user": "u",
        "store": False, "metadata": {"aB": "c"}, "service_tier": "flex", "verbosity": "low",
        "prompt_cache_key": "k", "prompt_cache_retention": "24h", "safety_identifier": "s",
        "prediction": {"type": "content", "content": "x"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"logprobs": 3, "logitBias": {"50256": -100}}, {"logprobs": True, "top_logprobs": 3, "logit_bias": {"50256": -100}}),
        ({"logprobs": True}, {"logprobs": True}),
        ({"maxCompletionTokens": 5}, {"max_completion_tokens": 5}),
        ({"strictJsonSchema": True}, {}),
        ({"structuredOutputs": False}, {}),
    ],
    ids=["counted", "flagged", "maximum", "strict", "unstructured"],
)  # fmt: skip
def test_openai_options(options: dict[str, Any], sent: dict[str, Any]) -> None:
    """Those of plain models; without a schema there is none to be strict about."""
    common = {"maxOutputTokens": 9} if "maxCompletionTokens" in options else {}
    assert body("openai", "gpt-4o", common=common, providerOptions={"openai": options}) == sent


def test_openai_schemas() -> None:
    """Strict or not, or no schema at all."""

    def sent(options: dict[str, Any]) -> Any:
        return body("openai", "gpt-4o", responseFormat=SCHEMA, providerOptions={"openai": options})[
            "response_format"
        ]

    assert sent({}) == SCHEMA
    assert sent({"strictJsonSchema": True})["json_schema"]["strict"] is True
    assert sent({"structuredOutputs": False}) == JSON


def test_openai_prompt_cache() -> None:
    """`native` caching by `caching.key`."""
    assert body("openai", "gpt-4o", caching={"strategy": "native", "key": "k"}) == {"prompt_cache_key": "k"}
    assert body("openai", "gpt-4o", caching={"strategy": "native"}) == {}


def test_openai_has_no_top_k() -> None:
    """It is left out, and said; another server behind the same wire gets it."""
    with pytest.warns(muxi_llm.AdaptationWarning, match="top_k"):
        assert body("openai", "gpt-4o", common={"topK": 3}) == {}
    assert body("openai", "m", common={"topK": 3}, baseUrl="https://vllm.test/v1") == {"top_k": 3}


def test_anthropic_common() -> None:
    """By its own names."""
    sent = body(
        "anthropic",
        "claude-3-5-sonnet-latest",
        common={"temperature": 0.3, "topP": 0.9, "topK": 3, "maxOutputTokens": 64, "stopSequences": ["END"]},
    )
    assert sent == {"max_tokens": 64, "temperature": 0.3, "top_p": 0.9, "top_k": 3, "stop_sequences": ["END"]}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"type": "enabled", "budgetTokens": 2048}, {"type": "enabled", "budget_tokens": 2048}),
        ({"type": "enabled"}, {"type": "enabled", "budget_tokens": 10_000}),
        ({"type": "disabled"}, {"type": "disabled"}),
    ],
)
def test_anthropic_thinking(given: dict[str, Any], sent: dict[str, Any]) -> None:
    """With its budget on top of the answer's tokens, and without the sampling it rules out."""
    options = {"thinking": given, "effort": "high", "toolStreaming": True, "structuredOutputMode": "auto"}
    out = body(
        "anthropic",
        "claude-sonnet-4-5",
        common={"maxOutputTokens": 64},
        providerOptions={"anthropic": options},
    )
    assert out["thinking"] == sent
    assert out["max_tokens"] == 64 + sent.get("budget_tokens", 0)


def test_anthropic_effort() -> None:
    """Its own, for models that know it."""
    out = body("anthropic", "claude-opus-4-6", providerOptions={"anthropic": {"effort": "low"}})
    assert out["output_config"] == {"effort": "low"}


@pytest.mark.parametrize(
    ("config", "sent"),
    [
        ({"providerOptions": {"anthropic": {"cacheControl": {"type": "ephemeral", "ttl": "1h"}}}},
         {"type": "ephemeral", "ttl": "1h"}),
        ({"caching": {"strategy": "native"}}, {"type": "ephemeral"}),
        ({}, None),
    ],
)  # fmt: skip
def test_anthropic_prompt_cache(config: dict[str, Any], sent: Any) -> None:
    """By option, or by strategy."""
    assert body("anthropic", "claude-sonnet-4-5", **config).get("cache_control") == sent


@pytest.mark.parametrize(("send", "types"), [(True, ["thinking", "text"]), (False, ["text"])])
def test_anthropic_reasoning_of_before(send: bool, types: list[str]) -> None:
    """`sendReasoning`."""
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    messages = [*HELLO, {"role": "assistant", "content": "Hi", "thinking_blocks": [thought]}, *HELLO]
    options = {"anthropic": {"sendReasoning": send, "disableParallelToolUse": True}}
    _, script = call("anthropic", "claude-sonnet-4-5", messages=messages, providerOptions=options)
    assert [block["type"] for block in script.bodies[0]["messages"][1]["content"]] == types


@pytest.mark.parametrize(
    ("common", "options", "thinking"),
    [
        ({}, {}, {"thinkingBudget": 0}),
        ({"enableThinking": True}, {}, None),
        ({}, {"thinkingConfig": {"thinkingBudget": 512, "includeThoughts": True}}, {"thinkingBudget": 512, "includeThoughts": True}),
        ({}, {"thinkingConfig": {"thinkingLevel": "low"}}, {"thinkingLevel": "low"}),
        ({}, {"thinkingBudget": 5}, {"thinkingBudget": 5}),
    ],
    ids=["off", "on", "budget", "level", "legacy"],
)  # fmt: skip
def test_gemini_thinking(common: Any, options: Any, thinking: Any) -> None:
    """In its own form."""
    sent = body("google", "gemini-2.5-flash", common=common, providerOptions={"google": options})
    assert (sent.get("generationConfig") or {}).get("thinkingConfig") == thinking


def test_gemini_options() -> None:
    """The others, where they belong."""
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    options = {
        "cachedContent": "cachedContents/1", "safetySettings": safety, "responseModalities": ["TEXT", "IMAGE"],
        "structuredOutputs": False,
    }  # fmt: skip
    sent = body(
        "google",
        "gemini-2.5-flash",
        common={"topK": 3, "seed": 1, "enableThinking": True},
        responseFormat=SCHEMA,
        providerOptions={"google": options},
    )
    assert sent == {
        "cachedContent": "cachedContents/1",
        "safetySettings": safety,
        "generationConfig": {
            "topK": 3, "seed": 1, "responseModalities": ["TEXT", "IMAGE"], "responseMimeType": "application/json",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("config", "reasoning"),
    [
        ({"deepseek": {"thinking": {"type": "enabled"}}}, {"enabled": True}),
        ({"deepseek": {"thinking": {"type": "disabled"}}}, {"enabled": False}),
        ({"openrouter": {"reasoning": {"effort": "low"}}, "deepseek": {"thinking": {"type": "enabled"}}}, {"effort": "low"}),
        ({}, None),
    ],
)  # fmt: skip
def test_deepseek_thinking(config: dict[str, Any], reasoning: Any) -> None:
    """By OpenRouter's field."""
    assert body("deepseek", "deepseek-reasoner", providerOptions=config).get("reasoning") == reasoning


@pytest.mark.parametrize(
    ("model", "common", "options", "sent"),
    [
        ("Qwen/Qwen3-32B", {}, {}, {"chat_template_kwargs": {"enable_thinking": False}}),
        ("Qwen/Qwen3-32B", {"enableThinking": True}, {"thinkingBudget": 128},
         {"chat_template_kwargs": {"enable_thinking": True}, "thinking_token_budget": 128}),
        ("Qwen/Qwen3-32B", {"enableThinking": True}, {"enable_thinking": False, "thinkingBudget": 128},
         {"chat_template_kwargs": {"enable_thinking": False}}),
        ("a/b", {"enableThinking": True}, {}, {"chat_template_kwargs": {"enable_thinking": True}}),
        ("a/b", {}, {"minP": 0.1}, {"minP": 0.1}),
    ],
    ids=["off", "on", "option", "other", "free"],
)  # fmt: skip
def test_deepinfra_thinking(model: str, common: Any, options: Any, sent: Any) -> None:
    """An argument of the chat template."""
    assert body("deepinfra", model, common=common, providerOptions={"deepinfra": options}) == sent


@pytest.mark.parametrize(
    ("common", "options", "sent"),
    [
        ({}, {}, {"enable_thinking": False}),
        ({"enableThinking": True}, {"thinkingBudget": 96, "min_p": 1}, {"enable_thinking": True, "thinking_budget": 96, "min_p": 1}),
        ({"enableThinking": True}, {"enableThinking": False, "thinkingBudget": 96}, {"enable_thinking": False}),
    ],
)  # fmt: skip
def test_novita_thinking(common: Any, options: Any, sent: Any) -> None:
    """Fields of its own."""
    assert body("novita", "a/b", common=common, providerOptions={"novita": options}) == sent


def test_together_options() -> None:
    """As they are."""
    assert body("together", "a/b", providerOptions={"together": {"repetition_penalty": 1.1}}) == {
        "repetition_penalty": 1.1
    }


def test_tools_of_an_override() -> None:
    """Whatever a transformation adds is sent."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    script = Scripted(
        Answer(
            json=chat(
                None,
                tool_calls=[{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            )
        )
    )
    overrides = {"openai": lambda _, kwargs: {**kwargs, "tools": [tool], "extra_body": {"min_p": 1}}}
    pipeline = CallPipeline(PipelineConfig(openai_dispatch(), transform_kwargs_overrides=overrides))
    pipeline.set_key_pool("openai", KeyPool(["k"]))
    with muxi_llm.runtime.using(script):
        response = pipeline.call_sync(CallInput({"provider": "openai", "model": "gpt-4o"}, HELLO))
    assert script.bodies[0]["tools"] == [tool]
    assert script.bodies[0]["min_p"] == 1
    assert response.tool_calls == [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]
    assert response.content == ""
