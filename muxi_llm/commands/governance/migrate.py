"""`muxi-llm migrate`: the database's tables, made and brought up to date."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from muxi_llm.commands.main import complain
from muxi_llm.errors import InvalidRequestError
from muxi_llm.gateway.settings import files
from muxi_llm.gateway.settings.reading import ConfigurationError
from muxi_llm.governance.store.engine import Store, StoreAwayError
from muxi_llm.governance.store.migrate import migrate

if TYPE_CHECKING:
    import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of `migrate`."""
    parser.add_argument("--config", metavar="FILE", help="the gateway's, which says where its database is")
    parser.add_argument("--database", metavar="URL", help="it is there; without either, DATABASE_URL says so")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Do it; 2 where that cannot be."""
    try:
        url = given.database or os.environ.get("DATABASE_URL", "")
        if given.config and not given.database:
            url = files.read(given.config)[0].governance.database
        if not url:
            return complain("no database: say --database, --config, or set DATABASE_URL", 2)
        store = Store(url, patience=PATIENCE)
        try:
            before, after = migrate(store)
        finally:
            store.close()
    except (ConfigurationError, InvalidRequestError, StoreAwayError) as error:
        return complain(str(error), 2)
    print(
        f"the tables are of revision {after}"
        + ("" if before == after else f", and were of {before or 'none'}")
    )
    return 0


PATIENCE = 60.0
"""Seconds that another one's steps are waited for."""
