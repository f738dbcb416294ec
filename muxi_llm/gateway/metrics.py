"""Prometheus: what requests came to, as it is scraped.

Two families of names: `llmux_*`, which dashboards of that gateway know, and the semantic conventions' for
generative AI (`gen_ai_*`, https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/) in Prometheus'
form. Every label is bounded: models by the configuration, and by `MODELS` where it takes whichever is asked
for; names that no answer was ever given for are `other`.

Several workers: each writes to files of its own in `PROMETHEUS_MULTIPROC_DIR`, and whichever is scraped adds
them up. https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_left
from math import inf
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from muxi_llm.errors import shown_url
from muxi_llm.gateway.tables import FAMILIES, GAUGES, OPERATIONS, ROUTES
from muxi_llm.routes import GIVEN_UP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.gateway.state import State
    from muxi_llm.gateway.told import Told
    from muxi_llm.routes import Routes, Try
    from muxi_llm.routing.deployments import Deployment

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SHARED = "PROMETHEUS_MULTIPROC_DIR"
OTHER = "other"
PACE = 0.5
"""Seconds until what happened is written for the other workers."""
MODELS = 200
"""Names of models beyond the configuration's, at most."""


class Family:
    """One metric. What happens is added up in plain numbers, and goes to the library when somebody looks: its
    own counters take a lock for each.
    """

    def __init__(self, name: str, labels: tuple[str, ...], about: str, **given: Any) -> None:
        """given: the registry, and buckets for a histogram."""
        self._metric: Any
        if "buckets" in given:
            self._metric = Histogram(name, about, labels, **given)
        elif name.endswith("_total"):
            self._metric = Counter(name.removesuffix("_total"), about, labels, **given)
        else:  # a counter's name would get `_total`; gauges that are added up are the same numbers
            self._metric = Gauge(name, about, labels, multiprocess_mode=GAUGES.get(name, "sum"), **given)
        self._bounds: tuple[float, ...] = (*given.get("buckets", ()), inf)
        self._children: dict[tuple[str, ...], Any] = {}
        self._counted: dict[tuple[str, ...], float] = {}
        self._observed: dict[tuple[str, ...], list[float]] = {}
        """How many were within each bound, and the sum of all."""

    def __call__(self, *labels: str) -> Any:
        """The library's own child of those labels."""
        found = self._children.get(labels)
        if found is None:
            found = self._children[labels] = self._metric.labels(*labels) if labels else self._metric
        return found

    def add(self, *labels: str, by: float = 1.0) -> None:
        """So many more."""
        self._counted[labels] = self._counted.get(labels, 0.0) + by

    def observe(self, value: float, *labels: str) -> None:
        """One of that size."""
        row = self._observed.get(labels)
        if row is None:
            row = self._observed[labels] = [0.0] * (len(self._bounds) + 1)
        row[bisect_left(self._bounds, value)] += 1
        row[-1] += value

    def write(self) -> None:
        """Tell the library what has been added."""
        counted, self._counted = self._counted, {}
        for labels, by in counted.items():
            self(*labels).inc(by)
        observed, self._observed = self._observed, {}
        for labels, (*numbers, total) in observed.items():
            child = self(*labels)  # it takes one observation at a time, or none of our business
            for bucket, number in zip(child._buckets, numbers, strict=True):  # noqa: SLF001
                if number:
                    bucket.inc(number)
            child._sum.inc(total)  # noqa: SLF001


