"""OpenTelemetry: each request as a server's span.

It joins the caller's trace, the models' spans are its children, and what is sent to a provider is a child of
its model's span. Where they go is the business of the SDK that the process was started with:

    opentelemetry-instrument muxi-llm serve --config gateway.yaml      # with `tracing: {enabled: true}`

Names: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

try:
    from opentelemetry import propagate, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as error:  # pragma: no cover - tests have every extra
    raise ImportError("tracing needs OpenTelemetry's API: pip install 'muxi-llm[otel]'") from error

from muxi_llm import __version__, harness
from muxi_llm.gateway.tables import ROUTES
from muxi_llm.harness.otel import OpenTelemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.trace import TracerProvider

    from muxi_llm.gateway.told import Told


class Tracing:
    """Spans of a gateway's."""

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        """tracer_provider: instead of the global one."""
        self._tracer = trace.get_tracer("muxi_llm.gateway", __version__, tracer_provider)
        if harness.settings() is None:  # else who configured it has said who listens
            listener = OpenTelemetry(tracer_provider=tracer_provider, capture_content=False)
            harness.configure(telemetry=[listener], retry_budget=None)

    @contextmanager
    def span(self, told: Told, headers: Mapping[str, str]) -> Iterator[None]:
        """Around one request, to its answer's end."""
        route = ROUTES.get(told.path)
        told.trace = marked
        with self._tracer.start_as_current_span(
            f"{told.method} {route}" if route else told.method,
            context=propagate.extract(headers),
            kind=trace.SpanKind.SERVER,
            attributes={"http.request.method": told.method, "muxi_llm.request.id": told.request_id},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            finally:
                if route:
                    span.set_attribute("http.route", route)
                span.set_attribute("http.response.status_code", told.status or told.result)
                if told.error is not None:
                    span.set_attribute("error.type", type(told.error).__name__)
                if told.result >= FAILED:
                    span.set_status(trace.StatusCode.ERROR)


def marked(headers: dict[str, str]) -> None:
    """Put the span that is under way into *headers*, in the place of the client's, whose child it is.

    No baggage: it is what the client's own program wrote there. What is signed with its headers stays.
    """
    if headers.get("authorization", "").startswith("AWS4-"):
        return
    for name in CONTEXT.fields:
        headers.pop(name, None)
    CONTEXT.inject(headers)


CONTEXT = TraceContextTextMapPropagator()
"""https://www.w3.org/TR/trace-context/."""
FAILED = 500
"""From that status on it is the server that failed."""
