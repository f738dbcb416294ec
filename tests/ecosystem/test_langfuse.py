"""Langfuse, whose import puts its wrappers around the openai package's resources, sees our clients' calls too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import langfuse
import langfuse.openai
import openai
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import muxi_llm
from tests.ecosystem.traced import CALLS, COLOURS, Tracing


@pytest.fixture(scope="module")
def tracing() -> Tracing:
    """Langfuse, which sends nothing."""
    tracing = Tracing()
    langfuse.Langfuse(
        public_key="pk-1",
        secret_key="sk-1",
        base_url="http://127.0.0.1:9",
        tracer_provider=tracing.provider,
        span_exporter=InMemorySpanExporter(),
    )
    return tracing


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_spans(call: Callable[[Any], Any], colour: str, tracing: Tracing) -> None:
    """Every call's, with all that they say."""
    spans = tracing.spans(openai, colour, call)
    assert spans or call is CALLS["not found"], "a method of the client's own is not wrapped"
    assert tracing.spans(muxi_llm, colour, call) == spans
