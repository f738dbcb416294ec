"""The command `muxi-llm`: parses, asks, prints. What it knows it reads from the registry and the runtime."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import textwrap
from importlib import import_module
from typing import TYPE_CHECKING, Any

from muxi_llm import __version__, runtime
from muxi_llm.commands import batch, harness, kill_switch, llmix, mda
from muxi_llm.errors import MuxiLLMError
from muxi_llm.providers import registry
from muxi_llm.providers.base import wire_at
from muxi_llm.providers.catalog import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from muxi_llm.providers.base import Provider
    from muxi_llm.wire.base import Endpoint, Wire

Row = dict[str, Any]

ROOMS = {
    "serve": ("gateway", "the gateway: OpenAI's and Anthropic's protocols in, any provider out"),
    "check": ("gateway", "what a gateway's configuration says, and what is wrong in it"),
    "import": ("gateway", "a LiteLLM proxy's configuration in the gateway's words"),
    "client": ("gateway", "what to paste so that Claude Code, Codex or an SDK asks the gateway"),
}
"""Commands whose room is an extra, and is loaded when they are asked for."""
MODULES = {"import": "importing"}
"""Modules of commands whose name a module cannot have."""


OWN = {"llmix": llmix.main, "mda": mda.main}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words and words[0] in OWN:  # they have their own ways with options
        return OWN[words[0]](words[1:])
    given = _parser(words[0] if words else "").parse_args(words)
    try:
        status: int = given.run(given)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        _give_up_output()
        return 0
    except OSError as error:  # a full disk
        _give_up_output()
        return _complain(str(error), 2)
    return status


def _give_up_output() -> None:
    """What is still buffered must not be tried again when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _room(name: str, room: str) -> Any:
    """The module of a command that wants an extra. Ends the program where that is not installed."""
    try:
        return import_module(f"muxi_llm.commands.{room}.{MODULES.get(name, name)}")
    except ModuleNotFoundError as error:
        sys.exit(_complain(f"{name} needs {error.name}: pip install 'muxi-llm[{room}]'", 2))


