"""`muxi-llm budgets`: those of records, models, providers and sessions, all in one list."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from muxi_llm.commands.governance.asking import runs
from muxi_llm.commands.governance.fields import Option, amount, number, said
from muxi_llm.commands.governance.fields import add as add_options
from muxi_llm.commands.governance.keys import KEYS
from muxi_llm.commands.governance.orgs import ORGS
from muxi_llm.commands.governance.records import found
from muxi_llm.commands.governance.shown import Column, as_json, as_table, plain, usd
from muxi_llm.commands.governance.teams import TEAMS
from muxi_llm.commands.governance.users import USERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from muxi_llm.commands.governance.asking import Api

APART = ("model", "provider", "session")
"""What is no record, and has budgets with names alone."""
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
    listing.add_argument("kind", nargs="?", choices=(*KINDS, *APART), help="of these alone")
    change = verbs.add_parser("set", help="so much may be spent")
    remove = verbs.add_parser("remove", help="it is no more")
    for parser in (change, remove):
        parser.add_argument("kind", choices=(*KINDS, *APART))
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
    kinds = [given.kind] if given.kind else [*KINDS, *APART]
    rows = [row for kind in kinds for one in _records(api, kind) for row in _budgets(kind, one)]
    return as_json(rows) if given.json else as_table(COLUMNS, rows, "no budget")


def _records(api: Api, kind: str) -> Iterator[dict[str, Any]]:
    if kind in KINDS:
        yield from found(api, KINDS[kind], ALL)
    else:
        yield from (one for one in api.get("/budget/list")["data"] if one["scope"] == kind)


def _budgets(kind: str, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of one record, each in the same words."""
    whose = {"kind": kind, "id": record[KINDS[kind].id if kind in KINDS else "scope_id"]}
    period = record.get("budget_duration") or "total"
    for name, field, hard in (("", "max_budget", True), ("", "soft_budget", False)):
        if record.get(field) is not None:
            yield {**whose, "name": name, "max_budget": record[field], "window": period, "hard": hard}
    for model, most in (record.get("model_max_budget") or {}).items():
        yield {**whose, "name": "", "max_budget": most, "window": period, "hard": True, "model": model}
    yield from ({**whose, **one} for one in record.get("budgets") or ())


def _set(api: Api, given: argparse.Namespace) -> int:
    more = said(given, NAMED)
    if given.name is None and given.kind in KINDS:
        field = "soft_budget" if given.soft else "max_budget"
        body = {field: given.amount, **({"budget_duration": more.pop("window")} if "window" in more else {})}
        if more or given.tell:
            body = _named(api, given, more)
    else:
        body = _named(api, given, more)
    return _changed(api, given, body)


def _named(api: Api, given: argparse.Namespace, more: Mapping[str, Any]) -> dict[str, Any]:
    """All budgets of that record that have names, this one among them."""
    name = given.name or given.kind
    known = {one["name"]: one for one in _named_ones(api, given)}
    tell = {} if given.tell is None else {"thresholds": given.tell}
    known[name] = {
        **known.get(name, {"name": name}), "max_budget": given.amount, "hard": not given.soft, **more, **tell,
    }  # fmt: skip
    return {"budgets": list(known.values())}


def _remove(api: Api, given: argparse.Namespace) -> int:
    if given.name is None and given.kind in KINDS:
        return _changed(api, given, {"max_budget": None, "soft_budget": None, "budget_duration": None})
    name = given.name or given.kind
    kept = [one for one in _named_ones(api, given) if one["name"] != name]
    return _changed(api, given, {"budgets": kept})


def _named_ones(api: Api, given: argparse.Namespace) -> list[dict[str, Any]]:
    if given.kind in APART:
        mine = (one["budgets"] for one in _records(api, given.kind) if one["scope_id"] == given.id)
        return next(mine, [])
    kind = KINDS[given.kind]
    told = api.get(kind.path("info"), **{kind.by: given.id})
    budgets: list[dict[str, Any]] = told.get(kind.family, told).get("budgets") or []
    return budgets


def _changed(api: Api, given: argparse.Namespace, body: Mapping[str, Any]) -> int:
    if given.kind in APART:
        record = api.send("POST", "/budget/set", {"scope": given.kind, "scope_id": given.id, **body})
    else:
        kind = KINDS[given.kind]
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
