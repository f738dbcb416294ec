"""Sizes in pixels, as ratios and classes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.errors import InvalidRequestError
from muxi_llm.wire.base import Ledger
from muxi_llm.wire.images.sizes import fitted, pixels

RATIOS = ("1:1", "16:9", "9:16", "19.5:9")
SCALES = {"1K": 1024, "2K": 2048}


@pytest.mark.parametrize(
    ("size", "sides"),
    [(None, None), ("auto", None), ("1024x768", (1024, 768)), ("1X1", (1, 1))],
)
def test_pixels(size: Any, sides: Any) -> None:
    assert pixels(size) == sides


@pytest.mark.parametrize(
    "size", ["", "big", "1024", "0x5", "5x0", "-1x5", "1024x", "1e3x5", "1024x1024px", "x"]
)
def test_what_is_no_size(size: str) -> None:
    with pytest.raises(InvalidRequestError, match="size must be in pixels") as caught:
        pixels(size)
    assert caught.value.param == "size"


@pytest.mark.parametrize(
    ("size", "found", "loss"),
    [
        ("1024x1024", ("1:1", "1K"), False),
        ("2048x2048", ("1:1", "2K"), False),
        ("1792x1024", ("16:9", "1K"), True),  # it is 16:9 nearly, and larger than the class
        ("1344x756", ("16:9", "1K"), False),
        ("756x1344", ("9:16", "1K"), False),
        ("256x256", ("1:1", "1K"), True),
        ("1300x600", ("19.5:9", "1K"), True),
        ("auto", None, None),
    ],
)
def test_the_nearest(size: str, found: Any, loss: bool | None) -> None:
    ledger = Ledger("acme")
    assert fitted(size, RATIOS, SCALES, ledger) == found
    assert [entry.loss for entry in ledger.entries] == ([] if loss is None else [loss])


def test_a_host_of_one_class_of_sizes() -> None:
    ledger = Ledger("acme")
    assert fitted("1024x1024", RATIOS, {"": 1024}, ledger) == ("1:1", "")
    assert str(ledger.entries[0]) == "size changed: acme takes a ratio of sides; sent as 1:1"


@given(st.integers(1, 99_999), st.integers(1, 99_999))
def test_any_size_has_a_nearest(width: int, height: int) -> None:
    found = fitted(f"{width}x{height}", RATIOS, SCALES, Ledger("acme"))
    assert found is not None
    assert found.ratio in RATIOS
    assert found.scale in SCALES
