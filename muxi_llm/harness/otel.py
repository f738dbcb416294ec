"""OpenTelemetry: each call as a span and in metrics, by the semantic conventions for generative AI.

    muxi_llm.harness.configure(breaker=3, telemetry=[OpenTelemetry()])

Extra `muxi-llm[otel]`; where it goes is the business of the SDK the application sets up. A call is one
span, whatever it took: its attempts are events on it, with when they began. What happens to a provider
(its breaker, its keys, its window) is an event on the caller's span, and counted. The span of a stream
covers it to its end; of one that was dropped, not closed, there is only the time to its first chunk.

Source: https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-spans.md
and gen-ai-metrics.md beside it. Names that begin with `muxi_llm.` are ours.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

try:
    from opentelemetry import metrics, trace
except ImportError as error:
    raise ImportError("telemetry by OpenTelemetry needs its API: pip install 'muxi-llm[otel]'") from error

from muxi_llm import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from muxi_llm.harness.events import HarnessEvent

SCOPE = "muxi_llm"


class OpenTelemetry:
    """Listens to a harness, and tells OpenTelemetry.

    tracer_provider, meter_provider: instead of the global ones. capture_content: prompts and answers too,
    as `gen_ai.input.messages` and `gen_ai.output.messages`; they are likely to hold what is personal.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        capture_content: bool = False,
    ) -> None:
        self.capture_content = capture_content
        self._tracer = trace.get_tracer(SCOPE, __version__, tracer_provider)
        meter = metrics.get_meter(SCOPE, __version__, meter_provider)

        def seconds(name: str, description: str) -> metrics.Histogram:
            return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=SECONDS)

        self._duration = seconds("gen_ai.client.operation.duration", "GenAI operation duration.")
        self._first_chunk = seconds(
            "gen_ai.client.operation.time_to_first_chunk", "Time to receive the first chunk."
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKENS,
        )
        self._events = meter.create_counter("muxi_llm.harness.events", "{event}", "What the harness did.")
        self._window = meter.create_gauge(
            "muxi_llm.harness.window", "{attempt}", "Attempts at once, at most."
        )

    def record(self, event: HarnessEvent) -> None:
        """Take note of *event*."""
        if event.kind == "stream":
            self._over(event)
        elif event.kind != "call":
            self._happened(event)
        elif event.facts["stream"] and event.facts["error"] is None:
            self._first_chunk.record(event.facts["seconds"], _common(event))
        else:
            self._over(event)

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

    def _over(self, event: HarnessEvent) -> None:
        """A call that is over, or a stream at its end."""
        facts, common = event.facts, _common(event)
        failed = {"error.type": facts["error"]} if facts["error"] else {}
        self._duration.record(facts["seconds"], {**common, **failed})
        if facts["cache"] is None and not facts["shared"]:  # else nobody is billed for them
            for kind in ("input", "output"):
                tokens = facts.get(f"{kind}_tokens")
                if tokens is not None:
                    self._tokens.record(tokens, {**common, "gen_ai.token.type": kind})
        self._trace(event, {**common, **failed})

    def _trace(self, event: HarnessEvent, attributes: dict[str, Any]) -> None:
        facts, now = event.facts, time.time_ns()
        started = now - _ns(facts["seconds"])
        span = self._tracer.start_span(
            f"{attributes['gen_ai.operation.name']} {event.model}",
            kind=trace.SpanKind.CLIENT,
            attributes=attributes,
            start_time=started,
        )
        if not span.is_recording():
            return
        span.set_attributes(_details(facts))
        if event.content is not None and self.capture_content:
            span.set_attributes(content(*event.content, facts))
        for model, number, waited, seconds, error in facts["attempts"]:
            started += _ns(waited)
            told = {"muxi_llm.model": model, "muxi_llm.number": number, "muxi_llm.seconds": seconds}
            span.add_event("muxi_llm.attempt", {**told, **({"error.type": error} if error else {})}, started)
            started += _ns(seconds)
        if facts["error"]:
            span.set_status(trace.StatusCode.ERROR)
        span.end(now)


