"""Presets of models in the gateway: laid beneath what is asked, swapped by a release, told by `explain`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from muxi_llm.errors import InvalidRequestError
from muxi_llm.gateway.settings import files
from muxi_llm.gateway.settings.reading import ConfigurationError
from muxi_llm.gateway.state import State
from tests.support import bodies
from tests.support.anthropic import message
from tests.support.gateway import Served
from tests.support.patience import until
from tests.support.presets import ED25519, OTHER, POLICY, did_document, publish, source, write_json
from tests.support.upstream import Respond, Upstream

if TYPE_CHECKING:
    from pathlib import Path

    from muxi_llm.gateway.settings.model import Settings

ASKED: dict[str, Any] = {"model": "fast", "messages": [{"role": "user", "content": "Hello"}]}
TEXTS = {
    "chat/fast": source("gpt-5-mini", more="      maxOutputTokens: 512\n"),
    "chat/plain": source("gpt-5-nano"),
}


def yaml_of(folder: Path, upstream: Upstream, presets: Any, *models: Any, kind: str = "openai") -> Settings:
    file = folder / "gateway.yaml"
    provider = {"name": kind, "base_url": upstream.url, "api_key": "k", "models": list(models)}
    file.write_text(json.dumps({"providers": [provider], "presets": presets}), encoding="utf-8")
    return files.read(file)[0]


def ask(served: Served, path: str = "/v1/chat/completions", **body: Any) -> httpx2.Response:
    return httpx2.post(served.url + path, json={**ASKED, **body})


@pytest.fixture
def upstream() -> Any:
    with Upstream(lambda _: Respond(json=bodies.chat("Hi"))) as upstream:
        yield upstream


def test_a_model_is_what_its_preset_says_and_a_release_says_another(
    tmp_path: Path, upstream: Upstream
) -> None:
    registry = tmp_path / "llm"
    publish(registry, "r1", TEXTS, key=None)
    settings = yaml_of(tmp_path, upstream, {"dir": str(registry)}, {"name": "fast", "preset": "chat/fast"})
    with Served(settings) as served:
        reply = ask(served)
        assert reply.headers["x-muxi-preset"] == "chat/fast@r1"
        assert reply.headers["x-muxi-model"] == "openai/gpt-5-mini"
        sent = upstream.requests[0].json
        assert (sent["model"], sent["max_completion_tokens"]) == ("gpt-5-mini", 512)
        ask(served, max_completion_tokens=9)
        assert upstream.requests[1].json["max_completion_tokens"] == 9
        publish(registry, "r2", {"chat/fast": source("gpt-5-nano")}, key=None)
        until(lambda: ask(served).headers["x-muxi-preset"] == "chat/fast@r2")
        assert upstream.requests[-1].json["model"] == "gpt-5-nano"
        assert "max_completion_tokens" not in upstream.requests[-1].json


def test_it_is_laid_beneath_every_clients_wire(tmp_path: Path, upstream: Upstream) -> None:
    """And the body still goes on as it came, where the provider speaks the client's wire."""
    text = source("claude-sonnet-5", provider="anthropic", more="      maxOutputTokens: 77\n")
    publish(tmp_path / "llm", "r1", {"chat/claude": text}, key=None)
    settings = yaml_of(
        tmp_path,
        upstream,
        {"dir": str(tmp_path / "llm")},
        {"name": "fast", "preset": "chat/claude"},
        kind="anthropic",
    )
    upstream.respond = lambda _: Respond(json=message())
    with Served(settings) as served:
        reply = ask(served, "/v1/messages", unknown=1)
        assert reply.status_code == 200
        assert upstream.requests[0].json == {
            **ASKED,
            "unknown": 1,
            "model": "claude-sonnet-5",
            "max_tokens": 77,
        }
        assert ask(served).json()["object"] == "chat.completion"
        assert upstream.requests[1].json["max_tokens"] == 77


def test_a_model_that_is_named_stays(tmp_path: Path, upstream: Upstream) -> None:
    """The preset says how it is asked alone. In TOML, too."""
    publish(tmp_path / "llm", "r1", TEXTS, key=None)
    file = tmp_path / "gateway.toml"
    file.write_text(
        f'[presets]\ndir = "{tmp_path / "llm"}"\n[provider.openai]\napi_key = "k"\nbase_url = "{upstream.url}"\n'
        '[[backend]]\nmodel = "openai:gpt-5"\npreset = "chat/fast"\nmodel_match = ["named"]\n'
        '[[backend]]\nmodel = "openai:*"\npreset = "chat/fast"\nmodel_match = ["fast"]\n'
        '[[backend]]\nmodel = "openai:gpt-4o"\nmodel_match = ["none"]\n',
        encoding="utf-8",
    )
    with Served(files.read(file)[0]) as served:
        assert ask(served, model="named").headers["x-muxi-preset"] == "chat/fast@r1"
        ask(served)
        assert "x-muxi-preset" not in ask(served, model="none").headers
        asked = [(one.json["model"], one.json.get("max_completion_tokens")) for one in upstream.requests]
        assert asked == [("gpt-5", 512), ("gpt-5-mini", 512), ("gpt-4o", None)]


