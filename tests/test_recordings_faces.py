"""Recorded answers on the faces that the chat face's own replay does not see: OpenAI's and Anthropic's clients.

What a client hands out is compared with what the bytes say, never with another reading of this library's: two
opposite losses would cancel.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from muxi_llm import Anthropic, OpenAI
from muxi_llm.runtime import using
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.utils.streaming import collect
from tests.support.bodies import HELLO
from tests.support.recordings import (
    NOT_AN_ANSWER,
    NOT_REPLAYED,
    Json,
    answer_of,
    body_of,
    each,
    expected,
    expected_facts,
    facts_of,
    found,
    of_kind,
    pieces,
)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.usefixtures("keys", "shared"),
    pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"),
]

MODELS = {
    "chat.completions": "groq/llama",
    "messages": "anthropic/claude-sonnet-5",
    "generateContent": "google/gemini-3-flash-preview",
    "converse": "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cohere.chat": "cohere/command-a",
    "ollama.chat": "ollama/llama3",
}
"""The API an answer is of → a model of a provider that speaks it."""

LEFT_OUT = {*NOT_AN_ANSWER, *(key for key in of_kind(*MODELS) if found(NOT_REPLAYED, key))}
WHOLE = [key for key in of_kind(*MODELS, stream=False) if key not in LEFT_OUT]
STREAMS = [key for key in of_kind(*MODELS, stream=True) if key not in LEFT_OUT]


@pytest.fixture(scope="module")
def openai_client() -> OpenAI:
    return OpenAI(api_key="k")


@pytest.fixture(scope="module")
def anthropic_client() -> Anthropic:
    return Anthropic(api_key="k")


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "k")


def model_of(key: str) -> str:
    return MODELS[expected()[key]["kind"]]


def replayed(key: str) -> Scripted:
    """The recorded reply; a stream of OpenAI's form in pieces, whatever it was recorded as."""
    row = expected()[key]
    if row["kind"] == "chat.completions" and row["stream"]:
        return Scripted(Answer(chunks=pieces(body_of(key))))
    return Scripted(answer_of(key, stream=row["stream"]))


# ------------------------------------------------------------------------------------------- OpenAI's client


@each([*WHOLE, *STREAMS], "answer")
def test_openais_client(key: str, openai_client: OpenAI) -> None:
    """Chat completions, whole or streamed."""
    stream = expected()[key]["stream"]
    how: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    with using(replayed(key)):
        value: Any = openai_client.chat.completions.create(model=model_of(key), messages=HELLO, **how)  # type: ignore[call-overload]
        value = collect(value) if stream else value
    assert facts_of(value) == expected_facts(key)


@each([*WHOLE, *STREAMS], "answer")
def test_responses(key: str, openai_client: OpenAI) -> None:
    """As items, and as the events of the same items."""
    with using(replayed(key)):
        if expected()[key]["stream"]:
            events = list(openai_client.responses.create(model=model_of(key), input="Hi", stream=True))
            response: Any = events[-1].response  # type: ignore[union-attr]
            told = "".join(event.delta for event in events if event.type == "response.output_text.delta")
            assert told == response.output_text
        else:
            response = openai_client.responses.create(model=model_of(key), input="Hi")
    facts = expected_facts(key)
    calls = [item for item in response.output if item.type == "function_call"]
    assert response.output_text == facts["text"]
    assert [[call.name, json.loads(call.arguments or "{}")] for call in calls] == asked_for(facts)
    reason = response.incomplete_details.reason if response.incomplete_details else None
    assert (response.status, reason) == STATUSES.get(facts["finish"], ("completed", None))
    counted = response.usage
    assert ([counted.input_tokens, counted.output_tokens] if counted else [None, None]) == facts["usage"]


STATUSES = {
    "length": ("incomplete", "max_output_tokens"),
    "content_filter": ("incomplete", "content_filter"),
}


def asked_for(facts: Json) -> list[Any]:
    """The calls; no arguments are an empty object to every client."""
    return [[name, arguments or {}] for name, arguments in facts["tool_calls"]]


# ---------------------------------------------------------------------------------------- Anthropic's client


@each([key for key in [*WHOLE, *STREAMS] if expected()[key]["kind"] != "messages"], "answer")
def test_messages(key: str, anthropic_client: Anthropic) -> None:
    """As content blocks, and as the events of the same blocks."""
    asked: dict[str, Any] = {"model": model_of(key), "max_tokens": 99, "messages": HELLO}
    with using(replayed(key)):
        if expected()[key]["stream"]:
            with anthropic_client.messages.stream(**asked) as stream:
                message: Any = stream.get_final_message()
        else:
            message = anthropic_client.messages.create(**asked)
    facts = expected_facts(key)
    assert "".join(block.text for block in message.content if block.type == "text") == facts["text"]
    calls = [[block.name, block.input] for block in message.content if block.type == "tool_use"]
    assert calls == asked_for(facts)
    assert message.stop_reason in REASONS[facts["finish"]]
    counted = message.usage
    read = (counted.cache_read_input_tokens or 0) + (counted.cache_creation_input_tokens or 0)
    assert [counted.input_tokens + read, counted.output_tokens] == [count or 0 for count in facts["usage"]]


REASONS = {
    "stop": {"end_turn", "stop_sequence", "pause_turn"},
    "length": {"max_tokens", "model_context_window_exceeded"},
    "tool_calls": {"tool_use"},
    "content_filter": {"refusal"},
}
