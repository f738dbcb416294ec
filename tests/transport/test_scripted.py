"""The public fake: replies by script, a clock of its own, both faces."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import muxi_llm
from muxi_llm import ChatCompletion
from muxi_llm.core.port import TransportError
from muxi_llm.core.step import run_sync
from muxi_llm.transport.scripted import EPOCH, Answer, Scripted
from muxi_llm.wire.base import WireCall
from muxi_llm.wire.upload import File, Upload, form_of
from tests.support.bodies import HELLO, chat, chat_stream

pytestmark = pytest.mark.usefixtures("keys")


def call(**fields: Any) -> WireCall:
    return WireCall(**{"url": "http://x.test", "headers": {}, "body": b'{"a": 1}', "timeout": 10.0, **fields})


def send(script: Scripted, **fields: Any) -> Any:
    return run_sync(script.send(call(**fields)))


def read_all(reader: Any) -> list[bytes]:
    pieces = []
    while piece := run_sync(reader.read()):
        pieces.append(piece)
    return pieces


def test_the_example_of_its_docstring():
    """Two answers, two requests, one wait, on both faces, in no time."""
    for face in ("sync", "async"):
        script = Scripted(Answer(status=503), Answer(json=chat("Hi")))
        with muxi_llm.runtime.using(script):
            params = {"model": "openai/gpt-4", "messages": HELLO}
            if face == "sync":
                value = ChatCompletion.create(**params)
            else:
                value = asyncio.run(ChatCompletion.acreate(**params))
        assert value.choices[0].message.content == "Hi"
        assert (len(script.calls), len(script.slept)) == (2, 1)
        assert script.now() == script.slept[0]


def test_whole_answers():
    """JSON or bytes, status, headers by lower-case name, stamped by the script's wall clock."""
    script = Scripted(
        Answer(json={"a": 1}, headers={"X-Id": "7"}), Answer(status=404, content=b"no", delay=2.0)
    )
    first, second = send(script), send(script)
    assert (first.status, first.content, first.reader) == (200, b'{"a":1}', None)
    assert first.headers == {"content-type": "application/json", "x-id": "7"}
    assert (second.status, second.content) == (404, b"no")
    assert (first.received, second.received) == (EPOCH, EPOCH + 2.0)


def test_streams():
    """Piece by piece; it knows whether it was closed."""
    script = Scripted(Answer(chunks=[b"a", b"b"]))
    reply = send(script)
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.reader is script.readers[0]
    assert read_all(reply.reader) == [b"a", b"b"]
    assert not reply.reader.closed
    run_sync(reply.reader.close())
    assert reply.reader.closed


def test_abandoned_streams():
    script = Scripted(Answer(chunks=[]))
    send(script).reader.abandon()
    assert script.readers[0].closed


def test_breaks_and_errors():
    """A `TransportError` instead of a reply, or in the middle of a stream."""
    reset = TransportError("reset")
    script = Scripted(Answer(error=reset), Answer(chunks=[b"a", reset]))
    with pytest.raises(TransportError, match="reset"):
        send(script)
    reader = send(script).reader
    assert run_sync(reader.read()) == b"a"
    with pytest.raises(TransportError, match="reset"):
        run_sync(reader.read())


@pytest.mark.parametrize(
    ("delay", "timeout", "clock"), [(3.0, 10.0, 3.0), (10.0, 10.0, 10.0), (11.0, 10.0, 10.0)]
)
def test_delays(delay, timeout, clock):
    """The clock runs up to the timeout; what is longer is one."""
    script = Scripted(Answer(delay=delay))
    if delay > timeout:
        with pytest.raises(TransportError) as caught:
            send(script, timeout=timeout)
        assert caught.value.timeout
    else:
        assert send(script, timeout=timeout).status == 200
    assert script.now() == clock


def test_pauses_in_streams():
    """Numbers among the chunks: the timeout is for all of them until it is renewed."""
    script = Scripted(Answer(chunks=[4.0, b"a", 4, 2.0, b"b", 11.0, b"c"]))
    reader = send(script).reader
    assert (run_sync(reader.read()), script.now()) == (b"a", 4.0)
    assert (run_sync(reader.read()), script.now()) == (b"b", 10.0)
    reader.renew()
    with pytest.raises(TransportError) as caught:
        run_sync(reader.read())
    assert caught.value.timeout
    assert script.now() == 20.0


def test_waits_take_no_time():
    script = Scripted()
    run_sync(script.sleep(1000.0))
    assert (script.slept, script.now()) == ([1000.0], 1000.0)


def test_it_remembers_what_was_asked():
    script = Scripted(Answer(), Answer())
    send(script, url="http://one.test")
    send(script, url="http://two.test")
    assert [c.url for c in script.calls] == ["http://one.test", "http://two.test"]
    assert script.bodies == [{"a": 1}, {"a": 1}]


def test_running_out_of_answers():
    """More was sent than the script allows for: the test fails, and says with what."""
    with pytest.raises(AssertionError, match=r"the script has no answer to call 1: POST http://x\.test"):
        send(Scripted())


def test_using_is_undone():
    """Nested scripts, and none afterwards."""
    outer, inner = Scripted(Answer(json=chat("outer"))), Scripted(Answer(chunks=chat_stream("inner")))
    params = {"model": "openai/gpt-4", "messages": HELLO}
    with muxi_llm.runtime.using(outer) as script:
        assert script is outer
        with muxi_llm.runtime.using(inner):
            assert len(list(ChatCompletion.create(**params, stream=True))) == 3
        assert ChatCompletion.create(**params).choices[0].message.content == "outer"


def test_forms_are_told_by_what_they_said() -> None:
    """Text as it is, files as callers may give them, several of a name as a list; a file alone as it is."""
    script = Scripted(Answer(json={}), Answer(json={}), Answer(json={}))
    one = File("a.mp3", "audio/mpeg", b"sound")
    form = form_of({"model": "m", "file": one, "image": [one, one, one]})
    for body in (form, Upload(file=one), b"[1]"):
        run_sync(script.send(WireCall("http://x", {}, body)))
    said = ("a.mp3", b"sound", "audio/mpeg")
    assert script.bodies == [{"model": "m", "file": said, "image[]": [said] * 3}, said, [1]]
