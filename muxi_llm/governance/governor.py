"""Whom the gateway asks: who it is, whether they may, and what it was.

A request waits for the store only where it is under a budget, and then for one transaction that it shares.
Money that others hold is waited for; money that is spent is refused, and nobody is made to ask again for it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from muxi_llm.errors import MuxiLLMError
from muxi_llm.governance import limits, overspent
from muxi_llm.governance.budgets import Ask, Claim, Outcome, hold_of
from muxi_llm.governance.estimates import estimate_of, written
from muxi_llm.governance.prices import UNPRICED
from muxi_llm.governance.receipts import late_rows, name_of, rows_of
from muxi_llm.governance.store.money import Beat, More, Receipt
from muxi_llm.types.admission import Grant, Principal, stranger, tokens_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from muxi_llm.core.request import Candidate
    from muxi_llm.gateway.admission import Admission
    from muxi_llm.gateway.settings.model import Settings
    from muxi_llm.gateway.told import Told
    from muxi_llm.governance.budgets import Hold
    from muxi_llm.governance.claims import Claims
    from muxi_llm.governance.counters.counters import Counters
    from muxi_llm.governance.keys import Holder
    from muxi_llm.governance.limits import Demand
    from muxi_llm.governance.prices import Frozen, Tariff
    from muxi_llm.governance.writer import Writer
    from muxi_llm.stored.late import Late
    from muxi_llm.types.admission import Asked


class Rules(NamedTuple):
    """lease: seconds without a heartbeat after which a request is taken to be lost. wait: seconds that money
    others hold is waited for. allowance: the part of a hard budget that a gateway may spend while the store
    is away. output: tokens of an answer whose request does not say. needs_price: whether a model without a
    price is refused under a hard budget.
    """

    lease: float = 900.0
    wait: float = 10.0
    allowance: float = 0.02
    output: int = 4096


class Held(Grant):
    """A request that is under way: what it holds, and of whom."""

    def __init__(self, governor: Governor, asked: Asked, facts: dict[str, Any], now: float) -> None:
        self.id = f"{governor.owner}-{next(governor.numbers):x}"
        self.asked = asked
        self.facts = facts
        self.created_at = now
        self.headers = {}
        self.estimate = estimate_of(asked.path, asked.body, asked.size, governor.rules.output)
        self.demand: Demand = NO_DEMAND
        self.limited = limits.GRANTED
        self.prices: Frozen | None = None
        self.ask = Ask(self.id, (), 0, 0)
        self.amount = 0
        """Micro-USD that are held."""
        self._governor = governor
        self._grown = 0

    @property
    def holds(self) -> tuple[Hold, ...]:
        """Where its cost is to be booked."""
        claims = self.ask.claims
        return tuple(hold_of(one, self.created_at) for one in claims if one.provider not in self.without)

    async def again(self, billed: int) -> None:
        """Hold as much again for the next attempt."""
        if billed > self._grown and self.ask.claims:
            await self._governor.hold(More(self.ask), self)
        self._grown = billed

    async def goes_on(self, told: Told) -> None:
        """Hold as much again once what it has used costs more than is held."""
        self._governor.check(self)
        cost, before = sum(row.cost for row in rows_of(self, told)), -1
        while self.ask.claims and cost > self.amount > before:  # what is estimated at nothing never grows
            before = self.amount
            try:
                await self._governor.hold(More(self.ask), self, wait=0)
            except _SpentError as error:
                raise error.refusal from None

    def so_far(self) -> int:
        """Micro-USD it has cost by now, as far as anybody can tell."""
        chosen = self.asked.chosen
        if not chosen or self.prices is None:
            return self.ask.floor
        out = self.prices.guess(str(chosen[0].ref), ({"output": written(self.asked.sent())},))
        return self.ask.floor + (out or 0)


class Governor:
    """Keeps account. Made once a process; `keeper` calls the rest from a thread of its own."""

    def __init__(
        self,
        claims: Claims,
        counters: Counters,
        writer: Writer,
        tariff: Tariff,
        rules: Rules,
        others: Admission | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """others: who knows the tokens that are no keys. now: what time it is."""
        self.claims = claims
        self._snapshot = claims.snapshot
        self.writer = writer
        self.tariff = tariff
        self.rules = rules
        self.now = now
        self.owner = f"{os.getpid():x}-{uuid4().hex[:12]}"
        self.numbers = count()
        self.open: dict[str, Held] = {}
        self._others = others
        self._counters = counters
        self._left: dict[tuple[str, str], int] = {}
        """Of hard budgets, when the store was last asked."""
        self._local: Counter[tuple[str, str]] = Counter()
        """What was let in while it was away."""

    def begin(self, settings: Settings) -> None:
        """Whoever made it has begun all it needs."""

    def end(self) -> None:
        """Likewise."""

    def configured(self, settings: Settings) -> None:
        """The tokens may be others."""
        if self._others is not None:
            self._others.configured(settings)

    # ------------------------------------------------------------------------------ three questions

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """Whose key it is. Raises refusals of 401 and 403; of 503 where nobody can tell, since the store of
        keys is away.
        """
        for token in tokens_in(headers):
            holder = self._snapshot.holder(token)
            if holder is not None:
                holder.check(self.now())
                self._snapshot.used(holder.key.id)
                key = holder.key
                return Principal(key.id, key.user, key.team, key.organization, holder.role, holder.names)
        try:
            if self._others is None:
                raise stranger(headers)
            return await self._others.authenticate(headers)
        except MuxiLLMError:
            if self._snapshot.is_live or not tokens_in(headers):
                raise
            raise overspent.unsure() from None

    async def admit(self, principal: Principal, asked: Asked) -> Grant:
        """What it holds. Raises the refusals of lists, limits and budgets."""
        holder = self._snapshot.held(principal.id)
        if holder is not None:
            holder.check_call(asked.path, asked.model)
        now = self.now()
        held = Held(self, asked, _facts(principal, asked, self.owner), now)
        own = limits.limits_for(self.claims.limits(holder), asked.model)
        held.demand = limits.Demand(own, held.estimate.tokens)
        limits.check_size(held.demand)
        held.limited = await self._counters.take(held.demand)
        if not held.limited.is_granted:
            raise limits.refused(held.limited)
        try:
            await self._reserve(held, holder, asked.model, asked.chosen)
        except BaseException:
            self._counters.undo(held.demand, held.limited)
            raise
        held.headers = {**held.headers, **limits.headers_of(held.limited)}
        self.open[held.id] = held
        return held

    def settle(self, told: Told) -> None:
        """Book it."""
        held = told.grant
        if not isinstance(held, Held):
            return
        self.open.pop(held.id, None)
        rows = rows_of(held, told)
        tokens = sum(row.more["input"] + row.more["cached"] + row.more["output"] for row in rows)
        self._counters.settle(held.demand, held.limited, tokens)
        cost = sum(row.cost for row in rows)
        if rows and all(row.more["prices"] != UNPRICED for row in rows):
            told.booked = cost / 1e6
        self._local_settled(held, cost)
        at = self.now()
        self.writer.settle(Receipt(held.id, at, held.created_at, held.holds, held.facts, tuple(rows)))
        for late in told.late:
            self.writer.settle(self._late(told, held, late, at))

    def _late(self, told: Told, held: Held, late: Late, now: float) -> Receipt:
        """Of a batch: where it began. The writer books it once, however often it is told."""
        provider, began = late.place.partition("/")[0], late.began or now
        claims = self.claims.of(self._snapshot.held(told.principal.id), late.model, (provider,), "")
        facts = {**held.facts, "model": late.model}
        holds = tuple(hold_of(claim, began) for claim in claims)
        return Receipt(name_of(late), now, began, holds, facts, tuple(late_rows(told, late, self.tariff)))

    def beat(self) -> None:
        """Tell the store what is still under way."""
        now = self.now()
        for held in list(self.open.values()):
            if now - held.created_at > self.rules.lease / BEATS:
                self.writer.tell(Beat(held.id, held.so_far(), now, now + self.rules.lease))

    # -------------------------------------------------------------------------------------- money

    async def _reserve(
        self, held: Held, holder: Holder | None, model: str, chosen: Sequence[Candidate]
    ) -> None:
        """Hold what *model* will cost, or what the one costs that is asked instead."""
        soft: set[str] = set()
        while True:
            held.ask = self._ask(held, holder, model, chosen, soft)
            try:
                await self.hold(held.ask, held)
            except _SpentError as error:
                budget = error.claim.budget
                if not budget.instead or budget.id in soft:
                    raise error.refusal from None
                soft.add(budget.id)
                model = held.model = budget.instead
                if holder is not None:
                    holder.check_call(held.asked.path, model)
                chosen = held.asked.choose(model)
                continue
            return

    def _ask(
        self, held: Held, holder: Holder | None, model: str, chosen: Sequence[Candidate], soft: set[str]
    ) -> Ask:
        asked, estimate = held.asked, held.estimate
        places = [(_deployment(one), str(one.ref)) for one in chosen]
        providers = tuple(dict.fromkeys(one.ref.provider for one in chosen))
        claims = tuple(
            one._replace(budget=one.budget._replace(hard=False)) if one.budget.id in soft else one
            for one in self.claims.of(holder, model, providers, asked.session)
        )
        held.prices = prices = self.tariff.frozen(places)
        guesses = [prices.guess(place, estimate.ways) for _, place in places] if estimate.ways else []
        if None in guesses and any(claim.budget.hard for claim in claims):
            raise overspent.unpriced(model)
        floors = [prices.guess(place, estimate.floor) or 0 for _, place in places] if estimate.floor else []
        facts = held.facts
        if providers:
            facts["provider"] = providers[0]
        amount = max((one for one in guesses if one is not None), default=0)
        floor = min(max(floors, default=0), amount)
        expires = held.created_at + self.rules.lease
        return Ask(held.id, claims, amount, floor, providers, facts, held.created_at, expires)

    def check(self, held: Held) -> None:
        """Raises the refusal of a list that was changed since."""
        holder = self._snapshot.held(held.facts["key_id"])
        if holder is not None:
            holder.check_call(held.asked.path, held.model or held.asked.model)

    async def hold(self, step: Ask | More, held: Held, wait: float | None = None) -> None:
        """Until it is held. Raises the refusal of a budget, or `_SpentError` where another model may do.

        wait: seconds for money that others hold; `None`: as the rules have it.
        """
        ask = step.ask if isinstance(step, More) else step
        if not ask.claims:
            self.writer.tell(ask)
            return
        ends, pause = time.monotonic() + (self.rules.wait if wait is None else wait), SOON
        while True:
            verdict = await self.writer.ask(step)
            if verdict is None:
                self._hold_locally(ask, held)
                return
            if verdict.outcome is not Outcome.HELD:
                break
            if time.monotonic() >= ends:
                raise overspent.busy(verdict)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LATER)
        self._local.clear()
        if verdict.outcome is Outcome.SPENT:
            assert verdict.claim is not None
            self._left[verdict.claim.budget.id, verdict.claim.subject] = 0
            raise _SpentError(verdict.claim, overspent.over(verdict, self.now()))
        held.without = verdict.without
        held.amount += verdict.amount
        hard = (claim for claim in ask.claims if claim.budget.hard)
        self._left.update(
            ((claim.budget.id, claim.subject), left) for claim, left in zip(hard, verdict.left, strict=False)
        )

    # ------------------------------------------------------------------------- the store is away

    def _hold_locally(self, ask: Ask, held: Held) -> None:
        """Go on with what is allowed meanwhile. Raises a refusal of 503 where that is gone, or nothing is."""
        for claim in ask.claims:
            budget, key = claim.budget, (claim.budget.id, claim.subject)
            if budget.is_open:
                continue
            allowed = int(budget.amount * self.rules.allowance)
            if self._local[key] + ask.estimate > min(allowed, self._left.get(key, allowed)):
                raise overspent.away()
        for claim in ask.claims:
            self._local[claim.budget.id, claim.subject] += ask.estimate
        held.amount += ask.estimate
        held.headers = {"x-muxi-budget": "local"}

    def _local_settled(self, held: Held, cost: int) -> None:
        if "x-muxi-budget" in held.headers and self._local:
            for claim in held.ask.claims:
                self._local[claim.budget.id, claim.subject] += cost - held.ask.estimate


class _SpentError(Exception):
    """A budget is; another model may do."""

    def __init__(self, claim: Claim, refusal: MuxiLLMError) -> None:
        super().__init__(claim.budget.id)
        self.claim = claim
        self.refusal = refusal


def _facts(principal: Principal, asked: Asked, owner: str) -> dict[str, Any]:
    return {
        "owner": owner,
        "request_id": asked.request_id,
        "key_id": principal.id,
        "user_id": principal.user,
        "team_id": principal.team,
        "organization_id": principal.organization,
        "session": asked.session,
        "model": asked.model,
        "path": asked.path,
    }


def _deployment(one: Candidate) -> str:
    facts = getattr(one.watch, "facts", None)
    return facts.deployment.name if facts is not None else str(one.ref)


NO_DEMAND = limits.Demand(())
BEATS = 3
"""Heartbeats within a lease."""
SOON, LATER = 0.02, 0.25
"""Seconds between two looks whether money is still held: the first, and the longest."""
