"""The command `muxi-llm completion`, and what answers when Tab is pressed. Both are argcomplete's work."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from muxi_llm.commands.main import complain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

NEEDED = "completion needs argcomplete: pip install 'muxi-llm[cli]'"


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `completion`."""
    command.add_argument("shell", choices=("bash", "zsh", "fish"), help="for which shell")
    command.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Print what the shell is to read."""
    try:
        argcomplete = import_module("argcomplete")
    except ModuleNotFoundError:
        return complain(NEEDED, 2)
    print(argcomplete.shellcode(["muxi-llm"], shell=given.shell))
    return 0


def complete(parser_of: Callable[[str], argparse.ArgumentParser]) -> int:
    """Answer the shell (argcomplete's protocol: the line so far is in the environment) and end."""
    try:
        argcomplete: Any = import_module("argcomplete")
    except ModuleNotFoundError:
        return 1
    words = os.environ.get("COMP_LINE", "").split()
    argcomplete.autocomplete(parser_of(words[1] if len(words) > 1 else ""), always_complete_options=False)
    return 1  # pragma: no cover - it has ended


def models(prefix: str, **_: Any) -> list[str]:
    """Models that begin so: `provider/` until there is one, then what is known of it without asking."""
    registry = import_module("muxi_llm.providers.registry")
    provider, slash, _rest = prefix.partition("/")
    if not slash:
        return [f"{name}/" for name in registry.names() if name.startswith(prefix)]
    known = import_module("muxi_llm.prices.rates")
    return [
        f"{provider}/{name}"
        for name in known.listed_models(provider)
        if f"{provider}/{name}".startswith(prefix)
    ]
