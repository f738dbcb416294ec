"""Runs the steps on the connection it is given (`migrate`), in that one's transaction."""

from __future__ import annotations

from alembic import context

from muxi_llm.governance.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
