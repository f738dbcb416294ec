"""Every row of the table of what went wrong elsewhere has a test, and each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.weaknesses import ROWS, SHOWN, shown

ROOT = Path(__file__).parents[1]


def test_every_row_is_shown() -> None:
    assert shown().keys() == ROWS.keys()


def test_what_shows_it_is_there() -> None:
    for file, tests in SHOWN.items():
        known = set(re.findall(r"^(?:async )?def (test_\w+)", (ROOT / file).read_text(), re.MULTILINE))
        assert not tests.keys() - known, file
