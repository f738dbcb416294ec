"""Settings: what was set on the package, then the environment; read once, at the beginning of a call."""

from __future__ import annotations

import os
from typing import Any

import pytest

import muxi_llm
from muxi_llm import config
from muxi_llm.config import FallbackSettings, Settings
from muxi_llm.providers import registry
from muxi_llm.providers.base import Provider
from muxi_llm.transport.scripted import Scripted
from muxi_llm.wire.anthropic.messages import AnthropicMessages
from muxi_llm.wire.openai.chat import OpenAIChat
from tests.core import ask, claude_said, failed, said, text_of

PLAIN = [
    kind.name
    for kind in registry.own()
    if kind.__module__.startswith("muxi_llm.")
    and kind.wires.get("chat") in {OpenAIChat, AnthropicMessages}
    and kind.send is Provider.send  # no token, no signature
    and not getattr(kind, "closed", "")
]
"""Providers whose key is on the request itself, in a wire whose answers are made here."""


def sent(driver: Any, model: str, **params: Any) -> Any:
    """The one request of a call."""
    answer = claude_said() if model.startswith("anthropic/") else said()
    value, script = ask(driver, answer, model=model, **params)
    assert text_of(value) == "Hi"
    return script.calls[0]


def key_in(headers: dict[str, str]) -> str:
    """The key a request carries, whatever its header."""
    return (
        headers.get("x-api-key")
        or headers.get("api-key")
        or headers.get("authorization", "").removeprefix("Bearer ")
    )


# ----------------------------------------------------------------------------------- keys and URLs


@pytest.mark.parametrize("provider", PLAIN)
def test_keys_and_urls_of_every_provider(driver, monkeypatch, provider):
    """The environment, then an attribute of the package, then the call: the nearest wins."""
    kind = registry.find(provider)
    model = f"{provider}/model"
    for variable in kind.key_env:
        monkeypatch.setenv(variable, f"env-{variable}")
        monkeypatch.setenv(kind.base_url_env[0], "http://env.test")
        call = sent(driver, model)
        assert key_in(call.headers) == f"env-{variable}"
        assert call.url.startswith("http://env.test/")
        monkeypatch.delenv(variable)
    setattr(muxi_llm, f"{provider}_api_key", "set")
    setattr(muxi_llm, f"{provider}_base_url", "http://set.test/")
    call = sent(driver, model)
    assert (key_in(call.headers), call.url.split("/")[2]) == ("set", "set.test")
    call = sent(driver, model, api_key="call", base_url="http://call.test")
    assert (key_in(call.headers), call.url.split("/")[2]) == ("call", "call.test")


@pytest.mark.parametrize("provider", [p for p in PLAIN if registry.find(p).key_required])
def test_without_a_key(driver, provider):
    """The error names every way to give one."""
    raised, script = ask(driver, model=f"{provider}/model")
    assert isinstance(raised, muxi_llm.MissingCredentialsError)
    names = " or ".join(registry.find(provider).key_env)
    assert str(raised) == (
        f"no API key for {provider}: set {names}, muxi_llm.{provider}_api_key, or pass api_key="
    )
    assert script.calls == []


@pytest.mark.parametrize("provider", [p for p in PLAIN if "127.0.0.1" in registry.find(p).base_url])
def test_local_servers_need_no_key(driver, provider):
    call = sent(driver, f"{provider}/model")
    assert "authorization" not in call.headers
    assert call.url.startswith("http://127.0.0.1:")


def test_an_empty_variable_is_no_key(driver, monkeypatch):
    """`OPENAI_API_KEY=` in an env file; a line break at the end of one is not part of the key."""
    monkeypatch.setenv("OPENAI_API_KEY", " ")
    raised, _ = ask(driver)
    assert isinstance(raised, muxi_llm.MissingCredentialsError)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1\n")
    assert key_in(sent(driver, "openai/gpt-4").headers) == "sk-1"


def test_headers_from_the_environment(driver, monkeypatch):
    """OpenAI's organization and project, OpenRouter's app; no header where nothing is set."""
    muxi_llm.openai_api_key = muxi_llm.openrouter_api_key = "k"
    assert set(sent(driver, "openai/gpt-4").headers) == {"content-type", "authorization"}
    monkeypatch.setenv("OPENAI_ORG_ID", "org")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj")
    monkeypatch.setenv("OR_APP_NAME", "app")
    headers = sent(driver, "openai/gpt-4").headers
    assert (headers["openai-organization"], headers["openai-project"]) == ("org", "proj")
    headers = sent(driver, "openrouter/openai/gpt-4").headers
    assert headers["x-title"] == "app"
    assert "openai-organization" not in headers


