"""The steps of `budgets` in rows. Many requests' steps share one transaction: what they touch is read and
locked, each step is decided in turn, all that changed is written, or nothing is.

Locks are taken in one order (reservations, then balances, each by their keys), so that gateways wait for each
other and never both.
"""

from __future__ import annotations

from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select

from muxi_llm.governance.budgets import (
    Ask,
    Balance,
    Hold,
    Outcome,
    Past,
    Reservation,
    Row,
    Settled,
    State,
    Till,
    Verdict,
)
from muxi_llm.governance.store.engine import json, raw, value
from muxi_llm.governance.store.schema import balances, events, ledger, reservations
from muxi_llm.governance.windows import span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Table

    from muxi_llm.governance.budgets import Budget, Crossing, Key


class More(NamedTuple):
    """A request that is under way would hold more."""

    ask: Ask


class Receipt(NamedTuple):
    """What a request came to: all that is needed to book it, should its reservation not be there."""

    id: str
    at: float
    created_at: float
    holds: tuple[Hold, ...]
    facts: Mapping[str, Any]
    rows: tuple[Row, ...]


class Beat(NamedTuple):
    """A request is still under way, and has cost that much by now."""

    id: str
    cost: int
    at: float
    expires_at: float


class Expire(NamedTuple):
    """Nobody has been heard of it."""

    id: str


Step = Ask | More | Receipt | Beat | Expire
Result = Verdict | Settled | None
"""Of `Ask` and `More`, of `Receipt`; the others have none."""


def apply(
    connection: Connection,
    steps: Sequence[Step],
    now: float,
    budget_of: Callable[[str], Budget | None] = lambda _: None,
) -> list[Result]:
    """Take *steps* in their order; the result of each. To be called within one transaction that writes.

    budget_of: the budget of an id, whose thresholds may be crossed.
    """
    known = _read(connection, {id_of(step) for step in steps if not isinstance(step, Ask)})
    missing = [step for step in steps if isinstance(step, Receipt) and step.id not in known]
    for step in missing:
        known.setdefault(step.id, _unheard(connection, step))
    past: dict[tuple[str, str], Past] = {}
    till = Till(now, {}, past, budget_of)
    asks = [one.ask if isinstance(one, More) else one for one in steps if isinstance(one, Ask | More)]
    places: dict[Hold, Budget | None] = {
        till.hold(claim): claim.budget for ask in asks for claim in ask.claims
    }
    for held in known.values():
        places |= {hold: budget_of(hold.budget) for hold in held.holds if hold not in places}
    before = _balances(connection, sorted({hold.key for hold in places}))
    till.balances |= {key: Balance(one.spent, one.reserved, one.told) for key, one in before.items()}
    past |= _past(connection, places, now)
    page = _Page(till, known, now)
    results = [page.take(step) for step in steps]
    page.write(connection, before)
    return results


def sweep(
    connection: Connection, now: float, budget_of: Callable[[str], Budget | None], most: int = 500
) -> int:
    """Book what has expired; how many. What another gateway is at is left to it."""
    found = connection.execute(EXPIRED, {"now": now, "most": most}).scalars().all()
    apply(connection, [Expire(one) for one in found], now, budget_of)
    return len(found)


def forget(connection: Connection, reserved_before: float, periods_before: float) -> None:
    """Retention: reservations that were closed by then, and balances of periods that began before; with those
    go what was told of them, and reservations of which nobody has said yet what they cost.
    """
    old = (reservations.c.closed_at < reserved_before) & (reservations.c.state != State.UNKNOWN.value)
    connection.execute(delete(reservations).where(old | (reservations.c.closed_at < periods_before)))
    gone = (balances.c.period < periods_before) & (balances.c.period > 0) & (balances.c.reserved == 0)
    connection.execute(delete(balances).where(gone))
    connection.execute(delete(events).where(events.c.at < periods_before))


def id_of(step: Step) -> str:
    """Of the reservation that a step is about."""
    return step.ask.id if isinstance(step, More) else step.id


