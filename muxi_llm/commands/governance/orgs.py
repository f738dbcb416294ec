"""`muxi-llm orgs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.commands.governance import members
from muxi_llm.commands.governance.fields import Option
from muxi_llm.commands.governance.records import ALIKE, Kind, verbs_of
from muxi_llm.commands.governance.shown import Column

if TYPE_CHECKING:
    import argparse

ORGS = Kind(
    family="organization",
    id="organization_id",
    by="organization_id",
    several="organization_ids",
    new="new",
    options=(Option("--name", "organization_alias", "what people call it"),),
    search=(),
    columns=(Column("id", "organization_id"), Column("name", "organization_alias"), *ALIKE),
    update=("PATCH", "update"),
    delete=("DELETE", "delete"),
    blocks=False,
)


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `orgs`."""
    verbs = verbs_of(command, ORGS)
    members.add(verbs, "user_role", ("internal_user", "internal_user_viewer", "org_admin"))
