"""`mda`, run as a shell would: in a folder of its own, with what it prints and its exit status."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from muxi_llm.commands import mda
from tests.presets.signing import identity_files


class Mda:
    """Runs commands in *folder*."""

    def __init__(self, folder: Path, capsys: Any) -> None:
        self.folder = folder
        self.capsys = capsys

    def shell(self, line: str) -> tuple[int, str, str]:
        """Exit status, stdout, stderr of `mda LINE`."""
        self.capsys.readouterr()
        status = mda.main(shlex.split(line))
        out, err = self.capsys.readouterr()
        return status, out, err

    def __call__(self, line: str, status: int = 0) -> dict[str, Any]:
        """What `mda LINE --json` says; it must end with *status*."""
        found, out, err = self.shell(f"{line} --json")
        said = json.loads(out)
        assert (found, err) == (status, ""), said
        assert (said["ok"], said["exitCode"]) == (status == 0, status)
        assert list(said)[:7] == [
            "ok",
            "command",
            "exitCode",
            "summary",
            "artifacts",
            "diagnostics",
            "nextActions",
        ]
        assert out == json.dumps(said, indent=2, ensure_ascii=False) + "\n"
        return said

    def codes(self, line: str, status: int = 1) -> list[str]:
        """The codes of what is wrong."""
        return [each["code"] for each in self(line, status)["diagnostics"]]

    def write(self, path: str, text: str | bytes | dict[str, Any]) -> str:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(text) if isinstance(text, dict) else text
        place.write_bytes(text.encode() if isinstance(text, str) else text)
        return path


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mda:
    """`mda` in an empty folder with a release's key and DID document."""
    monkeypatch.chdir(tmp_path)
    identity_files(tmp_path)
    return Mda(tmp_path, capsys)


SOURCE = "config/llm/source/search_summary/openai_fast.mda"
INIT = "init --template llmix-preset --module search_summary --preset openai_fast --provider openai --model gpt-5-mini"
SIGN = (
    "--profile did-web --did did:web:config.example.com --key-id did:web:config.example.com#release "
    "--key-file release/did-web-private-key.pem"
)
DID = "--did-document release/did.json"
POLICY = "release trust policy --target llmix-registry --profile did-web --domain config.example.com"
PREPARE = (
    "release prepare --target llmix-registry --source config/llm/source --registry-dir config/llm "
    f"--policy release/trust-policy.json {DID} --out release/plan.json"
)


@pytest.fixture
def signed(cli: Mda) -> Mda:
    """The same, with a preset that is signed and a policy that trusts it."""
    cli(f"{INIT} --out {SOURCE}")
    cli(f"integrity compute {SOURCE} --write")
    cli(f"sign {SOURCE} {SIGN} --in-place")
    cli(f"{POLICY} --out release/trust-policy.json")
    return cli
