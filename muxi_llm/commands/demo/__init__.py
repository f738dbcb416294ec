"""The command `muxi-llm demo`: model providers on loopback, and something that asks them.

Reading order: `answers` (what the models say), the wires (`openai_wire` first), `providers` (the servers and
their troubles), `sections` on a `stage` (what is shown), `timeline` (how).
"""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import traceback
import warnings
from typing import TYPE_CHECKING

from muxi_llm.commands.demo import sections as shown
from muxi_llm.commands.demo.providers import Providers, busy, cut_off, down
from muxi_llm.commands.demo.stage import Stage
from muxi_llm.commands.main import BY_NAME, complain
from muxi_llm.commands.main import main as muxi_llm
from muxi_llm.errors import OpenAIError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from muxi_llm.commands.demo.providers import Mood

    Section = Callable[[Stage], None]


ABOUT = """\
muxi-llm: real calls over real HTTP, no keys. On loopback there are now

    openai       down: answers 503 to everything
    groq         busy: answers 429 to the first request for a model, with Retry-After: 1
    mistral      breaks its streams before there is any text
    anthropic    works, and speaks its own Messages API
    google       works"""

FAILURES = OpenAIError, OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError
"""How a section may fail."""

TROUBLES: dict[str, Mood] = {"openai": down, "groq": busy, "mistral": cut_off}

SECTIONS: tuple[Section, ...] = (
    shown.fallback_chain,
    shown.retries,
    shown.stream,
    shown.tool_call,
    shown.json_mode,
    shown.embedding,
    shown.drop_in_client,
    shown.async_calls,
    shown.error,
)


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `demo`."""
    command.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="COMMAND ...",
        help="another command of muxi-llm's, or a program",
    )
    command.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Show, or run what is given, with every provider on this machine."""
    if not given.command:
        return show(SECTIONS)
    with Providers({}) as providers:
        os.environ.update(providers.environment)
        os.environ.setdefault("MUXI_LLM_MODEL", "anthropic/claude-sonnet-5")
        if given.command[0] in BY_NAME:
            return muxi_llm(given.command)
        try:
            return subprocess.run(given.command, check=False).returncode  # noqa: S603 - it is what was asked for
        except FileNotFoundError:
            return complain(f"there is no command and no program {given.command[0]}", 2)


def show(sections: Sequence[Section], troubles: Mapping[str, Mood] = TROUBLES) -> int:
    """Run the sections; 1 if any call does not do what it is said to do."""
    warnings.simplefilter("ignore", UserWarning)  # adaptations are printed
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # consoles without block characters
    with Providers(troubles) as providers:
        os.environ.update(providers.environment)
        print(ABOUT)
        stage = Stage(providers.journal)
        for number, section in enumerate(sections, 1):
            stage.title(number, (section.__doc__ or "").rstrip("."))
            try:
                section(stage)
            except FAILURES:  # one section's failure must not hide the others
                traceback.print_exc()
                stage.check(False, f"section {number} runs to its end")
    print(f"\n{stage.summary()}")
    return 1 if stage.failures else 0
