"""Calls as OpenTelemetry sees them: spans and metrics in the SDK's own memory exporters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
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
from muxi_llm.harness.otel import OpenTelemetry
from muxi_llm.harness.telling import answer_facts
from muxi_llm.models import RawValue
from muxi_llm.transport.scripted import Answer, Scripted
from tests.conftest import Driver
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


def failed(status: int) -> Answer:
    return Answer(status=status, json={"error": {"message": "no"}})


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
        "muxi_llm.shared": False,
    }
    assert span.status.status_code is StatusCode.UNSET
    assert "secret" not in span.to_json()
    assert "Hello" not in span.to_json()


def test_a_call_in_metrics(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    asked(driver, said(), n=1)
    assert "gen_ai.request.choice.count" not in seen.spans[0].attributes
    (point,) = seen.points("gen_ai.client.operation.duration")
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


def test_retries_and_fallbacks_are_events_of_the_span(driver: Driver, seen: Collector) -> None:
    """In order, each with when it began; the span is the answering model's."""
    harness.configure(telemetry=[seen.listener()])
    answers = [failed(500), failed(500), Answer(json=chat())]
    asked(driver, *answers, retries=1, fallback_models=["groq/llama"])
    (span,) = seen.spans
    events = [(e.name, e.attributes["muxi_llm.model"], e.attributes.get("error.type")) for e in span.events]
    assert events == [
        ("muxi_llm.attempt", "openai/gpt-4", "InternalServerError"),
        ("muxi_llm.attempt", "openai/gpt-4", "InternalServerError"),
        ("muxi_llm.attempt", "groq/llama", None),
    ]
    assert span.name == "chat llama"
    assert span.start_time <= span.events[0].timestamp <= span.events[2].timestamp <= span.end_time
    assert counted(seen)["muxi_llm.retry"] == 1


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
    (point,) = seen.points("gen_ai.client.operation.duration")
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


def test_what_is_not_billed_is_not_counted(driver: Driver, seen: Collector) -> None:
    """A cache hit is a span with the tier on it, and no tokens."""
    harness.configure(cache="memory", telemetry=[seen.listener()])
    asked(driver, said())
    asked(driver)
    assert seen.spans[1].attributes["muxi_llm.cache.tier"] == "l1"
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
    assert sorted(span.attributes["muxi_llm.shared"] for span in seen.spans) == [False, True, True]
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
        "attempt",
        "breaker",
    ]
    assert dict(app.events[-1].attributes) == {
        "gen_ai.provider.name": "openai",
        "muxi_llm.state": "open",
        "muxi_llm.was": "closed",
    }
    assert "secret" not in app.to_json()
    (window,) = seen.points("muxi_llm.harness.window")
    assert (window.value, dict(window.attributes)) == (4, {"gen_ai.provider.name": "openai"})
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
    assert [p.count for p in seen.points("gen_ai.client.operation.time_to_first_chunk")] == [1]
    assert [p.count for p in seen.points("gen_ai.client.operation.duration")] == [1]
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


def test_a_stream_that_is_closed_early_is_told_once(seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    with muxi_llm.runtime.using(Scripted(Answer(chunks=STREAM))):
        stream = ChatCompletion.create("openai/gpt-4", HELLO, stream=True)
        next(stream)
        stream.close()
        stream.close()
    (span,) = seen.spans
    assert (span.attributes["muxi_llm.stream.whole"], "error.type" in span.attributes) == (False, False)


def test_a_stream_that_never_began_is_told_as_any_call(driver: Driver, seen: Collector) -> None:
    harness.configure(telemetry=[seen.listener()])
    asked(driver, Answer(error=TransportError("reset")), retries=0, stream=True)
    (span,) = seen.spans
    assert span.attributes["error.type"] == "APIConnectionError"
    assert seen.points("gen_ai.client.operation.time_to_first_chunk") == []


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
    call = {"type": "tool_call", "id": "call_1", "name": "f", "arguments": '{"a":1}'}
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
