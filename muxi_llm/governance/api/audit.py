"""`/audit/*`: read, searched, exported and verified. There is no route that takes anything away."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Query
from pydantic import Field

from muxi_llm.governance.api.asking import By
from muxi_llm.governance.api.lists import JsonLines, Short
from muxi_llm.governance.audit import changes
from muxi_llm.governance.bodies import Body
from muxi_llm.governance.refusals import absent
from muxi_llm.governance.shapes import iso
from muxi_llm.governance.store import audit
from muxi_llm.governance.store.audit import Search

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from muxi_llm.governance.store.engine import Store


class Asked(Body):
    """What is looked for. start_time, end_time: RFC 3339. after: the last one's `id` of the page before."""

    actor_id: Short = ""
    actor_type: Short = ""
    action: Short = ""
    object_type: Short = ""
    object_id: Short = ""
    team_id: Short = ""
    organization_id: Short = ""
    request_id: Short = ""
    success: bool | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    offset: Annotated[int, Field(ge=0, le=100_000)] = 0
    after: Annotated[int, Field(ge=1, le=2**53)] | None = None

    @property
    def search(self) -> Search:
        """The same, as the store is asked."""
        given = self.model_dump(exclude={"limit", "offset", "after", "start_time", "end_time"})
        columns = {name: value for name, value in given.items() if value not in {"", None}}
        ends = [at.timestamp() if at else None for at in (self.start_time, self.end_time)]
        return Search(columns, *ends)


class Audit:
    """What may be asked of it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> APIRouter:
        """The family."""
        router = APIRouter(prefix="/audit", tags=["audit"])
        router.get("/logs")(self.logs)
        router.get("/log")(self.log)
        router.get("/stats")(self.stats)
        router.get("/export", response_class=JsonLines)(self.export)
        router.get("/verify")(self.verify)
        return router

    def logs(self, by: By, asked: Annotated[Asked, Query()]) -> dict[str, Any]:  # noqa: ARG002
        """The newest first."""
        with self._store.reading() as connection:
            rows = audit.page(connection, asked.search, asked.limit, asked.after, asked.offset)
            total = audit.count(connection, asked.search)
        logs = [_told(row) for row in rows]
        after = logs[-1]["id"] if len(logs) == asked.limit else None
        return {"logs": logs, "total": total, "limit": asked.limit, "offset": asked.offset, "after": after}

    def log(self, by: By, id: Annotated[int, Query(ge=1, le=2**53)]) -> dict[str, Any]:  # noqa: A002, ARG002
        """One of them."""
        with self._store.reading() as connection:
            row = audit.entry(connection, id)
        if row is None:
            raise absent("entry", str(id), "id")
        return _told(row)

    def stats(self, by: By, asked: Annotated[Asked, Query()]) -> dict[str, Any]:  # noqa: ARG002
        """How many of each action."""
        with self._store.reading() as connection:
            actions = audit.actions(connection, asked.search)
        return {"total": sum(actions.values()), "actions": actions}

    def export(self, by: By) -> JsonLines:  # noqa: ARG002
        """All of it, a line of JSON each, as it is sealed: `muxi-llm audit verify` reads it."""
        head = {"content-disposition": 'attachment; filename="audit.jsonl"'}
        return JsonLines(self._lines(), headers=head)

    def verify(self, by: By) -> dict[str, Any]:  # noqa: ARG002
        """Whether the chain holds, and where it does not."""
        with self._store.reading() as connection:
            broken = audit.verified(connection)
            head = audit.head(connection)
        told = {"holds": broken is None, "entries": head.number, "seal": head.seal}
        return told if broken is None else {**told, "broken_at": broken.number, "why": broken.why}

    def _lines(self) -> Iterator[bytes]:
        with self._store.reading() as connection:
            for row in audit.entries(connection):
                yield orjson.dumps(dict(row), option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)


def _told(row: Mapping[Any, Any]) -> dict[str, Any]:
    """An entry as people read it."""
    out = {RENAMED.get(name, name): row[name] for name in row}
    out["timestamp"] = iso(out["timestamp"])
    return {**out, "diff": changes(row["before"] or {}, row["after"] or {})}


RENAMED = {"seq": "id", "at": "timestamp", "before": "before_value", "after": "after_value"}
