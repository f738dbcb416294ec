"""Members of a team or an organization."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from muxi_llm.commands.governance.shown import Column, as_json, as_table

if TYPE_CHECKING:
    import argparse

    from muxi_llm.commands.governance.asking import Api
    from muxi_llm.commands.governance.records import Kind, Verbs


def add(verbs: Verbs, role: str, roles: tuple[str, ...]) -> None:
    """Give a command the verbs that change them. role: the API's word for what they are there."""
    join = verbs.add("join", "somebody is a member, in that role", partial(_join, role=role))
    leave = verbs.add("leave", "they are members no more", _leave)
    for parser in (join, leave):
        parser.add_argument("id", help="whose member")
        parser.add_argument("users", nargs="+", metavar="user", help="a user's user_id")
    join.add_argument("--role", choices=roles, default=roles[0], help=f"default: {roles[0]}")


def _join(api: Api, given: argparse.Namespace, kind: Kind, role: str) -> int:
    members = [{"user_id": user, role: given.role} for user in given.users]
    told = kind.ask(api, "POST", "member_add", {kind.id: given.id, "members": members})
    return as_json(told) if given.json else as_table(COLUMNS, told["data"], "no member")


def _leave(api: Api, given: argparse.Namespace, kind: Kind) -> int:
    told = kind.ask(api, "POST", "member_delete", {kind.id: given.id, "user_ids": given.users})
    return as_json(told) if given.json else as_table(COLUMNS, told["data"], "no member")


COLUMNS = (
    Column("user", "user_id"),
    Column("role", "role"),
    Column("email", "user_email"),
    Column("name", "user_alias"),
)
