"""What may be spent: budgets, what is gone and held of each, and every step a request's money takes. Pure.

reserve ─► open ─ grow ─► open ─ settle ─► settled, or released if it cost nothing │ └ expire ─► unknown:
booked at its last heartbeat, or at what it held ─ settle ─► settled

A request holds one amount, of every budget it is under. It is let in with its whole estimate, or with what is
left if that covers what it will read: the next one then sees nothing left. So no hard budget is passed by
more than what requests under way turn out to cost above what they held.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.governance.windows import frees_at, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from muxi_llm.governance.windows import Window


class Budget(NamedTuple):
    """An amount of micro-USD for a window; the words are those of `store.schema.budgets`."""

    id: str
    scope: str
    scope_id: str
    amount: int
    window: Window
    model: str = ""
    hard: bool = True
    thresholds: tuple[int, ...] = ()
    instead: str = ""
    outage: str = ""

    @property
    def is_open(self) -> bool:
        """Whether requests go on uncounted while the store is away; else until what is allowed is gone."""
        return self.outage == "open" or (not self.outage and not self.hard)


class Claim(NamedTuple):
    """One budget that a request is under. subject: whose, of a budget that each has. provider: whose attempts
    alone count, "" all.
    """

    budget: Budget
    subject: str = ""
    provider: str = ""


class Hold(NamedTuple):
    """Where a reservation is held, and its cost booked: the bucket it began in."""

    budget: str
    subject: str
    period: int
    provider: str = ""

    @property
    def key(self) -> Key:
        """Of its balance."""
        return self[:3]


Key = tuple[str, str, int]


@dataclass(slots=True)
class Balance:
    """What is gone of a budget in a bucket, what is held, and the highest threshold that was told."""

    spent: int = 0
    reserved: int = 0
    told: int = 0


class Past(NamedTuple):
    """The same of a rolling window's buckets before this one; *first* is the oldest with anything in it."""

    spent: int
    reserved: int
    told: int
    first: int


class State(StrEnum):
    """Of a reservation."""

    OPEN = "open"
    SETTLED = "settled"
    RELEASED = "released"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Reservation:
    """One request's. amount: held; cost: booked. facts: what its ledger rows say. beaten, beaten_at: its cost
    at the last heartbeat and when that was, `None` if there was none. is_new: it is no row yet.
    """

    id: str
    holds: Sequence[Hold] = ()
    amount: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    state: State = State.OPEN
    cost: int = 0
    beaten: int | None = None
    created_at: float = 0.0
    expires_at: float = 0.0
    beaten_at: float | None = None
    is_new: bool = False


class Ask(NamedTuple):
    """What a request would hold. floor: what reading it costs at least. providers: all that may be asked."""

    id: str
    claims: Sequence[Claim]
    estimate: int
    floor: int
    providers: Sequence[str] = ()
    facts: Mapping[str, Any] = {}
    created_at: float = 0.0
    expires_at: float = 0.0


class Outcome(StrEnum):
    """Of asking."""

    ADMITTED = "admitted"
    HELD = "held"
    """Others hold what is left: it may be free in a moment."""
    SPENT = "spent"


class Verdict(NamedTuple):
    """amount: what is held. claim, resets_at: of a refusal, whose budget, and when it has anything again
    (infinite: never by itself). without: providers whose own budgets are spent. left: of each hard budget, in
    the order of the claims.
    """

    outcome: Outcome
    amount: int = 0
    claim: Claim | None = None
    resets_at: float = 0.0
    spent: int = 0
    without: frozenset[str] = frozenset()
    left: tuple[int, ...] = ()


class Settled(StrEnum):
    """What a receipt did."""

    BOOKED = "booked"
    CORRECTED = "corrected"
    """The reservation had expired: what was guessed is put right."""
    ALREADY = "already"


class Crossing(NamedTuple):
    """A threshold (percent) that what is spent of a budget has reached."""

    budget: Budget
    subject: str
    period: int
    percent: int
    spent: int


class Row(NamedTuple):
    """A line of the ledger, as far as money knows it."""

    id: str
    kind: str
    cost: int
    provider: str
    more: Mapping[str, Any] = {}


