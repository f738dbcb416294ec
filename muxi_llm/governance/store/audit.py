"""The audit log in rows. Each stands in the transaction of what it tells of, and they stand in the order in
which that happened: so they are also the feed of what has changed (`snapshot`).

Whoever writes one holds the log's head until the transaction ends: changes come one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from muxi_llm.governance.audit import BEGINNING, Break, Head, broken, seal_of
from muxi_llm.governance.roles import Actor, Reach, Subject, reach_of
from muxi_llm.governance.store.schema import audit, settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, RowMapping

CHANNEL = "muxi_llm_changes"
"""Where PostgreSQL tells that there is a new entry."""

HEAD = "audit"
"""The name of the fact that the log's end is."""

PIECE = 1000
"""Entries that are read at once."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for an operation, and by what way. type: `key`, `session`, `bootstrap`, `file`, `system`."""

    actor: Actor
    operation: str
    type: str = "key"
    name: str = ""
    email: str = ""
    ip: str = ""
    agent: str = ""
    request_id: str = ""
    uri: str = ""

    @property
    def reach(self) -> Reach:
        """The records it may touch."""
        return reach_of(self.actor, self.operation)


NOBODYS = Subject()


@dataclass(frozen=True, slots=True)
class Told:
    """What happened, to what. before, after: as people read the record, `None` where there was or is none."""

    type: str
    id: str
    subject: Subject = NOBODYS
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    error: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


def head(connection: Connection, *, hold: bool = False) -> Head:
    """The end of the log. hold: nobody else adds to it until this transaction ends."""
    found = select(settings.c.value).where(settings.c.name == HEAD)
    if hold and connection.scalar(found) is None:
        new = INSERTS[connection.dialect.name](settings).values(name=HEAD, value=[0, BEGINNING])
        connection.execute(new.on_conflict_do_nothing())
    value = connection.scalar(found.with_for_update() if hold else found)
    return Head(*value) if value else Head()


def append(connection: Connection, asked: Asked, told: Told, at: float) -> int:
    """Write an entry; its number."""
    before = head(connection, hold=True)
    entry = {
        "at": at,
        "actor_id": asked.actor.user or asked.actor.key or asked.name,
        "actor_type": asked.type,
        "actor_email": asked.email,
        "actor_ip": asked.ip,
        "action": asked.operation,
        "object_type": told.type,
        "object_id": told.id,
        "team_id": told.subject.team,
        "organization_id": told.subject.organization,
        "before": told.before,
        "after": told.after,
        "request_id": asked.request_id,
        "user_agent": asked.agent,
        "request_uri": asked.uri,
        "success": not told.error,
        "error": told.error,
        "metadata": dict(told.metadata),
    }
    end = Head(before.number + 1, seal_of(before.seal, entry))
    connection.execute(insert(audit).values(seq=end.number, previous=before.seal, hash=end.seal, **entry))
    connection.execute(update(settings).where(settings.c.name == HEAD).values(value=list(end)))
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, str(end.number))))
    return end.number


def entries(connection: Connection, after: int = 0) -> Iterator[RowMapping]:
    """All of them, in order."""
    found = select(audit).order_by(audit.c.seq).limit(PIECE)
    while rows := connection.execute(found.where(audit.c.seq > after)).mappings().all():
        yield from rows
        after = rows[-1]["seq"]


def verified(connection: Connection) -> Break | None:
    """Where the log is not what was written; `None` where all of it is."""
    sealed = ((row["seq"], row["hash"], {name: row[name] for name in SEALED}) for row in entries(connection))
    return broken(sealed, head(connection))


# ---------------------------------------------------------------------------------------- searched


class Search(NamedTuple):
    """columns: what they are. start, end: from when, until before when, Unix seconds."""

    columns: Mapping[str, Any] = {}
    start: float | None = None
    end: float | None = None

    @property
    def where(self) -> list[ColumnElement[bool]]:
        """The entries that are looked for."""
        out = [audit.c[name] == value for name, value in self.columns.items()]
        out += [audit.c.at >= self.start] if self.start is not None else []
        return out + ([audit.c.at < self.end] if self.end is not None else [])


def page(
    connection: Connection, search: Search, limit: int, before: int | None = None, offset: int = 0
) -> Sequence[RowMapping]:
    """Some of them, the newest first."""
    found = select(audit).where(*search.where).order_by(audit.c.seq.desc()).limit(limit).offset(offset)
    if before is not None:
        found = found.where(audit.c.seq < before)
    return connection.execute(found).mappings().all()


def count(connection: Connection, search: Search) -> int:
    """How many there are."""
    return connection.scalar(select(func.count()).select_from(audit).where(*search.where)) or 0


def entry(connection: Connection, number: int) -> RowMapping | None:
    """One of them."""
    return connection.execute(select(audit).where(audit.c.seq == number)).mappings().first()


def actions(connection: Connection, search: Search) -> dict[str, int]:
    """How many of each action."""
    found = select(audit.c.action, func.count()).where(*search.where).group_by(audit.c.action)
    return dict(map(tuple, connection.execute(found.order_by(audit.c.action))))


INSERTS: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
SEALED = tuple(str(column.name) for column in audit.columns if column.name not in {"seq", "previous", "hash"})
"""What a seal is over."""
