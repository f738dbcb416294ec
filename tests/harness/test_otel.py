"""Calls as OpenTelemetry sees them: spans and metrics in the SDK's own memory exporters."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import muxi_llm
from muxi_llm import ChatCompletion, Completion, Embedding, harness
from muxi_llm.core.port import TransportError
from muxi_llm.errors import MuxiLLMError
from muxi_llm.harness import facts, otel
from muxi_llm.harness.facts import answer_facts
from muxi_llm.harness.otel import OpenTelemetry
from muxi_llm.models import RawValue
from muxi_llm.transport.scripted import Answer, Scripted
from tests.conftest import Driver
from tests.support import bodies
from tests.support.bodies import (
    CALL,
    HELLO,
    chat,
    chat_stream,
    chunk,
    completion,
    embeddings,
    message,
    message_stream,
    sse,
)
from tests.support.process import run_script

pytestmark = pytest.mark.usefixtures("keys")

DURATION = "gen_ai.client.operation.duration"
FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"


class Collector:
    """An application's SDK."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])

    def listener(self, **wanted: Any) -> OpenTelemetry:
        return OpenTelemetry(tracer_provider=self.tracers, meter_provider=self.meters, **wanted)

    @property
    def spans(self) -> tuple[Any, ...]:
        return self.exporter.get_finished_spans()

    def points(self, name: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        found = [] if data is None else data.resource_metrics[0].scope_metrics[0].metrics
        return [point for metric in found if metric.name == name for point in metric.data.data_points]

    def tokens(self) -> dict[str, float]:
        return {p.attributes["gen_ai.token.type"]: p.sum for p in self.points("gen_ai.client.token.usage")}


@pytest.fixture
def seen() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.tracers.shutdown()
    collector.meters.shutdown()


def said(text: str = "Hi", **wanted: Any) -> Answer:
    return Answer(json=chat(text, model="gpt-4-0613"), **wanted)


def failed(status: int, **wanted: Any) -> Answer:
    return Answer(status=status, json={"error": {"message": "no"}}, **wanted)


def asked(driver: Driver, *answers: Answer, **params: Any) -> Any:
    return driver.scripted(ChatCompletion, *answers, **{"model": "openai/gpt-4", "messages": HELLO, **params})


def test_a_call_is_one_span(driver: Driver, seen: Collector) -> None:
    """With everything the conventions ask for, under the caller's own span."""
    harness.configure(telemetry=[seen.listener()])
    with seen.tracers.get_tracer("app").start_as_current_span("app"):
        asked(driver, said(), temperature=0.5, max_tokens=9, n=2, api_key="sk-secret")
    span, app = seen.spans
    assert (span.name, span.kind, span.parent.span_id) == (
        "chat gpt-4",
        SpanKind.CLIENT,
        app.context.span_id,
    )
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4",
        "gen_ai.response.model": "gpt-4-0613",
        "server.address": "api.openai.com",
        "server.port": 443,
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.choice.count": 2,
        "muxi_llm.attempt.number": 1,
    }
    assert span.status.status_code is StatusCode.UNSET
    assert "secret" not in span.to_json()
    assert "Hello" not in span.to_json()


