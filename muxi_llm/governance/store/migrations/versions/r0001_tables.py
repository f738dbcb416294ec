"""The first tables. What a step did never changes: what follows is as it was, and `schema` is what all steps
together come to.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make them."""
    _audit()
    _balances()
    _budgets()
    _events()
    _keys()
    _ledger()
    _limits()
    _logins()
    _members()
    _organizations()
    _prices()
    _reservations()
    _rollups()
    _settings()
    _teams()
    _users()


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("actor_id", sa.String(), server_default="", nullable=False),
        sa.Column("actor_type", sa.String(), server_default="", nullable=False),
        sa.Column("actor_email", sa.String(), server_default="", nullable=False),
        sa.Column("actor_ip", sa.String(), server_default="", nullable=False),
        sa.Column("action", sa.String(), server_default="", nullable=False),
        sa.Column("object_type", sa.String(), server_default="", nullable=False),
        sa.Column("object_id", sa.String(), server_default="", nullable=False),
        sa.Column("team_id", sa.String(), server_default="", nullable=False),
        sa.Column("organization_id", sa.String(), server_default="", nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("request_id", sa.String(), server_default="", nullable=False),
        sa.Column("user_agent", sa.String(), server_default="", nullable=False),
        sa.Column("request_uri", sa.String(), server_default="", nullable=False),
        sa.Column("success", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("error", sa.String(), server_default="", nullable=False),
        sa.Column("metadata", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_at", "audit", ["at"], unique=False)
    op.create_index("audit_object", "audit", ["object_type", "object_id"], unique=False)
    op.create_index("audit_previous", "audit", ["previous"], unique=True)


def _balances() -> None:
    op.create_table(
        "balances",
        sa.Column("budget_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("period", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reserved", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("told", sa.SmallInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("budget_id", "subject", "period"),
    )


def _budgets() -> None:
    op.create_table(
        "budgets",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), server_default="", nullable=False),
        sa.Column("scope_id", sa.String(), server_default="", nullable=False),
        sa.Column("model", sa.String(), server_default="", nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("window", sa.String(), server_default="", nullable=False),
        sa.Column("zone", sa.String(), server_default="", nullable=False),
        sa.Column("week_start", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("hard", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("thresholds", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("instead", sa.String(), server_default="", nullable=False),
        sa.Column("outage", sa.String(), server_default="", nullable=False),
        sa.Column("metadata", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("declared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("budgets_scope", "budgets", ["scope", "scope_id"], unique=False)


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(), server_default="", nullable=False),
        sa.Column("facts", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("told_at", sa.Double(), nullable=True),
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_at", sa.Double(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "events_untold",
        "events",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("told_at IS NULL"),
        postgresql_where=sa.text("told_at IS NULL"),
    )


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("old_hash", sa.String(), server_default="", nullable=False),
        sa.Column("old_until", sa.Double(), nullable=True),
        sa.Column("prefix", sa.String(), server_default="", nullable=False),
        sa.Column("name", sa.String(), server_default="", nullable=False),
        sa.Column("alias", sa.String(), server_default="", nullable=False),
        sa.Column("kind", sa.String(), server_default="", nullable=False),
        sa.Column("role", sa.String(), server_default="", nullable=False),
        sa.Column("user_id", sa.String(), server_default="", nullable=False),
        sa.Column("team_id", sa.String(), server_default="", nullable=False),
        sa.Column("organization_id", sa.String(), server_default="", nullable=False),
        sa.Column("models", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("scopes", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("blocked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("used_at", sa.Double(), nullable=True),
        sa.Column("rotated_at", sa.Double(), nullable=True),
        sa.Column("rotates_every", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("metadata", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("declared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("keys_hash", "keys", ["hash"], unique=True)
    op.create_index("keys_organization", "keys", ["organization_id"], unique=False)
    op.create_index("keys_team", "keys", ["team_id"], unique=False)
    op.create_index("keys_user", "keys", ["user_id"], unique=False)


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("reservation_id", sa.String(), server_default="", nullable=False),
        sa.Column("request_id", sa.String(), server_default="", nullable=False),
        sa.Column("kind", sa.String(), server_default="", nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("key_id", sa.String(), server_default="", nullable=False),
        sa.Column("user_id", sa.String(), server_default="", nullable=False),
        sa.Column("team_id", sa.String(), server_default="", nullable=False),
        sa.Column("organization_id", sa.String(), server_default="", nullable=False),
        sa.Column("session", sa.String(), server_default="", nullable=False),
        sa.Column("model", sa.String(), server_default="", nullable=False),
        sa.Column("answered", sa.String(), server_default="", nullable=False),
        sa.Column("deployment", sa.String(), server_default="", nullable=False),
        sa.Column("provider", sa.String(), server_default="", nullable=False),
        sa.Column("path", sa.String(), server_default="", nullable=False),
        sa.Column("input", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cached", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cache_write", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("output", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("prices", sa.String(), server_default="", nullable=False),
        sa.Column("status", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("streamed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("ledger_at", "ledger", ["at"], unique=False)
    op.create_index("ledger_id", "ledger", ["id"], unique=True)
    op.create_index("ledger_key", "ledger", ["key_id", "at"], unique=False)


def _limits() -> None:
    op.create_table(
        "limits",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), server_default="", nullable=False),
        sa.Column("scope_id", sa.String(), server_default="", nullable=False),
        sa.Column("model", sa.String(), server_default="", nullable=False),
        sa.Column("kind", sa.String(), server_default="", nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("metadata", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("declared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("limits_of", "limits", ["scope", "scope_id", "model", "kind"], unique=True)


def _logins() -> None:
    op.create_table(
        "logins",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), server_default="", nullable=False),
        sa.Column("user_id", sa.String(), server_default="", nullable=False),
        sa.Column("facts", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("logins_expires", "logins", ["expires_at"], unique=False)
    op.create_index("logins_user", "logins", ["user_id"], unique=False)


def _members() -> None:
    op.create_table(
        "members",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("scope_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), server_default="", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "scope_id", "user_id"),
    )
    op.create_index("members_user", "members", ["user_id"], unique=False)


def _organizations() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), server_default="", nullable=False),
        sa.Column("models", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("blocked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("metadata", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("declared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _prices() -> None:
    op.create_table(
        "prices",
        sa.Column("version", SERIAL, nullable=False),
        sa.Column("scope", sa.String(), server_default="", nullable=False),
        sa.Column("name", sa.String(), server_default="", nullable=False),
        sa.Column("price", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("version"),
        sqlite_autoincrement=True,
    )
    op.create_index("prices_of", "prices", ["scope", "name"], unique=False)


def _reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), server_default="", nullable=False),
        sa.Column("request_id", sa.String(), server_default="", nullable=False),
        sa.Column("owner", sa.String(), server_default="", nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("holds", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("facts", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("price", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("beaten_at", sa.Double(), nullable=True),
        sa.Column("beaten", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("closed_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("reservations_closed", "reservations", ["closed_at"], unique=False)
    op.create_index(
        "reservations_open",
        "reservations",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )


def _rollups() -> None:
    op.create_table(
        "rollups",
        sa.Column("grain", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("scope_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("requests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("input", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cached", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cache_write", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("output", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("grain", "scope", "start", "scope_id", "model"),
    )
    op.create_index("rollups_of", "rollups", ["scope", "scope_id", "grain", "start"], unique=False)


def _settings() -> None:
    op.create_table(
        "settings",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), server_default="null", nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _teams() -> None:
    op.create_table(
        "teams",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), server_default="", nullable=False),
        sa.Column("alias", sa.String(), server_default="", nullable=False),
        sa.Column("models", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("blocked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("metadata", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("declared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("teams_organization", "teams", ["organization_id"], unique=False)


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), server_default="", nullable=False),
        sa.Column("team_id", sa.String(), server_default="", nullable=False),
        sa.Column("alias", sa.String(), server_default="", nullable=False),
        sa.Column("email", sa.String(), server_default="", nullable=False),
        sa.Column("role", sa.String(), server_default="", nullable=False),
        sa.Column("issuer", sa.String(), server_default="", nullable=False),
        sa.Column("subject", sa.String(), server_default="", nullable=False),
        sa.Column("models", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("blocked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("metadata", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("declared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("users_email", "users", ["email"], unique=False)
    op.create_index("users_organization", "users", ["organization_id"], unique=False)
    op.create_index("users_subject", "users", ["issuer", "subject"], unique=False)
