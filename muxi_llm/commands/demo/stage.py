"""Where the demo's calls are shown and checked: a call that does not do what the demo claims fails it."""

# ruff: noqa: T201 - printing is what a demo is for

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from muxi_llm.commands.demo.timeline import Row, paint, rows_of_attempts, rows_of_requests, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from muxi_llm import AttemptRecord
    from muxi_llm.commands.demo.providers import Received
    from muxi_llm.models import ChatCompletionChunk

INDENT = "   "
REAL_SERVER = "llama_cpp"  # it keeps no journal for us


class Stage:
    """Prints, checks and counts."""

    def __init__(self, journal: Sequence[Received]) -> None:
        self.failures: list[str] = []
        self.skips: list[str] = []
        self._journal = journal
        self._seen = 0
        self._calls = self._requests = 0
        self._started = time.monotonic()

    # -------------------------------------------------------------------------------- to be read

    def title(self, number: int, text: str) -> None:
        """Open a section; what a failed one before it sent is none of its own."""
        self._new_requests()
        print(f"\n{paint(f'{number:>2}  {text}', 'bold')}")

    def say(self, what: str, text: object) -> None:
        """A line of what came of the call."""
        print(f"{INDENT}{paint(f'{what}:', 'cyan')} {text}")

    def stream(self, what: str, chunks: Iterable[ChatCompletionChunk], mark: str = "") -> str:
        """An answer as it comes, with a mark after each piece; returns the whole of it."""
        print(f"{INDENT}{paint(f'{what}:', 'cyan')} ", end="", flush=True)
        text = ""
        for chunk in chunks:
            piece = chunk.choices[0].delta.content or ""
            text += piece
            print(piece, end=mark if piece else "", flush=True)
        print()
        return text

    def skip(self, reason: str) -> None:
        """Say loudly that a section cannot run here."""
        self.skips.append(reason)
        print(paint(f"\n{INDENT}SKIPPED, NOT SHOWN: {reason}", "yellow"))

    # ------------------------------------------------------------------------------- to be checked

    def call(self, *calls: Sequence[AttemptRecord], expect: list[str]) -> None:
        """Show a call's attempts (or those of several at once), and check them against what is expected
        and against what reached the servers.
        """
        rows = [row for attempts in calls for row in rows_of_attempts(attempts)]
        self._show(rows, len(calls), expect)
        reached = sorted(row.model for row in rows if not row.model.startswith(REAL_SERVER))
        seen = sorted(request.model for request in self._new_requests())
        self.check(seen == reached, f"requests to {seen}, attempts at {reached}")

    def requests(self, expect: list[str]) -> None:
        """Show and check a call as the servers saw it."""
        self._show(rows_of_requests(self._new_requests()), 1, expect)

    def check(self, holds: bool, claim: str) -> None:
        """Note a claim that does not hold."""
        if not holds:
            self.failures.append(claim)
            print(paint(f"{INDENT}NOT AS EXPECTED: {claim}", "red"))

    def _show(self, rows: list[Row], calls: int, expect: list[str]) -> None:
        print()
        for line in table(rows):
            print(f"{INDENT}{line}")
        self._calls += calls
        self._requests += len(rows)
        found = [row.label for row in rows]
        self.check(found == expect, f"attempts {found}, not {expect}")

    def _new_requests(self) -> Sequence[Received]:
        new = self._journal[self._seen :]
        self._seen += len(new)
        return new

    # ----------------------------------------------------------------------------------- summary

    def summary(self) -> str:
        """The demo in a line."""
        seconds = time.monotonic() - self._started
        counts = f"{self._calls} calls, {self._requests} requests reached the servers, {seconds:.1f} s"
        skipped = f"; SKIPPED: {'; '.join(self.skips)}" if self.skips else ""
        if self.failures:
            return paint(f"{counts}; NOT AS EXPECTED: {'; '.join(self.failures)}{skipped}", "red")
        return paint(f"{counts}; everything did what it claims{skipped}", "green")