def test_a_call_in_metrics(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    asked(driver, said(), n=1)
    assert "gen_ai.request.choice.count" not in seen.spans[0].attributes
    (point,) = seen.points(DURATION)
    assert (point.count, point.explicit_bounds[:2], len(point.explicit_bounds)) == (1, (0.01, 0.02), 14)
    assert dict(point.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4",
        "gen_ai.response.model": "gpt-4-0613",
        "server.address": "api.openai.com",
        "server.port": 443,
    }
    assert seen.tokens() == {"input": 5, "output": 2}


def test_each_attempt_is_a_span_with_its_own_time(driver: Driver, seen: Collector) -> None:
    """Its own model, its own error, its own duration; linked to the one before."""
    harness.configure(telemetry=[seen.listener()])
    answers = [failed(500, delay=1.0), failed(500, delay=2.0), Answer(json=chat(), delay=0.5)]
    asked(driver, *answers, retries=1, fallback_models=["groq/llama"])
    spans = [
        (s.name, s.attributes["muxi_llm.attempt.number"], s.attributes.get("error.type")) for s in seen.spans
    ]
    assert spans == [
        ("chat gpt-4", 1, "InternalServerError"),
        ("chat gpt-4", 2, "InternalServerError"),
        ("chat llama", 1, None),
    ]
    assert [(span.end_time - span.start_time) / 1e9 for span in seen.spans] == [1.0, 2.0, 0.5]
    first, second, third = seen.spans
    assert [[link.context for link in span.links] for span in seen.spans] == [
        [],
        [first.context],
        [second.context],
    ]
    assert third.status.status_code is StatusCode.UNSET
    durations = {p.attributes["gen_ai.request.model"]: p.sum for p in seen.points(DURATION)}
    assert durations == {"gpt-4": 3.0, "llama": 0.5}
    assert counted(seen)["muxi_llm.retry"] == 1


def test_the_http_clients_span_is_the_attempts_child(driver: Driver, seen: Collector) -> None:
    """And the caller's own span is the current one again afterwards."""

    class Traced(Scripted):
        async def send(self, call: Any) -> Any:
            with seen.tracers.get_tracer("http").start_as_current_span("POST"):
                return await super().send(call)

    harness.configure(telemetry=[seen.listener()])
    script = Traced(failed(500), said())
    with muxi_llm.runtime.using(script), seen.tracers.get_tracer("app").start_as_current_span("app") as app:
        driver.create(ChatCompletion, model="openai/gpt-4", messages=HELLO, retries=1)
        assert trace.get_current_span() is app
    by_name = {name: [s for s in seen.spans if s.name == name] for name in ("POST", "chat gpt-4", "app")}
    assert [post.parent.span_id for post in by_name["POST"]] == [
        attempt.context.span_id for attempt in by_name["chat gpt-4"]
    ]
    assert {s.parent.span_id for s in by_name["chat gpt-4"]} == {by_name["app"][0].context.span_id}


def test_what_was_not_let_through_is_a_span_too(driver: Driver, seen: Collector) -> None:
    harness.configure(breaker=1, breaker_cooldown=1000, telemetry=[seen.listener()])
    asked(driver, failed(500), retries=0)
    asked(driver, retries=0)
    assert [span.attributes["error.type"] for span in seen.spans] == [
        "InternalServerError",
        "CircuitOpenError",
    ]


def test_a_call_that_was_never_tried_is_a_span(driver: Driver, seen: Collector, tmp_path: Path) -> None:
    (tmp_path / "killswitch").touch()
    harness.configure(kill_switch=tmp_path, telemetry=[seen.listener()])
    asked(driver)
    (span,) = seen.spans
    assert (span.name, span.attributes["error.type"]) == ("chat gpt-4", "KillSwitchActiveError")


def counted(seen: Collector) -> dict[str, int]:
    found: dict[str, int] = {}
    for point in seen.points("muxi_llm.harness.events"):
        name = point.attributes["muxi_llm.event"]
        found[name] = found.get(name, 0) + point.value
    return found


def test_an_error_is_the_spans_and_the_metrics(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    asked(driver, failed(429), retries=0)
    (span,) = seen.spans
    assert (span.status.status_code, span.attributes["error.type"]) == (StatusCode.ERROR, "RateLimitError")
    assert span.attributes["http.response.status_code"] == 429
    (point,) = seen.points(DURATION)
    assert point.attributes["error.type"] == "RateLimitError"
    assert seen.tokens() == {}


def test_a_cancelled_call_is_told(seen: Collector) -> None:
    class Hanging(Scripted):
        async def send(self, call: Any) -> Any:
            await asyncio.Event().wait()

    async def scenario() -> None:
        with muxi_llm.runtime.using(Hanging()):
            task = asyncio.create_task(ChatCompletion.acreate("openai/gpt-4", HELLO))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    harness.configure(telemetry=[seen.listener()])
    asyncio.run(scenario())
    assert seen.spans[0].attributes["error.type"] == "CancelledError"


def test_what_attempts_cost(driver: Driver, seen: Collector) -> None:
    """On request: each attempt's own, of failed ones what they had counted; of a cached answer nothing."""
    harness.configure(cache="memory", telemetry=[seen.listener(costs=True)])
    none = Answer(json={"object": "chat.completion", "choices": "none", "usage": bodies.USAGE})
    told = bodies.sse(
        bodies.chunk({"content": "Hi"}), bodies.chunk({}, finish="stop"), bodies.chunk(usage=bodies.USAGE)
    )
    asked(driver, failed(503), none, said(), retries=2)
    asked(driver)
    asked(driver, Answer(chunks=told), stream=True, messages=[{"role": "user", "content": "Other"}])
    costs = [span.attributes.get("muxi_llm.cost") for span in seen.spans]
    assert costs == [None, 0.00027, 0.00027, 0.0, 0.00027]


def test_what_is_not_billed_is_not_counted(driver: Driver, seen: Collector) -> None:
    """A cache hit is a span with the tier on it, and no tokens; nor is its time mixed with a model's."""
    harness.configure(cache="memory", telemetry=[seen.listener()])
    asked(driver, said())
    asked(driver)
    assert [span.attributes.get("muxi_llm.cache.tier") for span in seen.spans] == [None, "l1"]
    assert [point.attributes.get("muxi_llm.cache.tier") for point in seen.points(DURATION)] == [None, "l1"]
    assert seen.tokens() == {"input": 5, "output": 2}
    assert counted(seen) == {
        "muxi_llm.cache_miss": 1,
        "muxi_llm.attempt": 1,
        "muxi_llm.cache_hit": 1,
    }


def test_calls_that_became_one_are_billed_once(seen: Collector) -> None:
    harness.configure(singleflight=True, telemetry=[seen.listener()])

    class Slow(Scripted):
        async def send(self, call: Any) -> Any:
            for _ in range(5):
                await asyncio.sleep(0)
            return await super().send(call)

    async def scenario() -> None:
        with muxi_llm.runtime.using(Slow(said())):
            await asyncio.gather(*[ChatCompletion.acreate("openai/gpt-4", HELLO) for _ in range(3)])

    asyncio.run(scenario())
    assert [span.attributes.get("muxi_llm.shared") for span in seen.spans] == [None, True, True]
    assert seen.tokens() == {"input": 5, "output": 2}


def test_what_happens_to_a_provider(driver: Driver, seen: Collector) -> None:
    """Is counted, and an event of the caller's span; keys appear by their fingerprint."""
    muxi_llm.openai_keys = ["sk-secret-a", "sk-secret-b"]  # type: ignore[attr-defined]
    harness.configure(breaker=1, concurrency=8, telemetry=[seen.listener()])
    with seen.tracers.get_tracer("app").start_as_current_span("app"):
        asked(driver, failed(429), failed(500), retries=0)
    app = seen.spans[-1]
    assert [event.name.removeprefix("muxi_llm.") for event in app.events] == [
        "key_resting",
        "window",
        "attempt",
        "retry",
        "breaker",
        "attempt",
    ]
    assert dict(app.events[-2].attributes) == {
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4",
        "muxi_llm.state": "open",
        "muxi_llm.was": "closed",
    }
    assert "secret" not in app.to_json()
    (window,) = seen.points("muxi_llm.harness.window")
    assert (window.value, window.attributes["gen_ai.provider.name"]) == (4, "openai")
    assert counted(seen)["muxi_llm.breaker"] == 1


USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
STREAM = [*chat_stream("Hi ", "you", done=False), *sse(chunk(usage=USAGE))]


def test_a_stream_is_a_span_to_its_end(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    asked(driver, Answer(chunks=STREAM), stream=True)
    (span,) = seen.spans
    assert span.attributes["gen_ai.request.stream"]
    assert span.attributes["muxi_llm.stream.whole"]
    assert span.attributes["gen_ai.response.time_to_first_chunk"] >= 0
    assert span.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert [p.count for p in seen.points(FIRST_CHUNK)] == [1]
    assert [p.count for p in seen.points(DURATION)] == [1]
    assert seen.tokens() == {"input": 5, "output": 3}


def test_a_stream_that_breaks_is_an_error(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    raised, _ = asked(driver, Answer(chunks=chat_stream("Hi ", "you", done=False, finish=None)), stream=True)
    assert isinstance(raised, MuxiLLMError)
    (span,) = seen.spans
    assert (span.attributes["error.type"], span.attributes["muxi_llm.stream.whole"]) == (
        "IncompleteStreamError",
        False,
    )
    assert span.attributes["gen_ai.response.finish_reasons"] == ("error",)


def test_a_stream_that_is_closed_early_is_told_once(seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    with muxi_llm.runtime.using(Scripted(Answer(chunks=STREAM))):
        stream = ChatCompletion.create("openai/gpt-4", HELLO, stream=True)
        next(stream)
        stream.close()
        stream.close()
    (span,) = seen.spans
    assert (span.attributes["muxi_llm.stream.whole"], "error.type" in span.attributes) == (False, False)


def test_a_stream_from_the_cache_is_marked(driver: Driver, seen: Collector) -> None:
    harness.configure(cache="memory", telemetry=[seen.listener()])
    for _ in range(2):
        asked(driver, Answer(chunks=STREAM), stream=True)
    assert [span.attributes.get("muxi_llm.cache.tier") for span in seen.spans] == [None, "l1"]
    assert [point.count for point in seen.points(FIRST_CHUNK)] == [1]
    assert seen.tokens() == {"input": 5, "output": 3}


def test_the_time_of_each_chunk(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    first, *others = STREAM
    paced = [0.5, first, *(piece for other in others for piece in (0.25, other))]
    asked(driver, Answer(chunks=paced, delay=1.0), stream=True)
    (span,) = seen.spans
    began = span.attributes["gen_ai.response.time_to_first_chunk"]
    assert began >= 1.5
    (point,) = seen.points("gen_ai.client.operation.time_per_output_chunk")
    (whole,) = seen.points(DURATION)
    assert began + point.sum == pytest.approx(whole.sum, abs=0.26)  # the end of the stream is no chunk
    assert point.count >= 3


def test_a_stream_that_is_left_is_told_at_once(seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    with muxi_llm.runtime.using(Scripted(Answer(chunks=STREAM))):
        for _ in ChatCompletion.create("openai/gpt-4", HELLO, stream=True):
            break
    (span,) = seen.spans
    assert (span.attributes["muxi_llm.stream.whole"], span.attributes["gen_ai.response.finish_reasons"]) == (
        False,
        ("error",),
    )
    assert [p.count for p in seen.points(DURATION)] == [1]


def test_an_async_stream_that_is_left_is_told_at_once(seen: Collector) -> None:
    async def scenario() -> None:
        async for _ in await ChatCompletion.acreate("openai/gpt-4", HELLO, stream=True):
            break

    harness.configure(telemetry=[seen.listener()])
    with muxi_llm.runtime.using(Scripted(Answer(chunks=STREAM))):
        asyncio.run(scenario())
    assert [span.attributes["muxi_llm.stream.whole"] for span in seen.spans] == [False]


def test_a_stream_that_is_collected_is_told_with_the_next_call(seen: Collector) -> None:
    """In the middle of a collection nobody else's code may run."""
    harness.configure(telemetry=[seen.listener()])
    with muxi_llm.runtime.using(Scripted(Answer(chunks=STREAM), said())):
        stream = ChatCompletion.create("openai/gpt-4", HELLO, stream=True)
        cycle = [stream]
        cycle.append(cycle)
        del stream, cycle
        gc.collect()
        assert seen.spans == ()
        ChatCompletion.create("openai/gpt-4", HELLO)
    assert [span.attributes.get("muxi_llm.stream.whole") for span in seen.spans] == [False, None]


def test_a_stream_that_never_began_is_told_as_any_call(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    asked(driver, Answer(error=TransportError("reset")), retries=0, stream=True)
    (span,) = seen.spans
    assert span.attributes["error.type"] == "APIConnectionError"
    assert seen.points(FIRST_CHUNK) == []


def anthropic(*answers: Answer, **params: Any) -> Any:
    """A call of Anthropic's own client that Anthropic's own server answers."""
    client = muxi_llm.Anthropic(api_key="sk-1", base_url="https://api.anthropic.com")
    with muxi_llm.runtime.using(Scripted(*answers)):
        return client.messages.create(model="claude-sonnet-5", max_tokens=9, messages=HELLO, **params)


CACHED = {"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 10}


def test_an_answer_that_is_handed_on_as_it_came(seen: Collector) -> None:
    """From a vendor's server to its own client: tokens from its cache count as input."""
    harness.configure(telemetry=[seen.listener(capture_content=True)])
    anthropic(Answer(json=message("Hi", usage={**CACHED, "output_tokens": 2})))
    (span,) = seen.spans
    assert (span.name, span.attributes["gen_ai.response.id"]) == ("chat claude-sonnet-5", "msg_1")
    assert span.attributes["gen_ai.response.finish_reasons"] == ("end_turn",)
    assert seen.tokens() == {"input": 115, "output": 2}


def test_a_stream_that_is_handed_on_as_it_came(seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    assert len(list(anthropic(Answer(chunks=message_stream("Hi", " you")), stream=True))) > 3
    (span,) = seen.spans
    assert (span.attributes["gen_ai.response.id"], span.attributes["muxi_llm.stream.whole"]) == (
        "msg_1",
        True,
    )
    assert seen.tokens() == {"input": 5, "output": 9}


@pytest.mark.parametrize("data", [b"", b"7", b"[]", b'{"usage": 3}', b'{"usage": {"input_tokens": "many"}}'])
def test_what_nobody_understands_has_no_facts(data: bytes) -> None:
    assert answer_facts(RawValue(data)) == {}


@pytest.mark.parametrize(
    ("face", "body", "params", "name"),
    [
        (Completion, completion(), {"prompt": "Hello"}, "text_completion m"),
        (Embedding, embeddings(), {"input": "Hello"}, "embeddings m"),
    ],
    ids=["completion", "embedding"],
)
def test_other_operations(
    driver: Driver, seen: Collector, face: Any, body: Any, params: dict[str, Any], name: str
) -> None:
    harness.configure(telemetry=[seen.listener()])
    driver.scripted(face, Answer(json=body), model="openai/m", **params)
    assert seen.spans[0].name == name


def test_providers_have_the_conventions_names(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    asked(driver, said(), model="mistral/m", base_url="http://127.0.0.1:9/v1")
    attributes = seen.spans[0].attributes
    assert attributes["gen_ai.provider.name"] == "mistral_ai"
    assert (attributes["server.address"], attributes["server.port"]) == ("127.0.0.1", 9)


# ------------------------------------------------------------------------------------ conventions


@pytest.fixture
def latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http, gen_ai_latest_experimental")


BILLED = {
    "prompt_tokens": 5,
    "completion_tokens": 3,
    "total_tokens": 8,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def test_tokens_of_caches_and_reasoning(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    asked(driver, Answer(json={**chat(), "usage": BILLED}))
    found = {name: value for name, value in seen.spans[0].attributes.items() if "usage" in name}
    assert found == {
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.cache_creation.input_tokens": 1,
        "gen_ai.usage.reasoning.output_tokens": 2,
    }


@pytest.mark.usefixtures("latest")
def test_the_latest_conventions(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    asked(driver, Answer(json={**chat(), "usage": BILLED}))
    asked(driver, Answer(chunks=STREAM), stream=True)
    asked(driver, failed(400))
    spans = seen.spans
    assert spans[0].attributes["gen_ai.usage.cache_write.input_tokens"] == 1
    assert "gen_ai.usage.cache_creation.input_tokens" not in spans[0].attributes
    prefix = "gen_ai.client.inference."
    counts = {name: sum(p.value for p in seen.points(f"{prefix}usage.{name}")) for name in COUNTERS}
    assert counts == COUNTERS
    assert {p.attributes["gen_ai.token.modality"] for p in seen.points(f"{prefix}usage.input_tokens")} == {
        "unknown"
    }
    for name, count in HISTOGRAMS.items():
        assert sum(p.count for p in seen.points(prefix + name)) == count, name
    assert seen.points("gen_ai.client.token.usage") == seen.points(DURATION) == seen.points(FIRST_CHUNK) == []


COUNTERS = {
    "input_tokens": 10,
    "output_tokens": 6,
    "cache_read.input_tokens": 4,
    "cache_write.input_tokens": 1,
    "reasoning.output_tokens": 2,
}
HISTOGRAMS = {
    "duration": 3,
    "time_to_first_chunk": 1,
    "operation.input_tokens": 2,
    "operation.output_tokens": 2,
}


@pytest.mark.usefixtures("latest")
def test_operations_that_are_no_inference_keep_their_metric(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    driver.scripted(Embedding, Answer(json=embeddings()), model="openai/m", input="Hello")
    assert [p.count for p in seen.points(DURATION)] == [1]
    assert seen.points("gen_ai.client.inference.duration") == []
    assert seen.points("gen_ai.client.inference.usage.input_tokens") == []


def test_every_parameter_that_is_told_has_a_name() -> None:
    assert set(otel.PARAMETERS) == set(facts.PARAMETERS)


def test_what_a_request_asks_for(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    wanted = {"stop": "END", "reasoning_effort": "low", "response_format": {"type": "json_object"}}
    asked(driver, said(), messages=[{"role": "user", "content": "JSON, please"}], **wanted)
    attributes = seen.spans[0].attributes
    assert attributes["gen_ai.request.stop_sequences"] == ("END",)
    assert attributes["gen_ai.request.reasoning.level"] == "low"
    assert attributes["gen_ai.output.type"] == "json"


# ---------------------------------------------------------------------------------------- content

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {}}]},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "18"},
]


def messages(span: Any, name: str) -> Any:
    return json.loads(span.attributes[f"gen_ai.{name}.messages"])


def test_prompts_and_answers_if_asked_for(driver: Driver, seen: Collector) -> None:
    """As the conventions' messages; of media only the kind."""
    harness.configure(telemetry=[seen.listener(capture_content=True)])
    answer = Answer(json=chat("Hi", tool_calls=[CALL], reasoning_content="Hm"))
    asked(driver, answer, messages=TALK)
    (span,) = seen.spans
    call = {"type": "tool_call", "id": "call_1", "name": "f", "arguments": {"a": 1}}
    assert messages(span, "input") == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Look"}, {"type": "image_url"}]},
        {"role": "assistant", "parts": [call]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "18"}]},
    ]
    parts = [{"type": "reasoning", "content": "Hm"}, {"type": "text", "content": "Hi"}, call]
    assert messages(span, "output") == [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]


def test_a_streams_content(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener(capture_content=True)])
    asked(driver, Answer(chunks=STREAM), stream=True)
    said = [{"type": "text", "content": "Hi you"}]
    assert messages(seen.spans[0], "output") == [
        {"role": "assistant", "parts": said, "finish_reason": "stop"}
    ]


@pytest.mark.parametrize("prompt", ["Once", ["Once"]], ids=["text", "list"])
def test_a_completions_content(driver: Driver, seen: Collector, prompt: Any) -> None:
    harness.configure(telemetry=[seen.listener(capture_content=True)])
    driver.scripted(Completion, Answer(json=completion(" upon")), model="openai/m", prompt=prompt)
    (span,) = seen.spans
    assert messages(span, "input") == [{"role": "user", "parts": [{"type": "text", "content": "Once"}]}]
    assert messages(span, "output")[0]["parts"] == [{"type": "text", "content": " upon"}]


def test_an_embedding_has_no_messages(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener(capture_content=True)])
    driver.scripted(Embedding, Answer(json=embeddings()), model="openai/m", input="Hello")
    assert "Hello" not in seen.spans[0].to_json()


def test_a_listener_that_did_not_ask_for_content_does_not_show_it(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener(), Collector().listener(capture_content=True)])
    asked(driver, said())
    assert "Hello" not in seen.spans[0].to_json()


@pytest.mark.parametrize(("said", "captures"), [("true", True), ("span_only", True), ("event_only", False)])
def test_the_usual_variable_asks_for_content(
    monkeypatch: pytest.MonkeyPatch, said: str, captures: bool
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", said)
    assert OpenTelemetry().capture_content is captures
    assert OpenTelemetry(capture_content=False).capture_content is False


# ------------------------------------------------------------------------- clients at their own server


def test_a_client_at_its_own_server_is_told_as_any_other(seen: Collector) -> None:
    """With parameters, messages where asked, and what came of it."""
    harness.configure(telemetry=[seen.listener(capture_content=True)])
    with muxi_llm.runtime.using(Scripted(said(), said())):
        muxi_llm.OpenAI().chat.completions.create(model="gpt-4", messages=TALK, temperature=0.5, stop=["END"])
        ChatCompletion.create(model="openai/gpt-4", messages=TALK, temperature=0.5, stop=["END"])
    client, face = (dict(span.attributes) for span in seen.spans)
    assert client == face
    assert client["gen_ai.request.stop_sequences"] == ("END",)


RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 0,
    "model": "gpt-5",
    "status": "completed",
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm"}]},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": '{"a":1}'},
    ],
    "usage": {
        "input_tokens": 7,
        "input_tokens_details": {"cached_tokens": 3},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 11,
    },
}
ITEMS = [
    {"role": "user", "content": [{"type": "input_text", "text": "Look"}]},
    {"type": "function_call", "call_id": "call_0", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_0", "output": "18"},
]


def test_responses_at_their_own_server(seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener(capture_content=True)])
    with muxi_llm.runtime.using(Scripted(Answer(json=RESPONSE))):
        muxi_llm.OpenAI().responses.create(
            model="gpt-5",
            input=ITEMS,  # type: ignore[arg-type]
            instructions="Be brief.",
            max_output_tokens=9,
            reasoning={"effort": "low"},
            text={"format": {"type": "json_object"}},
            previous_response_id="resp_0",
            tools=[{"type": "function", "name": "f", "parameters": {}, "strict": True}],
        )
    (span,) = seen.spans
    told = {name: value for name, value in span.attributes.items() if "messages" not in name}
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.previous_response.id": "resp_0",
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.output.type": "json",
        "gen_ai.response.finish_reasons": ("tool_calls",),
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.model": "gpt-5",
        "gen_ai.system_instructions": '[{"type": "text", "content": "Be brief."}]',
        "gen_ai.tool.definitions": '[{"type": "function", "name": "f"}]',
        "gen_ai.usage.cache_read.input_tokens": 3,
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "muxi_llm.attempt.number": 1,
        "server.address": "api.openai.com",
        "server.port": 443,
    }
    call = {"type": "tool_call", "id": "call_0", "name": "f", "arguments": {}}
    assert messages(span, "input") == [
        {"role": "user", "parts": [{"type": "text", "content": "Look"}]},
        {"role": "assistant", "parts": [call]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_0", "response": "18"}]},
    ]
    parts = [
        {"type": "reasoning", "content": "Hm"},
        {"type": "text", "content": "Hi"},
        {"type": "tool_call", "id": "call_1", "name": "f", "arguments": {"a": 1}},
    ]
    assert messages(span, "output") == [{"role": "assistant", "parts": parts, "finish_reason": "tool_calls"}]


@pytest.mark.parametrize(
    ("more", "reasons"),
    [
        ({"status": "completed", "output": []}, ["stop"]),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, ["length"]),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, ["content_filter"]),
        ({"status": "failed"}, ["error"]),
        ({"status": "in_progress"}, None),
    ],
)
def test_a_responses_status_is_its_finish_reason(more: dict[str, Any], reasons: list[str] | None) -> None:
    assert facts.raw_facts(json.dumps({"id": "r", **more}).encode()).get("finish_reasons") == reasons


def test_anthropics_own_server(seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener(capture_content=True)])
    blocks = [{"type": "thinking", "thinking": "Hm", "signature": "s"}, {"type": "text", "text": "Hi"}]
    anthropic(Answer(json=message("Hi", content=blocks)), system="Be brief.", stop_sequences=["END"])
    (span,) = seen.spans
    assert span.attributes["gen_ai.request.stop_sequences"] == ("END",)
    assert span.attributes["gen_ai.system_instructions"] == '[{"type": "text", "content": "Be brief."}]'
    parts = [{"type": "reasoning", "content": "Hm"}, {"type": "text", "content": "Hi"}]
    assert messages(span, "output") == [{"role": "assistant", "parts": parts, "finish_reason": "end_turn"}]


