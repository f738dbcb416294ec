"""Charts as SVG, made here. Colours and fonts are the style sheet's (a page has no style of its own); what a
chart says stands in a table beside it.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WIDTH, HALF, NARROW, HEIGHT = 960, 520, 360, 200
"""Of a chart as wide as its page, of one of two beside each other, and of one of three."""

LEFT, BOTTOM, TOP = 52, 22, 8
LABEL = 80
"""Of the line below: what one label wants, with the room beside it."""

HUES = 8
"""Classes of the style sheet: `hue-0` …"""


class Line(NamedTuple):
    """One row of values, drawn in one hue."""

    name: str
    values: Sequence[float]


class Trace(NamedTuple):
    """Likewise, with gaps where there is nothing to tell."""

    name: str
    values: Sequence[float | None]


def stacked(
    labels: Sequence[str],
    lines: Sequence[Line],
    title: str,
    told: Callable[[float], str],
    width: int = WIDTH,
) -> Markup:
    """Bars over *labels*, each made of the *lines*' values on top of each other."""
    sums = [sum(values) for values in zip(*(line.values for line in lines), strict=True)] or [0.0]
    top = ceiling(max(sums))
    wide = (width - LEFT) / max(len(labels), 1)
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
    return _framed(title, Markup().join(bars), labels, top, told, width)


def traced(
    labels: Sequence[str],
    lines: Sequence[Trace],
    title: str,
    told: Callable[[float], str],
    width: int = WIDTH,
) -> Markup:
    """A line over *labels* for each of the *lines*, with a dot for each value."""
    top = ceiling(max((value for line in lines for value in line.values if value is not None), default=0.0))
    wide = (width - LEFT) / max(len(labels), 1)
    drawn = []
    for hue, line in enumerate(lines):
        dots, path, is_drawing = [], "", False
        for index, value in enumerate(line.values):
            if value is not None:
                x, y = LEFT + (index + 0.5) * wide, _height(value, top)
                path += f"{'L' if is_drawing else 'M'}{x:.1f} {y:.1f}"
                text = f"{labels[index]}, {line.name}: {told(value)}"
                dots.append(DOT.format(x=x, y=y, text=text))
            is_drawing = value is not None
        shape = Markup('<g class="hue-{}"><path class="line" d="{}"/>{}</g>')
        drawn.append(shape.format(hue % HUES, path, Markup().join(dots)))
    return _framed(title, Markup().join(drawn), labels, top, told, width)


DOT = Markup('<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"><title>{text}</title></circle>')


def share(part: float, whole: float, title: str) -> Markup:
    """How much of *whole* it is, as a bar: nothing of which anybody could have too much."""
    return _bar(part / whole if whole > 0 else 0.0, "fine", title)


def meter(part: float, whole: float, title: str) -> Markup:
    """How much of *whole* is gone, as a bar: `full` from 100 %, `near` from 80 %."""
    gone = min(part / whole, 1.0) if whole > 0 else float(part > 0)
    return _bar(gone, "full" if gone >= 1 else "near" if gone >= 0.8 else "fine", title)


def _bar(filled: float, kind: str, title: str) -> Markup:
    return Markup(
        '<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{title}">'
        '<title>{title}</title><rect class="rail" width="100" height="8" rx="2"/>'
        '<rect class="{kind}" width="{wide:.1f}" height="8" rx="2"/></svg>'
    ).format(title=title, kind=kind, wide=filled * 100)


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
    title: str, drawn: Markup, labels: Sequence[str], top: float, told: Callable[[float], str], width: int
) -> Markup:
    grid = Markup().join(
        Markup('<line class="grid" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>'
               '<text class="tick" x="{}" y="{t:.1f}" text-anchor="end">{}</text>').format(
            LEFT, width, LEFT - 6, told(top * part), y=_height(top * part, top),
            t=_height(top * part, top) + 4,
        )
        for part in (0.0, 0.5, 1.0)
    )  # fmt: skip
    every = -(-len(labels) * LABEL // width) or 1
    wide = (width - LEFT) / max(len(labels), 1)
    below = Markup().join(
        Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
            LEFT + (index + 0.5) * wide, HEIGHT - 6, label
        )
        for index, label in enumerate(labels)
        if index % every == 0
    )
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>').format(
        width, HEIGHT, escape(title), grid, drawn, below
    )
