"""The command `muxi-llm ask`: one question, its answer on stdout, everything else on stderr."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from muxi_llm.commands.chat import options
from muxi_llm.commands.chat.screens import screen_of
from muxi_llm.commands.hints import hint_of
from muxi_llm.commands.main import complain
from muxi_llm.errors import OpenAIError

if TYPE_CHECKING:
    import argparse


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `ask`."""
    options.add(command)
    command.add_argument(
        "--schema", metavar="FILE", type=Path, help="a JSON schema; the answer is JSON that fits it"
    )
    command.add_argument("--json", action="store_true", help="the whole response instead of its text")
    command.add_argument(
        "-v", "--verbose", action="store_true", help="model, attempts, tokens and cost on stderr"
    )
    command.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Ask, and print; 0 where there is an answer."""
    try:
        talk = options.conversation_of(given)
        content = options.content_of(given)
        if not content:
            return complain(options.NOTHING, 2)
        response = talk.ask(content, screen_of(tells=given.verbose, is_silent=given.json))
    except options.Misunderstood as error:
        return complain(str(error), 2)
    except OpenAIError as error:
        status = complain(str(error))
        if hint := hint_of(error):
            print(hint, file=sys.stderr)
        return status
    if given.json:
        print(response.model_dump_json(indent=2, exclude_unset=True))
    return 0