def _common(event: HarnessEvent) -> dict[str, Any]:
    """What is on spans and metrics alike: few values each."""
    facts = event.facts
    url = urlsplit(facts["base_url"])
    found = {
        "gen_ai.operation.name": OPERATIONS[facts["operation"]],
        "gen_ai.provider.name": PROVIDERS.get(event.provider, event.provider),
        "gen_ai.request.model": event.model,
        "gen_ai.response.model": facts.get("response_model"),
        "server.address": url.hostname,
        "server.port": (url.port or PORTS.get(url.scheme)) if url.hostname else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _details(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What is on spans only."""
    found = {name: facts.get(fact) for fact, name in DETAILS.items()}
    found |= {PARAMETERS[parameter]: value for parameter, value in facts["parameters"].items()}
    if not facts["stream"]:
        del found["gen_ai.request.stream"]
    if found.get("gen_ai.request.choice.count") == 1:
        del found["gen_ai.request.choice.count"]
    return {name: value for name, value in found.items() if value is not None and value != []}


def _ours(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {f"muxi_llm.{name}": fact for name, fact in facts.items() if fact is not None}


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


# ---------------------------------------------------------------------------------------- content


def content(body: Mapping[str, Any], answer: Any, facts: Mapping[str, Any]) -> dict[str, str]:
    """Prompt and answer as JSON; of media and of what is no text there is only the kind."""
    found = {}
    if facts["operation"] == "chat":
        found["gen_ai.input.messages"] = [_message(message) for message in body.get("messages", ())]
    elif "prompt" in body:
        found["gen_ai.input.messages"] = [{"role": "user", "parts": _parts(body["prompt"])}]
    reasons = facts.get("finish_reasons") or ["unknown"]
    if isinstance(answer, str):  # a stream's first choice
        reply = {"role": "assistant", "parts": _parts(answer), "finish_reason": reasons[0]}
        found["gen_ai.output.messages"] = [reply]
    elif getattr(answer, "choices", None):
        found["gen_ai.output.messages"] = [_choice(choice.model_dump()) for choice in answer.choices]
    return {name: json.dumps(messages, default=str) for name, messages in found.items()}


def _choice(choice: Mapping[str, Any]) -> dict[str, Any]:
    message = choice.get("message") or {"role": "assistant", "content": choice.get("text")}
    return {**_message(message), "finish_reason": choice.get("finish_reason") or "unknown"}


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    role, said = message.get("role"), message.get("content")
    if role == "tool":
        answered = {"type": "tool_call_response", "id": message.get("tool_call_id"), "response": said}
        return {"role": role, "parts": [answered]}
    parts = [{"type": "reasoning", "content": text}] if (text := message.get("reasoning_content")) else []
    return {"role": role, "parts": [*parts, *_parts(said), *map(_call, message.get("tool_calls") or ())]}


def _parts(said: str | Iterable[Any] | None) -> list[dict[str, Any]]:
    if not said:
        return []
    if isinstance(said, str):
        return [{"type": "text", "content": said}]
    return [_part(part) for part in said]


def _part(part: Any) -> dict[str, Any]:
    if not isinstance(part, dict):
        return {"type": "text", "content": str(part)}
    kind = part.get("type", "unknown")
    return {"type": kind, "content": part.get("text")} if kind == "text" else {"type": kind}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    asked = call.get("function") or call.get("custom") or {}
    return {
        "type": "tool_call",
        "id": call.get("id"),
        "name": asked.get("name"),
        "arguments": asked.get("arguments", asked.get("input")),
    }


# ----------------------------------------------------------------------------------------- tables

OPERATIONS = {
    "chat": "chat",
    "completion": "text_completion",
    "embedding": "embeddings",
    "models": "list_models",
}

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

DETAILS = {
    "cache": "muxi_llm.cache.tier",
    "finish_reasons": "gen_ai.response.finish_reasons",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "first_chunk": "gen_ai.response.time_to_first_chunk",
    "response_id": "gen_ai.response.id",
    "shared": "muxi_llm.shared",
    "status": "http.response.status_code",
    "stream": "gen_ai.request.stream",
    "whole": "muxi_llm.stream.whole",
}
"""Facts of a call and their names."""

PARAMETERS = {
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "n": "gen_ai.request.choice.count",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "temperature": "gen_ai.request.temperature",
    "top_k": "gen_ai.request.top_k",
    "top_p": "gen_ai.request.top_p",
}

SECONDS = [0.01 * 2**n for n in range(14)]
TOKENS = [4.0**n for n in range(14)]
"""Bucket boundaries, as the conventions want them."""
