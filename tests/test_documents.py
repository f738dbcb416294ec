"""Every Python block of the README (and of the document the product answers to) runs, unchanged.

The blocks of one document are read from top to bottom, as a reader would type them: a later block may
use what an earlier one imported. Keys and base URLs come from the environment alone.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHARED
from tests.support.upstream import Upstream
from tests.support.world import answer, environment, snippets

README = Path(__file__).parents[1] / "README.md"
SEED = SHARED / "seeds" / "003-muxi-llm.md"
SEED_BLOCKS = 13

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Upstream]:
    """All providers on loopback, and a folder for files."""
    monkeypatch.chdir(tmp_path)
    with Upstream(answer) as upstream:
        for name, value in environment(upstream).items():
            monkeypatch.setenv(name, value)
        yield upstream


def run(block: str, namespace: dict[str, Any]) -> None:
    """Execute *block*; a bare `await` in it is run as an interactive session would."""
    code = compile(block, "<document>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(code, namespace))
    else:
        exec(code, namespace)


def run_until(document: Path, last: int) -> None:
    namespace: dict[str, Any] = {"__name__": "document"}
    for block in snippets(document)[: last + 1]:
        run(block, namespace)


@pytest.mark.parametrize("index", range(len(snippets(README))))
def test_readme(index: int, world: Upstream, capsys: pytest.CaptureFixture[str]) -> None:
    """A block of the README, after those before it."""
    run_until(README, index)
    assert world.requests or "import" in snippets(README)[index]


@pytest.mark.shared
@pytest.mark.parametrize("index", range(SEED_BLOCKS))
def test_seed(index: int, shared: Path, world: Upstream, capsys: pytest.CaptureFixture[str]) -> None:
    """A block of the founding document, after those before it."""
    assert len(snippets(SEED)) == SEED_BLOCKS
    run_until(SEED, index)
    assert world.requests