class _Page:
    """What is known of the reservations at hand, and all that is to be written of them."""

    def __init__(self, till: Till, known: dict[str, Reservation], now: float) -> None:
        self._till = till
        self._known = known
        self._now = now
        self._changed: dict[str, Reservation] = {}
        self._rows: list[dict[str, Any]] = []

    def take(self, step: Step) -> Result:
        if isinstance(step, Ask):
            return self._ask(step)
        held = self._known.get(id_of(step))
        if isinstance(step, More):
            return self._more(step.ask, held)
        if held is not None:
            self._changed[held.id] = held
            if isinstance(step, Receipt):
                return self._settle(step, held)
            if held.state is State.OPEN:
                self._beat(step, held) if isinstance(step, Beat) else self._expire(held)
        return None

    def _ask(self, step: Ask) -> Verdict:
        verdict, reservation = self._till.reserve(step)
        if reservation is not None:
            reservation.is_new = True
            self._known[step.id] = self._changed[step.id] = reservation
        return verdict

    def _more(self, ask: Ask, held: Reservation | None) -> Verdict:
        """One that was let in while the store was away has no row to grow."""
        if held is None:
            return Verdict(Outcome.ADMITTED)
        self._changed[held.id] = held
        return self._till.grow(held, ask)

    def _settle(self, step: Receipt, held: Reservation) -> Settled:
        settled, rows = self._till.settle(held, step.rows)
        self._book(held, rows, step.at)
        return settled

    def _beat(self, step: Beat, held: Reservation) -> None:
        held.beaten, held.beaten_at, held.expires_at = step.cost, step.at, step.expires_at

    def _expire(self, held: Reservation) -> None:
        if held.expires_at < self._now:  # and not beaten since it was found
            self._book(held, self._till.expire(held), self._now)

    def _book(self, held: Reservation, rows: Iterable[Row], at: float) -> None:
        for row in rows:
            said = {**BLANK, **held.facts, **row.more, "reservation_id": held.id, "at": float(at)}
            said |= {"id": row.id, "kind": row.kind, "cost": row.cost, "provider": row.provider}
            self._rows.append(booked(said))

    def write(self, connection: Connection, before: Mapping[Key, Balance]) -> None:
        changed = self._changed.values()
        counts = [
            (one.spent, one.reserved, one.told, *key)
            for key, one in self._till.balances.items()
            if one != before.get(key)
        ]
        for statement, rows in (
            (NEW, [(*_whole(one), *self._part(one), one.id) for one in changed if one.is_new]),
            (CHANGE, [(*self._part(one), one.id) for one in changed if not one.is_new]),
            (COUNT, counts),
            (BOOK, self._rows),
        ):
            if rows:
                raw(connection).executemany(statement[connection.dialect.name], rows)
        if self._till.crossings:
            connection.execute(CROSSED, [_event(crossing, self._now) for crossing in self._till.crossings])

    def _part(self, held: Reservation) -> tuple[Any, ...]:
        """What of it changes: `CHANGING`."""
        closed_at = None if held.state is State.OPEN else self._now
        beaten = held.beaten or 0
        return held.state.value, held.amount, held.cost, held.expires_at, held.beaten_at, beaten, closed_at


def _whole(held: Reservation) -> tuple[Any, ...]:
    """The rest: `WHOLE`."""
    facts = held.facts
    said = (facts.get("request_id", ""), facts.get("owner", ""))
    return *said, json([list(hold) for hold in held.holds]), json(facts), held.created_at


# ------------------------------------------------------------------------------------------ reading


def _read(connection: Connection, ids: Iterable[str]) -> dict[str, Reservation]:
    found = _among(connection, FIND, *((one,) for one in sorted(ids)))
    return {
        one: Reservation(
            one,
            tuple(Hold(*hold) for hold in value(holds)),
            amount,
            value(facts),
            State(state),
            cost,
            None if beaten_at is None else beaten,
            created_at,
            expires_at,
            beaten_at=beaten_at,
        )
        for one, holds, amount, facts, state, cost, beaten, created_at, expires_at, beaten_at in found
    }


def _unheard(connection: Connection, step: Receipt) -> Reservation:
    """The reservation of a request that was let in while the store was away. If its rows are there already,
    it was settled so long ago that it was forgotten.
    """
    held = Reservation(step.id, step.holds, 0, step.facts, created_at=step.created_at, is_new=True)
    ids = [row.id for row in step.rows]
    if ids and connection.execute(BOOKED, {"ids": ids}).first() is not None:
        held.state = State.SETTLED
    return held


def _balances(connection: Connection, keys: Sequence[Key]) -> dict[Key, Balance]:
    """Those rows, locked; the ones that were not there are now."""
    found = _found(connection, keys)
    if missing := [key for key in keys if key not in found]:
        raw(connection).executemany(BEGIN[connection.dialect.name], missing)
        found |= _found(connection, missing)
    return found


def _found(connection: Connection, keys: Sequence[Key]) -> dict[Key, Balance]:
    found = _among(connection, LOOK, *keys)
    return {(budget, subject, period): Balance(*counts) for budget, subject, period, *counts in found}


