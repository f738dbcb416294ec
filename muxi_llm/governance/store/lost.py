"""Requests whose gateway ended before it knew what they cost: booked by a guess until somebody says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from muxi_llm.governance.budgets import Row
from muxi_llm.governance.refusals import absent, refused
from muxi_llm.governance.roles import Subject
from muxi_llm.governance.shapes import iso, micro, usd
from muxi_llm.governance.store import money
from muxi_llm.governance.store.audit import Told, append
from muxi_llm.governance.store.schema import reservations

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

    from muxi_llm.governance.store.audit import Asked

STATED = "stated"
"""The kind of a row of the ledger whose cost somebody said."""


def lost(connection: Connection, start: float, end: float, limit: int) -> list[dict[str, Any]]:
    """Those of which nobody knows yet, the newest first."""
    closed = reservations.c.closed_at
    found = select(reservations).where(reservations.c.state == "unknown", closed >= start, closed < end)
    return [_told(row) for row in connection.execute(found.order_by(closed.desc()).limit(limit)).mappings()]


def state(
    connection: Connection, asked: Asked, which: str, spend: float, why: str, now: float
) -> dict[str, Any]:
    """It cost *spend* USD: the ledger says so by a row, and takes back the guess by another; so do budgets,
    in the periods it was booked to. To be called within `Records.changing`. What its gateway may tell of it
    after that is not believed. Raises refusals of 404 and 409.
    """
    found = select(reservations).where(reservations.c.id == which).with_for_update()
    row = connection.execute(found).mappings().first()
    if row is None:
        raise absent("request", which, "reservation_id")
    if row["state"] != "unknown":
        message = "what it cost is known, or it is under way: nothing is to be put right"
        raise refused(409, message, "conflict", "reservation_id")
    facts, cost = row["facts"], micro(spend)
    said = {"prices": f"stated by {asked.actor.user or asked.actor.key}"}
    rows = (Row(f"{which}:{STATED}", STATED, cost, facts.get("provider", ""), said),)
    money.apply(connection, [money.Receipt(which, now, row["created_at"], (), facts, rows)], now)
    before = _told(row)
    after = {**before, "spend": usd(cost), "kind": STATED}
    subject = Subject(*(facts.get(f"{kind}_id", "") for kind in ("organization", "team", "user", "key")))
    append(connection, asked, Told("spend", which, subject, before, after, metadata={"reason": why}), now)
    return after


def _told(row: RowMapping) -> dict[str, Any]:
    """kind: `unknown`, all that was held; `estimated`, what was seen of it at its last heartbeat."""
    facts = row["facts"]
    return {
        "reservation_id": row["id"],
        **{name: facts.get(name, "") for name in FACTS},
        "at": iso(row["created_at"]),
        "spend": usd(row["cost"]),
        "kind": "unknown" if row["beaten_at"] is None else "estimated",
    }


FACTS = ("request_id", "key_id", "user_id", "team_id", "organization_id", "model", "provider", "path")
