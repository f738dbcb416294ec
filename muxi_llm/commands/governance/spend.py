"""`muxi-llm spend`: what was spent, by whom and on what."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.commands.governance.asking import runs
from muxi_llm.commands.governance.fields import Option, said
from muxi_llm.commands.governance.fields import add as add_options
from muxi_llm.commands.governance.shown import Column, as_json, as_table, count, moment, usd

if TYPE_CHECKING:
    import argparse

    from muxi_llm.commands.governance.asking import Api

DATES = (
    Option("--since", "start_date", "first day of UTC, such as 2026-11-01; default: 30 days ago"),
    Option("--until", "end_date", "last day; default: today"),
)
WHOSE = (
    Option("--key", "api_key", "a key's token_id"),
    Option("--user", "user_id", "a user's"),
    Option("--team", "team_id", "a team's"),
    Option("--org", "organization_id", "an organization's"),
    Option("--model", "model", "as it was asked for"),
)


class View(NamedTuple):
    """A way to look at it. field: where its rows are."""

    path: str
    field: str
    about: str
    columns: tuple[Column, ...]
    options: tuple[Option, ...] = DATES


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `spend`."""
    views = command.add_subparsers(metavar="VIEW")
    for name, view in VIEWS.items():
        parser = views.add_parser(name, help=view.about, description=view.about)
        add_options(parser, view.options)
        runs(parser, partial(_look, view=view))
    export = views.add_parser("export", help="the ledger's rows, as CSV")
    add_options(export, (*DATES, *WHOSE))
    runs(export, _export)
    correct = views.add_parser("correct", help="what a request cost of which that is not known")
    correct.add_argument("id", help="a reservation's, of `unknown`")
    correct.add_argument("spend", type=float, metavar="USD")
    correct.add_argument("--reason", default="", help="how that is known: it stands in the audit log")
    runs(correct, _correct)
    runs(command, partial(_look, view=VIEWS["days"]))


def _look(api: Api, given: argparse.Namespace, view: View) -> int:
    told = api.get(view.path, **said(given, view.options))
    return as_json(told) if given.json else as_table(view.columns, told[view.field], "nothing was spent")


def _export(api: Api, given: argparse.Namespace) -> int:
    for line in api.lines("/spend/export", **said(given, (*DATES, *WHOSE))):
        print(line)
    return 0


def _correct(api: Api, given: argparse.Namespace) -> int:
    body = {"reservation_id": given.id, "spend": given.spend, "reason": given.reason}
    told = api.send("POST", "/spend/correct", body)
    return as_json(told) if given.json else as_table(LOST, [told], "")


def _day(value: Any) -> str:
    return (
        datetime.fromtimestamp(value, UTC).date().isoformat()
        if isinstance(value, int | float)
        else str(value)[:10]
    )


SUMS = (
    Column("requests", "requests", count, number=True),
    Column("failed", "failed", count, number=True),
    Column("read", "input", count, number=True),
    Column("written", "output", count, number=True),
    Column("spend", "spend", usd, number=True),
)
TOP = (Column("id", "scope_id"), Column("name", "name"), *SUMS)
LOST = (
    Column("at", "at", moment),
    Column("id", "reservation_id"),
    Column("key", "key_id"),
    Column("model", "model"),
    Column("spend", "spend", usd, number=True),
    Column("counted", "kind"),
)
VIEWS = {
    "unknown": View("/spend/unknown", "data", "requests whose gateway ended before they did", LOST),
    "days": View(
        "/spend/logs", "daily_usage", "each day", (Column("day", "start", _day), *SUMS), (*DATES, *WHOSE)
    ),
    "models": View(
        "/spend/logs",
        "models",
        "the most expensive models",
        (Column("model", "model"), *SUMS),
        (*DATES, *WHOSE),
    ),
    "keys": View("/spend/keys", "data", "the most expensive keys", TOP),
    "users": View("/spend/users", "data", "the most expensive users", TOP),
    "teams": View("/spend/teams", "data", "the most expensive teams", TOP),
    "providers": View("/global/spend/provider", "data", "the most expensive providers", TOP),
    "rows": View(
        "/spend/rows",
        "data",
        "the last attempts, one by one",
        (
            Column("at", "at", moment),
            Column("key", "key_name"),
            Column("model", "model"),
            Column("answered", "answered"),
            Column("status", "status"),
            Column("read", "input", count, number=True),
            Column("written", "output", count, number=True),
            Column("spend", "spend", usd, number=True),
            Column("counted", "kind"),
        ),
        (
            *DATES,
            *WHOSE,
            Option("--request", "request_id", "a request's id"),
            Option("--limit", "limit", "that many"),
        ),
    ),
}
