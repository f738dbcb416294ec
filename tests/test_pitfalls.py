"""Every row of the table of pitfalls has a test that names it."""

from __future__ import annotations

from tests.pitfalls import GATEWAY, ROOT, ROWS, shown


def test_every_row_is_shown() -> None:
    assert len(ROWS) == 80
    assert not ROWS.keys() - shown().keys()


def test_what_is_shown_through_the_gateway_is_where_the_table_says() -> None:
    assert not GATEWAY.keys() - ROWS.keys()
    for file in set(GATEWAY.values()):
        assert (ROOT / file).exists()
