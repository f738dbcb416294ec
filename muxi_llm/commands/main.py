"""The command `muxi-llm`: finds the command that is meant, and loads nothing but that one."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import argparse
import difflib
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from muxi_llm import __version__
from muxi_llm.commands.texts import TEACHING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Command(NamedTuple):
    """What is told of a command before its module is loaded.

    module: below `muxi_llm.commands`; it has `add(parser)`. extra: whose packages it wants, if any.
    is_own: its `main(arguments)` has its own ways with options.
    """

    module: str
    about: str
    extra: str = ""
    is_own: bool = False


COMMANDS: dict[str, dict[str, Command]] = {
    "talk to models": {
        "chat": Command("chat", "talk to any model: streams, takes images and files, calls your functions"),
        "ask": Command("ask", "ask once, for scripts and pipes"),
        "demo": Command("demo", "see it work, or run anything against providers on this machine: no keys"),
    },
    "look around": {
        "providers": Command("providers", "the providers there are, and which are configured"),
        "models": Command("models", "the models a provider lists"),
    },
    "work in bulk": {
        "batch": Command("batch", "many prompts from a file, answers to a file"),
        "harness": Command("harness", "what a Redis cache holds, and emptying it"),
        "kill-switch": Command("kill_switch", "stop every call of programs on this machine that look at it"),
    },
    "serve": {
        "serve": Command(
            "gateway.serve", "the gateway: OpenAI's and Anthropic's protocols in, any provider out", "gateway"
        ),
        "dashboard": Command("dashboard", "pages to manage a gateway by, that is elsewhere", "dashboard"),
        "check": Command(
            "gateway.check", "what a gateway's configuration says, and what is wrong in it", "gateway"
        ),
        "migrate": Command(
            "governance.migrate", "make or bring up to date the tables of its database", "gateway"
        ),
        "import": Command(
            "gateway.importing", "a LiteLLM proxy's configuration in the gateway's words", "gateway"
        ),
        "client": Command(
            "gateway.client",
            "what to paste so that Claude Code, Codex or an SDK asks the gateway",
            "gateway",
        ),
    },
    "govern": {
        "keys": Command("governance.keys", "virtual keys of a gateway: made, limited, changed, blocked"),
        "users": Command("governance.users", "who may use a gateway, and what"),
        "teams": Command("governance.teams", "teams, who is in them, and what they may spend"),
        "orgs": Command("governance.orgs", "organizations"),
        "budgets": Command("governance.budgets", "all budgets there are, and what they are"),
        "spend": Command("governance.spend", "what was spent, by whom and on what"),
        "prices": Command("governance.prices", "prices of one's own, and discounts"),
        "audit": Command("governance.audit", "every change there was, and whether the log of them is whole"),
    },
    "release presets": {
        "mda": Command("mda", "presets as documents: digests, signatures, papers of a release", is_own=True),
        "llmix": Command("llmix", "releases of presets: publish, check, list, compare, go back", is_own=True),
    },
    "set up": {
        "completion": Command("completion", "what makes Tab complete commands and models in your shell"),
    },
}
"""Every command, by what it is for."""

BY_NAME = {name: command for group in COMMANDS.values() for name, command in group.items()}

BEGIN = """\
begin with
  muxi-llm demo                            see it work, no key needed
  export OPENAI_API_KEY=sk-...             or another provider's: muxi-llm providers
  muxi-llm chat -m openai/gpt-5.6-luna     a model is provider/name
  git diff | muxi-llm ask "Write a commit message"

`muxi-llm COMMAND --help` has the options of each, and examples."""

STOPPED = 130
"""What a shell expects of a program that Ctrl-C has ended."""


class Parser(argparse.ArgumentParser):
    """Text as it is written, no abbreviations, and errors that say where to read on."""

    def __init__(self, **given: Any) -> None:
        given.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **given)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """What is not known is told by the command it was given to, with the nearest option it has."""
        given, rest = super().parse_known_args(args, namespace)
        if rest:
            near = difflib.get_close_matches(rest[0], self._option_string_actions, n=1)
            self.error(f"unrecognized arguments: {' '.join(rest)}{_meant(near)}")
        return given, rest

    def error(self, message: str) -> NoReturn:
        """Ends the program with status 2."""
        print(f"{self.prog}: {message}\ntry: {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        status = _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _give_up_output()
        return STOPPED
    except BrokenPipeError:  # `| head` has seen enough
        _give_up_output()
        return 0
    except OSError as error:  # a full disk
        _give_up_output()
        return complain(str(error), 2)
    return status


def complain(story: str, status: int = 1) -> int:
    """Tell it on stderr, as every command does; the status to end with."""
    print(f"muxi-llm: {story}", file=sys.stderr)
    return status


def _run(words: list[str]) -> int:
    if "_ARGCOMPLETE" in os.environ:  # the shell asks what may come next
        return int(import_module("muxi_llm.commands.completion").complete(parser_of))
    chosen = words[0] if words else "--help"
    command = BY_NAME.get(chosen)
    if command is None and not chosen.startswith("-"):
        near = difflib.get_close_matches(chosen, BY_NAME, n=1)
        return complain(f"invalid choice: {chosen!r}{_meant(near)}\ntry: muxi-llm --help", 2)
    if command is not None and command.is_own:
        return int(_module_of(chosen).main(words[1:]))
    given = parser_of(chosen).parse_args(words or ["--help"])
    return int(given.run(given))


def _meant(near: Sequence[str]) -> str:
    return f"; did you mean {near[0]}?" if near else ""


def _give_up_output() -> None:
    """What is still buffered must not be tried again when the interpreter ends."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # it is no file, or closed: nothing is tried again
        return


def _module_of(name: str) -> Any:
    """The module of a command. Ends the program where it wants an extra that is not installed."""
    command = BY_NAME[name]
    try:
        return import_module(f"muxi_llm.commands.{command.module}")
    except ModuleNotFoundError as error:
        if not command.extra:
            raise
        sys.exit(complain(f"{name} needs {error.name}: pip install 'muxi-llm[{command.extra}]'", 2))


def parser_of(chosen: str) -> argparse.ArgumentParser:
    """What reads a command line whose command is *chosen*: the arguments of no other are loaded."""
    parser = Parser(
        prog="muxi-llm", description="Every model provider, one interface.", epilog=f"{_listed()}\n\n{BEGIN}"
    )
    parser.add_argument("--version", action="version", version=f"muxi-llm {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, help=argparse.SUPPRESS)
    for name, command in BY_NAME.items():
        about = f"{command.about[0].upper()}{command.about[1:]}."
        added = commands.add_parser(name, description=about, epilog=TEACHING.get(name))
        if chosen == name and not command.is_own:
            _module_of(name).add(added)
    return parser


def _listed() -> str:
    wide = max(map(len, BY_NAME))
    groups = (
        "\n".join([title, *(f"  {name:{wide}}  {command.about}" for name, command in group.items())])
        for title, group in COMMANDS.items()
    )
    return "\n\n".join(groups)


if __name__ == "__main__":
    sys.exit(main())
