"""docs/presets.md from "A preset" on: every command and every Python block runs, unchanged, in order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from muxi_llm.commands import llmix, mda
from tests.presets.signing import identity_files

PAGE = Path(__file__).parents[1] / "docs" / "presets.md"
PART = PAGE.read_text().partition("\n## A preset\n")[2]
BLOCKS = re.findall(r"^```(bash|markdown|python)\n(.*?)^```$", PART, re.DOTALL | re.MULTILINE)
PRESET = "config/llm/source/search_summary/openai_fast.mda"


def test_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    identity_files(tmp_path)
    count = 0
    for kind, text in BLOCKS:
        if kind == "bash":
            words = shlex.split(text.replace("\\\n", " "))
            count += run(words)
        elif kind == "markdown":
            write(Path(PRESET), text)
        else:
            exec(compile(text, "<page>", "exec"), {})
            assert (
                capsys.readouterr().out == "gpt-5-mini Summarize search results for a research workflow.\n\n"
            )
            Path(PRESET).unlink()
    assert count == 11
    assert Path("deploy/llmix.env").read_text().startswith('LLMIX_TRUST_MANIFEST="deploy/llmix-trust.json"\n')


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run(words: list[str]) -> bool:
    """Run one line; whether it was a command of ours."""
    if words[:2] == ["mkdir", "-p"]:
        for name in words[2:]:
            Path(name).mkdir(parents=True, exist_ok=True)
        return False
    assert {"mda": mda, "llmix": llmix}[words[0]].main(words[1:]) == 0, words
    return True
