"""`size` in pixels, as others say it: width and height, or a ratio of sides and a class of sizes."""

from __future__ import annotations

import re
from math import isclose, log
from typing import TYPE_CHECKING, NamedTuple

from muxi_llm.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from muxi_llm.wire.base import Ledger


class Fitted(NamedTuple):
    """A ratio of sides (`16:9`), and a class of sizes (`2K`)."""

    ratio: str
    scale: str


def pixels(size: Any) -> tuple[int, int] | None:
    """Width and height; `None` where that is left to the model."""
    if size is None or size == "auto":
        return None
    found = PIXELS.fullmatch(size)
    if found is None:
        raise InvalidRequestError(
            "size must be in pixels, as in '1024x1024', or 'auto'; this is neither", param="size"
        )
    return int(found[1]), int(found[2])


def fitted(size: Any, ratios: Sequence[str], scales: Mapping[str, int], ledger: Ledger) -> Fitted | None:
    """What is nearest to *size*, and told. scales: a class → a side of its squares, in pixels."""
    sides = pixels(size)
    if sides is None:
        return None
    width, height = sides
    shape, area = width / height, width * height
    ratio = min(ratios, key=lambda one: abs(log(_shape(one) / shape)))
    scale = min(scales, key=lambda one: abs(log(scales[one] ** 2 / area)))
    is_near = isclose(_shape(ratio), shape, rel_tol=0.02) and 0.75 <= scales[scale] ** 2 / area <= 1.34
    how = f"a ratio of sides; sent as {ratio}{' at ' if scale else ''}{scale}"
    ledger.changed("size", f"{ledger.provider} takes {how}", loss=not is_near)
    return Fitted(ratio, scale)


def _shape(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    return float(width) / float(height)


PIXELS = re.compile(r"([1-9]\d{0,4})[xX]([1-9]\d{0,4})")
