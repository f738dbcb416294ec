"""The public API's types are part of it: `tests/typing` and the README's programs, by mypy and pyright."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import snippets

ROOT = Path(__file__).parents[1]
TYPING = ROOT / "tests" / "typing"
HEAD = "import muxi_llm\nfrom muxi_llm import ChatCompletion, OpenAI\n"
"""What a block of the README may take for granted."""

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
    """`api.py` and every program of the README have no error, `mistakes.py` has one on each line so marked."""
    mistakes = (TYPING / "mistakes.py").read_text().splitlines()
    marked = {("mistakes.py", n) for n, line in enumerate(mistakes, 1) if line.endswith("# told")}
    paths = [TYPING / "api.py", TYPING / "mistakes.py", *readmes_programs(tmp_path)]
    assert set(checker(paths)) == marked


def readmes_programs(folder: Path) -> Iterator[Path]:
    """Each block of the README as a program of its own; one that awaits stands in a coroutine."""
    for index, block in enumerate(snippets(ROOT / "README.md")):
        awaits = "await " in block and "async def" not in block
        body = "async def main() -> None:\n" + textwrap.indent(block, "    ") if awaits else block
        path = folder / f"readme_{index}.py"
        path.write_text(HEAD + body)
        yield path
