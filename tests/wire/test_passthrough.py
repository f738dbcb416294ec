"""A client's own wire to its own server: the bytes as they came, with an ear to them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.models import RawChunk, RawValue
from muxi_llm.wire.base import Ledger, Profile, WireError
from muxi_llm.wire.passthrough import MESSAGES, RESPONSES, Events, Passthrough, Through
from tests.support.bodies import message_stream
from tests.support.cuts import PLACES, cut


def wire(events: Events = MESSAGES) -> Passthrough:
    return Passthrough("claude-x", Ledger("own"), Profile(), Through("", events))


def streamed(*pieces: bytes, events: Events = MESSAGES) -> list[Any]:
    decoder = wire(events).stream_decoder(created=0)
    return [item for piece in pieces for item in decoder.feed(piece)] + decoder.finish()


def test_a_request_keeps_everything_but_the_model() -> None:
    """Whatever the server makes of it."""
    body = {"odd": [1, None], "stream": True}
    assert wire().encode_request(body, stream=True) == {"model": "claude-x", "odd": [1, None], "stream": True}


def test_an_answer_keeps_its_bytes() -> None:
    """White space and all."""
    value = wire().decode_response(b'{"content" :  []}', created=0)
    assert isinstance(value, RawValue)
    assert value.wire_bytes == b'{"content" :  []}'


def test_a_response_that_failed_is_an_answer() -> None:
    """Its `error` is a field of the Responses wire, not an error reply."""
    content = b'{"object":"response","status":"failed","error":{"code":"server_error","message":"no"}}'
    assert wire(RESPONSES).decode_response(content, created=0).wire_bytes == content


@pytest.mark.parametrize("events", [RESPONSES, MESSAGES], ids=["responses", "messages"])
@pytest.mark.parametrize("reply", ["[]", "5", "null", '"x"', "{}", '{"a": 1}', "<html>"])
def test_what_is_no_answer(events: Events, reply: str) -> None:
    """A success that was not asked for: the chain goes on."""
    with pytest.raises(WireError) as caught:
        wire(events).decode_response(reply.encode(), created=0)
    assert caught.value.kind == "malformed"


def test_an_error_that_says_so_by_its_type() -> None:
    """Whatever else stands beside it."""
    with pytest.raises(WireError) as caught:
        wire().decode_response(b'{"type": "error", "content": [], "message": "no"}', created=0)
    assert (caught.value.kind, caught.value.fault.message) == ("fault", "no")  # type: ignore[union-attr]


@pytest.mark.parametrize("events", [RESPONSES, MESSAGES], ids=["responses", "messages"])
@pytest.mark.parametrize(
    "reply", ['{"error": {"message": "no", "code": 529}}', '[{"error": {"message": "no", "code": 529}}]']
)
def test_an_error_object_instead_of_an_answer(events: Events, reply: str) -> None:
    """As proxies send it, whatever the wire."""
    with pytest.raises(WireError) as caught:
        wire(events).decode_response(reply.encode(), created=0)
    assert caught.value.fault is not None
    assert caught.value.fault.status == 529


def test_an_error_within_a_success() -> None:
    """Anthropic's error object is one wherever it stands."""
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    with pytest.raises(WireError) as caught:
        wire().decode_response(json.dumps(body).encode(), created=0)
    assert caught.value.fault is not None
    assert caught.value.fault.status == 529


def test_what_is_no_json_is_no_answer() -> None:
    """A proxy's page, say."""
    with pytest.raises(WireError, match="not JSON"):
        wire().decode_response(b"<html>", created=0)


STREAM = b"".join(message_stream("Hel", "lo"))


@given(places=PLACES)
def test_streams_keep_their_bytes_however_they_are_cut(places: Any) -> None:
    """And are whole after their last event."""
    items = streamed(*cut(STREAM, places))
    assert b"".join(item.data for item in items) == STREAM


def test_a_stream_commits_with_its_first_event_of_substance() -> None:
    """The head alone may still be followed by a fallback."""
    assert [item.commits for item in streamed(*message_stream("Hi"))][:2] == [False, True]
    created = b'data: {"type":"response.created"}\n\n'
    assert streamed(created, b'data: {"type":"response.completed"}\n\n', events=RESPONSES) == [
        RawChunk(created, commits=False),
        RawChunk(b'data: {"type":"response.completed"}\n\n', commits=True),
    ]


@given(st.integers(0, len(STREAM) - 60))
def test_a_cut_stream_is_never_whole(place: int) -> None:
    """Wherever it is cut before its last event."""
    last = streamed(STREAM[:place])[-1]
    assert isinstance(last, WireError)
    assert last.kind in {"incomplete", "malformed"}


def test_an_error_event_ends_the_stream() -> None:
    """What it says decides what is done about it."""
    error = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n'
    *_, last = streamed(*message_stream("Hi", whole=False), error)
    assert isinstance(last, WireError)
    assert last.fault is not None
    assert (last.fault.status, last.message) == (529, "busy")


TEXTS: dict[str, tuple[Events, bytes, str]] = {
    "messages": (
        MESSAGES, b'{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}', "Hi",
    ),
    "a tool's input": (
        MESSAGES, b'{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}', "",
    ),
    "off the schema": (MESSAGES, b'{"type":"content_block_delta","delta":"Hi"}', ""),
    "responses": (RESPONSES, b'{"type":"response.output_text.delta","delta":"Hi"}', "Hi"),
    "arguments": (RESPONSES, b'{"type":"response.function_call_arguments.delta","delta":"{"}', ""),
    "no object": (RESPONSES, b"[1]", ""),
}  # fmt: skip


@pytest.mark.parametrize(("events", "event", "text"), TEXTS.values(), ids=TEXTS)
def test_the_text_is_heard(events: Events, event: bytes, text: str) -> None:
    """What a stream had said is known when it breaks."""
    piece = b"data: " + event + b"\n\n"
    assert streamed(piece + piece, events=events)[0].text == text * 2


@pytest.mark.parametrize("events", [MESSAGES, RESPONSES], ids=["messages", "responses"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_done_says_nothing(events: Events, place: str) -> None:
    """`[DONE]`, the end of OpenAI's chat streams, is put after others too; it neither breaks nor ends them."""
    done, last = b"data: [DONE]\n\n", b'data: {"type":"%s"}\n\n' % min(events.last).encode()
    pieces = (done, last) if place == "before" else (last, done)
    items = streamed(*pieces, events=events)
    assert [item.data for item in items] == list(pieces)
    assert [item.commits for item in items] == [piece is last for piece in pieces]
    assert streamed(done, events=events)[-1].kind == "incomplete"


def test_an_end_without_a_blank_line() -> None:
    """The last event may be told by the connection's end."""
    assert streamed(STREAM.rstrip(b"\n"))[-1] == RawChunk(STREAM.rstrip(b"\n"), commits=True, text="Hello")


def test_a_request_without_a_model_stays_without() -> None:
    """A stored prompt knows its own."""
    nameless = Passthrough("", Ledger("own"), Profile(), Through("", RESPONSES))
    assert nameless.encode_request({"prompt": {"id": "p"}}, stream=False) == {"prompt": {"id": "p"}}
