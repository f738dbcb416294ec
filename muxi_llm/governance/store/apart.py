"""Budgets that are no record's: of a model or a provider, of each of them, of sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from muxi_llm.governance.refusals import refused
from muxi_llm.governance.shapes import budgets_told
from muxi_llm.governance.store.audit import Told, append
from muxi_llm.governance.store.records import FILE, define
from muxi_llm.governance.store.schema import budgets
from muxi_llm.governance.store.standing import standing_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from muxi_llm.governance.store.audit import Asked
    from muxi_llm.governance.store.records import Records
    from muxi_llm.governance.store.rows import View

SCOPES = ("model", "provider", "session")


def allot(records: Records, asked: Asked, scope: str, which: str, said: Sequence[Mapping[str, Any]]) -> View:
    """Those are its budgets, and no others. Raises as `Records` does."""
    with records.changing() as (connection, now):
        before = allotted(connection, scope, which)
        is_file = asked.type == FILE
        if any(one["declared"] for one in before) and not is_file:
            why = "are declared in the configuration file, which alone may change them"
            raise refused(409, f"the budgets of the {scope} {which!r} {why}", "declared", "scope_id")
        define(connection, scope, {"id": which, "declared": is_file}, {"budgets": said}, now)
        after = allotted(connection, scope, which)
        views = [one[0] if one else None for one in (before, after)]
        append(connection, asked, Told(scope, which, before=views[0], after=views[1]), now)
        return views[1] or {"scope": scope, "scope_id": which, "budgets": [], "declared": is_file}


def allotted(
    connection: Connection, scope: str = "", which: str = "", now: float | None = None
) -> list[View]:
    """All of them, or those of one. now: when, if it is to be told how they stand; of those that each model,
    provider or session has for itself nobody tells that.
    """
    found = select(budgets).where(budgets.c.scope.in_([scope] if scope else SCOPES)).order_by(budgets.c.id)
    rows: dict[tuple[str, str], list[Any]] = {}
    for row in connection.execute(found.where(budgets.c.scope_id == which) if which else found).mappings():
        rows.setdefault((row["scope"], row["scope_id"]), []).append(row)
    views = []
    for (kind, owner), of in rows.items():
        view = {"scope": kind, "scope_id": owner, "budgets": budgets_told(of)["budgets"]}
        view["declared"] = any(row["declared"] for row in of)
        if now is not None and kind != "session" and owner != "*":
            view["standing"] = standing_of(connection, kind, [owner], now).get(owner, [])
        views.append(view)
    return views
