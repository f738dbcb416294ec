"""Other people's clients and compliance suites, in front of the gateway, with a model behind each of three wires.

From npm: OpenAI's and Anthropic's SDKs, Vercel's AI SDK, Codex itself, CompatCanary. From PyPI: llm-comply. The
table of cells is printed, and every cell must be green.
"""

# ruff: noqa: T201 - the table is what this is for
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("llm_comply")

from tests.ecosystem.gateway_world import BRANDS, HELLO, MODELS, REFUSED, world

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
NODE = HERE.parents[1] / ".venv-ecosystem" / "node"
BIN = NODE / "node_modules" / ".bin"
TOKEN = "t"
FORMATS = ("open-responses", "openai-chat", "anthropic")

pytestmark = [pytest.mark.ecosystem, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with world() as (served, _):
        yield served.url


@pytest.fixture(scope="module")
def node() -> None:
    """npm's packages, as `node/package.json` names them."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm")
    wanted = (HERE / "node" / "package.json").read_bytes()
    held = NODE / "package.json"
    if not (held.exists() and held.read_bytes() == wanted and BIN.exists()):
        NODE.mkdir(parents=True, exist_ok=True)
        held.write_bytes(wanted)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=NODE, check=True)
    shutil.copy(HERE / "node" / "cells.mjs", NODE / "cells.mjs")


def run(*command: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [str(word) for word in command],
        cwd=NODE if NODE.exists() else HERE,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("wire", MODELS)
def test_llm_comply(url: str, wire: str, form: str) -> None:
    suite = Path(sys.executable).with_name("llm-comply")
    model = f"{BRANDS[form == 'anthropic']}-over-{wire}"
    told = run(suite, "-u", f"{url}/v1", "-k", TOKEN, "-m", model, "--format", form, "--json")
    report = json.loads(told.stdout)
    print(f"\nllm-comply {form} over {wire}: {report['summary']}")
    assert report["summary"]["failed"] == 0, told.stdout
    assert report["summary"]["skipped"] == 0


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("wire", MODELS)
def test_compatcanary(url: str, wire: str) -> None:
    told = run(
        BIN / "compatcanary", "scan", "--base-url", f"{url}/v1", "--model", MODELS[wire], "--fail-on", "any",
        OPENAI_API_KEY=TOKEN,
    )  # fmt: skip
    print(f"\nCompatCanary over {wire}: {told.stdout.strip().splitlines()[-1]}")
    assert told.returncode == 0, told.stdout


@pytest.mark.usefixtures("node")
def test_clients_of_npm(url: str) -> None:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for wire, model in MODELS.items():
        told = run("node", "cells.mjs", url, TOKEN, model)
        for line in told.stdout.splitlines():
            cell = json.loads(line)
            found.setdefault((cell["client"], cell["cell"]), {})[wire] = cell["fault"]
        assert told.returncode == 0, told.stderr
    print("\n| client | what | " + " | ".join(MODELS) + " |\n|---|---|" + "---|" * len(MODELS))
    for (client, cell), faults in found.items():
        marks = " | ".join("✓" if faults.get(wire) == "" else "✗" for wire in MODELS)
        print(f"| {client} | {cell} | {marks} |")
    assert len(found) == 36
    assert not {cell: faults for cell, faults in found.items() if set(faults.values()) != {""}}


CODEX = """\
model_provider = "gateway"

[model_providers.gateway]
name = "gateway"
base_url = "{url}/v1"
env_key = "GATEWAY_TOKEN"
wire_api = "responses"
"""


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("wire", MODELS)
def test_codex(url: str, wire: str, tmp_path: Path) -> None:
    """Headless: a turn with a tool of its own, its result, and the end; and a refusal, read by its user."""
    (tmp_path / "config.toml").write_text(CODEX.format(url=url))
    asked = [BIN / "codex", "exec", "--skip-git-repo-check", "--ephemeral", "-m", MODELS[wire]]
    environment = {"CODEX_HOME": str(tmp_path), "GATEWAY_TOKEN": TOKEN}
    told = run(*asked, "say hello", **environment)
    assert told.returncode == 0, told.stderr
    assert "I read:" in told.stdout or HELLO in told.stdout
    refused = run(*asked, REFUSED, **environment)
    assert refused.returncode != 0
    assert "will not have that" in refused.stderr
    print(f"\nCodex over {wire}: a turn with tools ✓, an error ✓")
