"""`muxi-llm client`: the settings to paste, so that a client asks the gateway."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.commands.main import complain
from muxi_llm.dashboard.pasted import CLIENTS, settings

if TYPE_CHECKING:
    import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of `client`."""
    parser.add_argument("name", choices=CLIENTS, help="the client")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="where the gateway is")
    parser.add_argument("--model", default="MODEL", help="a model of the gateway's")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Print them; 2 for what cannot be pasted."""
    try:
        print(settings(given.name, given.url, given.model))
    except ValueError as error:
        return complain(str(error), 2)
    return 0
