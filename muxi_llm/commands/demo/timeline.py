"""A call as a table a person can read: where it went, how each attempt ended, how long that took.

      candidate                 attempt  outcome                   wait    ms
      groq/openai/gpt-oss-120b        1  ✗ 429 RateLimitError              32  ██
      groq/openai/gpt-oss-120b        2  ✓ answered                1000    33    ·······················██

The bars share one scale: a dot is a pause, a block is a request on its way.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from muxi_llm import AttemptRecord
    from muxi_llm.commands.demo.providers import Received

BAR_WIDTH = 32
CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}
COLOURS = sys.stdout.isatty() and "NO_COLOR" not in os.environ
HEADINGS = f"{'candidate':<29}{'attempt':>7}  {'outcome':<28}{'wait':>6}{'ms':>7}"


def paint(text: str, colour: str) -> str:
    """*text* in a colour, where the output is a terminal."""
    return f"\033[{CODES[colour]}m{text}\033[0m" if COLOURS else text


@dataclass(frozen=True)
class Row:
    """One attempt.  start, wait and seconds are in seconds; the wait comes before the start."""

    model: str
    number: int
    outcome: str
    answered: bool
    start: float
    wait: float
    seconds: float

    @property
    def label(self) -> str:
        """The attempt in short: `groq 429`, `mistral IncompleteStreamError`, `anthropic answered`."""
        return f"{self.model.partition('/')[0]} {self.outcome.split()[0]}"


def rows_of_attempts(attempts: Iterable[AttemptRecord]) -> list[Row]:
    """The rows of a call, from its report (`response.muxi.attempts`, `error.attempts`)."""
    rows, clock = [], 0.0
    for attempt in attempts:
        clock += attempt.waited
        kind = "answered" if attempt.error is None else type(attempt.error).__name__
        outcome = f"{attempt.status} {kind}" if attempt.status else kind
        answered = attempt.error is None
        rows.append(
            Row(attempt.model, attempt.number, outcome, answered, clock, attempt.waited, attempt.seconds)
        )
        clock += attempt.seconds
    return rows


def rows_of_requests(requests: Iterable[Received]) -> list[Row]:
    """The rows of a call, as the servers saw it."""
    rows, clock = [], 0.0
    for request in requests:
        answered = request.status == 200
        rows.append(Row(request.model, 1, str(request.status), answered, clock, 0.0, request.seconds))
        clock += request.seconds
    return rows


def table(rows: list[Row]) -> list[str]:
    """The lines to print."""
    total = max((row.start + row.seconds for row in rows), default=0.0) or 1.0
    return [paint(HEADINGS, "dim"), *(_line(row, BAR_WIDTH / total) for row in rows)]


def _line(row: Row, scale: float) -> str:
    mark, colour = ("✓", "green") if row.answered else ("✗", "red")
    wait = f"{row.wait * 1000:.0f}" if row.wait else ""
    outcome = paint(f"{mark} {row.outcome:<26}", colour)
    figures = f"{wait:>6}{row.seconds * 1000:>7.0f}"
    return f"{row.model:<32}{row.number:>4}  {outcome}{figures}  {_bar(row, scale, colour)}"


def _bar(row: Row, scale: float, colour: str) -> str:
    begin, start = round((row.start - row.wait) * scale), round(row.start * scale)
    length = max(1, round(row.seconds * scale))
    return " " * begin + paint("·" * (start - begin), "dim") + paint("█" * length, colour)
