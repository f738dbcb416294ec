"""Every table. Amounts are whole micro-USD, instants Unix seconds, ids text that means nothing.

A *scope* is whose something is (`key`, `user`, `team`, `organization`, `model`, `provider`, `session`),
*scope_id* which one; `*` is each of them for itself. An empty text is "none" or "any": no column that is
compared is null. `declared` rows come from a configuration file, which alone may change them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    false,
    text,
)

metadata = MetaData()
Serial = BigInteger().with_variant(Integer, "sqlite")
"""What counts upwards by itself: SQLite does so for its own kind of integer alone."""


def _id() -> Column[str]:
    return Column("id", String, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, String, nullable=False, server_default="")


def _texts(*names: str) -> tuple[Column[Any], ...]:
    return tuple(map(_text, names))


def _when(name: str) -> Column[float]:
    return Column(name, Double)


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


def _counts(*names: str) -> tuple[Column[Any], ...]:
    return tuple(map(_count, names))


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=false())


def _json(name: str, empty: str) -> Column[Any]:
    return Column(name, JSON, nullable=False, server_default=empty)


def _kept() -> tuple[Column[Any], ...]:
    """What every row has that people manage."""
    return (
        _json("metadata", "{}"),
        _flag("declared"),
        Column("created_at", Double, nullable=False),
        Column("updated_at", Double, nullable=False),
    )


# ------------------------------------------------------------------------------------------- who

organizations = Table(
    "organizations",
    metadata,
    *(_id(), _text("alias"), _json("models", "[]"), _flag("blocked"), *_kept()),
)
teams = Table(
    "teams",
    metadata,
    *(_id(), _text("organization_id"), _text("alias"), _json("models", "[]"), _flag("blocked"), *_kept()),
    Index("teams_organization", "organization_id"),
)
users = Table(
    "users",
    metadata,
    *(_id(), *_texts("organization_id", "team_id", "alias", "email", "role", "issuer", "subject")),
    *(_json("models", "[]"), _flag("blocked"), *_kept()),
    Index("users_organization", "organization_id"),
    Index("users_subject", "issuer", "subject"),
    Index("users_email", "email"),
)
"""issuer, subject: who vouches for them at a login, and as whom. team_id: where their keys go that say no
team.
"""

members = Table(
    "members",
    metadata,
    Column("scope", String, primary_key=True),  # team, organization
    Column("scope_id", String, primary_key=True),
    Column("user_id", String, primary_key=True),
    _text("role"),
    Column("created_at", Double, nullable=False),
    Index("members_user", "user_id"),
)
keys = Table(
    "keys",
    metadata,
    *(_id(), Column("hash", String, nullable=False), _text("old_hash"), _when("old_until")),
    *_texts("prefix", "name", "alias", "kind", "role", "user_id", "team_id", "organization_id"),
    *(_json("models", "[]"), _json("scopes", "[]")),
    *(_flag("blocked"), _when("expires_at"), _when("used_at"), _when("rotated_at"), _count("rotates_every")),
    *_kept(),
    Index("keys_hash", "hash", unique=True),
    Index("keys_user", "user_id"),
    Index("keys_team", "team_id"),
    Index("keys_organization", "organization_id"),
)
"""hash: what the secret is known by; the secret itself is nowhere. old_hash: of the one before a rotation,
good until *old_until*. kind: `llm_api`, `management`, `read_only`, `default`. rotates_every: seconds, 0
never.
"""

logins = Table(
    "logins",
    metadata,
    *(_id(), _text("kind"), _text("user_id"), _json("facts", "{}")),
    *(Column("created_at", Double, nullable=False), Column("expires_at", Double, nullable=False)),
    Index("logins_user", "user_id"),
    Index("logins_expires", "expires_at"),
)
"""id: the hash of what a browser holds. kind: `session`, or `state` of a login under way (its PKCE
verifier).
"""

# ------------------------------------------------------------------------------------- how much

limits = Table(
    "limits",
    metadata,
    *(_id(), _text("scope"), _text("scope_id"), _text("model"), _text("kind")),
    *(_count("amount"), *_kept()),
    Index("limits_of", "scope", "scope_id", "model", "kind", unique=True),
)
"""kind: `rpm`, `tpm`, `parallel`. model: a glob, "" all of them together."""

budgets = Table(
    "budgets",
    metadata,
    *(_id(), _text("scope"), _text("scope_id"), _text("model"), _count("amount")),
    *(_text("window"), _text("zone"), Column("week_start", SmallInteger, nullable=False, server_default="0")),
    *(_flag("hard"), _json("thresholds", "[]"), _text("instead"), _text("outage"), *_kept()),
    Index("budgets_scope", "scope", "scope_id"),
)
"""model: a glob, "" all. window: `total`, `hour`, `day`, `week`, `month`, or a rolling one (`30d`, `5h`).
zone: an IANA zone, "" UTC. week_start: 0 is Monday. thresholds: percents that are told once a period.
instead: the model that is asked when this one is spent. outage: `open` or `closed` while the store is away,
"" as *hard* says.
"""

balances = Table(
    "balances",
    metadata,
    Column("budget_id", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("period", BigInteger, primary_key=True),
    *(_count("spent"), _count("reserved")),
    Column("told", SmallInteger, nullable=False, server_default="0"),
)
"""What is gone and what is held of a budget. subject: which one, of a budget for each (`*`, sessions).
period: when it began; of a rolling window one of its buckets. told: the highest threshold that was.
"""

reservations = Table(
    "reservations",
    metadata,
    *(_id(), _text("state"), _text("request_id"), _text("owner"), _count("amount"), _count("cost")),
    *(_json("holds", "[]"), _json("facts", "{}"), _json("price", "{}")),
    *(Column("created_at", Double, nullable=False), Column("expires_at", Double, nullable=False)),
    *(_when("beaten_at"), _count("beaten"), _when("closed_at")),
    Index("reservations_open", "expires_at", sqlite_where=text("state = 'open'"),
          postgresql_where=text("state = 'open'")),
    Index("reservations_closed", "closed_at"),
)  # fmt: skip
"""One a request, made before anything is sent. state: `open`, `settled`, `released`, `unknown`. request_id:
the client's, which identifies nothing. owner: the process. amount: held now; cost: booked. holds: `[budget,
subject, period]` of each balance. facts: what its ledger rows will say. price: frozen, of a token. beaten:
what it had cost at its last heartbeat.
"""

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False),
    *(*_texts("reservation_id", "request_id", "kind"), Column("at", Double, nullable=False)),
    *_texts("key_id", "user_id", "team_id", "organization_id", "session"),
    *_texts("model", "answered", "deployment", "provider", "path"),
    *(*_counts("input", "cached", "cache_write", "output", "cost"), _text("prices")),
    Column("status", SmallInteger, nullable=False, server_default="0"),
    *(_flag("streamed"), *_counts("ms", "first_ms")),
    Index("ledger_id", "id", unique=True),
    Index("ledger_at", "at"),
    Index("ledger_key", "key_id", "at"),
    sqlite_autoincrement=True,
)
"""Append-only: one row for each attempt that cost or answered; *id* is the attempt's, so that none is
booked twice. kind: `usage` as the provider counted, `estimated`, `unknown` (lost: the estimate), `stated` by
somebody, `correction` (what takes a guess back). model: as it was asked for; answered: `provider/model`.
prices: whose, and of which version. ms: from the request to the answer's end; first_ms: of a stream, to its
first piece; 0 where there is no such time.
"""

rollups = Table(
    "rollups",
    metadata,
    Column("grain", String, primary_key=True),
    Column("scope", String, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("scope_id", String, primary_key=True),
    Column("model", String, primary_key=True),
    *_counts("requests", "failed", "input", "cached", "cache_write", "output", "cost"),
    Index("rollups_of", "scope", "scope_id", "grain", "start"),
)
"""Sums of the ledger, by its cursor (`settings`): they never go. grain: `hour`, `day`, of UTC. scope:
`all`, `key`, `user`, `team`, `organization`, `provider`; each by model.
"""

latencies = Table(
    "latencies",
    metadata,
    Column("grain", String, primary_key=True),
    Column("scope", String, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("scope_id", String, primary_key=True),
    Column("part", String, primary_key=True),
    Column("up_to", BigInteger, primary_key=True),
    *_counts("requests", "ms"),
)
"""How many of the ledger's answers took how long, by the same cursor. scope: `all`, `model`, `deployment`.
part: `whole`, `first` (piece of a stream). up_to: the step that they are within, milliseconds. ms: of all of
them together.
"""

prices = Table(
    "prices",
    metadata,
    Column("version", Serial, primary_key=True, autoincrement=True),
    *(_text("scope"), _text("name"), _json("price", "{}"), Column("created_at", Double, nullable=False)),
    *(_text("created_by"),),
    Index("prices_of", "scope", "name"),
    sqlite_autoincrement=True,
)
"""Append-only: the newest of a name counts. scope: `deployment`, `model` (`provider/model`), `provider` (a
discount: `{"percent": 15}`). price: a `ModelPrice`, `{}` takes it back.
"""

# ------------------------------------------------------------------------------------ beside them

audit = Table(
    "audit",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    *(Column("at", Double, nullable=False), *_texts("actor_id", "actor_type", "actor_email", "actor_ip")),
    *_texts("action", "object_type", "object_id", "team_id", "organization_id"),
    *(Column("before", JSON), Column("after", JSON), *_texts("request_id", "user_agent", "request_uri")),
    *(_flag("success"), _text("error"), _json("metadata", "{}")),
    *(Column("previous", String, nullable=False), Column("hash", String, nullable=False)),
    *(Index("audit_at", "at"), Index("audit_object", "object_type", "object_id")),
    Index("audit_previous", "previous", unique=True),
    sqlite_autoincrement=True,
)
"""Append-only, each row with the hash of the one before it; no two follow the same one."""

events = Table(
    "events",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    *(Column("at", Double, nullable=False), _text("kind"), _json("facts", "{}"), _when("told_at")),
    *(_count("tries"), Column("next_at", Double, nullable=False, server_default="0")),
    Index("events_untold", "next_at", sqlite_where=text("told_at IS NULL"),
          postgresql_where=text("told_at IS NULL")),
    sqlite_autoincrement=True,
)  # fmt: skip
"""What somebody is to be told (a budget's threshold), written with what made it so, and told by webhook."""

settings = Table(
    "settings",
    metadata,
    Column("name", String, primary_key=True),
    _json("value", "null"),
)
"""Single facts: the version of who may (`definitions`), how far the rollups are, the bootstrap token's
hash.
"""
