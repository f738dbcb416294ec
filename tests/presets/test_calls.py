"""A preset on a call: on every face and client, beneath what the call itself says."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

import muxi_llm
from muxi_llm import config
from muxi_llm.presets import calls
from muxi_llm.presets.errors import ReleaseError
from muxi_llm.presets.registry import ConfigRegistryManager
from muxi_llm.presets.source import Preset, read_preset
from muxi_llm.wire.base import Ledger
from tests.support import bodies
from tests.support.patience import until
from tests.support.presets import publish, source
from tests.support.upstream import Received, Respond, Upstream
from tests.support.world import answer, environment

HELLO: Any = [{"role": "user", "content": "Hello"}]
MORE = """\
      maxOutputTokens: 512
      maxRetries: 0
    providerOptions:
      openai:
        reasoningEffort: low
      anthropic:
        thinking: {type: enabled, budgetTokens: 2000}
        container: box
"""
TEXTS = {
    "chat/openai": source("gpt-5-mini", more=MORE),
    "chat/claude": source(
        "claude-sonnet-5",
        provider="anthropic",
        more="      maxOutputTokens: 4096\n    providerOptions:\n      anthropic:\n"
        "        thinking: {type: enabled, budgetTokens: 2000}\n        container: box\n",
    ),
    "chat/plain": source("gpt-5-mini"),
    "embed/small": source("text-embedding-3-small", more="      maxRetries: 1\n"),
    "local/only": source("gpt-5-mini", front="requires:\n  network: local\n"),
    "local/one": source("gpt-5-mini", front="requires:\n  network: [api.example.com]\n"),
}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Path]:
    """A registry that is configured, unsigned."""
    registry = tmp_path / "config/llm"
    publish(registry, "r1", TEXTS, key=None)
    config.presets = registry
    yield registry
    config.presets = None


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, registry: Path) -> Iterator[Upstream]:
    """All providers on loopback."""
    with Upstream(answered) as upstream:
        for name, value in environment(upstream).items():
            monkeypatch.setenv(name, value)
        yield upstream


def answered(received: Received) -> Respond:
    path = received.path.partition("?")[0]
    if path.endswith("/embeddings"):
        return Respond(json=bodies.embeddings([0.25, 0.5]))
    if path.endswith("/responses"):
        return Respond(status=404, json={"error": {"message": "no"}})
    return answer(received)


def ask(driver: str, **params: Any) -> Any:
    face = muxi_llm.ChatCompletion
    if driver == "async":
        return asyncio.run(face.acreate(messages=HELLO, **params))
    return face.create(messages=HELLO, **params)


def told(answer: Any) -> tuple[Any, Any]:
    return answer.muxi.preset, answer.muxi.preset_revision


# ---------------------------------------------------------------------------------------- the faces


@pytest.mark.parametrize("driver", ["sync", "async"])
def test_model_and_parameters_are_the_presets(world: Upstream, driver: str) -> None:
    response = ask(driver, preset="chat/openai")
    assert told(response) == ("chat/openai", "r1")
    assert response.muxi.model == "openai/gpt-5-mini"
    sent = world.requests[0].json
    assert sent["model"] == "gpt-5-mini"
    assert sent["max_completion_tokens"] == 512
    assert sent["reasoning_effort"] == "low"
    assert "container" not in sent


def test_what_the_call_says_wins(world: Upstream) -> None:
    ask("sync", preset="chat/openai", reasoning_effort="high", max_completion_tokens=7)
    assert world.requests[-1].json["reasoning_effort"] == "high"
    assert world.requests[-1].json["max_completion_tokens"] == 7
    ask("sync", preset="chat/openai", max_tokens=8)
    assert world.requests[-1].json["max_completion_tokens"] == 8  # OpenAI's other name for it
    response = ask("sync", preset="chat/openai", model="groq/llama-3.3-70b-versatile")
    assert response.muxi.model == "groq/llama-3.3-70b-versatile"
    assert world.requests[-1].json["max_completion_tokens"] == 512
    assert told(response) == ("chat/openai", "r1")


def test_a_providers_own_options_are_laid_beneath(world: Upstream) -> None:
    ask("sync", preset="chat/claude")
    sent = world.requests[-1].json
    assert sent["max_tokens"] == 4096
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    assert sent["container"] == "box"
    options = {"anthropic": {"thinking": {"budget_tokens": 3000}}, "openai": {"user": "me"}}
    ask("sync", preset="chat/claude", provider_options=options)
    sent = world.requests[-1].json
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 3000}
    assert sent["container"] == "box"
    ask("sync", preset="chat/claude", extra_body={"container": "another"})
    assert world.requests[-1].json["container"] == "another"
    assert world.requests[-1].json["thinking"]["budget_tokens"] == 2000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ask("sync", preset="chat/claude", model="openai/gpt-4.1")
    assert "container" not in world.requests[-1].json


def test_streams_tell_it_too(world: Upstream) -> None:
    stream = muxi_llm.ChatCompletion.create(preset="chat/openai", messages=HELLO, stream=True)
    list(stream)
    assert told(stream) == ("chat/openai", "r1")
    assert world.requests[0].json["stream"]


def test_completions_and_embeddings(world: Upstream) -> None:
    response = muxi_llm.Embedding.create(preset="embed/small", input="x")
    assert told(response) == ("embed/small", "r1")
    assert world.requests[-1].json["model"] == "text-embedding-3-small"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = muxi_llm.Completion.create(preset="chat/openai", prompt="Once")
    assert told(answer) == ("chat/openai", "r1")
    assert [one.param for one in answer.muxi.adaptations if one.param == "reasoning_effort"]
    assert any("reasoning_effort" in str(one.message) for one in caught)
    with pytest.raises(muxi_llm.UnsupportedParameterError, match="reasoning_effort"):
        muxi_llm.Completion.create(preset="chat/openai", prompt="Once", adapt="strict")


def test_retries_and_time_are_the_presets_unless_said(world: Upstream, registry: Path) -> None:
    publish(
        registry, "r2", {"chat/timed": source(more="      maxRetries: 1\n    timeout:\n      totalTime: 9\n")}
    )
    prepared = until(lambda: _prepared_if_there("chat/timed"))
    assert prepared.request.limits.retries == 1
    assert prepared.request.limits.deadline == 9
    limits = muxi_llm.runtime.prepare(
        "chat", {"preset": "chat/timed", "messages": HELLO, "timeout": 20.0, "retries": 5}
    ).request.limits
    assert (limits.timeout, limits.deadline, limits.retries) == (20.0, None, 5)


def _prepared_if_there(preset: str) -> Any:
    try:
        return muxi_llm.runtime.prepare("chat", {"preset": preset, "messages": HELLO})
    except muxi_llm.InvalidRequestError:
        return None


def test_a_cache_is_the_presets_unless_said(world: Upstream, registry: Path) -> None:
    for name, strategy in (("kept", "memory"), ("fresh", "disabled"), ("native", "native")):
        text = source(more=f"    caching:\n      strategy: {strategy}\n      ttl: 60\n")
        publish(registry, f"r2-{name}", {f"cached/{name}": text}, key=None)
    assert until(lambda: _prepared_if_there("cached/native"))
    first, second = ask("sync", preset="cached/kept"), ask("sync", preset="cached/kept")
    assert (first.muxi.cache_hit, second.muxi.cache_hit) == (None, "l1")
    assert told(second)[0] == "cached/kept"
    assert ask("sync", preset="cached/kept", cache=False).muxi.cache_hit is None
    muxi_llm.harness.configure(cache="memory")
    assert ask("sync", preset="cached/fresh").muxi.cache_hit is None
    assert ask("sync", preset="cached/fresh").muxi.cache_hit is None


def test_what_a_provider_has_not_is_told(world: Upstream, registry: Path) -> None:
    publish(registry, "r2", {"chat/k": source("gpt-4.1", more="      topK: 3\n")}, key=None)
    assert until(lambda: _prepared_if_there("chat/k"))
    with pytest.warns(muxi_llm.AdaptationWarning, match="top_k"):
        response = ask("sync", preset="chat/k")
    assert [(one.param, one.action) for one in response.muxi.adaptations] == [("top_k", "dropped")]


def test_a_new_release_answers(world: Upstream, registry: Path) -> None:
    assert ask("sync", preset="chat/plain").muxi.model == "openai/gpt-5-mini"
    publish(registry, "r2", {"chat/plain": source("claude-sonnet-5", provider="anthropic")}, key=None)
    response = until(lambda: (got := ask("sync", preset="chat/plain")).muxi.preset_revision == "r2" and got)
    assert response.muxi.model == "anthropic/claude-sonnet-5"


def test_a_preset_that_was_loaded(world: Upstream, tmp_path: Path) -> None:
    preset = read_preset(source("gpt-4.1").encode())
    response = ask("sync", preset=preset)
    assert told(response) == ("openai-fast", None)
    assert response.muxi.model == "openai/gpt-4.1"


# ------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize("preset", ["chat/none", "none", "", 5, {"model": "x"}])
def test_what_is_no_preset(world: Upstream, preset: Any) -> None:
    with pytest.raises(muxi_llm.InvalidRequestError, match="preset") as caught:
        ask("sync", preset=preset)
    assert caught.value.param == "preset"
    assert not world.requests


def test_no_presets_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMIX_CONFIG_DIR", raising=False)
    with pytest.raises(muxi_llm.InvalidRequestError, match="LLMIX_CONFIG_DIR"):
        ask("sync", preset="a/b")


def test_presets_by_the_environment(world: Upstream, registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.presets = None
    monkeypatch.setenv("LLMIX_CONFIG_DIR", str(registry))
    assert told(ask("sync", preset="chat/plain")) == ("chat/plain", "r1")


def test_a_registry_that_was_opened(world: Upstream, registry: Path) -> None:
    config.presets = ConfigRegistryManager.open(registry)
    assert told(ask("sync", preset="chat/plain")) == ("chat/plain", "r1")


def test_a_registry_that_is_not_right(world: Upstream, tmp_path: Path) -> None:
    config.presets = str(tmp_path / "none")
    with pytest.raises(muxi_llm.InvalidRequestError, match=r"current\.json") as caught:
        ask("sync", preset="chat/plain")
    assert isinstance(caught.value.__cause__, ReleaseError)


def test_a_call_without_model_and_preset() -> None:
    with pytest.raises(muxi_llm.InvalidModelError):
        muxi_llm.ChatCompletion.create(messages=HELLO)


def test_a_call_goes_where_the_preset_says_alone(world: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(ask("sync", preset="local/only")) == ("local/only", "r1")
    with pytest.raises(muxi_llm.InvalidRequestError, match=r"local/one: requires\.network does not name"):
        ask("sync", preset="local/one")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.openai.com/v1")
    sent = len(world.requests)
    for given in (
        {},
        {"base_url": "https://elsewhere.example.com/v1"},
        {"model": "groq/x", "fallback_models": ["openai/gpt-4.1"]},
    ):
        with pytest.raises(muxi_llm.InvalidRequestError, match=r"requires\.network is local") as caught:
            ask("sync", preset="local/only", **given)
        assert caught.value.param == "preset"
    client = muxi_llm.OpenAI(api_key="k", base_url="https://elsewhere.example.com/v1")
    with pytest.raises(openai.BadRequestError, match=r"requires\.network is local"):
        client.chat.completions.create(preset="local/only", messages=HELLO)
    assert len(world.requests) == sent


# ------------------------------------------------------------------------------------------- clients


def client_of(driver: str, **given: Any) -> Any:
    return muxi_llm.AsyncOpenAI(**given) if driver == "async" else muxi_llm.OpenAI(**given)


def done(value: Any) -> Any:
    async def awaited() -> Any:
        return await value

    return asyncio.run(awaited()) if hasattr(value, "__await__") else value


@pytest.mark.parametrize("driver", ["sync", "async"])
def test_on_a_client_its_own_server_is_asked_with_it(world: Upstream, driver: str) -> None:
    client = client_of(driver, api_key="sk-mine")
    response = done(client.chat.completions.create(preset="chat/openai", messages=HELLO))
    assert told(response) == ("chat/openai", "r1")
    request = world.requests[0]
    assert request.headers["authorization"] == "Bearer sk-mine"
    assert request.json["model"] == "gpt-5-mini"
    assert request.json["reasoning_effort"] == "low"
    assert request.json["max_completion_tokens"] == 512


@pytest.mark.parametrize("driver", ["sync", "async"])
def test_on_a_client_for_all_its_calls(world: Upstream, driver: str) -> None:
    client = client_of(driver).with_options(preset="chat/openai")
    response = done(client.chat.completions.create(messages=HELLO, temperature=0.9))
    assert told(response) == ("chat/openai", "r1")
    assert world.requests[-1].json["temperature"] == 0.9
    other = done(client.chat.completions.create(messages=HELLO, preset="chat/claude"))
    assert told(other) == ("chat/claude", "r1")
    assert world.requests[-1].path == "/anthropic/v1/messages"
    with_model = done(client.chat.completions.create(messages=HELLO, model="groq/x"))
    assert with_model.muxi.model == "groq/x"
    assert told(with_model) == ("chat/openai", "r1")


def test_a_clients_other_resources(world: Upstream) -> None:
    client = muxi_llm.OpenAI()
    assert told(client.embeddings.create(preset="embed/small", input="x")) == ("embed/small", "r1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert told(client.completions.create(preset="chat/openai", prompt="x"))[0] == "chat/openai"
    with client.chat.completions.stream(preset="chat/plain", messages=HELLO) as stream:
        final = stream.get_final_completion()
    assert told(final) == ("chat/plain", "r1")
    raw = client.chat.completions.with_raw_response.create(preset="chat/plain", messages=HELLO)
    assert told(raw.parse()) == ("chat/plain", "r1")
    assert raw.headers["x-muxi-preset"] == "chat/plain@r1"


def test_on_responses(world: Upstream) -> None:
    client = muxi_llm.OpenAI()
    response = client.responses.create(preset="chat/claude", input="Hello")
    assert told(response) == ("chat/claude", "r1")
    sent = world.requests[-1].json
    assert (sent["model"], sent["max_tokens"]) == ("claude-sonnet-5", 4096)
    assert sent["thinking"]["budget_tokens"] == 2000
    with pytest.raises(openai.NotFoundError):
        client.responses.create(preset="chat/openai", input="Hello", text={"verbosity": "low"})
    sent = world.requests[-1].json
    assert sent["max_output_tokens"] == 512
    assert sent["reasoning"] == {"effort": "low"}
    assert sent["text"] == {"verbosity": "low"}


@pytest.mark.parametrize("kind", ["Anthropic", "AsyncAnthropic"])
def test_on_anthropics_clients(world: Upstream, kind: str) -> None:
    client = getattr(muxi_llm, kind)(api_key="sk-mine")
    message = done(client.messages.create(preset="chat/claude", messages=HELLO))
    assert told(message) == ("chat/claude", "r1")
    request = world.requests[-1]
    assert "sk-mine" in (request.headers.get("x-api-key") or request.headers["authorization"])
    assert request.json["model"] == "claude-sonnet-5"
    assert request.json["max_tokens"] == 4096
    assert request.json["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    message = done(client.with_options(preset="chat/openai").messages.create(messages=HELLO, max_tokens=9))
    assert told(message) == ("chat/openai", "r1")
    assert world.requests[-1].json["model"] == "gpt-5-mini"
    assert world.requests[-1].json["max_completion_tokens"] == 9


def test_a_client_says_what_is_no_preset(world: Upstream) -> None:
    for create in (muxi_llm.OpenAI().chat.completions.create, muxi_llm.Anthropic().messages.create):
        with pytest.raises(muxi_llm.InvalidRequestError, match="chat/none"):
            create(preset="chat/none", messages=HELLO, max_tokens=5)


def test_a_stream_is_of_the_release_it_was_begun_with(world: Upstream, registry: Path) -> None:
    client = muxi_llm.OpenAI()
    manager = client.chat.completions.stream(preset="chat/plain", messages=HELLO)
    publish(registry, "r2", {"chat/plain": source("claude-sonnet-5", provider="anthropic")}, key=None)
    assert until(lambda: calls.served().lately().revision == "r2")
    with manager as stream:
        final = stream.get_final_completion()
    assert told(final) == ("chat/plain", "r1")


# --------------------------------------------------------------------------------------------- batch


def test_batch(world: Upstream, registry: Path, tmp_path: Path) -> None:
    lines = [{"prompt": "one"}, {"prompt": "two", "temperature": 0.7}]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [sys.executable, "-m", "muxi_llm.commands.main", "batch", "run", "prompts.jsonl", "--quiet"]

    def run(preset: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, "--preset", preset],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**_environment(), "LLMIX_CONFIG_DIR": str(registry)},
        )

    done = run("chat/openai")
    assert done.returncode == 0, done.stderr
    assert {request.json["model"] for request in world.requests} == {"gpt-5-mini"}
    assert len((tmp_path / "prompts.results.jsonl").read_text().splitlines()) == 2
    assert run("chat/none").returncode == 2


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


# --------------------------------------------------------------------------------------- what it becomes


@pytest.mark.parametrize(
    ("provider", "options", "wanted"),
    [
        ("openai", "textVerbosity: low", {"verbosity": "low"}),
        ("openai", "maxCompletionTokens: 9", {"max_completion_tokens": 9}),
        ("deepseek", "thinking: {type: disabled}", {"thinking": {"type": "disabled"}}),
        ("openrouter", "provider: {sort: price}", {"provider": {"sort": "price"}}),
        ("together", "top_k: 3", {"top_k": 3}),
        ("novita", "enableThinking: true", {"enable_thinking": True}),
        ("deepinfra", "enableThinking: true", {"chat_template_kwargs": {"enable_thinking": True}}),
        ("google", "thinkingConfig: {thinkingBudget: 5}", {"thinking_config": {"thinkingBudget": 5}}),
        ("sno-gpu", "enableThinking: false", {"chat_template_kwargs": {"enable_thinking": False}}),
    ],
)
def test_every_providers_options(provider: str, options: str, wanted: dict[str, Any]) -> None:
    text = source(
        "m", provider=provider, more=f"    providerOptions:\n      {provider}:\n        {options}\n"
    )
    asked, vain = read_preset(text.encode()).asked
    name = {"sno-gpu": "vllm"}.get(provider, provider)
    assert asked["model"] == f"{name}/m"
    found = {**asked, **asked.get("provider_options", {}).get(name, {})}
    assert found | wanted == found
    assert not vain


def test_every_field_of_common() -> None:
    more = (
        "      temperature: 0.5\n      topP: 0.9\n      presencePenalty: 0.1\n      frequencyPenalty: 0.2\n"
        "      stopSequences: [END]\n      seed: 5\n      maxRetries: 3\n      maxOutputTokens: 7\n"
    )
    asked, _ = read_preset(source("m", more=more).encode()).asked
    assert asked == {
        "model": "openai/m", "temperature": 0.5, "top_p": 0.9, "presence_penalty": 0.1,
        "frequency_penalty": 0.2, "stop": ["END"], "seed": 5, "max_completion_tokens": 7, "retries": 3,
    }  # fmt: skip


def test_paths_within_a_clients_body() -> None:
    preset: Preset = read_preset(source(more=MORE).encode())
    ledger = Ledger("x")
    body = calls.into_body(
        preset, "chat", {"reasoning": {"summary": "auto"}}, ledger, {"reasoning_effort": "reasoning.effort"}
    )
    assert body == {"reasoning": {"summary": "auto", "effort": "low"}}
    assert {one.param for one in ledger.entries} == {"model", "max_completion_tokens"}
