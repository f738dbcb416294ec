"""The router at work: deployments that are configured, as candidates whose attempts it follows.

The router is pure and knows no lock; this holds the lock, the clock and the providers. The gateway has one of
these for each configuration, the library one for `muxi_llm.config.models`.
"""

from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from muxi_llm.core.plan import is_retryable
from muxi_llm.core.request import Candidate
from muxi_llm.errors import InvalidRequestError, MuxiLLMError, refusal
from muxi_llm.harness.changes import Changes
from muxi_llm.harness.facts import tokens_of
from muxi_llm.routing.facts import AT_ONCE
from muxi_llm.routing.router import Router

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from muxi_llm.core.plan import Outcome
    from muxi_llm.routing.deployments import Deployment, Needs
    from muxi_llm.routing.facts import Facts
    from muxi_llm.routing.router import Route, Rules


class Place(NamedTuple):
    """A deployment, and how it is reached."""

    deployment: Deployment
    candidate: Candidate


class Try(NamedTuple):
    """One attempt at a deployment, over. status: its server's, where it failed. error: its class; "" where it
    went well, `GIVEN_UP` where nobody waited for its end. cooled: whether that made it be left alone.
    """

    deployment: Deployment
    base_url: str
    seconds: float
    status: int | None = None
    error: str = ""
    cooled: bool = False


class Routes:
    """Deployments to choose from. Safe between threads."""

    on_change: Callable[[], None] | None = None
    """Told when an attempt at a deployment begins, and when it is over."""

    def __init__(
        self,
        places: Sequence[Place],
        rules: Rules | None = None,
        before: Routes | None = None,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """before: the routes these take the place of; what is known of deployments that stay is kept."""
        self.places = {place.deployment.name: place for place in places}
        known: Mapping[str, Facts] = {} if before is None else before.router.facts
        self.router: Router = Router([place.deployment for place in places], rules, known)
        self.changes: Changes = Changes() if before is None else before.changes
        self.lock = self.changes.lock
        self.clock = clock
        self._chance = chance

    def explain(self, model: str, needs: Needs) -> Route:
        """Whom the router would ask, and why nobody else."""
        with self.lock:
            route = self.router.route(model, needs, self.clock(), self._chance)
        self.changes.catch_up()
        return route

    def choose(self, model: object, needs: Needs) -> list[Candidate]:
        """The candidates for *model*, in order.

        Raises `NotFoundError` where there is no such model, `InvalidRequestError` where none of its
        deployments can do what is asked, `RateLimitError` where all are at their limits.
        """
        if not isinstance(model, str) or not model:
            raise InvalidRequestError("model must be the name of a model", param="model")
        route = self.explain(model, needs)
        if not route.chosen:
            raise unroutable(model, route)
        return [self._candidate(one, model, needs) for one in route.chosen]

    def _candidate(self, facts: Facts, model: str, needs: Needs) -> Candidate:
        candidate = self.places[facts.deployment.name].candidate
        ref = candidate.ref
        if ref.name == ANY:
            ref = ref._replace(name=model.removeprefix(f"{ref.provider}/"))
        return Candidate(ref, candidate.provider, Watching(self, facts, needs, candidate.provider.base_url))


GIVEN_UP = "given up"
ANY = "*"
"""The model of a deployment that has whichever is asked for."""


class Watching:
    """One request's watch over a deployment. learns: whether how its attempts end says anything of it."""

    learns = True

    def __init__(self, routes: Routes, facts: Facts, needs: Needs, base_url: str) -> None:
        self._routes = routes
        self._needs = needs
        self._entered = 0.0
        self._base_url = base_url
        self.facts = facts
        self.tries: list[Try] = []

    def enter(self) -> MuxiLLMError | None:
        """Count the attempt, unless a limit was reached since the router chose."""
        with self._routes.lock:
            now = self._routes.clock()
            why, seconds = self.facts.limits(now, self._needs.tokens)
            if not why:
                self._entered = now
                self.facts.enter(now, self._needs.tokens)
        self._routes.changes.catch_up()
        if why:
            return limited(f"{self.facts.deployment.name}: {why}", seconds)
        self._changed()
        return None

    def began(self, seconds: float) -> None:
        """The first token is there."""
        with self._routes.lock:
            self.facts.began(seconds)
        self._routes.changes.catch_up()

    def leave(self, seconds: float, outcome: Outcome | None, *, quietly: bool = False) -> None:
        """What it taught: `None`, nothing, since it was given up. quietly: from a finalizer, which may have
        come while this very thread had the lock.
        """
        if quietly:
            self._routes.changes.soon(partial(self._left, seconds, outcome))
            return
        error = GIVEN_UP if outcome is None else "" if outcome.error is None else type(outcome.error).__name__
        status = status_of(outcome)
        with self._routes.lock:
            cooled = self._learn(seconds, outcome, status)
        self._routes.changes.catch_up()
        self.tries.append(Try(self.facts.deployment, self._base_url, seconds, status, error, cooled))
        self._changed()

    def _left(self, seconds: float, outcome: Outcome | None) -> list[Callable[[], object]]:
        """Under the lock; nobody is to be told."""
        self._learn(
            seconds, outcome, None if outcome is None else getattr(outcome.error, "status_code", None)
        )
        return []

    def _learn(self, seconds: float, outcome: Outcome | None, status: int | None) -> bool:
        """Under the lock; whether the deployment is left alone from now on."""
        now, error = self._routes.clock(), None if outcome is None else outcome.error
        used = None if outcome is None else (0 if error is not None else tokens_of(outcome.value))
        self.facts.leave(now, entered=self._entered, guessed=self._needs.tokens, used=used)
        if outcome is None or not self.learns:
            return False
        if error is None:
            self.facts.went_well(now, seconds, stream=self._needs.stream)
        elif status in AT_ONCE or is_retryable(error):  # else the request is to blame
            return self.facts.failed(now, status, error.retry_after)
        return False

    def _changed(self) -> None:
        if self._routes.on_change is not None:
            self._routes.on_change()


def status_of(outcome: Outcome | None) -> int | None:
    """The status of a reply that refused."""
    return None if outcome is None else getattr(outcome.error, "status_code", None)


def limited(message: str, seconds: float) -> MuxiLLMError:
    """The error of a limit of ours: it says when to come back."""
    return refusal(429, message, type="rate_limit_error", code="rate_limit_exceeded", retry_after=seconds)


def no_such_model(model: str) -> MuxiLLMError:
    """Nobody here serves it."""
    message = f"the model {model!r} does not exist here"
    return refusal(404, message, type="invalid_request_error", code="model_not_found", param="model")


def unroutable(model: str, route: Route) -> MuxiLLMError:
    """Why nobody is asked."""
    if not route.known:
        return no_such_model(model)
    reasons = "; ".join(f"{refused.deployment.name}: {refused.why}" for refused in route.refused)
    if route.retry_after is not None:
        return limited(f"no deployment of {model!r} may be asked now ({reasons})", route.retry_after)
    return InvalidRequestError(
        f"no deployment of {model!r} can serve this request ({reasons})", param="model"
    )
