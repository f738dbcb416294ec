"""How long answers take: a stream's first piece in the ledger, and sums by length of time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make them."""
    op.add_column("ledger", sa.Column("first_ms", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "latencies",
        sa.Column("grain", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("scope_id", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("grain", "scope", "start", "scope_id", "part", "up_to"),
    )
