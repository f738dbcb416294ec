"""Prometheus: what requests came to, as it is scraped.

Two families of names: `llmux_*`, which dashboards of that gateway know, and the semantic conventions' for
generative AI (`gen_ai_*`, https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/) in Prometheus'
form. Every label is bounded: models by the configuration, and by `MODELS` where it takes whichever is asked
for; names that no answer was ever given for are `other`.

Several workers: each writes to files of its own in `PROMETHEUS_MULTIPROC_DIR`, and whichever is scraped adds
them up. https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from muxi_llm.errors import shown_url
from muxi_llm.gateway.tables import FAMILIES, GAUGES, OPERATIONS, ROUTES
from muxi_llm.routes import GIVEN_UP

if TYPE_CHECKING:
    from muxi_llm.gateway.state import State
    from muxi_llm.gateway.told import Told
    from muxi_llm.routes import Routes, Try
    from muxi_llm.routing.deployments import Deployment
    from muxi_llm.routing.facts import Facts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SHARED = "PROMETHEUS_MULTIPROC_DIR"
OTHER = "other"
MODELS = 200
"""Names of models beyond the configuration's, at most."""


class Family:
    """One metric; its children by their labels' values, looked up without the library's checks."""

    def __init__(self, name: str, labels: tuple[str, ...], about: str, **given: Any) -> None:
        """given: the registry, and buckets for a histogram."""
        self._metric: Any
        if "buckets" in given:
            self._metric = Histogram(name, about, labels, **given)
        elif name.endswith("_total"):
            self._metric = Counter(name.removesuffix("_total"), about, labels, **given)
        else:  # a counter's name would get `_total`; gauges that are added up are the same numbers
            self._metric = Gauge(name, about, labels, multiprocess_mode=GAUGES.get(name, "sum"), **given)
        self._children: dict[tuple[str, ...], Any] = {}

    def __call__(self, *labels: str) -> Any:
        """The child of those labels."""
        found = self._children.get(labels)
        if found is None:
            found = self._children[labels] = self._metric.labels(*labels) if labels else self._metric
        return found