class Metrics:
    """All of them, of one gateway; they outlive its reloads. For its event loop, but for `backend_failed`."""

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
        self._under_way = 0
        self._is_due = False
        self._is_shared = bool(os.environ.get(SHARED))

    def configured(self, state: State) -> None:
        """The names of models that a configuration has."""
        self._known = {
            name
            for one in state.settings.deployments
            for name in (one.deployment.model, *one.names, *one.deployment.serves)
        }
        self._routes = state.routes

    def write(self) -> None:
        """Tell the library all that has happened. Who is left alone is looked at: that ends by itself."""
        self._is_due = False
        for family in self._of.values():
            family.write()
        self._of["llmux_http_requests_in_flight"]().set(self._under_way)
        now = self._routes.clock()
        for name, facts in self._routes.router.facts.items():
            one = facts.deployment
            where = _where(one, self._routes.places[name].candidate.provider.base_url)
            self._of["llmux_deployment_state"](*where).set(1 if facts.is_cooled(now) else 0)
            self._of["llmux_active_requests"](one.name, one.model, facts.provider).set(facts.in_flight)

    async def text(self) -> bytes:
        """What a scraper reads."""
        self.write()
        return await to_thread.run_sync(self._rendered)

    def _rendered(self) -> bytes:
        registry = self._registry
        if self._is_shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return _mended(generate_latest(registry))

    # -------------------------------------------------------------------------------- what happens

    def backend_failed(self) -> None:
        """An exchange of counts did not come off. From any thread."""
        self._of["llmux_rate_limiter_backend_errors_total"]("sharing", "exchange").inc()

    def began(self) -> None:
        """A request is here."""
        self._under_way += 1
        self._soon()

    def _soon(self) -> None:
        """Another worker may be asked, and reads what this one has written."""
        if self._is_shared and not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_later(PACE, self.write)

    def ended(self, told: Told) -> None:
        """It is over."""
        self._under_way -= 1
        self._soon()
        of, status = self._of, str(told.result)
        route = ROUTES.get(told.path, OTHER)
        method = told.method if told.method in {"GET", "POST", "DELETE"} else OTHER
        of["llmux_http_request_duration_seconds"].observe(told.ended - told.began, method, route, status)
        of["llmux_http_request_size_bytes"].observe(told.received, method, route)
        of["llmux_http_response_size_bytes"].observe(told.sent, method, route)
        if told.model:
            tries = told.tries
            self._asked(told, tries, route, status)
            for one in tries:
                self._tried(one)

    def _asked(self, told: Told, tries: Sequence[Try], route: str, status: str) -> None:
        """A request for a model."""
        of, is_well = self._of, told.error is None and not told.gone
        model, group, provider = self._named(told, tries, is_well=is_well)
        where, seconds = (model, group, provider), told.ended - told.began
        of["llmux_proxy_total_requests"].add(*where, status)
        of["llmux_requests_total"].add(provider, group, status)
        of["llmux_request_latency_seconds"].observe(seconds, provider, group)
        if told.error is not None:
            kind = type(told.error).__name__
            of["llmux_proxy_failed_requests"].add(*where, status, status, kind)
        if (own := told.own) is not None:
            of["llmux_overhead_latency_seconds"].observe(own, route)
        deployments = {one.deployment.name for one in tries}
        if len(deployments) > 1:
            of[f"llmux_fallback_{'successful' if is_well else 'failed'}"].add(group)
        semantic = (OPERATIONS.get(told.path, "chat"), provider, model)
        kind = "" if told.error is None else type(told.error).__name__
        of["gen_ai_client_operation_duration_seconds"].observe(seconds, *semantic, kind)
        if told.report is not None:
            of["llmux_request_total_latency_seconds"].observe(seconds, *where)
            self._answered(told, where, semantic)

    def _answered(self, told: Told, where: tuple[str, str, str], semantic: tuple[str, str, str]) -> None:
        """What an answer took."""
        of, report = self._of, told.report
        assert report is not None
        read, written = told.tokens
        for count, kind in ((read, "input"), (written, "output")):
            if count is not None:
                of[f"llmux_{kind}_tokens"].add(*where, by=count)
                of["llmux_total_tokens"].add(*where, by=count)
                of["llmux_token_usage_total"].add(where[2], where[1], kind, by=count)
                of["gen_ai_client_token_usage"].observe(count, *semantic, kind)
        if (cost := told.cost) is not None:
            of["llmux_spend_total"].add(*where, by=cost)
        if report.cache_hit is not None:
            of["llmux_cache_hits_total"].add(report.cache_hit, where[1])
        if told.streamed and told.answered:
            first = told.answered - told.began
            of["llmux_time_to_first_token_seconds"].observe(first, *where)
            of["gen_ai_client_operation_time_to_first_chunk_seconds"].observe(first, *semantic)
        if written:
            began = told.answered if told.streamed else told.began
            of["llmux_latency_per_output_token_seconds"].observe((told.ended - began) / written, *where)

    def _tried(self, one: Try) -> None:
        """An attempt at a deployment."""
        of, own = self._of, one.deployment
        where = _where(own, one.base_url)
        provider, base = where[3:]
        of["llmux_deployment_total_requests"].add(*where)
        if not one.error:
            of["llmux_deployment_success_responses"].add(*where)
            of["llmux_llm_api_latency_seconds"].observe(one.seconds, own.model, provider, base)
        elif one.error != GIVEN_UP:
            status = str(one.status or "")
            of["llmux_deployment_failure_responses"].add(*where, status)
            of["llmux_upstream_errors_total"].add(provider, status or one.error)
        if one.cooled:
            of["llmux_deployment_cooled_down"].add(*where)

    def _named(self, told: Told, tries: Sequence[Try], *, is_well: bool) -> tuple[str, str, str]:
        """Model, the name it was asked for by, provider: each one of a bounded number."""
        answered = "" if told.report is None else told.report.model
        if not answered and tries:
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
