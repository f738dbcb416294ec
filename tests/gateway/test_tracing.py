"""A request as spans: the gateway's joins the caller's trace, the model's is its child."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from websockets.sync.client import connect

from muxi_llm import harness
from muxi_llm.gateway.settings.model import ProviderSettings
from muxi_llm.gateway.tracing import Tracing, marked
from tests.gateway.test_app import saying, serving
from tests.support.gateway import Served, deployment, settings_of
from tests.support.patience import until
from tests.support.sessions import Sessions
from tests.support.speakers.base import Said
from tests.support.upstream import Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
JOINED = {
    "traceparent": f"00-{TRACE}-{PARENT}-01",
    "tracestate": "vendor=1",
    "baggage": "user=ann",
    "x-request-id": "r1",
}
ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    yield InMemorySpanExporter()
    harness.configure()


def tracing(served: Served, exporter: InMemorySpanExporter) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    served.app.tracing = Tracing(provider)


def traced(served: Served, exporter: InMemorySpanExporter, spans: int, **given: Any) -> list[ReadableSpan]:
    tracing(served, exporter)
    httpx2.post(f"{served.url}/v1/chat/completions", json={**ASKED, **given}, headers=JOINED)
    until(lambda: len(exporter.get_finished_spans()) >= spans)
    return sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_joins_its_callers_trace_and_the_models_span_is_its_child(
    exporter: InMemorySpanExporter, stream: bool
) -> None:
    with Upstream(saying("openai", Said())) as upstream, Served(serving(upstream, "openai")) as served:
        server, model = traced(served, exporter, 2, stream=stream)
    assert server.parent is not None
    assert model.parent is not None
    assert server.context is not None
    assert f"{server.context.trace_id:032x}" == TRACE
    assert f"{server.parent.span_id:016x}" == PARENT
    assert model.parent.span_id == server.context.span_id
    assert (server.kind, server.name) == (SpanKind.SERVER, "POST /chat/completions")
    assert (model.kind, model.name) == (SpanKind.CLIENT, "chat m")
    assert server.attributes is not None
    assert server.attributes["http.response.status_code"] == 200
    assert server.attributes["muxi_llm.request.id"] == "r1"
    assert (server.end_time or 0) >= (model.end_time or 0)
    assert "Hello" not in str([span.attributes for span in (server, model)])


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_sent_is_a_child_of_the_models_span(exporter: InMemorySpanExporter, stream: bool) -> None:
    """Each attempt of its own; what the client's program wrote beside its trace goes nowhere."""
    with (
        Upstream(saying("openai", Said())) as upstream,
        Served(serving(upstream, "openai", retries=1)) as served,
    ):
        upstream.script.append(Respond(500))
        _, first, second = traced(served, exporter, 3, stream=stream)
        sent = [one.headers["traceparent"] for one in upstream.requests]
        for span, told in zip((first, second), sent, strict=True):
            assert span.context is not None
            assert told == f"00-{TRACE}-{span.context.span_id:016x}-01"
        for one in upstream.requests:
            assert one.headers["tracestate"] == "vendor=1"
            assert "baggage" not in one.headers


def test_without_tracing_the_clients_own_goes_on() -> None:
    with Upstream(saying("openai", Said())) as upstream, Served(serving(upstream, "openai")) as served:
        httpx2.post(f"{served.url}/v1/chat/completions", json=ASKED, headers=JOINED)
        assert upstream.requests[0].headers["traceparent"] == JOINED["traceparent"]


def test_a_session_is_a_child_of_the_gateways_span(exporter: InMemorySpanExporter) -> None:
    with Sessions() as there:
        provider = ProviderSettings("openai", "openai", "k", there.url)
        with Served(settings_of((provider, deployment("openai/v")))) as served:
            tracing(served, exporter)
            url = f"ws{served.url[4:]}/v1/realtime?model=v"
            with connect(url, additional_headers=JOINED) as session:
                session.recv()
            (server,) = until(exporter.get_finished_spans)
        assert server.context is not None
        assert there.asked[0][1]["traceparent"] == f"00-{TRACE}-{server.context.span_id:016x}-01"


def test_what_is_signed_with_its_headers_stays() -> None:
    headers = {"authorization": "AWS4-HMAC-SHA256 ...", **JOINED}
    marked(headers)
    assert headers["traceparent"] == JOINED["traceparent"]


def test_a_failure_is_one_on_the_span(exporter: InMemorySpanExporter) -> None:
    with Upstream(lambda _: Respond(500)) as upstream, Served(serving(upstream, "openai")) as served:
        server, *_ = traced(served, exporter, 2)
    assert server.status.status_code is StatusCode.ERROR
    assert server.attributes is not None
    assert server.attributes["error.type"] == "InternalServerError"


def test_a_configuration_switches_it_on(exporter: InMemorySpanExporter) -> None:
    del exporter
    with (
        Upstream(saying("openai", Said())) as upstream,
        Served(serving(upstream, "openai", tracing=True)) as served,
    ):
        assert served.app.tracing is not None