# ---------------------------------------------------------------------------------------- settings


def test_the_settings_as_they_come():
    assert config.settings() == Settings("auto", "adapt", 600.0, FallbackSettings())


@pytest.mark.parametrize("transport", ["auto", "httpx2", "fast", "direct"])
def test_the_transport(monkeypatch, transport):
    """The environment; an attribute wins over it."""
    monkeypatch.setenv("MUXI_LLM_TRANSPORT", transport)
    assert config.settings().transport == transport
    config.transport = "httpx2"
    assert config.settings().transport == "httpx2"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "transport",
            "carrier pigeon",
            "muxi_llm.config.transport must be one of auto, httpx2, fast, direct, not 'carrier pigeon'",
        ),
        ("mode", "lenient", "muxi_llm.config.mode must be one of adapt, strict, passthrough, not 'lenient'"),
        ("timeout", 0, "muxi_llm.config.timeout must be seconds above 0, not 0"),
        ("timeout", None, "muxi_llm.config.timeout must be seconds above 0, not None"),
        ("timeout", "30", "muxi_llm.config.timeout must be seconds above 0, not '30'"),
        ("timeout", float("nan"), "muxi_llm.config.timeout must be seconds above 0, not nan"),
    ],
)
def test_settings_that_cannot_be(driver, name, value, told):
    """Refused at the call, before any I/O, by name."""
    setattr(config, name, value)
    raised, script = ask(driver)
    assert isinstance(raised, ValueError)
    assert str(raised) == told
    assert script.calls == []


def test_a_transport_of_the_environment_that_cannot_be(monkeypatch):
    monkeypatch.setenv("MUXI_LLM_TRANSPORT", "carrier pigeon")
    with pytest.raises(ValueError, match="carrier pigeon"):
        config.settings()


def test_the_timeout(driver):
    """For each attempt; the call's own wins."""
    muxi_llm.openai_api_key = "k"
    config.timeout = 7
    assert sent(driver, "gpt-4").timeout == 7
    assert sent(driver, "gpt-4", timeout=3).timeout == 3


# ---------------------------------------------------------------------------------------- fallback


@pytest.mark.parametrize(
    ("raw", "kind", "told"),
    [
        ({"retrys": 1}, TypeError, "muxi_llm.config.fallback has no key 'retrys'; did you mean"),
        ({"max_retry": 1}, TypeError, "did you mean 'max_retries'?"),
        ({"zzz": 1}, TypeError, "known: enabled, default_chains, retry_delay, max_retries"),
        (
            {"default_chains": {"chats": []}},
            TypeError,
            "['default_chains'] has no key 'chats'; did you mean 'chat'?",
        ),
        ({"default_chains": ["openai/gpt-4"]}, TypeError, "['default_chains'] must be a dict, not list"),
        (
            {"default_chains": {"chat": "openai/gpt-4"}},
            TypeError,
            "['default_chains']['chat'] must be a list",
        ),
        ({"default_chains": {"chat": 7}}, TypeError, "['default_chains']['chat'] must be a list"),
        ({"max_retries": -1}, ValueError, "['max_retries'] must be a whole number from 0, not -1"),
        ({"max_retries": "3"}, ValueError, "not '3'"),
        ({"retry_delay": -0.5}, ValueError, "['retry_delay'] must be seconds from 0, not -0.5"),
        ({"retry_delay": "1"}, ValueError, "not '1'"),
        ({"retry_delay": float("nan")}, ValueError, "not nan"),
        (["enabled"], TypeError, "muxi_llm.config.fallback must be a dict, not list"),
    ],
    ids=str,
)
def test_fallback_settings_that_cannot_be(driver, raw, kind, told):
    """Named, with the nearest key; nothing is sent."""
    config.fallback = raw
    raised, script = ask(driver)
    assert isinstance(raised, kind)
    assert told in str(raised)
    assert script.calls == []


def test_fallback_settings_as_documented():
    config.fallback = {
        "enabled": True,
        "default_chains": {"chat": ["openai/gpt-4", "groq/llama3-70b"]},
        "retry_delay": 1.0,
        "max_retries": 3,
    }
    assert config.settings().fallback == FallbackSettings(
        default_chains={"chat": ("openai/gpt-4", "groq/llama3-70b")},
        retry_delay=1.0,
        max_retries=3,
    )


