"""Logfire sees our clients as it sees the original's, whether it is given one, its class, or neither."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import logfire
import openai
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import muxi_llm
from tests.ecosystem.traced import CALLS, COLOURS, Tracing


@pytest.fixture
def tracing() -> Tracing:
    """Logfire, which sends nothing."""
    tracing = Tracing()
    logfire.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        additional_span_processors=[SimpleSpanProcessor(tracing.exporter)],
    )
    return tracing


def of_the_client(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """*call* by a client that is traced."""

    def traced(client: Any) -> Any:
        logfire.instrument_openai(client)
        return call(client)

    return traced


@pytest.mark.parametrize("of", ["client", "classes"])
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_spans(call: Callable[[Any], Any], colour: str, of: str, tracing: Tracing) -> None:
    """Every call's, with all that they say."""
    with contextlib.ExitStack() as stack:
        if of == "classes":
            stack.enter_context(logfire.instrument_openai())
        else:
            call = of_the_client(call)
        spans = tracing.spans(openai, colour, call)
        ours = tracing.spans(muxi_llm, colour, call)
    assert ours == spans
