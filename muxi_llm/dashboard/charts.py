"""Charts as SVG, made here. Colours and fonts are the style sheet's (a page has no style of its own); what a
chart says stands in a table beside it.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WIDTH, HEIGHT = 720, 200
LEFT, BOTTOM, TOP = 52, 22, 8
HUES = 8
"""Classes of the style sheet: `hue-0` …"""


class Line(NamedTuple):
    """One row of values, drawn in one hue."""

    name: str
    values: Sequence[float]


def stacked(labels: Sequence[str], lines: Sequence[Line], title: str, told: Callable[[float], str]) -> Markup:
    """Bars over *labels*, each made of the *lines*' values on top of each other."""
    sums = [sum(values) for values in zip(*(line.values for line in lines), strict=True)] or [0.0]
    top = ceiling(max(sums))
    wide = (WIDTH - LEFT) / max(len(labels), 1)
    bars = []
    for index, label in enumerate(labels):
        values = [line.values[index] for line in lines]
        for hue, (value, until) in enumerate(zip(values, accumulate(values), strict=True)):
            if value > 0:
                box = _box(LEFT + index * wide + wide * 0.1, until, value, wide * 0.8, top)
                text = f"{label}, {lines[hue].name}: {told(value)}"
                bars.append(
                    Markup('<rect class="hue-{}" {}><title>{}</title></rect>').format(hue % HUES, box, text)
                )
    return _framed(title, Markup().join(bars), labels, top, told)


def lined(labels: Sequence[str], lines: Sequence[Line], title: str, told: Callable[[float], str]) -> Markup:
    """A line for each of the *lines*, over *labels*."""
    top = ceiling(max((value for line in lines for value in line.values), default=0.0))
    wide = (WIDTH - LEFT) / max(len(labels), 1)
    drawn = []
    for hue, line in enumerate(lines):
        points = " ".join(
            f"{LEFT + (index + 0.5) * wide:.1f},{_height(value, top):.1f}"
            for index, value in enumerate(line.values)
        )
        drawn.append(
            Markup('<polyline class="line hue-{}" points="{}"><title>{}</title></polyline>').format(
                hue % HUES, points, line.name
            )
        )
    return _framed(title, Markup().join(drawn), labels, top, told)


def meter(part: float, whole: float, title: str) -> Markup:
    """How much of *whole* is gone, as a bar: `full` from 100 %, `near` from 80 %."""
    share = min(part / whole, 1.0) if whole > 0 else float(part > 0)
    kind = "full" if share >= 1 else "near" if share >= 0.8 else "fine"
    return Markup(
        '<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{title}">'
        '<title>{title}</title><rect class="rail" width="100" height="8" rx="2"/>'
        '<rect class="{kind}" width="{wide:.1f}" height="8" rx="2"/></svg>'
    ).format(title=title, kind=kind, wide=share * 100)


def ceiling(value: float) -> float:
    """The next round number that is no less."""
    if value <= 0:
        return 1.0
    size = 10.0 ** int(f"{value:e}".partition("e")[2])
    return next(size * step for step in (1, 2, 2.5, 5, 10) if size * step >= value * (1 - 1e-9))


def _height(value: float, top: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)


def _box(left: float, until: float, value: float, wide: float, top: float) -> Markup:
    upper = _height(until, top)
    tall = _height(until - value, top) - upper
    return Markup('x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"').format(left, upper, wide, tall)


def _framed(
    title: str, drawn: Markup, labels: Sequence[str], top: float, told: Callable[[float], str]
) -> Markup:
    grid = Markup().join(
        Markup('<line class="grid" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>'
               '<text class="tick" x="{}" y="{t:.1f}" text-anchor="end">{}</text>').format(
            LEFT, WIDTH, LEFT - 6, told(top * part), y=_height(top * part, top),
            t=_height(top * part, top) + 4,
        )
        for part in (0.0, 0.5, 1.0)
    )  # fmt: skip
    every = max(len(labels) // 6, 1)
    wide = (WIDTH - LEFT) / max(len(labels), 1)
    below = Markup().join(
        Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
            LEFT + (index + 0.5) * wide, HEIGHT - 6, label
        )
        for index, label in enumerate(labels)
        if index % every == 0
    )
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>').format(
        WIDTH, HEIGHT, escape(title), grid, drawn, below
    )