# ------------------------------------------------------------------------------ listeners that fail


@pytest.mark.parametrize("fails", ["follow", "__enter__", "__exit__", "end"])
def test_a_follower_that_fails_breaks_no_call(driver: Driver, seen: Collector, fails: str) -> None:
    def failing(*args: object) -> None:
        raise RuntimeError("no")

    class Broken:
        def record(self, event: Any) -> None:
            pass

        follow = failing if fails == "follow" else lambda self, event, before: Live()

    class Live:
        __enter__ = __exit__ = end = lambda *args: None

    setattr(Broken if fails == "follow" else Live, fails, failing)
    harness.configure(telemetry=[Broken(), seen.listener()])
    answer, _ = asked(driver, failed(500), said(), retries=1)
    assert answer.choices[0].message.content == "Hi"
    assert len(seen.spans) == 2


# -------------------------------------------------------------------------------------- the extra


def test_a_span_nobody_samples_costs_no_more() -> None:
    """Without an SDK the API's own no-ops take it all."""
    harness.configure(telemetry=[OpenTelemetry(capture_content=True)])
    with muxi_llm.runtime.using(Scripted(said())):
        assert ChatCompletion.create("openai/gpt-4", HELLO).choices[0].message.content == "Hi"


def test_it_is_loaded_by_those_who_want_it() -> None:
    """And where it is not installed, says what to do."""
    done = run_script(
        """
        import sys
        import muxi_llm, muxi_llm.harness
        muxi_llm.harness.configure(breaker=3)
        assert "opentelemetry" not in sys.modules
        sys.modules["opentelemetry"] = None
        try:
            import muxi_llm.harness.otel
        except ImportError as error:
            print(error)
        """
    )
    assert (done.stdout, done.stderr) == (
        "telemetry by OpenTelemetry needs its API: pip install 'muxi-llm[otel]'\n",
        "",
    )
