"""Who comes first: each strategy is a function of the deployments, what is known of them, and chance."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.routing.facts import Facts

Random = Callable[[], float]
"""A number from 0 to 1, 1 excluded."""


class Moment(NamedTuple):
    """What a choice depends on besides the deployments. turn: how many choices there were before."""

    now: float
    random: Random
    stream: bool = False
    turn: int = 0


def in_order(facts: Sequence[Facts], moment: Moment) -> list[Facts]:  # noqa: ARG001 - one shape for all
    """As they stand in the configuration."""
    return list(facts)


def simple_shuffle(facts: Sequence[Facts], moment: Moment) -> list[Facts]:
    """By lot: by `weight` if any has one, else by `rpm`, else by `tpm`, else all alike."""
    for share in ("weight", "rpm", "tpm"):
        if any(getattr(one.deployment, share) is not None for one in facts):
            return drawn(facts, lambda one: getattr(one.deployment, share) or 0.0, moment)  # noqa: B023 - at once
    return drawn(facts, lambda _: 1.0, moment)


def round_robin(facts: Sequence[Facts], moment: Moment) -> list[Facts]:
    """In turns."""
    first = moment.turn % len(facts)
    return [*facts[first:], *facts[:first]]


def lowest_latency(facts: Sequence[Facts], moment: Moment) -> list[Facts]:
    """The fastest: by the time to the first token where the request streams.

    All within a tenth of the fastest are drawn for, by weight and how often they answered. One of which
    nothing is known yet is asked first, by one request at a time, or nobody would ever learn.
    """

    def seconds(one: Facts) -> float | None:
        return one.first_token if moment.stream else one.latency

    known = sorted((one for one in facts if seconds(one) is not None), key=lambda one: seconds(one) or 0.0)
    cold = [one for one in facts if seconds(one) is None]
    idle = [one for one in cold if not one.in_flight]
    busy = [one for one in cold if one.in_flight]
    limit = (seconds(known[0]) or 0.0) * 1.1 if known else 0.0
    near = [one for one in known if (seconds(one) or 0.0) <= limit]

    def share(one: Facts) -> float:
        return (one.deployment.weight or 1.0) * one.success(moment.now) ** 2 / max(seconds(one) or 0.0, 1e-6)

    return [*drawn(idle, lambda _: 1.0, moment), *drawn(near, share, moment), *known[len(near) :], *busy]


def least_busy(facts: Sequence[Facts], moment: Moment) -> list[Facts]:
    """The one with the fewest requests under way."""
    return _least(facts, moment, lambda one: one.in_flight)


def lowest_tpm_rpm(facts: Sequence[Facts], moment: Moment) -> list[Facts]:
    """The one that had the fewest tokens in this minute, then the fewest requests."""
    return _least(facts, moment, lambda one: (one.tokens(moment.now), one.requests(moment.now)))


def lowest_cost(facts: Sequence[Facts], moment: Moment) -> list[Facts]:
    """The cheapest, by a token in and a token out; those without a price last."""
    return _least(facts, moment, lambda one: sum(one.deployment.price or (math.inf,)))


def drawn(facts: Sequence[Facts], share: Callable[[Facts], float], moment: Moment) -> list[Facts]:
    """All of them, drawn one after another, each by its share of what is left; those without one last.

    A draw without replacement is a sort by -log(u) / share: Efraimidis and Spirakis, "Weighted random
    sampling with a reservoir", 2006.
    """

    def rank(one: Facts) -> float:
        weight = share(one)
        return -math.log(1.0 - moment.random()) / weight if weight > 0 else math.inf

    return sorted(facts, key=rank)


def _least(facts: Sequence[Facts], moment: Moment, measure: Callable[[Facts], object]) -> list[Facts]:
    ranked = [(measure(one), moment.random(), place) for place, one in enumerate(facts)]
    return [facts[place] for *_, place in sorted(ranked)]


STRATEGIES = {
    "in-order": in_order,
    "simple-shuffle": simple_shuffle,
    "round-robin": round_robin,
    "lowest-latency": lowest_latency,
    "least-busy": least_busy,
    "lowest-tpm-rpm": lowest_tpm_rpm,
    "lowest-cost": lowest_cost,
}
