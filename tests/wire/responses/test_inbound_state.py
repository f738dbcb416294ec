"""What a Responses client is told of an answer that holds more than text, and what of it comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from muxi_llm.models import ChatCompletion
from muxi_llm.wire.base import Ledger, build_value, dumps
from muxi_llm.wire.responses.inbound import ResponsesInbound
from muxi_llm.wire.state import STAMP
from tests.support.anthropic_inbound import chunk_of
from tests.support.bodies import CALL, chat
from tests.support.responses_validator import events_of, validate

DETAILS = [{"type": "reasoning.text", "text": "hm", "index": 0}]
STATE = {STAMP: {"giver": "acme"}}
IMAGES = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]


def inbound(**asked: Any) -> ResponsesInbound:
    wire = ResponsesInbound(Ledger("the client's request"))
    wire.decode_request(dumps({"model": "m", "input": "Hi", **asked}))
    return wire


def whole(wire: ResponsesInbound, *args: Any, **fields: Any) -> list[dict[str, Any]]:
    """The items of an unstreamed answer."""
    value = build_value(ChatCompletion, chat(*args, **fields))
    return json.loads(wire.encode_response(value))["output"]  # type: ignore[no-any-return]


def streamed(wire: ResponsesInbound, *deltas: Any) -> list[dict[str, Any]]:
    """The items of a streamed one, its events checked."""
    data = b"".join(wire.encode_chunk(chunk_of(delta)) for delta in deltas) + wire.encode_end()
    events = events_of(data)
    validate(events)
    return events[-1]["response"]["output"]  # type: ignore[no-any-return]


def turn(items: list[dict[str, Any]]) -> dict[str, Any]:
    """The assistant's message that *items* amount to, sent back."""
    wire = ResponsesInbound(Ledger("the client's request"))
    output = {"type": "function_call_output", "call_id": CALL["id"], "output": "x"}
    given = [{"role": "user", "content": "Hi"}, *items, output]
    return wire.decode_request(dumps({"model": "m", "input": given}))["messages"][1]  # type: ignore[no-any-return]


def test_state_of_a_chat_server_comes_back() -> None:
    """With its giver, whole or in pieces."""
    fields = {"reasoning_content": "hm", "reasoning_details": DETAILS, "extra_content": STATE}
    items = whole(inbound(), None, finish="tool_calls", tool_calls=[CALL], **fields)
    pieces = streamed(
        inbound(),
        {"role": "assistant", **fields},
        {"tool_calls": [{"index": 0, **CALL}]},
    )
    for got in (items, pieces):
        returned = turn(got)
        assert {name: returned[name] for name in fields} == fields


def test_a_picture_is_an_item() -> None:
    """As OpenAI's own tool tells it; where it is a URL, that."""
    items = whole(inbound(), "Here", images=IMAGES)
    assert [item["type"] for item in items] == ["message", "image_generation_call"]
    assert items[1]["result"] == "aGk="
    assert items[1]["status"] == "completed"
    pieces = streamed(inbound(), {"role": "assistant", "content": "Here"}, {"images": IMAGES})
    assert [item["type"] for item in pieces] == ["message", "image_generation_call"]
    linked = [{"image_url": {"url": "https://a.test/a.png"}}]
    assert whole(inbound(), "Here", images=linked)[1]["result"] == "https://a.test/a.png"


@pytest.mark.parametrize("whole_answer", [True, False])
def test_sound_is_told_once(whole_answer: bool) -> None:
    """Responses hold none."""
    wire = inbound()
    sound = {"audio": {"id": "a", "data": "aGk=", "expires_at": 1, "transcript": "hi"}}
    if whole_answer:
        whole(wire, "Hi", **sound)
    else:
        streamed(wire, {"role": "assistant", "content": "Hi", **sound}, sound)
    assert [(entry.param, entry.loss) for entry in wire.ledger.entries] == [
        ("choices[0].message.audio", True)
    ]
