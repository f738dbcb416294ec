"""A gateway as it tells of itself, for those who manage it: plain data, from any thread."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm import harness
from muxi_llm.errors import refusal, shown_url
from muxi_llm.gateway.own import explained, listed
from muxi_llm.runtime import preset_calls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from muxi_llm.gateway.app import Gateway
    from muxi_llm.routes import Routes
    from muxi_llm.routing.facts import Facts

    Data = dict[str, Any]

MASK = "***"
NO_REGISTRY: Data = {"registry": None, "active": None, "is_checked": False, "error": None, "data": []}
LONGEST = 30.0
"""Seconds within which a configuration is read."""


class Control:
    """Of one gateway, in one process."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def deployments(self) -> Sequence[Data]:
        """Each of them, its facts, and whether it cools down."""
        routes = self._gateway.state.routes
        breakers = _breakers(routes)
        with routes.lock:
            now, known = routes.clock(), routes.router.facts
            return [_deployment(facts, now, breakers.get(name)) for name, facts in known.items()]

    def providers(self) -> Sequence[Data]:
        """Each of them, its models, and what is under way at it."""
        out: dict[str, Data] = {}
        for one in self._gateway.state.settings.providers.values():
            most = {"concurrent_current": 0, "concurrent_capacity": one.at_once}
            out[one.name] = {"provider": one.name, "models": [], "resilience": most}
        for found in self.deployments():
            told = out[found["deployment"]["provider"]]
            told["models"].append(found["deployment"]["model"].partition("/")[2])
            told["resilience"]["concurrent_current"] += found["stats"]["in_flight"]
        return list(out.values())

    def models(self) -> Sequence[Data]:
        """What may be asked for, who serves it, and for how much: those without a price first."""
        known = [one.deployment for one in self._gateway.state.settings.deployments]
        out = []
        for told in listed(self._gateway.state):
            names = [one.name for one in known if one.is_for(str(told["id"]))]
            out.append({**told, "deployments": names})
        return sorted(out, key=lambda told: told["pricing"]["input"] is not None)

    def live(self) -> Sequence[Data]:
        """Requests under way, the oldest first."""
        now = time.perf_counter()
        found = sorted((visit.told for visit in self._gateway.under_way()), key=lambda told: told.began)
        return [
            {
                "request_id": told.request_id,
                "path": told.path,
                "model": told.model,
                "key_id": told.principal.id,
                "names": dict(told.principal.names),
                "seconds": round(now - told.began, 3),
                "streamed": told.streamed,
                "sent": told.sent,
            }
            for told in found
        ]

    def explain(self, body: Data) -> Data:
        """Where a request would go, and why nowhere else; nothing is sent."""
        return explained(self._gateway.state, body, len(orjson.dumps(body)))

    def releases(self) -> Data:
        """The releases of the presets' registry, and who uses them."""
        registry = self._gateway.state.presets.at_work()
        told = NO_REGISTRY if registry is None else preset_calls().releases(registry)
        return {**told, "used": self._gateway.state.presets.used}

    def difference(self, before: str, after: str) -> Data:
        """What makes a release another than one before it."""
        with self._released() as (calls, registry):
            return dict(calls.compared(registry.registry, before, after))

    def activate(self, revision: str) -> None:
        """Serve a release that is there."""
        with self._released() as (calls, registry):
            calls.activate(registry, revision)

    @contextmanager
    def _released(self) -> Iterator[tuple[Any, Any]]:
        """What to ask, and of which registry. Raises a refusal of 404 where there is none, of 409 for a
        release that is not as it must be.
        """
        calls, registry = preset_calls(), self._gateway.state.presets.at_work()
        if registry is None:
            message = "there are no presets here: the configuration names no registry"
            raise refusal(404, message, type="not_found_error", code="not_found")
        try:
            yield calls, registry
        except (calls.LLMConfigError, OSError) as error:
            code = getattr(error, "code", None) or "bad_release"
            raise refusal(409, str(error), type="invalid_request_error", code=code) from error

    def config(self) -> Data:
        """The configuration: where from, its checksum, what it says, without secrets."""
        gateway, settings = self._gateway, self._gateway.state.settings
        return {
            "path": settings.source,
            "checksum": settings.checksum,
            "notes": list(settings.notes),
            "loaded_at": gateway.loaded_at,
            "reload_count": gateway.reloads,
            "settings": _masked(settings),
        }

    def cool(self, deployment: str, seconds: float) -> None:
        """Leave it alone for so long; 0: no more. One that is not there is nobody's."""
        routes = self._gateway.state.routes
        with routes.lock:
            facts = routes.router.facts.get(deployment)
            if facts is not None:
                facts.cool(routes.clock(), seconds, "an administrator's order")
        routes.changes.catch_up()

    def reload(self) -> bool:
        """Read the configuration again, on the loop's own thread; whether it can be used."""
        done: Future[bool] = Future()
        reloader, loop = self._gateway.reloader, self._gateway.loop
        if reloader is None or loop is None:
            return False
        loop.call_soon_threadsafe(lambda: done.set_result(reloader.reload()))
        return done.result(LONGEST)


def _breakers(routes: Routes) -> Mapping[str, str | None]:
    """The harness's, by deployment: a program that serves a gateway may have configured some."""
    if harness.settings() is None:
        return {}
    known = {(one.provider, one.base_url, one.model): one.breaker for one in harness.state()[0]}
    places = ((name, one.candidate.provider, one.candidate.ref) for name, one in routes.places.items())
    return {name: known.get((ref.provider, shown_url(at.base_url), ref.name)) for name, at, ref in places}


def _deployment(facts: Facts, now: float, breaker: str | None) -> Data:
    one, is_cooled = facts.deployment, facts.is_cooled(now)
    words = ("name", "model", "serves", "weight", "rpm", "tpm", "context", "price")
    told = {word: getattr(one, word) for word in words} | {"id": one.name, "provider": facts.provider}
    return {
        "deployment": told,
        "stats": {
            "in_flight": facts.in_flight,
            "latency": facts.latency,
            "first_token": facts.first_token,
            "success": facts.success(now),
            "recent": dict(zip(("well", "failed"), facts.recent(now), strict=True)),
            "requests": facts.requests(now),
            "tokens": facts.tokens(now),
            "windows": [
                {"limit": one.window.limit, "seconds": one.window.seconds, "wait": one.wait(now)}
                for one in facts.windows
            ],
        },
        "circuit_state": "open" if is_cooled else breaker or "closed",
        "cooldown_active": is_cooled,
        "cooldown_until": facts.cooled_until if is_cooled else None,
        "cooldown_seconds": facts.cooled_until - now if is_cooled else None,
        "cooldown_reason": facts.cooled_for if is_cooled else "",
    }


def _masked(value: Any) -> Any:
    """Plain data, in which what is not for people to read is hidden (`repr=False`)."""
    if dataclasses.is_dataclass(value):
        return {
            one.name: _masked(getattr(value, one.name)) if one.repr else _hidden(getattr(value, one.name))
            for one in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(name): _masked(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_masked(item) for item in value]
    return value if isinstance(value, str | int | float | None) else MASK


def _hidden(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict.fromkeys(map(str, value), MASK)
    return MASK if value else value
