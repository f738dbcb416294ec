"""The public API's types are part of it: `tests/typing` and the documents' programs, by mypy and pyright."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import snippets

ROOT = Path(__file__).parents[1]
TYPING = ROOT / "tests" / "typing"
Error = tuple[str, int]
"""A file's name and a line."""


def by_mypy(paths: list[Path]) -> Iterator[Error]:
    config = ["--config-file", str(ROOT / "pyproject.toml")]
    for line in run("mypy", *config, *map(str, paths)).splitlines():
        if found := re.match(r"(.*?):(\d+): error", line):
            yield Path(found[1]).name, int(found[2])


def by_pyright(paths: list[Path]) -> Iterator[Error]:
    told = run("pyright", "--outputjson", "--pythonpath", sys.executable, *map(str, paths))
    for one in json.loads(told)["generalDiagnostics"]:
        if one["severity"] == "error":
            yield Path(one["file"]).name, one["range"]["start"]["line"] + 1


def run(checker: str, *arguments: str) -> str:
    command = [sys.executable, "-m", checker, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=ROOT)
    assert done.stdout, done.stderr
    print(done.stdout)  # noqa: T201 - shown where the test fails
    return done.stdout


@pytest.mark.timeout(320)
@pytest.mark.parametrize("checker", [by_mypy, by_pyright])
def test_types(checker, tmp_path: Path) -> None:
    """`api.py` and every program of the documents have no error, `mistakes.py` has one on each line so marked."""
    mistakes = (TYPING / "mistakes.py").read_text().splitlines()
    marked = {("mistakes.py", n) for n, line in enumerate(mistakes, 1) if line.endswith("# told")}
    paths = [TYPING / "api.py", TYPING / "mistakes.py", *documented(tmp_path)]
    assert set(checker(paths)) == marked


def documented(folder: Path) -> Iterator[Path]:
    """Each block of README and of the documents, which is a program of its own."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for index, block in enumerate(snippets(page)):
            path = folder / f"{page.stem}_{page.parent.name}_{index}.py"
            path.write_text(block)
            yield path
