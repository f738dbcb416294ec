"""Every row of the table of pitfalls has a test, and pytest finds each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pitfalls import GATEWAY, ROWS, SHOWN, shown_by

ROOT = Path(__file__).parents[1]


def test_every_row_is_shown() -> None:
    assert len(ROWS) == 80
    assert shown_by(SHOWN).keys() == ROWS.keys()
    assert not shown_by(GATEWAY).keys() - ROWS.keys()


@pytest.mark.parametrize("file", sorted(SHOWN.keys() | GATEWAY.keys()))
def test_what_shows_it_is_collected(file: str, request: pytest.FixtureRequest) -> None:
    module = pytest.Module.from_parent(request.session, path=ROOT / file)
    collected = {item.name.partition("[")[0] for item in module.collect()}
    assert not SHOWN.get(file, {}).keys() - collected
    assert not GATEWAY.get(file, {}).keys() - collected
