"""The commands `mda` and `llmix` as a shell finds them, and a folder in which a release can be made."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.presets import ED25519, did_document, pem, write_json

ROOT = Path(__file__).parents[2]
FLOW = ROOT / "tests/presets/release_flow.sh"


class Workplace:
    """A folder with a release's identity: `release/did.json` and the key to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = folder / "config/llm"
        for name in ("mda", "llmix", "muxi-llm"):
            word = "" if name == "muxi-llm" else f" {name}"
            command = folder / "bin" / name
            command.parent.mkdir(parents=True, exist_ok=True)
            command.write_text(f'#!/bin/sh\nexec {sys.executable} -m muxi_llm.commands.main{word} "$@"\n')
            command.chmod(0o755)
        write_json(folder / "release/did.json", did_document(("release", ED25519)))
        (folder / "release/did-web-private-key.pem").write_bytes(pem(ED25519))

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """What came of a shell script here."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            ["sh", "-e", "-c", script],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=250,
        )

    def said(self, script: str) -> list[dict[str, Any]]:
        """The objects that the script's commands printed; it must go well."""
        done = self.run(script)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        # Each begins and ends with a line of its own; what is said without --json is not looked at.
        return [
            json.loads(text) for text in re.findall(r"^\{$.*?^\}$", done.stdout, re.MULTILINE | re.DOTALL)
        ]
