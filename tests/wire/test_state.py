"""State in messages: who gave it is written into it, and it is sealed where a client has no place for it."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.errors import InvalidRequestError
from muxi_llm.models import ChatCompletion, ChatCompletionChunk
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Ledger, Profile, build_value, dumps
from muxi_llm.wire.openai.chat import OpenAIChat, OpenAIInbound
from muxi_llm.wire.state import (
    STAMP,
    giver_of,
    giver_of_any,
    is_more_than_said,
    seal,
    stamp,
    unseal,
    without_foreign,
    without_stamp,
)
from tests.support.bodies import CALL, chat, chunk, sse

DETAILS = [{"type": "reasoning.text", "text": "hm", "index": 0}]
SIGNED = {**CALL, "extra_content": {"google": {"thought_signature": "s"}}}


def wire(giver: str = "acme") -> OpenAIChat:
    made = OpenAIChat("m", Ledger("acme"), Profile())
    made.giver = giver
    return made


def answered(giver: str = "acme", **fields: Any) -> Any:
    return wire(giver).decode_response(dumps(chat(**fields)), created=1).choices[0].message


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_details": DETAILS},
        {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]},
        {"extra_content": {"google": {"thought_signature": "s"}}},
        {"tool_calls": [SIGNED]},
    ],
    ids=["details", "blocks", "of a message", "of a call"],
)
def test_state_knows_its_giver(fields: Any) -> None:
    """It stands beside the rest, in what is sent back; the value dumps and reads as any other."""
    message = answered(**fields)
    dumped = message.model_dump(exclude_unset=True)
    assert giver_of(dumped) == giver_of_any(message) == "acme"
    without = without_stamp(dumped)
    assert giver_of(without) is None
    assert {name: without[name] for name in fields} == fields
    assert STAMP not in str(without)


@pytest.mark.parametrize("fields", [{}, {"reasoning_content": "hm"}, {"tool_calls": [CALL]}], ids=str)
def test_what_is_said_in_words_is_nobodys(fields: Any) -> None:
    assert "extra_content" not in answered(**fields).model_dump(exclude_unset=True)


def test_a_wire_that_stands_for_nobody_signs_nothing() -> None:
    assert giver_of_any(answered("", reasoning_details=DETAILS)) is None


def test_a_stream_is_signed_once_for_each_answer() -> None:
    """However many of its chunks hold state: what they add up to is the unstreamed message."""
    decoder = wire().stream_decoder(created=1)
    parts = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_details": [{"type": "reasoning.text", "text": "h", "index": 0}]}),
        chunk({"reasoning_details": [{"type": "reasoning.text", "text": "m", "index": 0}]}),
        chunk({"tool_calls": [{"index": 0, **SIGNED}]}),
        chunk({}, finish="tool_calls"),
    ]
    items = [item for part in sse(*parts) for item in decoder.feed(part)] + decoder.finish()
    message = collect(items).choices[0].message
    assert message.extra_content == {STAMP: {"giver": "acme"}}
    assert message.get("reasoning_details") == DETAILS


def test_what_is_no_message_is_left_alone() -> None:
    assert stamp({"reasoning_details": DETAILS}, "acme") is False
    odd = build_value(ChatCompletion, {**chat(), "choices": [{"index": 0, "message": {"extra_content": 3}}]})
    assert stamp(odd.choices[0].message, "acme")
    assert giver_of({"extra_content": {STAMP: 3}}) is None
    assert giver_of({"extra_content": 3}) is None


def test_a_turn_that_is_more_than_was_said() -> None:
    """Native wires keep one whole where the chat form could not tell all of it."""
    assert is_more_than_said({"extra_content": {"google": {"parts": []}}})
    assert not is_more_than_said({"extra_content": {"google": {"thought_signature": "s"}, "other": 1}})
    assert not is_more_than_said({"extra_content": 3})


@pytest.mark.parametrize(
    "text", ["muxi1.AAAA", "muxi1.é", "muxi1.MQ=="], ids=["no json", "no base64", "a number"]
)
def test_a_broken_seal_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="not the one given out"):
        unseal(text)


def test_seals_of_others_are_theirs() -> None:
    assert [unseal(text) for text in ("EqQBCgIYAhIM", "", None, 3)] == [None] * 4
    assert unseal(seal({"a": [1]})) == {"a": [1]}


# --------------------------------------------------------------------------- the client's own server


def test_the_clients_own_server_gets_no_state_of_others() -> None:
    """In whatever form a message comes; all else stays as it is, and the very same where there is none."""
    message = answered(reasoning_details=DETAILS, reasoning_content="hm", tool_calls=[SIGNED])
    plain = {"role": "assistant", "content": "x", "reasoning_content": "y"}
    for form in (message, message.model_dump(exclude_unset=True)):
        raw = {"messages": [plain, form], "n": 1}
        ledger = Ledger("openai")
        own = OpenAIInbound(ledger).own_body(raw, ledger)
        assert own["messages"][0] is plain
        assert own["messages"][1]["tool_calls"] == [CALL]
        assert not own["messages"][1].keys() & {"reasoning_details", "reasoning_content", "extra_content"}
        assert [(entry.param, entry.loss) for entry in ledger.entries] == [("messages", False)]
    for raw in ({"messages": [plain]}, {"input": "x"}, {"messages": "x"}):
        assert OpenAIInbound(ledger).own_body(raw, ledger) is raw
    assert without_foreign(plain) is plain


def test_chunks_of_no_answer_hold_no_state() -> None:
    """A chunk of usage alone has no choice to look at."""
    decoder = wire().stream_decoder(created=1)
    items = decoder.feed(sse(chunk({}, finish="stop"), {**chunk({}), "choices": []})[0])
    assert all(isinstance(item, ChatCompletionChunk) for item in items)
