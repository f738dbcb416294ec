"""Server-sent events: every form met in the field, however the bytes are cut."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm import config
from muxi_llm.wire.base import WireError
from muxi_llm.wire.sse import BOM, SSEDecoder
from tests.support.cuts import PLACES, bytewise, cut
from tests.support.length import long

Events = list[tuple[bytes, bytes]]


def decode(*pieces: bytes) -> Events:
    """Every event of the pieces, fed one by one."""
    decoder = SSEDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.finish()


TRAPS: dict[str, tuple[bytes, Events]] = {
    "LF": (b"data: a\n\ndata: b\n\n", [(b"", b"a"), (b"", b"b")]),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [(b"", b"a"), (b"", b"b")]),
    "CR": (b"data: a\r\rdata: b\r\r", [(b"", b"a"), (b"", b"b")]),
    "line ends mixed": (b"data: a\r\n\ndata: b\n\rdata: c\r\r\n", [(b"", b"a"), (b"", b"b"), (b"", b"c")]),
    "multi-line data": (b'data: {"a":\ndata: 1}\n\n', [(b"", b'{"a":\n1}')]),
    "no space after the colon": (b"data:a\n\n", [(b"", b"a")]),
    "only one space is dropped": (b"data:  a\n\n", [(b"", b" a")]),
    "a colon in the data": (b"data: a: b\n\n", [(b"", b"a: b")]),
    "event line": (b"event: delta\ndata: a\n\n", [(b"delta", b"a")]),
    "event line without space, after the data": (b"data: a\nevent:x\n\n", [(b"x", b"a")]),
    "event without data": (b"event: ping\n\ndata: a\n\n", [(b"", b"a")]),
    "comments": (b": keepalive\n\n:\n\ndata: a\n: in between\n\n", [(b"", b"a")]),
    "id and retry lines": (b"id: 7\nretry: 10\ndata: a\n\n", [(b"", b"a")]),
    "unknown fields": (b"dat: a\ndatax: b\ndata: c\n\n", [(b"", b"c")]),
    "BOM": (BOM + b"data: a\n\n", [(b"", b"a")]),
    "BOM, nothing ever ended": (BOM + b"data: a", [(b"", b"a")]),
    "BOM only at the start": (b"data: a\n\n" + BOM + b"data: b\n\n", [(b"", b"a")]),
    "no trailing blank line": (b"data: a\n\ndata: b\n", [(b"", b"a"), (b"", b"b")]),
    "no trailing line end": (b"data: a\n\ndata: b", [(b"", b"a"), (b"", b"b")]),
    "no trailing blank line, CR": (b"data: a\r\rdata: b\r", [(b"", b"a"), (b"", b"b")]),
    "blank lines in plenty": (b"\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [(b"", b"a"), (b"", b"b")]),
    "data without a value": (b"data\n\ndata:\n\ndata: \n\n", [(b"", b""), (b"", b""), (b"", b"")]),
    "bytes that are no text": (b"data: \xff\xfe\n\n", [(b"", b"\xff\xfe")]),
    "llama.cpp's errors": (b'error: {"code":400}\n\ndata: a\n\n', [(b"error", b'{"code":400}'), (b"", b"a")]),
    "no event at all": (b'{"error": "not a stream"}', []),
    "nothing": (b"", []),
}


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_an_event_of_many_pieces_is_joined_once(end: bytes) -> None:
    """What completes nothing is kept as it came: else its bytes were copied again with each further piece."""
    decoder = SSEDecoder()
    for _ in range(1000):
        assert decoder.feed(b"data: a" + end) == []
    assert len(decoder._pieces) == 1000
    assert decoder.feed(end + b"\n") == [(b"", b"\n".join([b"a"] * 1000))]


@pytest.mark.parametrize(("data", "events"), TRAPS.values(), ids=TRAPS)
class TestTraps:
    """pitfall_75 and more, each in one piece, byte by byte, and cut in two at every place."""

    def test_in_one_piece(self, data: bytes, events: Events) -> None:
        assert decode(data) == events

    def test_byte_by_byte(self, data: bytes, events: Events) -> None:
        assert decode(*bytewise(data)) == events

    def test_cut_in_two_anywhere(self, data: bytes, events: Events) -> None:
        assert [decode(data[:i], data[i:]) for i in range(len(data) + 1)] == [events] * (len(data) + 1)


def test_utf8_split_across_pieces() -> None:
    """Bytes are never decoded here, so a character cut in two comes out whole."""
    text = "data: grüße 🦊\n\n".encode()
    assert decode(*bytewise(text)) == [(b"", "grüße 🦊".encode())]


def test_an_event_comes_out_as_soon_as_it_is_complete() -> None:
    """Nothing waits for bytes it does not need; a last CR does, it may be half a CRLF."""
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\n\ndata: b\n") == [(b"", b"a")]
    assert decoder.feed(b"\n") == [(b"", b"b")]
    assert decoder.feed(b"data: c\r\n\r") == []
    assert decoder.feed(b"\n") == [(b"", b"c")]
    assert decoder.feed(b"data: d\r\n\r\n") == [(b"", b"d")]
    assert decoder.finish() == []


def test_the_end_is_told_once() -> None:
    """What `finish` gave out does not come again."""
    decoder = SSEDecoder()
    decoder.feed(b"data: a")
    assert decoder.finish() == [(b"", b"a")]
    assert decoder.finish() == []


ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
LINES = st.sampled_from(
    [b"data: a", b"data:b", b"data: ", b"event: e", b": comment", b"", "data: ü🦊".encode()]
)


@given(st.lists(st.tuples(LINES, ENDS)), PLACES, st.booleans())
@settings(max_examples=long(300, 100), deadline=None)
def test_cutting_does_not_matter(
    lines: list[tuple[bytes, bytes]],
    places: list[int],
    bom: bool,
) -> None:
    """Whatever the lines, their ends and the cuts, the events are those of the whole."""
    data = BOM * bom + b"".join(line + end for line, end in lines)
    assert decode(*cut(data, places)) == decode(data)


@given(st.lists(LINES), ENDS)
@settings(max_examples=long(200, 66), deadline=None)
def test_line_ends_do_not_matter(lines: list[bytes], end: bytes) -> None:
    """LF, CRLF and CR tell the same events."""
    assert decode(b"".join(line + end for line in lines)) == decode(b"".join(line + b"\n" for line in lines))


SCRAPS = [b"\r", b"\n", b"data", b":", b" ", b"event", b"x", b"\xef", b"\xbb\xbf", b"\x00"]


@given(st.lists(st.sampled_from(SCRAPS)).map(b"".join), PLACES)
@settings(max_examples=long(300, 100), deadline=None)
def test_any_bytes_at_all(data: bytes, places: list[int]) -> None:
    """Not even garbage makes the decoder fail or depend on the cuts."""
    assert decode(*cut(data, places)) == decode(data)


def fed(decoder: SSEDecoder, piece: bytes) -> Events:
    """What comes of *piece*, five thousand times."""
    return [event for _ in range(5000) for event in decoder.feed(piece)]


@pytest.mark.parametrize("piece", [b"x" * 100, b"data: x\n" * 12, b"data: x\r\n" * 10])
def test_an_event_that_is_too_large(piece: bytes) -> None:
    """Is given up, in whatever form it grows; what came before it is out already."""
    decoder = SSEDecoder(1000)
    assert decoder.feed(b"data: a\n\n") == [(b"", b"a")]
    with pytest.raises(WireError, match="larger than 1,000 bytes") as caught:
        fed(decoder, piece)
    assert caught.value.kind == "too_large"


@pytest.mark.parametrize("piece", [b"\r", b"\n", b"\r\n", b": ping\n\n", b"data: x\n\n"])
def test_what_is_small_may_come_as_often_as_it_likes(piece: bytes) -> None:
    """Blank lines and comments are not kept."""
    assert {data for _, data in fed(SSEDecoder(1000), piece)} <= {b"x"}


def test_the_bound_of_an_event_is_a_setting() -> None:
    """Read when a stream begins."""
    config.bounds = config.Bounds(event=10)
    decoder = SSEDecoder()
    config.bounds = config.Bounds()
    decoder.feed(b"data: 12345678")
    with pytest.raises(WireError, match="larger than 10 bytes"):
        decoder.feed(b"9")


@pytest.mark.parametrize("line", [b"data: x\n", b"data: x\r\n", b": x\r"])
def test_an_event_of_many_lines_costs_what_it_weighs(line: bytes) -> None:
    """Its bytes are not joined anew for each of them."""
    decoder = SSEDecoder()
    began = time.process_time()
    for _ in range(100_000):
        decoder.feed(line)
    assert time.process_time() - began < 5  # 0.1; some minutes, were they joined
    assert len(decoder.finish()) <= 1