def _past(
    connection: Connection, places: Mapping[Hold, Budget | None], now: float
) -> dict[tuple[str, str], Past]:
    """What is gone and held in the older buckets of each rolling window."""
    out = {}
    for hold, budget in places.items():
        which = hold.budget, hold.subject
        if budget is not None and budget.window.kind == "rolling" and which not in out:
            counts = span(budget.window, now)
            of = {
                "budget": budget.id,
                "subject": hold.subject,
                "oldest": counts.oldest,
                "start": counts.start,
            }
            row = connection.execute(PAST, of).one()
            out[which] = Past(int(row[0] or 0), int(row[1] or 0), row[2] or 0, row[3] or 0)
    return out


def _event(crossing: Crossing, now: float) -> dict[str, Any]:
    budget = crossing.budget
    facts = {
        "budget": budget.id,
        "scope": budget.scope,
        "scope_id": crossing.subject or budget.scope_id,
        "period": crossing.period,
        "percent": crossing.percent,
        "spent": crossing.spent,
        "amount": budget.amount,
    }
    return {"at": now, "kind": "budget", "facts": facts}


def _among(connection: Connection, statement: Mapping[str, str], *keys: Sequence[Any]) -> Any:
    """The rows of *keys*, all of one length; whatever they are, none where there are none."""
    if not keys:
        return ()
    kind = connection.dialect.name
    mark = f"({', '.join([MARKS[kind]] * len(keys[0]))})"
    marks = ", ".join([mark] * len(keys))
    return raw(connection).execute(statement[kind] % marks, tuple(chain(*keys))).fetchall()


def _insert(table: Table, columns: Sequence[str], rest: str = "") -> dict[str, str]:
    values = ", ".join("?" * len(columns))
    return _by_kind(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}){rest}")  # noqa: S608 - ours


def _by_kind(text: str) -> dict[str, str]:
    return {kind: text.replace("?", mark) for kind, mark in MARKS.items()}


# -------------------- tables, and statements: what every request needs as the driver takes it, by position

MARKS = {"sqlite": "?", "postgresql": "%s"}
WHOLE = ("request_id", "owner", "holds", "facts", "created_at")
CHANGING = ("state", "amount", "cost", "expires_at", "beaten_at", "beaten", "closed_at")
UNTOUCHED = " ON CONFLICT DO NOTHING"
"""What is there already stays as it is."""
NEW = _insert(reservations, (*WHOLE, *CHANGING, "id"))
CHANGE = _by_kind(f"UPDATE reservations SET {' = ?, '.join(CHANGING)} = ? WHERE id = ?")  # noqa: S608
BEGIN = _insert(balances, ("budget_id", "subject", "period"), UNTOUCHED)
COUNT = _by_kind(
    "UPDATE balances SET spent = ?, reserved = ?, told = ? WHERE budget_id = ? AND subject = ? AND period = ?"
)
BLANK = {column.name: column.type.python_type() for column in ledger.c if column.name != "seq"}
BOOK = _insert(ledger, tuple(BLANK), UNTOUCHED)
booked = itemgetter(*BLANK)
"""All columns of a row, in their order."""

FOUND = "id, holds, amount, facts, state, cost, beaten, created_at, expires_at, beaten_at"
FIND = {
    "sqlite": f"SELECT {FOUND} FROM reservations WHERE id IN (VALUES %s)",  # noqa: S608
    "postgresql": f"SELECT {FOUND} FROM reservations WHERE id IN (%s) ORDER BY id FOR UPDATE",  # noqa: S608
}
KEY = "budget_id, subject, period"
LOOK = {
    "sqlite": f"SELECT {KEY}, spent, reserved, told FROM balances WHERE ({KEY}) IN (VALUES %s)",  # noqa: S608
    "postgresql": f"SELECT {KEY}, spent, reserved, told FROM balances WHERE ({KEY}) IN (%s)"  # noqa: S608
    f" ORDER BY {KEY} FOR UPDATE",
}
CROSSED = insert(events)
BOOKED = select(ledger.c.id).where(ledger.c.id.in_(bindparam("ids", expanding=True))).limit(1)
PAST = select(
    func.sum(balances.c.spent),
    func.sum(balances.c.reserved),
    func.max(balances.c.told),
    func.min(balances.c.period).filter((balances.c.spent != 0) | (balances.c.reserved != 0)),
).where(
    balances.c.budget_id == bindparam("budget"),
    balances.c.subject == bindparam("subject"),
    balances.c.period >= bindparam("oldest"),
    balances.c.period < bindparam("start"),
)
EXPIRED = (
    select(reservations.c.id)
    .where(reservations.c.state == "open", reservations.c.expires_at < bindparam("now"))
    .order_by(reservations.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
