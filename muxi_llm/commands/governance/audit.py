"""`muxi-llm audit`: every change there was, and whether the log of them is whole."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from muxi_llm.commands.governance.asking import runs
from muxi_llm.commands.governance.fields import Option, said
from muxi_llm.commands.governance.fields import add as add_options
from muxi_llm.commands.governance.shown import Column, as_json, as_record, as_table, moment, short
from muxi_llm.commands.main import complain
from muxi_llm.governance.audit import BEGINNING, Break, Head, broken

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from muxi_llm.commands.governance.asking import Api

SEARCH = (
    Option("--actor", "actor_id", "who did it"),
    Option("--action", "action", "what, such as key/generate"),
    Option("--type", "object_type", "to what: key, user, team, organization, …"),
    Option("--id", "object_id", "to which"),
    Option("--since", "start_time", "from when, such as 2026-11-01T00:00:00Z"),
    Option("--until", "end_time", "until when"),
    Option("--limit", "limit", "that many; default: 50"),
)


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `audit`."""
    verbs = command.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="the newest first")
    add_options(listing, SEARCH)
    one = verbs.add_parser("show", help="one entry, and what it changed")
    one.add_argument("id", type=int)
    export = verbs.add_parser("export", help="all of it, a line of JSON each")
    verify = verbs.add_parser("verify", help="whether nothing in it was changed, left out or put in")
    verify.add_argument(
        "file", nargs="?", help="an export; without one the gateway is asked for it; -: stdin"
    )
    verify.add_argument("--entries", type=int, metavar="N", help="it had at least so many")
    verify.add_argument("--seal", metavar="SEAL", help="the seal that the last of those had")
    runs(listing, _list)
    runs(one, _show)
    runs(export, _export)
    runs(verify, _verify)
    verify.set_defaults(run=partial(_either, asks=verify.get_default("run")))


def _list(api: Api, given: argparse.Namespace) -> int:
    told = api.get("/audit/logs", **said(given, SEARCH))
    return as_json(told) if given.json else as_table(COLUMNS, told["logs"], "no entry")


def _show(api: Api, given: argparse.Namespace) -> int:
    told = api.get("/audit/log", id=given.id)
    return as_json(told) if given.json else as_record(told)


def _export(api: Api, given: argparse.Namespace) -> int:  # noqa: ARG001 - JSON is what it is
    for line in api.lines("/audit/export"):
        print(line)
    return 0


def _either(given: argparse.Namespace, asks: Callable[[argparse.Namespace], int]) -> int:
    """A file needs no gateway, and no key."""
    if given.file is None:
        return asks(given)
    try:
        text = sys.stdin.read() if given.file == "-" else Path(given.file).read_text(encoding="utf-8")
    except OSError as error:
        return complain(f"{given.file}: {error.strerror}", 2)
    return _reckoned(text.splitlines(), None, given)


def _verify(api: Api, given: argparse.Namespace) -> int:
    told = api.get("/audit/verify")  # first: what is written meanwhile is behind that end
    return _reckoned(list(api.lines("/audit/export")), Head(told["entries"], told["seal"]), given)


def _reckoned(lines: Sequence[str], head: Head | None, given: argparse.Namespace) -> int:
    """Reckon it here: whoever could change the log could change what the gateway says of it too."""
    try:
        rows = [orjson.loads(line) for line in lines if line.strip()]
        seals = {row["seq"]: row["hash"] for row in rows}
        last = Head(*next(reversed(seals.items()), Head()))
        sealed = (
            (row["seq"], row["hash"], {name: row[name] for name in row if name not in CHAIN}) for row in rows
        )
        wrong = broken(sealed, last)
    except (ValueError, KeyError, TypeError):
        return complain("that is no export of an audit log", 2)
    for noted in (head, None if given.seal is None else Head(given.entries or last.number, given.seal)):
        if wrong is None and noted is not None and seals.get(noted.number, BEGINNING) != noted.seal:
            wrong = Break(noted.number, "the entry is not the one whose seal was told")
    told = {"holds": wrong is None, "entries": last.number, "seal": last.seal}
    if wrong is not None:
        told |= {"broken_at": wrong.number, "why": wrong.why}
    if given.json:
        as_json(told)
    elif wrong is None:
        print(f"whole: {last.number} entries; note the last seal, to verify against: {last.seal}")
    else:
        print(f"BROKEN at entry {wrong.number}: {wrong.why}")
    return 0 if wrong is None else 1


CHAIN = {"seq", "previous", "hash"}
"""What of an entry is not under its seal: it is the chain."""

COLUMNS = (
    Column("entry", "id", number=True),
    Column("at", "timestamp", moment),
    Column("who", "actor_id", short),
    Column("as", "actor_type"),
    Column("did", "action"),
    Column("to", "object_type"),
    Column("id", "object_id"),
    Column("refused", "error"),
)
