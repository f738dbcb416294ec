"""Each provider's transformation of kwargs, and the spelling of configs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.llmix import PROVIDER_KWARGS_REGISTRY, apply_transform_kwargs
from muxi_llm.llmix.provider_kwargs import is_reasoning_model, transform_kwargs
from muxi_llm.providers.spelling import camel_case, camel_name, snake_case, snake_name


def transformed(provider: str, kwargs: dict[str, Any], model: str = "m", **context: Any) -> dict[str, Any]:
    transform = PROVIDER_KWARGS_REGISTRY[provider]
    return apply_transform_kwargs({"model": model, "provider": provider, **context}, kwargs, transform)


def test_without_a_transformation_kwargs_stay() -> None:
    """The very same."""
    kwargs = {"temperature": 0.7}
    assert apply_transform_kwargs({"model": "m", "provider": "anthropic"}, kwargs, None) is kwargs


def test_the_table() -> None:
    """Who has one, and who shares."""
    assert PROVIDER_KWARGS_REGISTRY.keys() == {
        "openai", "openrouter", "deepseek", "google", "gemini", "sno-gpu",
    }  # fmt: skip
    assert PROVIDER_KWARGS_REGISTRY["deepseek"] is PROVIDER_KWARGS_REGISTRY["openrouter"]


SAMPLING = {"temperature": 0.5, "top_p": 0.8, "max_tokens": 100, "seed": 1}


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1", "chatgpt-4o-latest", "olmo-2"])
def test_openais_plain_models(model: str) -> None:
    """Nothing changes."""
    assert transformed("openai", SAMPLING, model) == SAMPLING


@pytest.mark.parametrize(
    "model",
    ["o1", "o3-mini", "o2", "gpt-5", "GPT-5-mini", "gpt-5-chat-latest", "codex-mini", "computer-use-preview",
     "openai/gpt-5", "z-ai/glm-4.7"],
)  # fmt: skip
def test_openais_reasoning_models(model: str) -> None:
    """No sampling; the maximum by its new name."""
    assert transformed("openai", SAMPLING, model) == {"seed": 1, "max_completion_tokens": 100}


def test_a_new_maximum_wins_over_the_old() -> None:
    """Which goes, too, where it is none."""
    both = {"max_tokens": 100, "max_completion_tokens": 50}
    assert transformed("openai", both, "o3") == {"max_completion_tokens": 50}
    assert transformed("openai", {"max_tokens": None}, "o3") == {}


@pytest.mark.parametrize(
    ("extra", "options", "wanted"),
    [
        (None, {}, {"provider": {"sort": "price"}}),
        ({"custom": 1}, {}, {"provider": {"sort": "price"}, "custom": 1}),
        ({"provider": {"sort": "latency"}}, {"provider": {"only": ["a"]}}, {"provider": {"sort": "latency"}}),
        (
            {},
            {"provider": {"only": ["a"]}, "reasoning": {"enabled": False}},
            {"provider": {"only": ["a"]}, "reasoning": {"enabled": False}},
        ),
    ],
    ids=["default", "beside others", "said already", "options"],
)
@pytest.mark.parametrize("provider", ["openrouter", "deepseek"])
def test_openrouter(provider: str, extra: Any, options: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Routing and reasoning."""
    out = transformed(provider, {"seed": 1, "extra_body": extra}, provider_options={"openrouter": options})
    assert out == {"seed": 1, "extra_body": wanted}


@pytest.mark.parametrize(
    ("kwargs", "context", "thinking"),
    [
        ({}, {}, {"thinking_budget": 0}),
        ({}, {"enable_thinking": False}, {"thinking_budget": 0}),
        ({}, {"enable_thinking": True}, None),
        ({}, {"provider_options": {"google": {"thinking_config": {"thinking_budget": 4096}}}}, {"thinking_budget": 4096}),
        ({}, {"provider_options": {"google": {"thinking_budget": 1024}}}, {"thinking_budget": 1024}),
        ({"thinking_config": {"thinking_budget": 2048}}, {"provider_options": {"google": {"thinking_budget": 1}}},
         {"thinking_budget": 2048}),
        ({}, {"enable_thinking": True, "provider_options": {"google": {"thinking_config": {"thinking_budget": 0}}}},
         {"thinking_budget": 0}),
        ({}, {"provider_options": {"google": {"thinking_config": {"thinking_level": "low"}}}}, None),
    ],
    ids=["default", "off", "on", "options", "legacy", "kwargs", "zero", "level"],
)  # fmt: skip
@pytest.mark.parametrize("provider", ["google", "gemini"])
def test_gemini(provider: str, kwargs: Any, context: Any, thinking: Any) -> None:
    """A budget of thinking: what is said first, else none unless it is wanted."""
    assert transformed(provider, kwargs, **context).get("thinking_config") == thinking


