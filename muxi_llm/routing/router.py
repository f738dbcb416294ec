"""The router: a request's needs → the deployments to try, in order, and why each other one is not among them.

    those for the model → able → within their limits → healthy → in the strategy's order → fallbacks' likewise

Where none is healthy, the one that wakes first is asked all the same: a refusal would help nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from muxi_llm.routing.affinity import pinned
from muxi_llm.routing.facts import Facts
from muxi_llm.routing.strategies import STRATEGIES, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.routing.deployments import Deployment, Needs
    from muxi_llm.routing.strategies import Random


@dataclass(frozen=True, slots=True)
class Rules:
    """How to choose.

    strategy: one of `STRATEGIES`; strategies: the same for some models alone. fallbacks: the model people ask
    for → those to go on with. cooling: seconds a deployment is left alone. smoothing: the weight of the
    latest attempt in the averages. has_affinity: whether a session stays where it is. preferred: the provider
    whose deployments come before all others, "" for none. at_once: provider → attempts under way, at most.
    falls_back: whether there is a second one to go on with.
    """

    strategy: str = "simple-shuffle"
    strategies: Mapping[str, str] = field(default_factory=dict)
    fallbacks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    cooling: float = 60.0
    smoothing: float = 0.1
    has_affinity: bool = True
    preferred: str = ""
    at_once: Mapping[str, int] = field(default_factory=dict)
    falls_back: bool = True


class Refusal(NamedTuple):
    """Why a deployment is not asked; seconds until that may be another, `None` where it will not."""

    deployment: Deployment
    why: str
    seconds: float | None = None


class Route(NamedTuple):
    """What the router says. known: whether there is any deployment for the model at all."""

    chosen: tuple[Facts, ...]
    refused: tuple[Refusal, ...]
    known: bool

    @property
    def retry_after(self) -> float | None:
        """Seconds until a deployment may take it, where time is all that is in the way."""
        waits = [refusal.seconds for refusal in self.refused if refusal.seconds is not None]
        return min(waits) if waits else None


class Router:
    """All deployments, and what is known of each."""

    def __init__(
        self, deployments: Sequence[Deployment], rules: Rules | None = None, known: Mapping[str, Facts] = {}
    ) -> None:
        """known: facts by the deployments' names, of the router before this one: of those that are as they
        were it is told on.
        """
        self.rules = rules or Rules()
        self.facts = {one.name: self._facts_of(one, known) for one in deployments}
        for one in self.facts.values():
            one.limit_at_once(self._together(one), self.rules.at_once.get(one.provider))
        self._turns: dict[str, int] = {}
        self._by_model: dict[str, tuple[Facts, ...]] = {}

    def _facts_of(self, deployment: Deployment, known: Mapping[str, Facts]) -> Facts:
        before = known.get(deployment.name)
        if before is not None and before.deployment == deployment:
            return before
        return Facts(deployment, cooling=self.rules.cooling, smoothing=self.rules.smoothing)

    def _together(self, facts: Facts) -> list[Facts]:
        """The deployments of the same provider."""
        return [one for one in self.facts.values() if one.provider == facts.provider]

    def serving(self, model: str) -> tuple[Facts, ...]:
        """The deployments for *model*, as they are configured."""
        found = self._by_model.get(model)
        if found is None:
            found = tuple(one for one in self.facts.values() if one.deployment.is_for(model))
            if len(self._by_model) < MODELS:  # strangers may ask for any name
                self._by_model[model] = found
        return found

    def route(self, model: str, needs: Needs, now: float, random: Random) -> Route:
        """Whom to ask for *model*, now."""
        chosen: list[Facts] = []
        refused: list[Refusal] = []
        known = False
        for name in (model, *self.rules.fallbacks.get(model, ())):
            group = [one for one in self.serving(name) if one not in chosen]
            known = known or bool(group)
            chosen += self._ordered(name, self._fit(group, needs, now, refused), needs, now, random)
        if not chosen:
            chosen = self._wakes_first(refused, needs, now)
        if not self.rules.falls_back:
            refused += [Refusal(one.deployment, "nothing falls back here") for one in chosen[1:]]
            del chosen[1:]
        return Route(
            tuple(chosen), tuple(r for r in refused if self.facts[r.deployment.name] not in chosen), known
        )

    def _fit(self, group: Sequence[Facts], needs: Needs, now: float, refused: list[Refusal]) -> list[Facts]:
        fit = []
        for one in group:
            if (refusal := self._refusal(one, needs, now)) is None:
                fit.append(one)
            else:
                refused.append(refusal)
        return fit

    def _refusal(self, one: Facts, needs: Needs, now: float) -> Refusal | None:
        if why := needs.lacking(one.deployment):
            return Refusal(one.deployment, why)
        why, seconds = one.limits(now, needs.tokens)
        if why:
            return Refusal(one.deployment, why, seconds)
        if one.is_cooled(now):
            return Refusal(one.deployment, f"it cools down ({one.cooled_for})", one.cooled_until - now)
        return None

    def _ordered(
        self, model: str, fit: Sequence[Facts], needs: Needs, now: float, random: Random
    ) -> Sequence[Facts]:
        if len(fit) < 2:
            return fit
        strategy = self.rules.strategies.get(model, self.rules.strategy)
        turn = self._turns.get(model, 0)
        if strategy == "round-robin":
            self._turns[model] = turn + 1
        ordered = STRATEGIES[strategy](fit, Moment(now, random, needs.stream, turn))
        if self.rules.preferred:
            ordered.sort(key=lambda one: not one.deployment.model.startswith(f"{self.rules.preferred}/"))
        if needs.session and self.rules.has_affinity and strategy != "in-order":
            first = pinned(fit, needs.session)[0]
            ordered = [first, *(one for one in ordered if one is not first)]
        return ordered

    def _wakes_first(self, refused: Sequence[Refusal], needs: Needs, now: float) -> list[Facts]:
        asleep = [
            self.facts[refusal.deployment.name]
            for refusal in refused
            if refusal.seconds is not None
            and not self.facts[refusal.deployment.name].limits(now, needs.tokens)[0]
        ]
        return sorted(asleep, key=lambda one: one.cooled_until)[:1]


MODELS = 1000
"""Names whose deployments are remembered, at most."""
