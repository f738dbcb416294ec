"""`muxi-llm users`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.commands.governance.fields import Option
from muxi_llm.commands.governance.records import ALIKE, Kind, verbs_of
from muxi_llm.commands.governance.shown import Column

if TYPE_CHECKING:
    import argparse

WHERE = (
    Option("--team", "team_id", "where keys go that say no team"),
    Option("--org", "organization_id", "which organization's"),
)
USERS = Kind(
    family="user",
    id="user_id",
    by="user_id",
    several="user_ids",
    new="new",
    options=(
        Option("--email", "user_email", "their address"),
        Option("--name", "user_alias", "what people call them"),
        Option("--role", "user_role", "proxy_admin, proxy_admin_viewer, org_admin, internal_user, …"),
        *WHERE,
    ),
    search=(*WHERE, Option("--role", "role", "of that role")),
    columns=(
        Column("id", "user_id"),
        Column("email", "user_email"),
        Column("name", "user_alias"),
        Column("role", "user_role"),
        Column("team", "team_id"),
        Column("organization", "organization_id"),
        *ALIKE,
    ),
    blocks=False,
)


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `users`."""
    verbs_of(command, USERS)
