"""`muxi-llm prices`: prices of one's own, and discounts on the lists."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from muxi_llm.commands.governance.asking import runs
from muxi_llm.commands.governance.shown import Column, as_json, as_table, clean, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.commands.governance.asking import Api


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `prices`."""
    verbs = command.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="those that count, a file's among them")
    listing.add_argument("--history", action="store_true", help="those too that count no more")
    change = verbs.add_parser("set", help="from now on")
    remove = verbs.add_parser("remove", help="the next one counts that is there")
    for parser in (change, remove):
        parser.add_argument("scope", choices=("deployment", "model", "provider"))
        parser.add_argument("name", help="a deployment, a model as provider/model, or a provider")
    change.add_argument("price", nargs="+", metavar="WHAT=USD", type=_part, help="of a million tokens")
    runs(listing, lambda api, given: _shown(given, api.get("/price/list", history=given.history)["data"]))
    runs(change, lambda api, given: _sent(api, given, "/price/set", {"price": dict(given.price)}))
    runs(remove, lambda api, given: _sent(api, given, "/price/delete", {}))


def _sent(api: Api, given: argparse.Namespace, path: str, more: Mapping[str, Any]) -> int:
    return _shown(given, [api.send("POST", path, {"scope": given.scope, "name": given.name, **more})])


def _shown(given: argparse.Namespace, rows: list[dict[str, Any]]) -> int:
    return as_json(rows) if given.json else as_table(COLUMNS, rows, "no price but those of the lists")


def _part(text: str) -> tuple[str, str]:
    name, _, found = text.partition("=")
    if not name or not found:
        raise argparse.ArgumentTypeError("such as input=1.25")
    return name, found


COLUMNS = (
    Column("of", "scope"),
    Column("name", "name"),
    Column("price", "price", lambda price: clean(" ".join(f"{n}={v}" for n, v in price.items())) or "none"),
    Column("version", "version"),
    Column("in a file", "declared"),
    Column("since", "created_at", moment),
    Column("by", "created_by"),
)
