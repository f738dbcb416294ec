"""The tables, made and brought up to date by steps that only add: `muxi-llm migrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from muxi_llm.governance.store.engine import Store


def migrate(store: Store, to: str = "head") -> tuple[str, str]:
    """Bring *store* up to revision *to*: the revision before ("" for none) and the one after.

    One transaction: all steps or none. Of several that begin at once one does it, the others wait for it and
    find nothing to do. Raises `StoreAwayError`.
    """
    with store.writing() as connection:
        if not store.is_sqlite:  # which lets one write at a time anyway
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        before = revision(connection)
        command.upgrade(_config(connection), to)
        return before, revision(connection)


def revision(connection: Connection) -> str:
    """The revision that the tables have, "" where there are none."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def newest() -> str:
    """The revision that this version of the library wants."""
    return ScriptDirectory.from_config(_config(None)).get_current_head() or ""


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


LOCK = 0x6D757869
"""PostgreSQL's advisory lock, by a number: "muxi"."""
