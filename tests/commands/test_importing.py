"""`muxi-llm import litellm`: from LiteLLM's file to a gateway that answers."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import httpx2
import pytest
from ruamel.yaml import YAML

from muxi_llm.commands.main import main
from tests.gateway.test_serve import chat
from tests.support.serving import Serving
from tests.support.upstream import Upstream

if TYPE_CHECKING:
    from pathlib import Path

THEIRS = """
model_list:
  - model_name: fast
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "{url}/v1", api_key: os.environ/HOUSE_KEY, temperature: 0.5}}
  - model_name: fast
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "{url}/v1", api_key: os.environ/HOUSE_KEY, rpm: 100}}
litellm_settings: {{num_retries: 1, callbacks: [{callback}]}}
general_settings: {{master_key: os.environ/MASTER_KEY}}
"""
KEYS = {"HOUSE_KEY": "sk-house", "MASTER_KEY": "sk-master"}


def test_what_is_imported_is_checked_and_serves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with Upstream(chat) as upstream:
        theirs, ours = tmp_path / "theirs.yaml", tmp_path / "ours.yaml"
        theirs.write_text(THEIRS.format(url=upstream.url, callback="prometheus"), encoding="utf-8")
        assert main(["import", "litellm", str(theirs), "--out", str(ours)]) == 0
        told = capsys.readouterr()
        assert told.out == ""
        assert "model_list[].litellm_params.api_key (2)" in told.err
        assert "0 dropped" in told.err
        assert stat.S_IMODE(ours.stat().st_mode) == 0o600
        assert main(["check", "--config", str(ours)]) == 0
        with Serving(ours) as served:
            headers = {"authorization": "Bearer sk-master"}
            body = {"model": "fast", "messages": [{"role": "user", "content": "Hello"}]}
            reply = httpx2.post(f"{served.url}/v1/chat/completions", json=body, headers=headers)
            assert reply.json()["choices"][0]["message"]["content"] == "from the first"
            assert httpx2.post(f"{served.url}/v1/chat/completions", json=body).status_code == 401
        (asked,) = upstream.requests
        assert asked.json["model"] == "gpt-4o-mini"
        assert asked.headers["authorization"] == "Bearer sk-house"


def test_it_is_told_what_was_dropped_and_the_status_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "theirs.yaml"
    theirs.write_text(THEIRS.format(url="http://127.0.0.1:9", callback="langfuse"), encoding="utf-8")
    assert main(["import", "litellm", str(theirs)]) == 1
    told = capsys.readouterr()
    *_, last, sums = told.err.splitlines()
    assert last.split()[:2] == ["dropped", "litellm_settings.callbacks.langfuse"]
    assert sums.endswith("1 dropped")
    (provider,) = YAML(typ="safe").load(told.out)["providers"]
    assert [model["name"] for model in provider["models"]] == ["fast", "fast"]


@pytest.mark.parametrize("content", ["model_list: []", "model_list: [", "- a", "", "\0", None])
def test_what_cannot_be_imported_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    theirs, ours = tmp_path / "theirs.yaml", tmp_path / "ours.yaml"
    if content is not None:
        theirs.write_text(content, encoding="utf-8")
    assert main(["import", "litellm", str(theirs), "--out", str(ours)]) == 2
    assert capsys.readouterr().err.startswith("muxi-llm: ")
    assert not ours.exists()


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs, ours = tmp_path / "theirs.yaml", tmp_path / "ours.yaml"
    theirs.write_text(THEIRS.format(url="http://127.0.0.1:9", callback="otel"), encoding="utf-8")
    ours.write_text("mine", encoding="utf-8")
    assert main(["import", "litellm", str(theirs), "--out", str(ours)]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert ours.read_text(encoding="utf-8") == "mine"
