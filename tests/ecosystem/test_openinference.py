"""OpenInference's instrumentation of the openai package sees our clients as it sees the original's."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest
from openinference.instrumentation.openai import OpenAIInstrumentor

import muxi_llm
from tests.ecosystem.traced import CALLS, COLOURS, Tracing


@pytest.fixture
def tracing() -> Iterator[Tracing]:
    """The instrumentation, at work."""
    tracing = Tracing()
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=tracing.provider)
    yield tracing
    instrumentor.uninstrument()


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_spans(call, colour: str, tracing: Tracing) -> None:
    """Every call's, with all that they say."""
    spans = tracing.spans(openai, colour, call)
    assert spans
    assert tracing.spans(muxi_llm, colour, call) == spans
