"""Where a conversation is shown. Plain text here; `rich_screen` where there is a terminal and rich."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxi_llm.models import Report


def screen_of(*, tells: bool, keeps: bool = False, is_silent: bool = False) -> Screen:
    """What fits the terminal. tells: model, attempts, tokens and cost of each answer. keeps: what is typed,
    for the arrow keys of another day. is_silent: the answer is not shown.
    """
    is_fine = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if is_fine and not is_silent:
        try:
            fine: Screen = import_module("muxi_llm.commands.chat.rich_screen").RichScreen(tells, keeps)
        except ModuleNotFoundError:  # the extra is not installed
            pass
        else:
            return fine
    return Screen(tells, is_silent=is_silent)


class Screen:
    """Text on stdout, everything else on stderr."""

    def __init__(self, tells: bool, *, is_silent: bool = False) -> None:
        self._tells = tells
        self._is_silent = is_silent
        self._end = ""

    def read(self) -> str:
        """A line that somebody types. Raises `EOFError` and `KeyboardInterrupt`."""
        print("> ", end="", flush=True, file=sys.stderr)
        return input()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Around an answer, from the question on."""
        self._end = ""
        try:
            yield
        finally:
            if self._end not in {"", "\n"}:
                print(flush=True)

    def say(self, text: str) -> None:
        """A piece of the answer."""
        if text and not self._is_silent:
            print(harmless(text) if sys.stdout.isatty() else text, end="", flush=True)
            self._end = text[-1]

    def think(self, text: str) -> None:
        """A piece of what the model thinks before."""

    def called(self, name: str, arguments: str, result: str) -> None:
        """A tool was called."""
        self.note(f"{name}({arguments}) → {short(result)}")

    def report(self, report: Report, usage: Any) -> None:
        """Who answered, how, and for how much."""
        if self._tells:
            for line in told(report, usage):
                self.note(line)

    def failed(self, story: str, hint: str) -> None:
        """There is no answer."""
        self.note("\n".join(part for part in (f"muxi-llm: {story}", hint) if part))

    def note(self, text: str) -> None:
        """Something about the conversation that is no part of it."""
        print(harmless(text), file=sys.stderr)


def told(report: Report, usage: Any) -> list[str]:
    """Failed attempts, what was lost on the way, and a line of figures."""
    lines = [f"{one.model}, attempt {one.number}: {one.reason}" for one in report.attempts if one.error]
    lines += [str(adaptation) for adaptation in report.adaptations if adaptation.loss]
    tries = len(report.attempts)
    figures = [report.model, f"{tries} attempts" if tries > 1 else "", f"{report.latency:.1f} s"]
    if usage is not None:
        figures.append(f"{usage.prompt_tokens} + {usage.completion_tokens} tokens")
    if (cost := report.cost) is not None:
        figures.append(f"${cost:.6f}".rstrip("0").rstrip("."))
    return [*lines, " · ".join(figure for figure in figures if figure)]


def harmless(text: str) -> str:
    """*text* without what a terminal would obey: whoever can write into an answer could retitle its window,
    or type in it.
    """
    return CONTROLS.sub("", text)


CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def short(text: str, length: int = 200) -> str:
    """*text* in a line that can be read."""
    line = harmless(" ".join(text.split()))
    return line if len(line) <= length else f"{line[:length]}…"
