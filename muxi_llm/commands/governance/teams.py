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
EXAMPLES = """\
examples
  muxi-llm teams create search --budget 500 --period month --models 'openai/*,claude-*'
  muxi-llm teams join search ada grace --role admin
  muxi-llm teams show search"""


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `teams`."""
    command.epilog = EXAMPLES
    members.add(verbs_of(command, TEAMS), "role", ("user", "admin"))