def _parser(chosen: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="muxi-llm", description="Every model provider, one interface.")
    parser.add_argument("--version", action="version", version=f"muxi-llm {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    providers = commands.add_parser("providers", help="the providers there are, and which are configured")
    form = providers.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON")
    form.add_argument("--markdown", action="store_true", help="the README's table: this package's own alone")
    providers.set_defaults(run=_providers)

    models = commands.add_parser("models", help="the models a provider lists")
    models.add_argument(
        "provider", nargs="?", help="its name; without one, every configured provider is asked"
    )
    models.add_argument("--json", action="store_true", help="as JSON: provider → models")
    models.set_defaults(run=_models)

    for name, (room, about) in ROOMS.items():
        command = commands.add_parser(name, help=about)
        if chosen == name:
            _room(name, room).add(command)
    batch.add(commands.add_parser("batch", help="many prompts from a file, answers to a file"))
    kill_switch.add(
        commands.add_parser(
            "kill-switch",
            help="stop every call of programs on this machine that look at it, and let them go on",
            description="Make or remove the file that stops calls. LLMix pipelines and `batch` always look "
            "at it, other programs where `harness.configure(kill_switch=True)` says so.",
        )
    )
    harness.add(commands.add_parser("harness", help="what a Redis cache holds, and emptying it"))
    commands.add_parser("llmix", help="releases of presets: publish, check, list, compare, go back")
    commands.add_parser("mda", help="presets as documents: digests, signatures, and the papers of a release")
    return parser


# -------------------------------------------------------------------------------------- providers


def _providers(given: argparse.Namespace) -> int:
    if given.markdown:
        print(markdown())
        return 0
    rows = provider_rows(registry.names())
    print(json.dumps(rows, indent=2) if given.json else "\n".join(_table(rows, _width())))
    return 0


def provider_rows(names: Iterable[str]) -> list[Row]:
    """What there is to know of each provider, as plain values."""
    kinds = ((name, registry.find(name)) for name in names)
    return [_row(name, kind) for name, kind in kinds if kind is not None]


def _row(name: str, kind: type[Provider]) -> Row:
    talks = kind.wires.get("chat") or next(iter(kind.wires.values()), None)
    talks = talks or wire_at(next(iter(kind.more_wires.values())))
    return {
        "name": name,
        "wire": _name_of(talks),
        "endpoints": [told for endpoint, told in ENDPOINTS.items() if endpoint in kind.endpoints()],
        "capabilities": [word for word, flag in CAPABILITIES.items() if getattr(kind, flag)]
        if "chat" in kind.wires
        else [],
        "key": list(kind.key_env),
        "key_required": kind.key_required,
        "base_url": kind.base_url,
        "tier": "closed" if getattr(kind, "closed", "") else kind.tier,
        "configured": runtime.is_configured(kind),
    }


def _name_of(wire: type[Wire]) -> str:
    """The family and the form it is in, where there is a family: `openai_chat`."""
    if wire.__module__ in INSTEAD:
        return INSTEAD[wire.__module__]
    ours = wire.__module__.removeprefix("muxi_llm.wire.")
    return ours.replace(".", "_") if ours != wire.__module__ else ours.rpartition(".")[2]


def _table(rows: Sequence[Row], width: int) -> list[str]:
    """One line each, columns aligned; where the terminal is too narrow for that, a paragraph each."""
    cells = [COLUMNS, *([_cell(row, column) for column in COLUMNS] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if sum(widths) + 2 * len(widths) <= width:
        return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]
    return [line for row in rows for line in _paragraph(row, width)]


def _paragraph(row: Row, width: int) -> list[str]:
    mark = " (configured)" if row["configured"] else ""
    told = (f"{column}: {cell}" for column in COLUMNS[1:-1] if (cell := _cell(row, column)))
    wrapper = textwrap.TextWrapper(
        width, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    return [row["name"] + mark, *(line for each in told for line in wrapper.wrap(each))]


def _cell(row: Row, column: str) -> str:
    value = row[column]
    if column == "key":
        return value[0] if value and row["key_required"] else f"({value[0]})" if value else ""
    if isinstance(value, bool):
        return "yes" if value else ""
    return ", ".join(value) if isinstance(value, list) else str(value)


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000


def markdown() -> str:
    """The README's table of the providers that come with this package."""
    lines = ["| provider | key | wire | endpoints | takes | tier |", "|---|---|---|---|---|---|"]
    for row in provider_rows(sorted({*registry.NATIVE, *ROWS})):
        cells = [_cell(row, column) for column in ("wire", "endpoints", "capabilities", "tier")]
        key = f"`{row['key'][0]}`" if row["key"] else ""
        lines.append(
            " | ".join([f"| `{row['name']}`", key if row["key_required"] else f"({key})", *cells]) + " |"
        )
    return "\n".join(lines)


# ----------------------------------------------------------------------------------------- models


def _models(given: argparse.Namespace) -> int:
    names = [given.provider] if given.provider else _that_list_models()
    if not names:
        return _complain("no provider is configured; set a key (`muxi-llm providers` names the variables)")
    found: dict[str, list[str]] = {}
    status = 0
    for name in names:
        try:
            found[name] = sorted(model.id for model in runtime.prepare_models(name).run().data)
        except (MuxiLLMError, ImportError, ValueError) as error:  # an extra not installed; an odd setting
            status = _complain(f"{name}: {error}")
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


def _complain(story: str, status: int = 1) -> int:
    print(f"muxi-llm: {story}", file=sys.stderr)
    return status


# ------------------------------------------------------------------------------------------ tables

COLUMNS = ["name", "key", "wire", "endpoints", "capabilities", "tier", "configured"]

ENDPOINTS: dict[Endpoint, str] = {
    **{name: name for name in ("chat", "completion", "embedding", "models")},
    **{name: name for name in ("image", "image_edit", "moderation", "rerank")},
    **{name: name for name in ("transcription", "translation", "speech")},
    "file.create": "files",
    "batch.create": "batches",
}
"""What is told of endpoints, in this order; of several about one thing the first."""

INSTEAD = {"muxi_llm.wire.responses.instead": "openai_chat"}
"""Wires that are another one with a way out."""

CAPABILITIES = {
    "stream": "streaming_support",
    "tools": "tools_support",
    "json": "json_mode_support",
    "schema": "json_schema_support",
    "images": "vision_support",
    "audio": "audio_input_support",
    "video": "video_input_support",
    "files": "file_input_support",
}
"""What to call a flag of `Provider` in a few letters."""


if __name__ == "__main__":
    sys.exit(main())
