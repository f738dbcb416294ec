"""Values: OpenAI's own types, readable by item as well; the report beside them, not in them."""

from __future__ import annotations

import json
from typing import Any

import openai.types as theirs
import pytest
from openai.types import chat as their_chat

from muxi_llm import Completion, Embedding, models
from muxi_llm.models import Adaptation, AttemptRecord, Report
from muxi_llm.transport.scripted import Answer
from tests.core import ask, failed, said, streamed
from tests.support.bodies import chat, chunk, completion, embeddings

pytestmark = pytest.mark.usefixtures("keys")

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CUSTOM = {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}}
DETAILS = {
    "prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 1},
}  # fmt: skip


def whole(**message: Any) -> models.ChatCompletion:
    return models.ChatCompletion.model_validate({**chat("Hi", **message), "usage": DETAILS})


def piece(**delta: Any) -> models.ChatCompletionChunk:
    return models.ChatCompletionChunk.model_validate(chunk(delta, usage=DETAILS))


# ------------------------------------------------------------------------------------- their types


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (whole(), their_chat.ChatCompletion),
        (whole().choices[0], their_chat.chat_completion.Choice),
        (whole().choices[0].message, their_chat.ChatCompletionMessage),
        (
            whole(tool_calls=[CALL]).choices[0].message.tool_calls[0],
            their_chat.ChatCompletionMessageFunctionToolCall,
        ),
        (
            whole(tool_calls=[CUSTOM]).choices[0].message.tool_calls[0],
            their_chat.ChatCompletionMessageCustomToolCall,
        ),
        (whole().usage, theirs.CompletionUsage),
        (piece(), their_chat.ChatCompletionChunk),
        (piece().choices[0].delta, their_chat.chat_completion_chunk.ChoiceDelta),
        (models.Completion.model_validate(completion()), theirs.Completion),
        (models.CreateEmbeddingResponse.model_validate(embeddings()), theirs.CreateEmbeddingResponse),
        (models.CreateEmbeddingResponse.model_validate(embeddings()).data[0], theirs.Embedding),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_values_are_openais_types(value, kind):
    assert isinstance(value, kind)
    assert type(value) is not kind


def test_what_a_face_returns(driver):
    """The types hold at the end of a real call of each face."""
    value, _ = ask(driver, said())
    assert type(value) is models.ChatCompletion
    chunks, _ = ask(driver, streamed("Hi"), stream=True)
    assert {type(c) for c in chunks} == {models.ChatCompletionChunk}
    value, _ = driver.scripted(Completion, Answer(json=completion()), model="openai/x", prompt="x")
    assert type(value) is models.Completion
    value, _ = driver.scripted(Embedding, Answer(json=embeddings()), model="openai/x", input="x")
    assert type(value) is models.CreateEmbeddingResponse


# ------------------------------------------------------------------------------------- item access


@pytest.mark.parametrize(
    ("value", "path", "wanted"),
    [
        (whole(), ["choices", 0, "message", "content"], "Hi"),
        (whole(), ["usage", "prompt_tokens_details", "cached_tokens"], 4),
        (whole(), ["usage", "completion_tokens_details", "reasoning_tokens"], 1),
        (whole(tool_calls=[CALL]), ["choices", 0, "message", "tool_calls", 0, "function", "name"], "f"),
        (whole(tool_calls=[CUSTOM]), ["choices", 0, "message", "tool_calls", 0, "custom", "input"], "x"),
        (
            whole(function_call=CALL["function"]),
            ["choices", 0, "message", "function_call", "arguments"],
            "{}",
        ),
        (piece(content="a"), ["choices", 0, "delta", "content"], "a"),
        (
            piece(tool_calls=[{"index": 0, "function": {"name": "f"}}]),
            ["choices", 0, "delta", "tool_calls", 0, "function", "name"],
            "f",
        ),
        (piece(function_call={"name": "f"}), ["choices", 0, "delta", "function_call", "name"], "f"),
        (piece(), ["usage", "total_tokens"], 7),
        (models.Completion.model_validate(completion()), ["choices", 0, "text"], " there"),
        (models.CreateEmbeddingResponse.model_validate(embeddings()), ["data", 0, "embedding", 1], -0.5),
        (models.CreateEmbeddingResponse.model_validate(embeddings()), ["usage", "total_tokens"], 3),
        (whole(note=7), ["choices", 0, "message", "note"], 7),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, list) else "",
)
def test_item_access_all_the_way_down(value, path, wanted):
    """`response["choices"][0]["message"]["content"]`, unknown fields included."""
    for key in path:
        value = value[key]
    assert value == wanted


