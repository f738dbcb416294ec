"""`muxi-llm budgets`: those of keys, users, teams and organizations, all in one list."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from muxi_llm.commands.governance.asking import runs
from muxi_llm.commands.governance.fields import Option, amount, number, said
from muxi_llm.commands.governance.fields import add as add_options
from muxi_llm.commands.governance.keys import KEYS
from muxi_llm.commands.governance.orgs import ORGS
from muxi_llm.commands.governance.records import Kind, found
from muxi_llm.commands.governance.shown import Column, as_json, as_table, plain, usd
from muxi_llm.commands.governance.teams import TEAMS
from muxi_llm.commands.governance.users import USERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from muxi_llm.commands.governance.asking import Api

KINDS = {"key": KEYS, "user": USERS, "team": TEAMS, "org": ORGS}
ALL = 100_000

NAMED = (
    Option("--period", "window", "total, hour, day, week, month, or a rolling one: 30d, 5h"),
    Option("--zone", "zone", "in which a day begins, such as Europe/Berlin; default: UTC"),
    Option("--week-start", "week_start", "0 for Monday … 6 for Sunday", number),
    Option("--model", "model", "pattern of the models it is for"),
    Option("--instead", "instead", "the model that is asked when it is spent"),
    Option("--outage", "outage", "open or closed, while the store is away"),
)


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `budgets`."""
    verbs = command.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="all there are")
    listing.add_argument("kind", nargs="?", choices=KINDS, help="of these alone")
    change = verbs.add_parser("set", help="so much may be spent")
    remove = verbs.add_parser("remove", help="it is no more")
    for parser in (change, remove):
        parser.add_argument("kind", choices=KINDS)
        parser.add_argument("id", help="whose")
        parser.add_argument("--name", help="of one among several; without one it is the budget")
    change.add_argument("amount", type=_usd, metavar="USD")
    add_options(change, NAMED)
    change.add_argument("--soft", action="store_true", help="tell, and refuse nobody")
    change.add_argument(
        "--tell", metavar="50,80", type=_percents, help="percents that are told of, each once"
    )
    runs(listing, _list)
    runs(change, _set)
    runs(remove, _remove)


def _list(api: Api, given: argparse.Namespace) -> int:
    kinds = [given.kind] if given.kind else list(KINDS)
    rows = [row for kind in kinds for one in found(api, KINDS[kind], ALL) for row in _budgets(kind, one)]
    return as_json(rows) if given.json else as_table(COLUMNS, rows, "no budget")


def _budgets(kind: str, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of one record, each in the same words."""
    whose = {"kind": kind, "id": record[KINDS[kind].id]}
    period = record.get("budget_duration") or "total"
    for name, field, hard in (("", "max_budget", True), ("", "soft_budget", False)):
        if record.get(field) is not None:
            yield {**whose, "name": name, "max_budget": record[field], "window": period, "hard": hard}
    for model, most in (record.get("model_max_budget") or {}).items():
        yield {**whose, "name": "", "max_budget": most, "window": period, "hard": True, "model": model}
    yield from ({**whose, **one} for one in record.get("budgets") or ())


def _set(api: Api, given: argparse.Namespace) -> int:
    kind, more = KINDS[given.kind], said(given, NAMED)
    if given.name is None:
        field = "soft_budget" if given.soft else "max_budget"
        body = {field: given.amount, **({"budget_duration": more.pop("window")} if "window" in more else {})}
        if more or given.tell:
            body = _named(api, given, kind, more)
    else:
        body = _named(api, given, kind, more)
    return _changed(api, given, kind, body)


def _named(api: Api, given: argparse.Namespace, kind: Kind, more: Mapping[str, Any]) -> dict[str, Any]:
    """All budgets of that record that have names, this one among them."""
    name = given.name or given.kind
    known = {one["name"]: one for one in _named_ones(api, kind, given.id)}
    tell = {} if given.tell is None else {"thresholds": given.tell}
    known[name] = {
        **known.get(name, {"name": name}), "max_budget": given.amount, "hard": not given.soft, **more, **tell,
    }  # fmt: skip
    return {"budgets": list(known.values())}


def _remove(api: Api, given: argparse.Namespace) -> int:
    kind = KINDS[given.kind]
    if given.name is None:
        return _changed(api, given, kind, {"max_budget": None, "soft_budget": None, "budget_duration": None})
    kept = [one for one in _named_ones(api, kind, given.id) if one["name"] != given.name]
    return _changed(api, given, kind, {"budgets": kept})


def _named_ones(api: Api, kind: Kind, which: str) -> list[dict[str, Any]]:
    told = api.get(kind.path("info"), **{kind.by: which})
    budgets: list[dict[str, Any]] = told.get(kind.family, told).get("budgets") or []
    return budgets


def _changed(api: Api, given: argparse.Namespace, kind: Kind, body: Mapping[str, Any]) -> int:
    method, verb = kind.update
    record = kind.ask(api, method, verb, {kind.by: given.id, **body})
    rows = list(_budgets(given.kind, record))
    return as_json(rows) if given.json else as_table(COLUMNS, rows, "no budget")


def _usd(text: str) -> float:
    try:
        told = amount(text)
    except ValueError:
        told = None
    if told is None:
        raise argparse.ArgumentTypeError("an amount in USD")
    return told


def _percents(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError("percents with commas between them, such as 50,80")
    return [int(part) for part in parts]


COLUMNS = (
    Column("of", "kind"),
    Column("id", "id"),
    Column("name", "name"),
    Column("model", "model"),
    Column("budget", "max_budget", usd, number=True),
    Column("period", "window"),
    Column("zone", "zone"),
    Column("spent", "hard", lambda hard: "refuses" if hard else "tells"),
    Column("told at %", "thresholds", lambda found: plain(list(map(str, found or ())))),
    Column("instead", "instead"),
)
