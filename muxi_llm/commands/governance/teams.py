"""`muxi-llm teams`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.commands.governance import members
from muxi_llm.commands.governance.fields import Option
from muxi_llm.commands.governance.records import ALIKE, Kind, verbs_of
from muxi_llm.commands.governance.shown import Column

if TYPE_CHECKING:
    import argparse

ORG = Option("--org", "organization_id", "which organization's")
TEAMS = Kind(
    family="team",
    id="team_id",
    by="team_id",
    several="team_ids",
    new="new",
    options=(Option("--name", "team_alias", "what people call it"), ORG),
    search=(ORG,),
    columns=(
        Column("id", "team_id"),
        Column("name", "team_alias"),
        Column("organization", "organization_id"),
        *ALIKE,
    ),
)


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `teams`."""
    members.add(verbs_of(command, TEAMS), "role", ("user", "admin"))