def test_nothing_is_an_allowed_number():
    """No retries, no pause; what is not said has its default."""
    config.fallback = {"retry_delay": 0, "max_retries": 0}
    assert config.settings().fallback == FallbackSettings(retry_delay=0, max_retries=0)
    config.fallback = {"enabled": True}
    found = config.settings().fallback
    assert (found.retry_delay, found.max_retries, found.default_chains) == (0.5, None, {})


def test_disabled_settings_are_the_defaults():
    config.fallback = {"enabled": False, "retry_delay": 9.0, "max_retries": 9}
    assert config.settings().fallback == FallbackSettings(enabled=False)


# ---------------------------------------------------------------------------------------- snapshot


class Meddling(Scripted):
    """Changes every setting while the call is under way."""

    async def send(self, call):
        reply = await super().send(call)
        muxi_llm.openai_api_key = "sk-later"
        muxi_llm.openai_base_url = "http://later.test"
        config.timeout = 1.0
        config.mode = "strict"
        config.fallback["max_retries"] = 0
        config.fallback["default_chains"]["chat"].clear()
        return reply


def test_a_call_under_way_never_sees_a_later_change(driver):
    """Keys, URLs, timeouts, chains: what was read at the beginning holds to the end."""
    muxi_llm.openai_api_key, muxi_llm.groq_api_key = "sk-now", "sk-groq"
    config.fallback = {"max_retries": 1, "default_chains": {"chat": ["groq/llama"]}}
    script = Meddling(failed(500), failed(500), said("b"))
    with muxi_llm.runtime.using(script):
        value = driver.create(
            muxi_llm.ChatCompletion, model="openai/gpt-4", messages=[{"role": "user", "content": "x"}]
        )
    assert value.muxi.model == "groq/llama"
    first, second, _ = script.calls
    assert first.headers == second.headers
    assert first.url == second.url
    assert {c.timeout for c in script.calls} == {600.0}


@pytest.mark.parametrize(("name", "most"), [("reply", 0), ("event", -1), ("error", 1.5), ("headers", "1")])
def test_bounds_are_checked_when_they_are_made(name: str, most: Any) -> None:
    with pytest.raises(ValueError, match=rf"Bounds\({name}=...\) takes a whole number of bytes above 0"):
        config.Bounds(**{name: most})


def test_bounds_that_are_none() -> None:
    config.bounds = {"reply": 5}  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"muxi_llm.config.bounds must be Bounds, not "):
        config.settings()


# -------------------------------------------------------------------------------------- variables


@pytest.mark.parametrize("value", ["k", " k\t", '"k"', "'k'", "' k '"])
def test_blanks_and_quotes_around_a_variable_are_none_of_it(monkeypatch, value):
    """Files of variables leave them there."""
    monkeypatch.setenv("GROQ_API_KEY", value)
    assert config.credentials(registry.find("groq")).api_key == "k"  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["", " ", '""', "''", '"'])
def test_a_blank_variable_is_none(monkeypatch, value):
    monkeypatch.setenv("GROQ_BASE_URL", value)
    assert config.credentials(registry.find("groq")).base_url in {None, '"'}  # type: ignore[arg-type]


def test_an_environment_of_another_kind(monkeypatch):
    """Programs put a plain dict in its place."""
    monkeypatch.setattr(os, "environ", {"GROQ_API_KEY": "k"})
    assert config.credentials(registry.find("groq")).api_key == "k"  # type: ignore[arg-type]


# ------------------------------------------------------------------------------ slips of the pen


@pytest.mark.parametrize(
    ("wrong", "right"), [("timout", "timeout"), ("fallbak", "fallback"), ("zzz", "known: ")]
)
def test_a_setting_there_is_not(wrong, right):
    with pytest.raises(AttributeError, match=right):
        setattr(config, wrong, 3)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("opnai_api_key", "openai_api_key"),
        ("gemini_keys", "google_keys"),
        ("groqq_base_url", "groq_base_url"),
    ],
)
def test_a_setting_of_no_provider(wrong, right):
    """A name that is like none may be one to come."""
    with pytest.raises(AttributeError, match=right):
        setattr(muxi_llm, wrong, "x")
    muxi_llm.acme_api_key = "x"


def test_the_package_lists_its_names():
    """Its own, and none that it happens to use."""
    names = dir(muxi_llm)
    assert {"llmix", "models", "types", "config", "ChatCompletion", "OpenAI", "__version__"} <= set(names)
    assert not {"import_module", "find_spec", "TYPE_CHECKING", "Any", "annotations", "sys"} & set(names)