def test_explain_says_what_it_asks_and_of_which_release(tmp_path: Path, upstream: Upstream) -> None:
    publish(tmp_path / "llm", "r1", TEXTS, key=None)
    settings = yaml_of(
        tmp_path, upstream, {"dir": str(tmp_path / "llm")}, {"name": "fast", "preset": "chat/fast"}, "bare"
    )
    with Served(settings) as served:
        told = ask(served, "/control/explain").json()
        assert told["chosen"] == [{"deployment": "openai/fast", "model": "openai/gpt-5-mini"}]
        assert told["preset"]["preset"] == "chat/fast"
        assert told["preset"]["revision"] == "r1"
        assert told["preset"]["asks"]["model"] == "openai/gpt-5-mini"
        assert ask(served, "/control/explain", model="bare").json()["preset"] is None
    assert not upstream.requests


def test_where_it_may_not_be_asked_it_is_not(tmp_path: Path, upstream: Upstream) -> None:
    """Of another provider, and at another address than the preset allows."""
    far = source("gpt-5-mini", front="requires:\n  network: [api.example.com]\n")
    other = source("claude-sonnet-5", provider="anthropic")
    publish(tmp_path / "llm", "r1", {"chat/far": far, "chat/other": other}, key=None)
    settings = yaml_of(
        tmp_path,
        upstream,
        {"dir": str(tmp_path / "llm")},
        {"name": "fast", "preset": "chat/far"},
        {"name": "other", "preset": "chat/other"},
    )
    with Served(settings) as served:
        for model, why in (("fast", "api.example.com"), ("other", "is of anthropic")):
            reply = ask(served, model=model)
            assert reply.status_code == 400
            assert "preset" in reply.json()["error"]["message"] or why in reply.json()["error"]["message"]
    assert not upstream.requests


def test_only_releases_of_who_is_trusted_are_served(tmp_path: Path, upstream: Upstream) -> None:
    registry = tmp_path / "llm"
    publish(registry, "2026-05-14T000000Z", TEXTS)
    presets = {
        "dir": str(registry),
        "trust": str(write_json(tmp_path / "policy.json", POLICY)),
        "did_documents": [str(write_json(tmp_path / "did.json", did_document(("release", ED25519))))],
        "minimum_revision": "2026-05-14T000000Z",
    }
    settings = yaml_of(tmp_path, upstream, presets, {"name": "fast", "preset": "chat/fast"})
    with Served(settings) as served:
        assert ask(served).headers["x-muxi-preset"] == "chat/fast@2026-05-14T000000Z"
        publish(registry, "2026-05-15T000000Z", {"chat/fast": source("gpt-5-nano")}, key=OTHER)
        registry_of = served.app.state.presets.registry
        until(lambda: (ask(served), registry_of.last_reload_error)[1])
        assert ask(served).headers["x-muxi-preset"] == "chat/fast@2026-05-14T000000Z"
        served.app.replace(State(settings, served.app.state))
        assert served.app.state.presets.registry is registry_of  # else the stranger's release would end it
    with pytest.raises(InvalidRequestError, match="presets"):
        State(settings)


@pytest.mark.parametrize(
    ("presets", "model", "why"),
    [
        ({"dir": "llm"}, "chat/none", "preset"),
        ({"dir": "nowhere"}, "chat/fast", "presets"),
        ({}, "chat/fast", "no presets are configured"),
    ],
)
def test_what_is_not_right_is_told_at_the_start(
    tmp_path: Path, upstream: Upstream, presets: Any, model: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLMIX_CONFIG_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    publish(tmp_path / "llm", "r1", TEXTS, key=None)
    settings = yaml_of(tmp_path, upstream, presets, {"name": "fast", "preset": model})
    with pytest.raises(InvalidRequestError, match=why):
        State(settings)


@pytest.mark.parametrize("presets", [{"trust": "a"}, {"dir": "a", "pin": "signer"}, {"dri": "a"}])
def test_what_does_not_go_together_is_refused(tmp_path: Path, upstream: Upstream, presets: Any) -> None:
    with pytest.raises(ConfigurationError, match="presets"):
        yaml_of(tmp_path, upstream, presets, "m")