def test_items_that_are_not_there():
    """As with a dict; methods and properties are no items."""
    message = whole().choices[0].message
    for absent in ("nope", "model_dump", "reasoning_content", "get", 0):
        with pytest.raises(KeyError):
            message[absent]
        assert absent not in message
        assert message.get(absent) is None
    assert message.get("nope", 7) == 7
    assert message.get("content") == "Hi"
    assert "content" in message
    assert message["refusal"] is None


def test_a_field_that_is_missing_off_the_schema():
    """A leniently built value has it as `None`, by attribute and by item."""
    choice = models.ChatCompletion.construct(id="x", choices=[{"index": 0}]).choices[0]
    assert choice.message is choice["message"] is choice.get("message", 7) is None


# -------------------------------------------------------------------------------------- extensions


@pytest.mark.parametrize(
    "build", [lambda **f: whole(**f).choices[0].message, lambda **f: piece(**f).choices[0].delta]
)
def test_reasoning(build):
    """One name for what Groq and OpenRouter call otherwise."""
    assert build().reasoning_content is None
    assert build(reasoning_content="hm").reasoning_content == "hm"
    assert build(reasoning="hm").reasoning_content == "hm"
    assert build(thinking_blocks=[{"type": "thinking"}]).thinking_blocks == [{"type": "thinking"}]
    assert build(extra_content={"google": {}}).extra_content == {"google": {}}
    assert build().thinking_blocks is None
    assert build().extra_content is None


# ------------------------------------------------------------------------------------------ report


def test_the_report_is_beside_the_value(driver):
    """Not in dumps, not in equality, not in `repr`: the value stays what the provider said."""
    retried, _ = ask(driver, failed(500), said(), retries=1)
    plain, _ = ask(driver, said())
    assert (len(retried.muxi.attempts), len(plain.muxi.attempts)) == (2, 1)
    assert retried == plain
    assert "muxi" not in repr(retried)
    assert json.loads(retried.model_dump_json(exclude_unset=True)) == chat("Hi")
    assert retried.to_dict() == chat("Hi")
    assert "muxi" not in retried.model_dump()
    assert "muxi" not in retried.model_json_schema()["properties"]
    assert "muxi" not in retried


def test_a_value_without_a_call_has_no_report():
    assert not hasattr(whole(), "muxi")
    assert whole().wire_bytes is None


def test_the_body_as_it_came_can_be_kept():
    value = whole()
    value.with_wire_bytes(b"{}")
    assert value.wire_bytes == b"{}"
    assert value == whole()


def test_records_read_well():
    """What a log line would say."""
    failure = ValueError("boom")
    assert AttemptRecord("a/b", 1, 0.5).reason == "answered"
    assert AttemptRecord("a/b", 1, 0.5, failure).reason == "ValueError: boom"
    assert AttemptRecord("a/b", 1, 0.5, failure, skipped=True).reason == "skipped, ValueError: boom"
    assert AttemptRecord("a/b", 1, 0.5, failure).status is None
    assert str(Adaptation("seed", "dropped", "unknown there")) == "seed dropped: unknown there"
    assert repr(Report("a/b", (), (), 0.5, {"set-cookie": "x"})) == (
        "Report(model='a/b', attempts=(), adaptations=(), latency=0.5, cache_hit=None, stale=0.0, shared=False,"
        " preset=None, preset_revision=None)"
    )