class Till:
    """Balances in hand for a moment, and the steps that change them. Whoever holds it has read every balance
    that its steps touch, and writes them all or none.
    """

    def __init__(
        self,
        now: float,
        balances: dict[Key, Balance],
        past: Mapping[tuple[str, str], Past],
        budget_of: Callable[[str], Budget | None] = lambda _: None,
    ) -> None:
        """past: of rolling windows. budget_of: by id, for thresholds."""
        self._now = now
        self._past = past
        self._budget_of = budget_of
        self.balances = balances
        self.crossings: list[Crossing] = []
        self._holds: dict[tuple[str, str, str], Hold] = {}

    def hold(self, claim: Claim) -> Hold:
        """Where it is held that is asked for now: many requests ask for the same."""
        which = (claim.budget.id, claim.subject, claim.provider)
        found = self._holds.get(which)
        if found is None:
            found = self._holds[which] = hold_of(claim, self._now)
        return found

    def reserve(self, ask: Ask) -> tuple[Verdict, Reservation | None]:
        """Let a request in, or say why not."""
        verdict = self._verdict(ask)
        if verdict.outcome is not Outcome.ADMITTED:
            return verdict, None
        holds = tuple(self.hold(claim) for claim in ask.claims if claim.provider not in verdict.without)
        for hold in holds:
            self._balance(hold).reserved += verdict.amount
        return verdict, Reservation(
            ask.id, holds, verdict.amount, ask.facts, created_at=ask.created_at, expires_at=ask.expires_at
        )

    def grow(self, held: Reservation, ask: Ask) -> Verdict:
        """Hold more on the same row, or say why not. What expired meanwhile stays as it is."""
        verdict = self._verdict(ask, held)
        if verdict.outcome is Outcome.ADMITTED and held.state is State.OPEN:
            for hold in held.holds:
                self._balance(hold).reserved += verdict.amount
            held.amount += verdict.amount
        return verdict

    def settle(self, held: Reservation, rows: Sequence[Row]) -> tuple[Settled, list[Row]]:
        """Book what it was; the rows to be written. Once: a second receipt changes nothing."""
        is_first = held.state is State.OPEN
        if not is_first and (held.state is State.SETTLED or not rows):
            return Settled.ALREADY, []
        written = list(rows)
        guessed = None if is_first or not held.cost else correction(held)
        for hold in held.holds:
            balance = self._balance(hold)
            if is_first:
                balance.reserved -= held.amount
            self._spend(hold, balance, share(hold, rows) - (share(hold, [guessed]) if guessed else 0))
        if guessed is not None:
            written.append(guessed._replace(id=f"{held.id}:correction", kind="correction", cost=-held.cost))
        held.cost = sum(row.cost for row in rows)
        held.state = State.SETTLED if rows else State.RELEASED
        return (Settled.BOOKED if is_first else Settled.CORRECTED), written

    def expire(self, held: Reservation) -> list[Row]:
        """Nobody will settle it, it seems: book what is known, else all it held. Never nothing."""
        held.cost = held.amount if held.beaten is None else held.beaten
        held.state = State.UNKNOWN
        row = correction(held)
        for hold in held.holds:
            balance = self._balance(hold)
            balance.reserved -= held.amount
            self._spend(hold, balance, share(hold, [row]))
        return [row]

    # ------------------------------------------------------------------------------------- parts

    def _verdict(self, ask: Ask, held: Reservation | None = None) -> Verdict:
        """held: it is under way, in the periods it began in, and no provider can be left out any more."""
        short: list[tuple[Claim, bool]] = []
        room = ask.estimate
        hard = list(self._hard(ask.claims, held.holds if held else ()))
        for claim, left, unspent in hard:
            if left >= ask.floor and (left > 0 or ask.estimate == 0):
                room = min(room, left)
            else:
                short.append((claim, unspent < ask.floor or unspent <= 0))
        without = frozenset(claim.provider for claim, _ in short) - {""}
        refusing = [one for one in short if not one[0].provider]
        if held is not None or (without and without.issuperset(ask.providers)):
            refusing = short
        if not refusing:
            room = max(room, 0)
            return Verdict(Outcome.ADMITTED, room, without=without, left=tuple(one[1] - room for one in hard))
        is_spent = any(spent for _, spent in refusing)
        claim = max((one for one, spent in refusing if spent == is_spent), key=self._resets_at)
        outcome = Outcome.SPENT if is_spent else Outcome.HELD
        return Verdict(outcome, 0, claim, self._resets_at(claim), self._spent(claim), without)

    def _hard(self, claims: Sequence[Claim], holds: Sequence[Hold]) -> Iterator[tuple[Claim, int, int]]:
        """Each hard budget, what is left of it, and what of it is not spent."""
        began = {(hold.budget, hold.subject): hold for hold in holds}
        for claim in claims:
            budget = claim.budget
            if budget.hard:
                now = self.hold(claim)
                is_rolling = budget.window.kind == "rolling"
                where = now if is_rolling else began.get((budget.id, claim.subject), now)
                here, past = self._balance(where), self._before(claim)
                unspent = claim.budget.amount - here.spent - past.spent
                yield claim, unspent - here.reserved - past.reserved, unspent

    def _balance(self, hold: Hold) -> Balance:
        found = self.balances.get(hold.key)
        if found is None:
            found = self.balances[hold.key] = Balance()
        return found

    def _before(self, claim: Claim) -> Past:
        return self._past.get((claim.budget.id, claim.subject), NOTHING)

    def _spent(self, claim: Claim) -> int:
        return self._balance(self.hold(claim)).spent + self._before(claim).spent

    def _resets_at(self, claim: Claim) -> float:
        first = self._before(claim).first or span(claim.budget.window, self._now).start
        return frees_at(claim.budget.window, first)

    def _spend(self, hold: Hold, balance: Balance, cost: int) -> None:
        balance.spent += cost
        budget = self._budget_of(hold.budget)
        if budget is None or not budget.thresholds or cost <= 0:
            return
        past = self._past.get((hold.budget, hold.subject), NOTHING)
        spent = balance.spent + past.spent
        reached = max((one for one in budget.thresholds if spent * 100 >= budget.amount * one), default=0)
        if reached > max(balance.told, past.told):
            balance.told = reached
            self.crossings.append(Crossing(budget, hold.subject, hold.period, reached, spent))


def hold_of(claim: Claim, now: float) -> Hold:
    """Where a claim is held that begins at *now*."""
    return Hold(claim.budget.id, claim.subject, span(claim.budget.window, now).start, claim.provider)


def share(hold: Hold, rows: Sequence[Row]) -> int:
    """What of *rows* is that budget's: of a provider's, what was asked there."""
    return sum(row.cost for row in rows if hold.provider in {"", row.provider})


def correction(held: Reservation) -> Row:
    """The row of what an expired reservation was booked at."""
    kind = "unknown" if held.beaten is None else "estimated"
    return Row(f"{held.id}:{kind}", kind, held.cost, str(held.facts.get("provider", "")))


NOTHING = Past(0, 0, 0, 0)
