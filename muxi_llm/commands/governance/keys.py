"""`muxi-llm keys`."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.commands.governance.fields import Option, time
from muxi_llm.commands.governance.records import ALIKE, Kind, verbs_of
from muxi_llm.commands.governance.shown import Column, as_json, moment

if TYPE_CHECKING:
    import argparse

    from muxi_llm.commands.governance.asking import Api

WHOSE = (
    Option("--user", "user_id", "whose it is"),
    Option("--team", "team_id", "which team's"),
    Option("--org", "organization_id", "which organization's"),
)
KEYS = Kind(
    family="key",
    id="token_id",
    by="key",
    several="keys",
    new="generate",
    options=(
        Option("--name", "key_name", "what people call it"),
        Option("--alias", "key_alias", "another name"),
        Option("--type", "key_type", "default, llm_api (models alone), management, read_only"),
        *WHOSE,
        Option("--expires", "duration", "how long it is good for, such as 90d; none: for ever", time),
    ),
    search=WHOSE,
    columns=(
        Column("id", "token_id"),
        Column("key", "key_prefix", lambda value: f"{value}…" if value else ""),
        Column("name", "key_name"),
        Column("type", "key_type"),
        Column("user", "user_id"),
        Column("team", "team_id"),
        *ALIKE,
        Column("expires", "expires", moment),
        Column("last used", "last_used_at", moment),
    ),
    chosen=False,
)


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `keys`."""
    verbs = verbs_of(command, KEYS)
    rotate = verbs.add("rotate", "another key in its place", _rotate)
    rotate.add_argument("id", help="a key's token_id")
    rotate.add_argument("--grace", metavar="TIME", help="how long the old one is still good, such as 24h")


def _rotate(api: Api, given: argparse.Namespace, kind: Kind) -> int:
    told = kind.ask(api, "POST", "regenerate", {"key": given.id, "grace_period": given.grace})
    if given.json:
        return as_json(told)
    until = told["grace_until"] or "now"
    print(f"key  {told['key']}\n\nIt is shown this once. The old one is good until {until}.")
    return 0
