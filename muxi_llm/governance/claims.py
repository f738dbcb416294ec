"""Which budgets and limits a request is under, of all that are defined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.governance.budgets import Budget, Claim
from muxi_llm.governance.keys import is_listed
from muxi_llm.governance.limits import Limit
from muxi_llm.governance.windows import window_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from muxi_llm.governance.keys import Holder
    from muxi_llm.governance.snapshot import Snapshot

ANY = "*"
"""Each for itself: a budget that every one of a scope has."""


class Claims:
    """Finds them in what is known of the store."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._budgets: dict[str, tuple[Any, Budget]] = {}
        """By id, with the row each was made of."""
        self._limits: dict[str, tuple[Holder, tuple[Limit, ...]]] = {}

    def of(
        self, holder: Holder | None, model: str, providers: Sequence[str], session: str
    ) -> Iterator[Claim]:
        """Every budget that a request is under. holder: `None` for a token that is no key."""
        whose: dict[str, str] = {}
        if holder is not None:
            key = holder.key
            whose = {"key": key.id, "user": key.user, "team": key.team, "organization": key.organization}
            for row in holder.budgets:
                yield from self._claim(row, model)
        places = [(scope, ANY, which, "") for scope, which in whose.items() if which]
        places += [("model", model, "", ""), ("model", ANY, model, "")]
        for provider in providers:
            places += [("provider", provider, "", provider), ("provider", ANY, provider, provider)]
        if session:
            places += [("session", which, session, "") for which in (*whose.values(), ANY) if which]
        for scope, which, subject, provider in places:
            for row in self.snapshot.defined("budgets", scope, which):
                yield from self._claim(row, model, subject, provider)

    def limits(self, holder: Holder | None) -> tuple[Limit, ...]:
        """Every limit of a key and of whose it is."""
        if holder is None or not holder.limits:
            return ()
        kept = self._limits.get(holder.key.id)
        if kept is None or kept[0] is not holder:
            made = tuple(
                Limit(row["scope"], row["scope_id"], row["kind"], row["model"], row["amount"])
                for row in holder.limits
            )
            kept = self._limits[holder.key.id] = (holder, made)
        return kept[1]

    def budget(self, which: str) -> Budget | None:
        """By its id, if a request was under it."""
        kept = self._budgets.get(which)
        return None if kept is None else kept[1]

    def _claim(self, row: Any, model: str, subject: str = "", provider: str = "") -> Iterator[Claim]:
        kept = self._budgets.get(row["id"])
        if kept is None or kept[0] is not row:
            kept = self._budgets[row["id"]] = (row, budget_of(row))
        budget = kept[1]
        if not budget.model or is_listed((budget.model,), model):
            yield Claim(budget, subject, provider)


def budget_of(row: Mapping[str, Any]) -> Budget:
    """A row of the store's, as money knows it."""
    return Budget(
        row["id"],
        row["scope"],
        row["scope_id"],
        row["amount"],
        window_of(row["window"], row["zone"], row["week_start"]),
        row["model"],
        row["hard"],
        tuple(row["thresholds"]),
        row["instead"],
        row["outage"],
    )
