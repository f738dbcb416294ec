"""OpenTelemetry: each attempt as a span and in metrics, by the semantic conventions for generative AI.

    muxi_llm.harness.configure(breaker=3, telemetry=[OpenTelemetry()])

Extra `muxi-llm[otel]`; where it goes is the business of the SDK the application sets up.

| what | is |
|---|---|
| an attempt | a span while it is under way, to a stream's end: the HTTP client's spans are its children |
| the same call's next attempt | a span of its own, linked to the one before |
| an answer of the cache's, or of an equal call | a span by itself, marked, in no count of tokens |
| a call that was never tried | a span by itself, with its error |
| what happens to a provider: breaker, keys, window | an event on the caller's span, and counted |

There are two generations of the conventions, and one is told: the one last released with OpenTelemetry's
own, or, where the usual variable `OTEL_SEMCONV_STABILITY_OPT_IN` lists `gen_ai_latest_experimental`, that
of the conventions' own repository. Both differ in the names of metrics, and in one attribute's.

Sources: https://github.com/open-telemetry/semantic-conventions/blob/v1.41.0/docs/gen-ai/README.md and
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/client-inference.md,
gen-ai-token-metrics.md and non-normative/migration.md beside it. Names that begin with `muxi_llm.` are ours.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

try:
    from opentelemetry import context, metrics, trace
except ImportError as error:
    raise ImportError("telemetry by OpenTelemetry needs its API: pip install 'muxi-llm[otel]'") from error

from muxi_llm import __version__
from muxi_llm.harness.otel_content import content

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from muxi_llm.harness.events import HarnessEvent

SCOPE = "muxi_llm"


class OpenTelemetry:
    """Listens to a harness, and tells OpenTelemetry.

    tracer_provider, meter_provider: instead of the global ones. capture_content: prompts and answers too,
    as `gen_ai.input.messages` and so on; they are likely to hold what is personal. Where it is `None`, the
    variable `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says so: `true`, `span_only` or
    `span_and_event`; without it they are left out. costs: what each attempt cost, as `muxi_llm.cost` (USD)
    on its span, where that is known; prices are loaded for it.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        capture_content: bool | None = None,
        costs: bool = False,
    ) -> None:
        self._costs = costs
        if capture_content is None:
            capture_content = os.environ.get(CAPTURE, "").strip().lower() in CAPTURING
        self.capture_content = capture_content
        opted = {name.strip() for name in os.environ.get(OPT_IN, "").split(",")}
        self._is_latest = LATEST in opted
        self._tracer = trace.get_tracer(SCOPE, __version__, tracer_provider)
        meter = metrics.get_meter(SCOPE, __version__, meter_provider)
        self._metrics = (_Latest if self._is_latest else _Released)(meter)
        self._events = meter.create_counter("muxi_llm.harness.events", "{event}", "What the harness did.")
        self._window = meter.create_gauge(
            "muxi_llm.harness.window", "{attempt}", "Attempts at once, at most."
        )

    def follow(self, event: HarnessEvent, before: _Attempt | None) -> _Attempt:
        """An attempt begins: its span."""
        links = [trace.Link(before.span.get_span_context())] if before is not None else []
        now = time.time_ns()
        return _Attempt(self, self._begin(event, now, links), now)

    def record(self, event: HarnessEvent) -> None:
        """Take note of *event*."""
        if event.kind not in {"call", "stream"}:
            self._happened(event)
        elif not event.facts["attempted"] and not _is_to_come(event):
            now = time.time_ns()
            self.finish(self._begin(event, now - _ns(event.facts["seconds"])), event, now)

    def finish(self, span: Span, event: HarnessEvent, now: int) -> None:
        """What *span* is about is over."""
        facts = event.facts
        common = _common(event)
        self._metrics.record(facts, common)
        if not span.is_recording():
            return
        span.set_attributes({**common, **self._details(facts)})
        if self._costs and event.report is not None and (cost := event.report.cost) is not None:
            span.set_attribute("muxi_llm.cost", float(cost))
        if event.content is not None and self.capture_content:
            span.set_attributes(content(*event.content, facts))
        if facts["error"]:
            span.set_status(trace.StatusCode.ERROR)
        span.end(now)

    def _begin(self, event: HarnessEvent, started: int, links: Any = ()) -> Span:
        attributes = _common(event)
        return self._tracer.start_span(
            f"{attributes['gen_ai.operation.name']} {event.model}",
            kind=trace.SpanKind.CLIENT,
            attributes=attributes,
            links=links,
            start_time=started,
        )

    def _happened(self, event: HarnessEvent) -> None:
        name = "muxi_llm." + event.kind.replace(" ", "_")
        where = {"gen_ai.provider.name": PROVIDERS.get(event.provider, event.provider)}
        if event.model:
            where["gen_ai.request.model"] = event.model
        if event.kind == "window":
            self._window.set(event.facts["size"], where)
        state = {"muxi_llm.state": event.facts["state"]} if event.kind == "breaker" else {}
        self._events.add(1, {**where, **state, "muxi_llm.event": name})
        span = trace.get_current_span()
        if span.is_recording():
            span.add_event(name, {**where, **_ours(event.facts)})

    def _details(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """What is on spans only."""
        found = {name: facts.get(fact) for fact, name in DETAILS.items()}
        found["gen_ai.usage.cache_write.input_tokens" if self._is_latest else CACHE_CREATION] = facts.get(
            "cache_write_tokens"
        )
        for parameter, value in facts["parameters"].items():
            name, read = PARAMETERS[parameter]
            found[name] = read(value)
        if not facts["stream"]:
            del found["gen_ai.request.stream"]
        elif facts.get("whole") is False and not found["gen_ai.response.finish_reasons"]:
            found["gen_ai.response.finish_reasons"] = ["error"]
        if found.get("gen_ai.request.choice.count") == 1:
            del found["gen_ai.request.choice.count"]
        return {name: value for name, value in found.items() if value is not None and value != []}


class _Attempt:
    """An attempt's span, while it is under way."""

    def __init__(self, telemetry: OpenTelemetry, span: Span, started: int) -> None:
        self._telemetry = telemetry
        self._started = started
        self.span = span
        self._token: Any = None

    def __enter__(self) -> None:
        self._token = context.attach(trace.set_span_in_context(self.span))

    def __exit__(self, *exc: object) -> None:
        context.detach(self._token)

    def end(self, event: HarnessEvent) -> None:
        """It is over; by the call's own clock, so that span and metric say the same."""
        self._telemetry.finish(self.span, event, self._started + _ns(event.facts["seconds"]))


def _is_to_come(event: HarnessEvent) -> bool:
    """Whether this is but a stream's beginning."""
    return event.kind == "call" and event.facts["stream"] and event.facts["error"] is None


def _common(event: HarnessEvent) -> dict[str, Any]:
    """What is on spans and metrics alike: few values each."""
    facts = event.facts
    url = urlsplit(facts["base_url"])
    found = {
        "gen_ai.operation.name": OPERATIONS.get(facts["operation"], facts["operation"]),
        "gen_ai.provider.name": PROVIDERS.get(event.provider, event.provider),
        "gen_ai.request.model": event.model,
        "gen_ai.response.model": facts.get("response_model"),
        "server.address": url.hostname,
        "server.port": (url.port or PORTS.get(url.scheme)) if url.hostname else None,
        "error.type": facts["error"],
        "muxi_llm.cache.tier": facts.get("cache"),
        "muxi_llm.shared": facts.get("shared") or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _ours(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {f"muxi_llm.{name}": fact for name, fact in facts.items() if fact is not None}


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


# ---------------------------------------------------------------------------------------- metrics


class _Metrics:
    """What both generations of the conventions count, under the names of one."""

    def __init__(self, meter: metrics.Meter, prefix: str) -> None:
        self._meter = meter
        self._operation = self._seconds("gen_ai.client.operation.duration", "GenAI operation duration.")
        self._inference = (
            self._seconds(f"{prefix}.duration", "GenAI client inference operation duration.")
            if prefix != OPERATION
            else self._operation
        )
        self._first_chunk = self._seconds(
            f"{prefix}.time_to_first_chunk",
            "Time to receive the first chunk, from when the request was issued.",
        )
        self._chunk = self._seconds(
            f"{prefix}.time_per_output_chunk", "Time from the end of one chunk to the end of the next."
        )

    def record(self, facts: Mapping[str, Any], common: Mapping[str, Any]) -> None:
        is_inference = facts["operation"] in INFERENCE
        (self._inference if is_inference else self._operation).record(facts["seconds"], common)
        if "first_chunk" in facts and facts.get("cache") is None:
            self._first_chunk.record(facts["first_chunk"], common)
            for seconds in facts.get("chunk_seconds", ()):
                self._chunk.record(seconds, common)
        if facts.get("cache") is None and not facts.get("shared"):  # else nobody is billed for them
            self.count(facts, common, is_inference=is_inference)

    def count(self, facts: Mapping[str, Any], common: Mapping[str, Any], *, is_inference: bool) -> None:
        """Count tokens."""
        raise NotImplementedError

    def _seconds(self, name: str, description: str) -> metrics.Histogram:
        return self._meter.create_histogram(
            name, "s", description, explicit_bucket_boundaries_advisory=SECONDS
        )

    def _tokens(self, name: str, description: str) -> metrics.Histogram:
        return self._meter.create_histogram(
            name, "{token}", description, explicit_bucket_boundaries_advisory=TOKENS
        )


class _Released(_Metrics):
    def __init__(self, meter: metrics.Meter) -> None:
        super().__init__(meter, OPERATION)
        self._usage = self._tokens("gen_ai.client.token.usage", "Number of input and output tokens used.")

    def count(self, facts: Mapping[str, Any], common: Mapping[str, Any], *, is_inference: bool) -> None:  # noqa: ARG002
        for kind in ("input", "output"):
            tokens = facts.get(f"{kind}_tokens")
            if tokens is not None:
                self._usage.record(tokens, {**common, "gen_ai.token.type": kind})


class _Latest(_Metrics):
    def __init__(self, meter: metrics.Meter) -> None:
        super().__init__(meter, "gen_ai.client.inference")
        self._used = {
            fact: meter.create_counter(f"gen_ai.client.inference.usage.{name}", "{token}", description)
            for fact, (name, description) in USAGE.items()
        }
        self._each = {
            fact: self._tokens(f"gen_ai.client.inference.operation.{fact}", description)
            for fact, description in EACH.items()
        }

    def count(self, facts: Mapping[str, Any], common: Mapping[str, Any], *, is_inference: bool) -> None:
        if not is_inference:
            return
        for fact, counter in self._used.items():
            if fact in facts or fact in EACH:  # what failed has used none, which is to be said
                counter.add(facts.get(fact) or 0, {**common, "gen_ai.token.modality": "unknown"})
        for fact, histogram in self._each.items():
            if fact in facts:
                histogram.record(facts[fact], common)


# ----------------------------------------------------------------------------------------- tables

OPT_IN, LATEST = "OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental"
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
CAPTURING = {"true", "span_only", "span_and_event"}

OPERATION = "gen_ai.client.operation"
OPERATIONS = {
    "chat": "chat",
    "completion": "text_completion",
    "embedding": "embeddings",
    "models": "list_models",
    "image": "image_generation",
    "moderation": "moderation",
    "rerank": "rerank",
}
INFERENCE = {"chat", "completion"}

PROVIDERS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""The conventions' names where they are not ours."""

PORTS = {"http": 80, "https": 443}

CACHE_CREATION = "gen_ai.usage.cache_creation.input_tokens"
DETAILS = {
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "finish_reasons": "gen_ai.response.finish_reasons",
    "first_chunk": "gen_ai.response.time_to_first_chunk",
    "input_tokens": "gen_ai.usage.input_tokens",
    "number": "muxi_llm.attempt.number",
    "output_tokens": "gen_ai.usage.output_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "response_id": "gen_ai.response.id",
    "status": "http.response.status_code",
    "stream": "gen_ai.request.stream",
    "whole": "muxi_llm.stream.whole",
}
"""Facts of an attempt and their names."""

OUTPUTS = {"json_object": "json", "json_schema": "json", "text": "text"}


def _as_it_is(value: Any) -> Any:
    return value


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(map(str, value))


def _output(value: Any) -> str | None:
    return OUTPUTS.get(value)


PARAMETERS = {
    "frequency_penalty": ("gen_ai.request.frequency_penalty", _as_it_is),
    "max_completion_tokens": ("gen_ai.request.max_tokens", _as_it_is),
    "max_output_tokens": ("gen_ai.request.max_tokens", _as_it_is),
    "max_tokens": ("gen_ai.request.max_tokens", _as_it_is),
    "n": ("gen_ai.request.choice.count", _as_it_is),
    "output_config.effort": ("gen_ai.request.reasoning.level", _as_it_is),
    "output_config.format.type": ("gen_ai.output.type", _output),
    "presence_penalty": ("gen_ai.request.presence_penalty", _as_it_is),
    "previous_response_id": ("gen_ai.request.previous_response.id", _as_it_is),
    "reasoning.effort": ("gen_ai.request.reasoning.level", _as_it_is),
    "reasoning_effort": ("gen_ai.request.reasoning.level", _as_it_is),
    "response_format.type": ("gen_ai.output.type", _output),
    "seed": ("gen_ai.request.seed", _as_it_is),
    "stop": ("gen_ai.request.stop_sequences", _listed),
    "stop_sequences": ("gen_ai.request.stop_sequences", _listed),
    "temperature": ("gen_ai.request.temperature", _as_it_is),
    "text.format.type": ("gen_ai.output.type", _output),
    "top_k": ("gen_ai.request.top_k", _as_it_is),
    "top_p": ("gen_ai.request.top_p", _as_it_is),
}

USAGE = {
    "input_tokens": ("input_tokens", "Input tokens used, cached ones included."),
    "output_tokens": ("output_tokens", "Output tokens used, reasoning included."),
    "cache_read_tokens": ("cache_read.input_tokens", "Input tokens served from the provider's cache."),
    "cache_write_tokens": ("cache_write.input_tokens", "Input tokens written to the provider's cache."),
    "reasoning_tokens": ("reasoning.output_tokens", "Output tokens used for reasoning."),
}
EACH = {
    "input_tokens": "Input tokens used in one operation.",
    "output_tokens": "Output tokens used in one operation.",
}

SECONDS = [0.01 * 2**n for n in range(14)]
TOKENS = [4.0**n for n in range(14)]
"""Bucket boundaries, as the conventions want them."""
