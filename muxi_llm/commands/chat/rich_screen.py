"""A terminal with rich: Markdown as it comes, thinking in grey, and prompt_toolkit to type in."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown
from rich.text import Text

from muxi_llm.commands.chat.conversation import state_dir
from muxi_llm.commands.chat.screens import Screen, harmless, short, told
from muxi_llm.commands.chat.words import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxi_llm.models import Report

FRAMES = 20
"""Drawings a second of what is not complete yet."""

BREAK = re.compile(r"\n[ \t]*\n(?=\S)")
FENCE = re.compile(r"^ {0,3}(```|~~~)", re.MULTILINE)


class RichScreen(Screen):
    """Paragraphs that are complete are printed for good; the one under way is drawn over and over."""

    def __init__(self, tells: bool, keeps: bool) -> None:
        super().__init__(tells)
        self._console = Console(highlight=False)
        self._keeps = keeps
        self._session: PromptSession[str] | None = None
        self._begun: str | None = None
        self._thought = False

    def read(self) -> str:
        """A line, with history and Tab."""
        if self._session is None:
            self._session = PromptSession(
                history=_history(keeps=self._keeps),
                completer=WordCompleter([*WORDS], sentence=True),
                key_bindings=_keys(),
                complete_while_typing=False,
            )
        self._console.print()
        return self._session.prompt("> ")

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Draws what is under way, and prints what is left at the end."""
        self._begun, self._thought = "", False
        shown = Live(
            console=self._console, get_renderable=self._drawn, refresh_per_second=FRAMES, transient=True
        )
        with shown:
            try:
                yield
            finally:
                self._end_thought()
                rest, self._begun = self._begun, None
        if rest.strip():
            self._console.print(Markdown(rest))

    def say(self, text: str) -> None:
        """Markdown."""
        self._end_thought()
        self._begun = begun = (self._begun or "") + harmless(text)
        for found in reversed([*BREAK.finditer(begun)]):
            if len(FENCE.findall(begun[: found.start()])) % 2 == 0:  # not within code
                self._begun = begun[found.end() :]
                self._console.print(Markdown(begun[: found.start()]))
                self._console.print()
                break

    def think(self, text: str) -> None:
        """In grey, before the answer."""
        self._thought = True
        self._begun = (self._begun or "") + harmless(text)

    def _end_thought(self) -> None:
        if self._thought:
            thought, self._begun, self._thought = self._begun or "", "", False
            self._console.print(Text(thought.strip(), "dim italic"))
            self._console.print()

    def _drawn(self) -> Any:
        """What is under way; asked for by a thread of rich's."""
        if self._begun is None:  # over
            return ""
        if self._thought:
            return Text(self._begun, "dim italic")
        return Markdown(self._begun) if self._begun else Text("…", "dim")

    def called(self, name: str, arguments: str, result: str) -> None:
        """A line of its own."""
        line = Text.assemble(
            ("⚙ ", "cyan"),
            (harmless(name), "bold cyan"),
            f"({short(arguments)}) ",
            ("→ ", "dim"),
            short(result),
        )
        self._console.print(line)

    def report(self, report: Report, usage: Any) -> None:
        """In grey below the answer."""
        if self._tells:
            for line in told(report, usage):
                self._console.print(Text(harmless(line), "dim"))

    def failed(self, story: str, hint: str) -> None:
        """In red, and what to do."""
        self._console.print(Text(harmless(story), "red"))
        if hint:
            self._console.print(Text(hint, "yellow"))

    def note(self, text: str) -> None:
        """In grey."""
        self._console.print(Text(harmless(text), "dim"))


def _history(*, keeps: bool) -> FileHistory | InMemoryHistory:
    if not keeps:
        return InMemoryHistory()
    folder = state_dir()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "typed"
    path.touch(mode=0o600)
    return FileHistory(str(path))


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _(event: Any) -> None:
        event.current_buffer.insert_text("\n")

    return keys
