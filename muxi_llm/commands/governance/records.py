"""What may be done to records of a kind: the same verbs, and the paths the API has for them."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.commands.governance.asking import runs
from muxi_llm.commands.governance.fields import BOUNDS, Option, add, said
from muxi_llm.commands.governance.shown import Column, as_json, as_record, as_table, plain, usd

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

    from muxi_llm.commands.governance.asking import Api

PAGE = 500


class Kind(NamedTuple):
    """One kind of record.

    family: of its paths. id: the word for it; by: what it is called in a body that names one, and several:
    in one that names more. new: the verb that makes one, chosen: whether its id may be said then.
    """

    family: str
    id: str
    by: str
    several: str
    new: str
    options: tuple[Option, ...]
    search: tuple[Option, ...]
    columns: tuple[Column, ...]
    chosen: bool = True
    update: tuple[str, str] = ("POST", "update")
    delete: tuple[str, str] = ("POST", "delete")
    blocks: bool = True

    def path(self, verb: str) -> str:
        """Of an operation."""
        return f"/{self.family}/{verb}"

    def ask(self, api: Api, method: str, verb: str, body: Mapping[str, Any]) -> Any:
        """Ask for an operation."""
        return api.send(method, self.path(verb), body)


def verbs_of(command: argparse.ArgumentParser, kind: Kind) -> Verbs:
    """The verbs of *kind*, as commands below *command*."""
    verbs = Verbs(command, kind)
    which = f"a {kind.family}'s {kind.id}"
    listing = verbs.add("list", f"the {kind.family}s there are, the newest first", _list)
    add(listing, (*kind.search, Option("--search", "search", "a part of a name or an id")))
    listing.add_argument("--limit", type=int, default=PAGE, metavar="N", help=f"that many; default: {PAGE}")
    verbs.add("show", f"one {kind.family}", _show).add_argument("id", help=which)
    made = verbs.add("create", f"a new {kind.family}", _create)
    if kind.chosen:
        made.add_argument("id", nargs="?", help="its id; without one it is given one")
    changed = verbs.add("update", "change what is given, and nothing else; none takes a bound back", _update)
    changed.add_argument("id", help=which)
    for parser in (made, changed):
        add(parser, (*kind.options, *BOUNDS))
    verbs.add("delete", "they are no more", _delete).add_argument("ids", nargs="+", metavar="id", help=which)
    if kind.blocks:
        for verb, about in (("block", "nobody may use it"), ("unblock", "it may be used again")):
            verbs.add(verb, about, partial(_do, verb=verb)).add_argument("id", help=which)
    return verbs


class Verbs:
    """Commands below a command."""

    def __init__(self, command: argparse.ArgumentParser, kind: Kind) -> None:
        self._below = command.add_subparsers(required=True, metavar="VERB")
        self._kind = kind

    def add(self, name: str, about: str, action: Callable[..., int]) -> argparse.ArgumentParser:
        """Another one."""
        parser: argparse.ArgumentParser = self._below.add_parser(name, help=about, description=about)
        runs(parser, partial(action, kind=self._kind))
        return parser


def found(api: Api, kind: Kind, limit: int, **search: object) -> Iterator[dict[str, Any]]:
    """Records, page by page."""
    after = ""
    while limit > 0:
        page = api.get(kind.path("list"), limit=min(limit, PAGE), after=after or None, **search)
        yield from page["data"]
        limit, after = limit - PAGE, page["after"]
        if not after:
            return


def _list(api: Api, given: argparse.Namespace, kind: Kind) -> int:
    asked = said(given, (*kind.search, Option("--search", "search", "")))
    rows = list(found(api, kind, given.limit, **asked))
    return as_json(rows) if given.json else as_table(kind.columns, rows, f"no {kind.family}")


def _show(api: Api, given: argparse.Namespace, kind: Kind) -> int:
    record = api.get(kind.path("info"), **{kind.by: given.id})
    return as_json(record) if given.json else _told(record, kind)


def _create(api: Api, given: argparse.Namespace, kind: Kind) -> int:
    body = said(given, (*kind.options, *BOUNDS))
    if getattr(given, "id", None):
        body[kind.id] = given.id
    return _done(kind.ask(api, "POST", kind.new, body), given, kind)


def _update(api: Api, given: argparse.Namespace, kind: Kind) -> int:
    method, verb = kind.update
    body = {kind.by: given.id, **said(given, (*kind.options, *BOUNDS))}
    return _done(kind.ask(api, method, verb, body), given, kind)


def _delete(api: Api, given: argparse.Namespace, kind: Kind) -> int:
    method, verb = kind.delete
    told = kind.ask(api, method, verb, {kind.several: given.ids})
    if given.json:
        return as_json(told)
    print(f"deleted: {', '.join(next(iter(told.values())))}")
    return 0


def _do(api: Api, given: argparse.Namespace, kind: Kind, verb: str) -> int:
    return _done(kind.ask(api, "POST", verb, {kind.by: given.id}), given, kind)


def _done(record: Mapping[str, Any], given: argparse.Namespace, kind: Kind) -> int:
    if given.json:
        return as_json(record)
    _told(record, kind)
    if "key" in record:
        print("\nThe key is shown this once.")
    return 0


def _told(record: Mapping[str, Any], kind: Kind) -> int:
    """A record; what comes with it, as tables."""
    found = record.get(kind.family)
    own = found if isinstance(found, dict) else record  # of a new key, `key` is the secret
    first = {name: own[name] for name in ("key", kind.id) if name in own}
    as_record({name: usd(value) if name in AMOUNTS else value for name, value in {**first, **own}.items()})
    for name, rows in record.items():
        if own is not record and name != kind.family and rows:
            print(f"\n{name}")
            as_table([Column(title, title) for title in rows[0]][:6], rows, "")
    return 0


AMOUNTS = {"max_budget", "soft_budget"}
ALIKE = (
    Column("models", "models", lambda value: plain(value) or "all"),
    Column("budget", "max_budget", usd, number=True),
    Column("per", "budget_duration"),
    Column("rpm", "rpm_limit", number=True),
    Column("tpm", "tpm_limit", number=True),
    Column("blocked", "blocked"),
    Column("declared", "declared"),
)
"""Columns that all records have."""
