"""Every configuration in the documents is one: the project's own page, and those it answers to, unchanged."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from muxi_llm.gateway.serve import settings_of
from muxi_llm.gateway.settings import files
from tests.support import bodies
from tests.support.gateway import Served
from tests.support.upstream import Respond, Upstream

PAGE = Path(__file__).parents[3] / "docs/gateway.md"
TOKENS = {"OPENAI_API_KEY": "sk-1", "APP_TOKEN": "s3cret"}
ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}


def blocks(page: Path, dialect: str) -> list[str]:
    found: list[str] = re.findall(
        rf"^```{dialect}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return found


@pytest.mark.parametrize("dialect", ["toml", "yaml"])
def test_the_pages_configurations_can_be_served(
    dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TOKENS.items():
        monkeypatch.setenv(name, value)
    found = blocks(PAGE, dialect)
    assert found
    for content in found:
        file = tmp_path / f"config.{dialect}"
        file.write_text(content, encoding="utf-8")
        settings, findings = files.read(file)
        assert not findings
        assert settings.tokens == {"app": "s3cret"}


def test_the_configurations_of_governance_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OIDC_SECRET"):
        monkeypatch.setenv(name, "s3cret")
    found = blocks(PAGE.with_name("governance.md"), "yaml")
    assert found
    for content in found:
        file = tmp_path / "config.yaml"
        file.write_text(content, encoding="utf-8")
        settings, findings = files.read(file)
        assert not findings
        assert settings.governance.database


def test_a_usual_address_is_the_environments_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[provider.mine]\nbase_url = "https://api.groq.com/openai/v1"\n[provider.lab]\nbase_url = "http://lab.test/v1"\n'
        '[[backend]]\nmodel = "mine:a"\n[[backend]]\nmodel = "lab:b"\n',
        encoding="utf-8",
    )
    with Upstream(lambda _: Respond(json=bodies.chat("Hi"))) as upstream:
        monkeypatch.setenv("GROQ_API_KEY", "sk-groq")
        monkeypatch.setenv("GROQ_BASE_URL", f"{upstream.url}/groq")
        monkeypatch.setenv("LAB_BASE_URL", f"{upstream.url}/lab")
        monkeypatch.setenv("LAB_API_KEY", "sk-lab")
        with Served(settings_of(str(file), {})) as served:
            assert (
                httpx2.post(f"{served.url}/v1/chat/completions", json={**ASKED, "model": "x"}).status_code
                == 200
            )
            upstream.script.append(Respond(500))
            assert (
                httpx2.post(f"{served.url}/v1/chat/completions", json={**ASKED, "model": "x"}).status_code
                == 200
            )
    asked = [(one.path.split("/")[1], one.headers["authorization"]) for one in upstream.requests]
    assert asked[0] == ("groq", "Bearer sk-groq")
    assert asked[-1] == ("lab", "Bearer sk-lab")


def test_the_gateways_before_it_are_served_by_their_own_files(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where their windows are kept
    with Upstream(lambda _: Respond(json=bodies.chat("Hi"))) as upstream:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
        for name in ("OPENAI", "CEREBRAS", "ANTHROPIC"):
            monkeypatch.setenv(f"{name}_BASE_URL", f"{upstream.url}/{name.lower()}")
        files_of = (("seeds/002-llmux-bun.md", "toml", "claude-sonnet", "your-secret-api-key"),
                    ("seeds/004-llmux-go.md", "yaml", "gpt-4o", ""))  # fmt: skip
        for page, dialect, model, token in files_of:
            file = tmp_path / f"config.{dialect}"
            file.write_text(blocks(shared / page, dialect)[0], encoding="utf-8")
            with Served(settings_of(str(file), {})) as served:
                for path in ("/v1/chat/completions", "/v1/messages"):
                    headers = {"x-api-key": token} if token else {}
                    reply = httpx2.post(served.url + path, json={**ASKED, "model": model}, headers=headers)
                    assert reply.status_code == 200, reply.text
                    assert reply.headers["x-muxi-model"] == "openai/gpt-4o"
    assert {one.path for one in upstream.requests} == {"/openai/chat/completions"}
