"""Names of one's own for several deployments: `muxi_llm.config.models`, chosen among as the gateway chooses.

What is known of the deployments lasts as long as the setting is equal; a changed one goes on with what is
known of those that stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from threading import Lock
from typing import TYPE_CHECKING, Any

from muxi_llm import config
from muxi_llm.candidates import candidate_of, candidates_of
from muxi_llm.core.options import models_of
from muxi_llm.harness.forks import outlives
from muxi_llm.routes import Place, Routes
from muxi_llm.routing.deployments import Deployment
from muxi_llm.routing.needs import needs_of, tokens_of
from muxi_llm.routing.router import Rules
from muxi_llm.routing.strategies import STRATEGIES
from muxi_llm.wire.base import dumps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.core.request import Candidate
    from muxi_llm.wire.base import Endpoint


def grouped(endpoint: Endpoint, given: Mapping[str, Any], settings: config.Settings) -> list[Candidate]:
    """The chain of a call, the names of groups in it in the place of their deployments."""
    names = models_of(endpoint, given.get("model"), given, settings)
    if not any(is_group(name) for name in names):
        return candidates_of(endpoint, given, settings)
    chain: list[Candidate] = []
    for name in names:
        chain += choose(name, given) if is_group(name) else [candidate_of(name)]
    return chain


def is_group(name: object) -> bool:
    """Whether *name* is one of `config.models`."""
    return isinstance(name, str) and name in config.models


def choose(name: str, body: Mapping[str, Any]) -> Sequence[Candidate]:
    """The deployments of a group, in the order its strategy has for a request of *body*."""
    routes = _routes()
    is_particular = any(one.deployment.is_particular for one in routes.router.serving(name))
    # What nobody is particular about need not be looked through.
    asked = {key: value for key, value in body.items() if key in (ASKED if is_particular else PLAIN)}
    session = str(body.get("prompt_cache_key") or "")
    needs = needs_of(asked, len(dumps(asked)), session=session, count=lambda: tokens_of(asked))
    return routes.choose(name, needs)


class _Known:
    """The routes of the setting as it was last seen."""

    def __init__(self) -> None:
        self.after_fork()
        outlives(self)

    def after_fork(self) -> None:
        """Nothing is known, and what was under way is the parent's."""
        self.lock = Lock()
        self.models: Mapping[str, Any] = {}
        self.routes: Routes | None = None


_known = _Known()


def _routes() -> Routes:
    known = _known
    with known.lock:
        if known.routes is None or known.models != config.models:
            known.routes = _made(config.models, known.routes)
            known.models = deepcopy(dict(config.models))
        return known.routes


def _made(models: Mapping[str, Any], before: Routes | None) -> Routes:
    checked(models)
    places = [
        place_of(group, number, given)
        for group, about in models.items()
        for number, given in enumerate(about["deployments"])
    ]
    strategies = {group: about.get("strategy", Rules().strategy) for group, about in models.items()}
    fallbacks = {group: tuple(about.get("fallbacks", ())) for group, about in models.items()}
    return Routes(places, Rules(strategies=strategies, fallbacks=fallbacks), before)


def place_of(group: str, number: int, given: Mapping[str, Any]) -> Place:
    """A deployment as `config.models` has it."""
    about = {key: value for key, value in given.items() if key in ABOUT}
    candidate = candidate_of(given["model"], api_key=given.get("api_key"), base_url=given.get("base_url"))
    name = given.get("name", f"{group}/{number}")
    return Place(Deployment(name, str(candidate.ref), (group.lower(),), **about), candidate)


def checked(models: object) -> None:
    """Raise `TypeError` or `ValueError` for what cannot be `config.models`, naming the key."""
    where = "muxi_llm.config.models"
    if not isinstance(models, Mapping):
        raise TypeError(f"{where} must be a dict, not {type(models).__name__}")
    for group, about in models.items():
        at = f"{where}[{group!r}]"
        config.check_keys(at, about, ("strategy", "deployments", "fallbacks"))
        strategy = about.get("strategy", Rules().strategy)
        if strategy not in STRATEGIES:
            raise ValueError(f"{at}['strategy'] must be one of {', '.join(STRATEGIES)}, not {strategy!r}")
        deployments = about.get("deployments")
        if not isinstance(deployments, list | tuple) or not deployments:
            hint = "a list of deployments, such as {'model': 'openai/gpt-5'}"
            raise ValueError(f"{at}['deployments'] must be {hint}")
        for number, given in enumerate(deployments):
            config.check_keys(f"{at}['deployments'][{number}]", given, (*CONNECTION, *ABOUT))
            if not isinstance(given.get("model"), str):
                raise TypeError(f"{at}['deployments'][{number}]['model'] must be 'provider/model'")


# ------------------------------------------------------------------------------------------ tables

CONNECTION = ("name", "model", "api_key", "base_url")
ABOUT = ("weight", "rpm", "tpm", "context", "vision", "tools", "schema", "thinking", "price")
ASKED = {
    *(
        "messages",
        "input",
        "prompt",
        "system",
        "instructions",
        "tools",
        "functions",
        "response_format",
        "text",
    ),
    *("thinking", "reasoning", "reasoning_effort", "stream", "max_tokens", "max_completion_tokens"),
    "max_output_tokens",
}
"""What of a request decides who can serve it."""

PLAIN = {"stream"}
"""And what decides where all of them can."""