@pytest.mark.parametrize(
    ("base_url", "path", "wanted"),
    [
        ("https://g", "extract", "https://g/extract/v1"),
        ("https://g/v1/", "extract", "https://g/extract/v1"),
        ("https://g/v1", None, "https://g/v1"),
        ("https://g/", "a/b-c/d_1", "https://g/a/b-c/d_1/v1"),
    ],
)
def test_sno_gpus_address(base_url: str, path: str | None, wanted: str) -> None:
    """The server's and the path's."""
    out = transformed("sno-gpu", {}, base_url=base_url, provider_options={"sno-gpu": {"gpu_path": path}})
    assert out == {"base_url": wanted}


def test_sno_gpus_address_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`GPU_BASE_URL`, read when it is needed."""
    monkeypatch.setenv("GPU_BASE_URL", "https://env/v1")
    assert transformed("sno-gpu", {}) == {"base_url": "https://env/v1"}


@pytest.mark.parametrize("path", ["../x", "/x", "x/", "a//b", "a b", "x" * 257, "ü", "a\n", 5])
def test_paths_that_are_not_safe(path: object) -> None:
    """Are refused."""
    with pytest.raises(ValueError, match="Invalid gpu_path: "):
        transformed("sno-gpu", {}, base_url="https://g", provider_options={"sno-gpu": {"gpu_path": path}})


@pytest.mark.parametrize(
    ("options", "context", "extra"),
    [
        ({"enable_thinking": False}, {"enable_thinking": True}, {"enable_thinking": False}),
        ({}, {"enable_thinking": True}, {"enable_thinking": True}),
        ({"thinking_budget": 5}, {}, {"thinking_budget": 5}),
    ],
    ids=["option wins", "common", "budget"],
)
def test_sno_gpus_thinking(options: Any, context: Any, extra: dict[str, Any]) -> None:
    """In both places its servers look."""
    out = transformed("sno-gpu", {}, base_url="https://g", provider_options={"sno-gpu": options}, **context)
    assert out["extra_body"] == {**extra, "chat_template_kwargs": extra}


def test_sno_gpus_thinking_said_already() -> None:
    """Wins."""
    given_ = {
        "extra_body": {"enable_thinking": 1, "chat_template_kwargs": {"enable_thinking": 2}, "min_p": 3}
    }
    out = transformed("sno-gpu", given_, base_url="https://g", enable_thinking=False)
    assert out["extra_body"] == given_["extra_body"]


@pytest.mark.parametrize("budget", [1023, 0, 1024.5, "2000"])
def test_too_little_thinking(budget: object) -> None:
    """Anthropic's least is 1024 tokens."""
    thinking = {"anthropic": {"thinking": {"type": "enabled", "budget_tokens": budget}}}
    config = {"provider": "anthropic", "model": "m", "provider_options": thinking}
    with pytest.raises(ValueError, match="whole number from 1024"):
        transform_kwargs(config, (), {})
    assert transform_kwargs({**config, "provider": "together"}, (), {})["temperature"] is None


def test_thinking_without_a_budget() -> None:
    """Has the default one."""
    thinking = {"anthropic": {"thinking": {"type": "enabled"}}}
    config = {"provider": "anthropic", "model": "m", "provider_options": thinking}
    assert transform_kwargs(config, (), {})["max_tokens"] is None


def test_reasoning_models_are_told_by_their_bare_name() -> None:
    """Whoever serves them."""
    assert is_reasoning_model("a/b/GPT-5.4")
    assert not is_reasoning_model("gpt-5x/llama")


# ----------------------------------------------------------------------------------------- spelling


@pytest.mark.parametrize(
    ("camel", "snake"),
    [
        ("maxOutputTokens", "max_output_tokens"),
        ("topP", "top_p"),
        ("topK", "top_k"),
        ("baseUrl", "base_url"),
        ("model", "model"),
        ("sno-gpu", "sno-gpu"),
    ],
)
def test_names(camel: str, snake: str) -> None:
    """There and back."""
    assert snake_name(camel) == snake
    assert camel_name(snake) == camel


def test_what_is_a_providers_own_stays() -> None:
    """Schemas, metadata, routing."""
    own = {"someKey": {"otherKey": 1}, "some_key": 2}
    config = {
        "responseFormat": own,
        "providerOptions": {"openai": {"metadata": own}, "openrouter": {"provider": own}, "together": own},
    }
    assert snake_case(config) == {
        "response_format": own,
        "provider_options": {"openai": {"metadata": own}, "openrouter": {"provider": own}, "together": own},
    }
    assert camel_case({"open_ai": {"metadata": own, "max_x": [1]}}) == {
        "openAi": {"metadata": own, "maxX": [1]}
    }


def test_where_both_spellings_are_given_snake_case_wins() -> None:
    """In whatever order."""
    assert snake_case({"topP": 1, "top_p": 2}) == snake_case({"top_p": 2, "topP": 1}) == {"top_p": 2}


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,4}(_[a-z]{1,4}){0,2}", fullmatch=True), st.integers()))
def test_spelling_is_no_matter(config: dict[str, int]) -> None:
    """A config means the same in both spellings, and snake case is its own."""
    assert snake_case(camel_case(config)) == snake_case(config) == config
