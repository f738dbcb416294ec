"""`muxi-llm client`: settings to paste."""

from __future__ import annotations

import json
import shlex
import tomllib

import pytest

from muxi_llm.commands.main import main


@pytest.mark.parametrize("url", ["https://llm.test", "https://llm.test/", "https://llm.test/v1"])
@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("claude", "ANTHROPIC_BASE_URL", "https://llm.test"),
        ("anthropic", "ANTHROPIC_BASE_URL", "https://llm.test"),
        ("openai", "OPENAI_BASE_URL", "https://llm.test/v1"),
    ],
)
def test_variables(
    name: str, variable: str, value: str, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["client", name, "--url", url, "--model", "m"]) == 0
    printed = capsys.readouterr().out
    words = shlex.split(printed, comments=True)
    assert f"{variable}={value}" in words
    assert "$GATEWAY_TOKEN" in printed


def test_codex(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["client", "codex", "--url", "http://127.0.0.1:9", "--model", "m"]) == 0
    told = tomllib.loads(capsys.readouterr().out)
    own = told["model_providers"][told["model_provider"]]
    assert json.loads(json.dumps(told))["model"] == "m"
    assert (own["base_url"], own["wire_api"], own["env_key"]) == (
        "http://127.0.0.1:9/v1",
        "responses",
        "GATEWAY_TOKEN",
    )


@pytest.mark.parametrize("odd", [["--url", "llm.test"], ["--url", 'http://a"b'], ["--model", "$(id)"]])
def test_what_would_mean_something_in_a_shell_is_refused(odd: list[str]) -> None:
    assert main(["client", "claude", *odd]) == 2
