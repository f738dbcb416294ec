"""Recorded traffic of Responses, OpenAI's and others', replayed through the codec: what it says is what we read,
what it asks for is what we ask for.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from muxi_llm.models import ChatCompletion
from muxi_llm.providers.profiles import DEFAULT
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Ledger, dumps
from muxi_llm.wire.responses.inbound import ResponsesInbound
from muxi_llm.wire.responses.responses import OpenAIResponses
from tests.support.cuts import bytewise
from tests.support.recordings import (
    Json,
    asked,
    asked_of,
    body_of,
    each,
    events_of,
    interactions,
    meaning,
    status_of,
    url_of,
)

pytestmark = [pytest.mark.shared, pytest.mark.usefixtures("shared")]


def is_responses(key: str) -> bool:
    """By its URL; by the answer where that is all there is."""
    if interactions()[key]["request"]:
        return "/responses" in url_of(key)
    return b'"object":"response"' in body_of(key).replace(b" ", b"")[:2000]


ALL = [key for key in interactions() if is_responses(key)]
ERRORS = [key for key in ALL if status_of(key) != 200]
STREAMS = [key for key in ALL if key not in ERRORS and b"response.created" in body_of(key)]
ANSWERS = [key for key in ALL if key not in {*ERRORS, *STREAMS}]


def plainly_read(response: Json) -> Json:
    """What a response says, read in the simplest way."""
    items = response["output"]
    parts = [part for item in items if item["type"] == "message" for part in item["content"]]
    calls = [[item["name"], item["arguments"]] for item in items if item["type"] == "function_call"]
    usage = response["usage"]
    return {
        "text": "".join(part.get("text", "") for part in parts),
        "tool_calls": calls,
        "finish": "tool_calls" if calls else "stop",
        "usage": [usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]],
        "thinks": any(
            item["type"] == "reasoning" and (item["summary"] or item.get("content")) for item in items
        ),
    }


def columns_of(value: ChatCompletion) -> Json:
    """The same of our answer."""
    choice, usage = value.choices[0], value.usage
    return {
        "text": choice.message.content or "",
        "tool_calls": [
            [call.function.name, call.function.arguments] for call in choice.message.tool_calls or ()
        ],  # type: ignore[union-attr]
        "finish": choice.finish_reason,
        "usage": [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens] if usage else None,
        "thinks": choice.message.reasoning_content is not None,
    }


def wire() -> OpenAIResponses:
    made = OpenAIResponses("m", Ledger("recorded"), DEFAULT)
    made.encode_request({"messages": [], "stream_options": {"include_usage": True}}, stream=True)
    return made


def streamed(pieces: list[bytes]) -> list[Any]:
    decoder = wire().stream_decoder(created=0)
    return [item for piece in pieces for item in decoder.feed(piece)] + decoder.finish()


@each(ANSWERS, "answer")
def test_answers(key: str) -> None:
    """Text, calls, finish and usage are the recorded ones, and sent back the turn goes out as it came."""
    data = body_of(key)
    value = wire().decode_response(data, created=0)
    response = json.loads(data)
    assert columns_of(value) == plainly_read(response)
    message = value.choices[0].message.model_dump()
    sent = wire().encode_request({"messages": [message], "store": True}, stream=False)["input"]
    if message.get("extra_content"):
        assert sent == response["output"]
    else:
        assert [item.get("type", "message") for item in sent] == [item["type"] for item in response["output"]]


@each(STREAMS, "answer")
def test_streams(key: str) -> None:
    """The chunks, put together, are the answer their last event tells whole, however the bytes are cut."""
    data = body_of(key)
    items = streamed([data])
    assert items == streamed(bytewise(data))
    (response,) = [e["response"] for e in events_of(key) if e["type"] == "response.completed"]
    value = collect(items)
    assert columns_of(value) == plainly_read(response)
    whole = wire().decode_response(json.dumps(response).encode(), created=0)
    said, meant = value.choices[0].message, whole.choices[0].message
    assert said.reasoning_content == meant.reasoning_content
    assert (value.id, value.model, value.created) == (whole.id, whole.model, whole.created)


@each(ERRORS, "answer")
def test_errors(key: str) -> None:
    """An error's message, never an empty one."""
    data = body_of(key)
    fault = OpenAIResponses.decode_fault(400, data)
    error = json.loads(data)["error"]
    assert fault.message == (error if isinstance(error, str) else error["message"])
    assert fault.message


# ---------------------------------------------------------------------------------------- requests


@each(asked(ALL), "request")
def test_a_request_asks_for_what_the_recorded_one_asks(key: str) -> None:
    """Read as a client's of ours, and written again: the same, but for what is told to the caller."""
    wanted = asked_of(key)
    given, ledger = Ledger("client"), Ledger("openai")
    body = ResponsesInbound(given).decode_request(dumps(wanted))
    out = OpenAIResponses(wanted["model"], ledger, DEFAULT).encode_request(
        body, stream=bool(wanted.get("stream"))
    )
    told = {re.split(r"[.\[]", entry.param)[0] for entry in [*given.entries, *ledger.entries]}
    assert conversation(out) == conversation(wanted)
    assert parameters(out, without=told) == parameters(wanted, without=told)


def conversation(body: Json) -> list[Any]:
    """What was said, by whom, and the calls with their results. What a model keeps for itself (reasoning,
    searches) goes back as it came, or not at all.
    """
    told = [("system", [("text", body["instructions"])])] if body.get("instructions") else []
    items = body["input"]
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        kind = item.get("type", "message")
        if kind == "message":
            told.append((item["role"].replace("developer", "system"), parts(item["content"])))
        elif kind == "function_call":
            told.append((kind, item["call_id"], item["name"], json.loads(item["arguments"])))
        elif kind == "function_call_output":
            told.append((kind, item["call_id"], parts(item["output"])))
    return [said for said in told if said[1] != [("text", "")]]


def parts(content: Any) -> list[tuple[str, Any]]:
    """Content as kinds and what they hold."""
    if isinstance(content, str):
        return [("text", content)]
    return [
        ("text", part["text"])
        if "text" in part
        else (part["type"], {name: v for name, v in meaning(part).items() if (name, v) != ("detail", "auto")})
        for part in content
    ]


def parameters(body: Json, *, without: set[str]) -> Json:
    """All other fields, but for what an answer is to include and whether it is kept."""
    left_out = {"input", "instructions", "include", "store", *without}
    return {name: value for name, value in meaning(body).items() if name not in left_out}