class Metrics:
    """All of them, of one gateway; they outlive its reloads."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._of = {
            name: Family(
                name, labels, about, registry=self._registry, **({"buckets": buckets} if buckets else {})
            )
            for name, (labels, about, buckets) in FAMILIES.items()
        }
        self._known: set[str] = set()
        self._met: set[str] = set()
        self._routes: Routes

    def configured(self, state: State) -> None:
        """The names of models that a configuration has."""
        self._known = {
            name
            for one in state.settings.deployments
            for name in (one.deployment.model, *one.names, *one.deployment.serves)
        }
        self._routes = state.routes

    def _look(self) -> None:
        """Who is left alone: that ends by itself, and nobody tells."""
        now = self._routes.clock()
        for name, facts in self._routes.router.facts.items():
            where = _where(facts.deployment, self._routes.places[name].candidate.provider.base_url)
            self._of["llmux_deployment_state"](*where).set(1 if facts.is_cooled(now) else 0)

    def text(self) -> bytes:
        """What a scraper reads. Takes a while: to be called in a thread."""
        self._look()
        registry = self._registry
        if os.environ.get(SHARED):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return _mended(generate_latest(registry))

    # -------------------------------------------------------------------------------- what happens

    def backend_failed(self) -> None:
        """An exchange of counts did not come off."""
        self._of["llmux_rate_limiter_backend_errors_total"]("sharing", "exchange").inc()

    def changed(self, facts: Facts) -> None:
        """An attempt began, or is over."""
        one = facts.deployment
        where = (one.name, one.model, one.model.partition("/")[0])
        self._of["llmux_active_requests"](*where).set(facts.in_flight)

    def began(self) -> None:
        """A request is here."""
        self._of["llmux_http_requests_in_flight"]().inc()

    def ended(self, told: Told) -> None:
        """It is over."""
        of, status = self._of, str(told.result)
        of["llmux_http_requests_in_flight"]().dec()
        route = ROUTES.get(told.path, OTHER)
        method = told.method if told.method in {"GET", "POST", "DELETE"} else OTHER
        of["llmux_http_request_duration_seconds"](method, route, status).observe(told.ended - told.began)
        of["llmux_http_request_size_bytes"](method, route).observe(told.received)
        of["llmux_http_response_size_bytes"](method, route).observe(told.sent)
        if told.model:
            self._asked(told, route, status)
            for one in told.tries:
                self._tried(one)

    def _asked(self, told: Told, route: str, status: str) -> None:
        """A request for a model."""
        of, is_well = self._of, told.error is None and not told.gone
        model, group, provider = self._named(told, is_well=is_well)
        where, seconds = (model, group, provider), told.ended - told.began
        of["llmux_proxy_total_requests"](*where, status).inc()
        of["llmux_requests_total"](provider, group, status).inc()
        of["llmux_request_latency_seconds"](provider, group).observe(seconds)
        if told.error is not None:
            kind = type(told.error).__name__
            of["llmux_proxy_failed_requests"](*where, status, status, kind).inc()
        if (own := told.own) is not None:
            of["llmux_overhead_latency_seconds"](route).observe(own)
        deployments = {one.deployment.name for one in told.tries}
        if len(deployments) > 1:
            of[f"llmux_fallback_{'successful' if is_well else 'failed'}"](group).inc()
        semantic = (OPERATIONS.get(told.path, "chat"), provider, model)
        kind = "" if told.error is None else type(told.error).__name__
        of["gen_ai_client_operation_duration_seconds"](*semantic, kind).observe(seconds)
        if told.report is not None:
            of["llmux_request_total_latency_seconds"](*where).observe(seconds)
            self._answered(told, where, semantic)

    def _answered(self, told: Told, where: tuple[str, str, str], semantic: tuple[str, str, str]) -> None:
        """What an answer took."""
        of, report = self._of, told.report
        assert report is not None
        read, written = told.tokens
        for count, kind in ((read, "input"), (written, "output")):
            if count is not None:
                of[f"llmux_{kind}_tokens"](*where).inc(count)
                of["llmux_total_tokens"](*where).inc(count)
                of["llmux_token_usage_total"](where[2], where[1], kind).inc(count)
                of["gen_ai_client_token_usage"](*semantic, kind).observe(count)
        if (cost := report.cost) is not None:
            of["llmux_spend_total"](*where).inc(float(cost))
        if report.cache_hit is not None:
            of["llmux_cache_hits_total"](report.cache_hit, where[1]).inc()
        if told.streamed and told.answered:
            first = told.answered - told.began
            of["llmux_time_to_first_token_seconds"](*where).observe(first)
            of["gen_ai_client_operation_time_to_first_chunk_seconds"](*semantic).observe(first)
        if written:
            began = told.answered if told.streamed else told.began
            of["llmux_latency_per_output_token_seconds"](*where).observe((told.ended - began) / written)

    def _tried(self, one: Try) -> None:
        """An attempt at a deployment."""
        of, own = self._of, one.deployment
        where = _where(own, one.base_url)
        provider, base = where[3:]
        of["llmux_deployment_total_requests"](*where).inc()
        if not one.error:
            of["llmux_deployment_success_responses"](*where).inc()
            of["llmux_llm_api_latency_seconds"](own.model, provider, base).observe(one.seconds)
        elif one.error != GIVEN_UP:
            status = str(one.status or "")
            of["llmux_deployment_failure_responses"](*where, status).inc()
            of["llmux_upstream_errors_total"](provider, status or one.error).inc()
        if one.cooled:
            of["llmux_deployment_cooled_down"](*where).inc()

    def _named(self, told: Told, *, is_well: bool) -> tuple[str, str, str]:
        """Model, the name it was asked for by, provider: each one of a bounded number."""
        answered = "" if told.report is None else told.report.model
        if not answered and (tries := told.tries):
            answered = tries[-1].deployment.model
        model = self._bounded(answered, is_well=is_well) if answered else ""
        return model, self._bounded(told.model, is_well=is_well), answered.partition("/")[0]

    def _bounded(self, name: str, *, is_well: bool) -> str:
        """A model's name, as a label."""
        for known in (name, name.lower()):
            if known in self._known or known in self._met:
                return known
        if not is_well or len(self._met) >= MODELS:
            return OTHER
        self._met.add(name)
        return name


def _where(own: Deployment, base_url: str) -> tuple[str, ...]:
    """A deployment's labels."""
    group = own.serves[0] if own.serves else ""
    return own.name, own.model, group, own.model.partition("/")[0], shown_url(base_url)


def _mended(text: bytes) -> bytes:
    """The types of counters whose names do not end in `_total`, and no times of their making."""
    lines = [line for line in text.split(b"\n") if b"_created" not in line]
    said = b"\n".join(lines)
    for name, (_, _, buckets) in FAMILIES.items():
        if not (buckets or name in GAUGES or name.endswith("_total")):
            said = said.replace(f"# TYPE {name} gauge".encode(), f"# TYPE {name} counter".encode())
    return said
