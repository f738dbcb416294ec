"""Recorded traffic of OpenAI-compatible providers, replayed through the codec: what it says is what we read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Ledger, Profile, WireError
from muxi_llm.wire.openai.chat import OpenAIChat, OpenAIInbound
from tests.support.recordings import (
    NOT_AN_ANSWER,
    body_of,
    each,
    expected,
    expected_facts,
    facts_of,
    of_kind,
    pieces,
)

pytestmark = [pytest.mark.shared, pytest.mark.usefixtures("shared")]


def is_within(part: Any, whole: Any) -> bool:
    """Whether all of *part* is in *whole*, which may have more fields (Mistral's calls have no `type`)."""
    if isinstance(part, dict):
        return all(name in whole and is_within(value, whole[name]) for name, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(is_within, part, whole))
    return bool(part == whole)


def wire() -> OpenAIChat:
    return OpenAIChat("m", Ledger("recorded"), Profile())


def streamed(data: bytes, size: int) -> list[Any]:
    """The items of a stream that comes in pieces of *size*."""
    decoder = wire().stream_decoder(created=0)
    return [item for piece in pieces(data, size) for item in decoder.feed(piece)] + decoder.finish()


@each(of_kind("chat.completions", stream=False), "answer")
def test_answers(key: str) -> None:
    """Text, tool calls, finish and usage are the recorded ones; told on, no field is missing."""
    data = body_of(key)
    value = wire().decode_response(data, created=0)
    assert facts_of(value) == expected_facts(key)
    raw = json.loads(data)
    choice = raw["choices"][0]
    choice["finish_reason"] = value.choices[0].finish_reason  # compared already
    empty = {"name": "", "arguments": ""}
    if choice["message"].get("function_call") == empty:  # Snowflake's calls of nothing are none
        choice["message"]["function_call"] = None
    for call in choice["message"].get("tool_calls") or ():
        call.pop("custom", None)
    assert is_within(raw, json.loads(OpenAIInbound(Ledger("")).encode_response(value)))


@each([key for key in of_kind("chat.completions", stream=True) if key not in NOT_AN_ANSWER], "answer")
def test_streams(key: str) -> None:
    """The chunks, put together, say what was recorded, and do not depend on the reads."""
    data = body_of(key)
    items = streamed(data, len(data))
    assert items == streamed(data, 97)
    assert facts_of(collect(items)) == expected_facts(key)


@each(NOT_AN_ANSWER, "answer")
def test_streams_that_end_in_an_error(key: str) -> None:
    """The text so far, then the error with its own status and code."""
    *chunks, error = streamed(body_of(key), 97)
    assert facts_of(collect(chunks))["text"] == expected()[key]["text"]
    assert isinstance(error, WireError)
    assert error.fault is not None
    assert (error.fault.status, error.fault.code) == (400, "tool_use_failed")
