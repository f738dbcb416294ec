"""The public API's types are part of it: `tests/typing` passes mypy and pyright."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import LIFETIME

TYPING = Path(__file__).parent / "typing"
CHECKERS = {
    "mypy": ["-m", "mypy", "--config-file", str(TYPING.parents[1] / "pyproject.toml"), str(TYPING)],
    "pyright": ["-m", "pyright", "--pythonpath", sys.executable, str(TYPING)],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_types(checker: str) -> None:
    """No error, and every `assert_type` holds."""
    done = subprocess.run(
        [sys.executable, *CHECKERS[checker]], capture_output=True, text=True, check=False, timeout=LIFETIME
    )
    assert done.returncode == 0, done.stdout + done.stderr
