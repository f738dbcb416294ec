"""LiteLLM's configuration in our words: each field of the tables, and what they come to together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from muxi_llm.gateway.settings import files, litellm_fields
from muxi_llm.gateway.settings.litellm import imported
from muxi_llm.gateway.settings.litellm_fields import (
    ADAPTED,
    DROPPED,
    GENERAL,
    IMPORTED,
    INFO,
    PARAMETERS,
    PARAMS,
    ROUTER,
    SETTINGS,
)
from muxi_llm.gateway.settings.reading import ConfigurationError
from muxi_llm.gateway.state import State

if TYPE_CHECKING:
    from pathlib import Path

    from muxi_llm.gateway.settings.litellm import Fate
    from muxi_llm.gateway.settings.model import Settings

SAMPLES: dict[Any, Any] = {
    "number": 2.5, "whole": 3, "flag": True, "text": "words", "str": "2024-10-21", "same": "words", "table": {"x": "y"},
    "items_of": ["user"], "strings": ["m"], "chains": [{"m": ["n"]}], "aliases": {"other": "m"}, "mebibytes": 5,
    "strategy": "least-busy", "strategies": [{"models": ["m"], "routing_strategy": "least-busy"}],
    "redis": "redis://:secret@cache:6380/2", "debug": True, "rest": True, "<lambda>": "DEBUG",
}  # fmt: skip
"""A value that a field can have, by how it is read."""
WHOSE = {
    "aws": "bedrock/m", "vertex": "vertex_ai/m", "azure": "azure/m", "api": "azure/m", "project": "watsonx/m",
    "space": "watsonx/m", "token": "watsonx/m", "account": "cloudflare/m",
}  # fmt: skip
"""Who has a setting, by its first word."""


def deployment(**given: Any) -> dict[str, Any]:
    return {"model_name": "m", "litellm_params": {"model": "openai/m", "api_key": "sk-1", **given}}


def settings_of(folder: Path, raw: dict[str, Any]) -> tuple[Settings, list[Fate]]:
    """What the imported file says to the gateway; it must say it without an error."""
    out, fates = imported(raw)
    file = folder / "config.yaml"
    with file.open("w", encoding="utf-8") as text:
        YAML().dump(out, text)
    settings, findings = files.read(file)
    assert not findings
    State(settings)
    return settings, fates


def fate_of(fates: list[Fate], where: str) -> Fate:
    (found,) = {fate for fate in fates if fate.where == where}
    return found


@pytest.mark.parametrize("name", PARAMS)
def test_each_field_of_a_deployment_is_told_and_what_is_kept_can_be_served(tmp_path: Path, name: str) -> None:
    field = PARAMS[name]
    params = {name: SAMPLES[field.reads.__name__]}
    if name in {"api_base", "base_url", "aws_bedrock_runtime_endpoint"}:
        params[name] = "http://127.0.0.1:9"
    model = WHOSE.get(name.partition("_")[0], "openai/m") if "settings" in field.to else "openai/m"
    settings, fates = settings_of(tmp_path, {"model_list": [deployment(model=model, **params)]})
    assert fate_of(fates, f"model_list[].litellm_params.{name}").verdict == field.verdict
    assert len(settings.deployments) == 1


@pytest.mark.parametrize("name", INFO)
def test_each_field_of_a_models_info_is_told(tmp_path: Path, name: str) -> None:
    raw = {"model_list": [{**deployment(), "model_info": {name: SAMPLES[INFO[name].reads.__name__]}}]}
    _, fates = settings_of(tmp_path, raw)
    assert fate_of(fates, f"model_list[].model_info.{name}").verdict == INFO[name].verdict


@pytest.mark.parametrize(
    ("section", "name"),
    [
        *(("litellm_settings", name) for name in SETTINGS),
        *(("router_settings", name) for name in ROUTER),
        *(("general_settings", name) for name in GENERAL),
    ],
)
def test_each_setting_is_told_and_what_is_kept_can_be_served(tmp_path: Path, section: str, name: str) -> None:
    field = {"litellm_settings": SETTINGS, "router_settings": ROUTER, "general_settings": GENERAL}[section][
        name
    ]
    value = list(field.each) if field.each else SAMPLES[field.reads.__name__]
    given = {
        name: value,
        **({"redis_host": "cache"} if name in {"redis_port", "redis_password", "redis_db"} else {}),
    }
    _, fates = settings_of(tmp_path, {"model_list": [deployment()], section: given})
    if field.each:
        for word, own in field.each.items():
            assert fate_of(fates, f"{section}.{name}.{word}").verdict == own.verdict
    else:
        assert fate_of(fates, f"{section}.{name}").verdict == field.verdict


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_among_a_deployments_are_what_calls_have_that_say_nothing_of_them(
    tmp_path: Path, name: str
) -> None:
    settings, _ = settings_of(tmp_path, {"model_list": [deployment(**{name: 7})]})
    rewriting = settings.deployments[0].rewriting
    assert rewriting is not None
    assert rewriting({"model": "m"}) == {"model": "m", name: 7}
    assert rewriting({"model": "m", name: 8}) == {"model": "m", name: 8}
    _, fates = settings_of(tmp_path, {"model_list": [deployment(model="gemini/m", **{name: 7})]})
    assert fate_of(fates, f"model_list[].litellm_params.{name}").verdict == DROPPED


def test_a_configuration_means_the_same_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_HOST", "cache")
    raw = {
        "environment_variables": {"EU_KEY": "sk-eu"},
        "credential_list": [{"credential_name": "us", "credential_values": {"api_key": "sk-us"}}],
        "model_list": [
            {
                "model_name": "gpt-4o",
                "litellm_params": {
                    "model": "azure/eu", "api_base": "https://eu.openai.azure.com/", "api_key": "os.environ/EU_KEY",
                    "api_version": "2024-10-21", "rpm": 6, "weight": 2, "timeout": 30,
                },
                "model_info": {"id": "eu-1", "max_input_tokens": 128000, "supports_vision": False},
            },
            {"model_name": "gpt-4o", "litellm_params": {"model": "gpt-4o", "litellm_credential_name": "us"}},
            {"model_name": "claude", "litellm_params": {"model": "claude-sonnet-4-5", "api_key": "sk-a"}, "tpm": 9},
            {"model_name": "gemini/*", "litellm_params": {"model": "gemini/*", "api_key": "sk-g"}},
            {"model_name": "first", "litellm_params": {"model": "openai/b", "api_key": "k", "order": 2}},
            {"model_name": "first", "litellm_params": {"model": "groq/a", "api_key": "k", "order": 1}},
            {"model_name": "house", "litellm_params": {"model": "mine/x", "api_base": "http://127.0.0.1:9/v1"}},
            {"model_name": "slow", "litellm_params": {"model": "gpt-4o", "api_key": "sk-us",
                                                      "max_parallel_requests": 2}},
        ],
        "litellm_settings": {
            "num_retries": 5, "request_timeout": 90, "fallbacks": [{"gpt-4o": ["claude"]}],
            "context_window_fallbacks": [{"gpt-4o": ["slow", "claude"]}], "default_fallbacks": ["gpt-4o"],
        },
        "router_settings": {
            "num_retries": 1, "routing_strategy": "usage-based-routing-v2", "redis_host": "os.environ/REDIS_HOST",
            "redis_port": 6380, "model_group_alias": {"gpt-4": {"model": "gpt-4o", "hidden": True}, "1st": "first"},
        },
        "general_settings": {"master_key": "sk-master", "max_request_size_mb": 1},
    }  # fmt: skip
    settings, fates = settings_of(tmp_path, raw)
    by_name = {one.deployment.name: one for one in settings.deployments}
    eu, us, slow = by_name["eu-1"], by_name["openai-2/gpt-4o"], by_name["openai-3/slow"]
    assert (eu.deployment.model, eu.deployment.rpm, eu.deployment.weight) == ("azure/eu", 6, 2.0)
    assert (eu.deployment.context, eu.deployment.vision) == (128000, False)
    azure = settings.providers["azure"]
    assert (azure.kind, azure.api_key, azure.base_url) == ("azure", "sk-eu", "https://eu.openai.azure.com/")
    assert (azure.timeout, azure.settings) == (30.0, {"api_version": "2024-10-21"})
    assert settings.providers[us.provider].api_key == "sk-us"
    assert settings.providers[us.provider].timeout == 90.0
    assert settings.providers[slow.provider].at_once == 2
    assert by_name["anthropic/claude"].deployment.model == "anthropic/claude-sonnet-4-5"
    assert by_name["anthropic/claude"].deployment.tpm == 9
    assert settings.providers["gemini"].kind == "google"
    assert by_name["gemini/gemini/*"].deployment.model == "gemini/*"
    assert settings.providers["mine"].kind == ""
    order = [one.deployment.model for one in settings.deployments if "first" in one.deployment.serves]
    assert order[0] == "groq/a"
    assert settings.rules.strategies == {"first": "in-order", "1st": "in-order"}
    assert settings.rules.strategy == "lowest-tpm-rpm"
    assert settings.rules.fallbacks["gpt-4o"] == ("claude", "slow")
    assert settings.rules.fallbacks["gpt-4"] == ("claude", "slow")
    assert settings.rules.fallbacks["claude"] == ("gpt-4o",)
    assert "gpt-4" in us.deployment.serves
    assert "gpt-4" in eu.deployment.serves
    assert (settings.retries, settings.redis) == (1, "redis://cache:6380/0")
    assert settings.tokens == {"master": "sk-master"}
    assert settings.server.limits.body == 2**20
    assert {fate.verdict for fate in fates} == {IMPORTED, ADAPTED}


def test_what_is_dropped_is_told_and_nothing_secret_with_it(tmp_path: Path) -> None:
    raw = {
        "model_list": [
            {**deployment(), "odd": 1},
            deployment(litellm_credential_name="sk-secret"),
            deployment(
                frobnicate="sk-secret", tags=["sk-secret"], aws_region_name="sk-secret", rpm="sk-secret"
            ),
            {"model_name": "odd", "litellm_params": {"model": "whose"}},
            {"model_name": "my-*", "litellm_params": {"model": "openai/gpt-*"}},
            {"model_name": "groq/*", "litellm_params": {"model": "groq/*", "api_key": "a"}},
            {"model_name": "groq/*", "litellm_params": {"model": "groq/*", "api_key": "b"}},
            {"litellm_params": {"model": "gpt-4o"}},
        ],
        "litellm_settings": {
            "callbacks": ["langfuse"],
            "cache": True,
            "cache_params": {"password": "sk-secret"},
        },
        "router_settings": {
            "default_litellm_params": {"timeout": 5, "odd": "sk-secret"},
            "routing_strategy": "sk-secret",
            "redis_url": "rediss://sk-secret@x",
        },
        "general_settings": {"custom_auth": "sk-secret"},
        "guardrails": [{"name": "sk-secret"}],
        "surprise": "sk-secret",
    }
    settings, fates = settings_of(tmp_path, raw)
    names = [one.deployment.name for one in settings.deployments]
    assert names == ["groq/groq/*", "openai/m", "openai/m'", "openai/m''"]
    assert "sk-secret" not in str(fates)
    dropped = {fate.where for fate in fates if fate.verdict == DROPPED}
    assert dropped == {
        *(
            f"model_list[].litellm_params.{name}"
            for name in (
                "odd",
                "litellm_credential_name",
                "frobnicate",
                "tags",
                "aws_region_name",
                "rpm",
                "model",
            )
        ),
        *("model_list[].model_name", "litellm_settings.callbacks.langfuse", "litellm_settings.cache"),
        *(
            "router_settings.default_litellm_params.odd",
            "litellm_settings.cache_params",
            "router_settings.routing_strategy",
            "router_settings.redis_url",
        ),
        *("general_settings.custom_auth", "guardrails", "surprise"),
    }


def test_what_is_off_there_and_here_is_not_dropped(tmp_path: Path) -> None:
    raw = {
        "model_list": [deployment(tags=[])],
        "litellm_settings": {"cache": False, "callbacks": []},
        "router_settings": {"disable_cooldowns": False, "enable_tag_filtering": False, "fallbacks": []},
        "general_settings": {"store_model_in_db": False, "alerting": None},
        "guardrails": [],
    }
    settings, fates = settings_of(tmp_path, raw)
    assert DROPPED not in {fate.verdict for fate in fates}
    assert settings.rules.cooling == 60.0


@pytest.mark.parametrize("raw", [{}, {"model_list": []}, {"model_list": [{"model_name": "m"}]}])
def test_nothing_to_serve_is_an_error(raw: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="no model"):
        imported(raw)


@pytest.mark.parametrize(
    "raw",
    [{"model_list": "m"}, {"model_list": ["m"]}, {"litellm_settings": 3}, {"environment_variables": "x"}],
)
def test_what_is_no_configuration_of_theirs_is_an_error(raw: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        imported({"model_list": [deployment()], **raw})


def test_numbers_may_be_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("rpm", "weight", "timeout", "max_parallel_requests")
    for name in names:
        monkeypatch.setenv(name.upper(), "7")
    params = {name: f"os.environ/{name.upper()}" for name in names}
    settings, _ = settings_of(tmp_path, {"model_list": [deployment(**params)]})
    one, provider = settings.deployments[0].deployment, settings.providers["openai"]
    assert (one.rpm, one.weight, provider.timeout, provider.at_once) == (7, 7.0, 7.0, 7)


def test_a_redis_without_an_address_shares_nothing(tmp_path: Path) -> None:
    raw = {"model_list": [deployment()], "router_settings": {"redis_password": "sk-secret"}}
    settings, fates = settings_of(tmp_path, raw)
    assert settings.redis == ""
    assert fate_of(fates, "router_settings.redis_host").verdict == DROPPED


def test_every_strategy_is_one_of_ours() -> None:
    from muxi_llm.routing.strategies import STRATEGIES

    assert set(litellm_fields.STRATEGIES.values()) <= set(STRATEGIES)
