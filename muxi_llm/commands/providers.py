"""The command `muxi-llm providers`: what the registry knows of each, and which are configured."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from muxi_llm import runtime
from muxi_llm.commands.main import complain
from muxi_llm.providers import registry
from muxi_llm.providers.base import wire_at
from muxi_llm.providers.catalog import ROWS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from muxi_llm.providers.base import Provider
    from muxi_llm.wire.base import Endpoint, Wire

Row = dict[str, Any]


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `providers`."""
    command.add_argument("name", nargs="*", help="these alone; default: all")
    command.add_argument(
        "--configured", action="store_true", help="only those a key, or an address, is set for"
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON")
    form.add_argument(
        "--markdown", action="store_true", help="the documents' table: this package's own alone"
    )
    command.set_defaults(run=_providers)


def _providers(given: argparse.Namespace) -> int:
    if given.markdown:
        print(markdown())
        return 0
    for name in given.name:
        if registry.find(name) is None:
            return complain(registry.hint(name), 2)
    rows = provider_rows(given.name or registry.names())
    if given.configured:
        rows = [row for row in rows if row["configured"]]
        if not rows and not given.json:
            return complain(NONE)
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
    """The documents' table of the providers that come with this package."""
    lines = ["| provider | key | wire | endpoints | takes | tier |", "|---|---|---|---|---|---|"]
    for row in provider_rows(sorted({*registry.NATIVE, *ROWS})):
        cells = [_cell(row, column) for column in ("wire", "endpoints", "capabilities", "tier")]
        key = f"`{row['key'][0]}`" if row["key"] else ""
        lines.append(
            " | ".join([f"| `{row['name']}`", key if row["key_required"] else f"({key})", *cells]) + " |"
        )
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------ tables

NONE = (
    "no provider is configured; set a key (`muxi-llm providers` names the variables), or try `muxi-llm demo`"
)

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
