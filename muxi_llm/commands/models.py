"""The command `muxi-llm models`: what the providers list, ready for `model=`."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from muxi_llm import runtime
from muxi_llm.commands.hints import hint_of
from muxi_llm.commands.main import complain
from muxi_llm.commands.providers import NONE, provider_rows
from muxi_llm.errors import MuxiLLMError
from muxi_llm.providers import registry

if TYPE_CHECKING:
    import argparse


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `models`."""
    command.add_argument(
        "provider", nargs="?", help="its name; without one, every configured provider is asked"
    )
    command.add_argument("--json", action="store_true", help="as JSON: provider → models")
    command.set_defaults(run=_models)


def _models(given: argparse.Namespace) -> int:
    names = [given.provider] if given.provider else _that_list_models()
    if not names:
        return complain(NONE)
    found: dict[str, list[str]] = {}
    status = 0
    for name in names:
        try:
            found[name] = sorted(model.id for model in runtime.prepare_models(name).run().data)
        except (MuxiLLMError, ImportError, ValueError) as error:  # an extra not installed; an odd setting
            status = complain(f"{name}: {error}\n{hint_of(error)}".rstrip())
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        print(end="".join(f"{name}/{model}\n" for name, models in found.items() for model in models))
    return status


def _that_list_models() -> list[str]:
    return [
        row["name"]
        for row in provider_rows(registry.names())
        if row["configured"] and "models" in row["endpoints"]
    ]
