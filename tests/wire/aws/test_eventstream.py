"""AWS's event stream: frames by hand, read by this decoder and by botocore's, however the bytes are cut."""

from __future__ import annotations

from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm import config
from muxi_llm.wire.aws.eventstream import EventStreamDecoder, Frame
from muxi_llm.wire.base import WireError
from tests.support.aws import botocores_frames, event, frame, header
from tests.support.cuts import PLACES, bytewise, cut
from tests.support.length import long

TEXTS = st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=9), max_size=3)
FRAMES = st.lists(st.tuples(st.binary(max_size=40), TEXTS), max_size=4)

EVERY_TYPE = b"".join(
    b"\x01" + bytes([97 + kind, kind]) + value
    for kind, value in enumerate(
        [
            b"",
            b"",
            b"\x05",
            b"\x00\x05",
            b"\x00" * 3 + b"\x05",
            b"\x00" * 7 + b"\x05",
            b"\x00\x02hi",
            b"\x00\x02hi",
            b"\x00" * 8,
            b"\x00" * 16,
        ]
    )
)


def decode(*pieces: bytes) -> list[Frame | WireError]:
    """Every item of the pieces, fed one by one."""
    decoder = EventStreamDecoder()
    return [item for piece in pieces for item in decoder.feed(piece)]


@settings(max_examples=long(100, 33), deadline=None)
@given(frames=FRAMES, places=PLACES)
def test_frames_come_out_as_botocore_reads_them(frames, places):
    """Wherever the bytes are cut."""
    data = b"".join(frame(payload, headers) for payload, headers in frames)
    items = decode(*cut(data, places))
    assert [(item.headers, item.payload) for item in items] == botocores_frames(data)
    assert [(item.payload, item.headers) for item in items] == frames


def test_headers_of_every_type_are_passed_over_but_text():
    """AWS's model services send text alone; what else there is must not be misread."""
    data = frame(b"payload", EVERY_TYPE + header("last", "text"))
    assert len(botocores_frames(data)[0][0]) == 11
    assert decode(*bytewise(data)) == [Frame({"h": "hi", "last": "text"}, b"payload")]


@pytest.mark.parametrize(
    ("place", "damage"),
    [(0, "head"), (5, "head"), (9, "head"), (13, "checksum"), (40, "checksum"), (-1, "checksum")],
)
def test_damage_ends_the_stream(place, damage):
    """The frames before it are good; what stands behind it is not looked at."""
    good, bad = event("a", {}), bytearray(event("b", {"x": 1}))
    bad[place] ^= 1
    decoder = EventStreamDecoder()
    items = [item for piece in bytewise(good + bytes(bad) + good) for item in decoder.feed(piece)]
    assert items[0].headers[":event-type"] == "a"
    (error,) = items[1:]
    assert error.kind == "malformed"
    assert damage in error.message
    assert decoder.feed(good) == []
    assert not decoder.inside


def test_a_length_that_cannot_be():
    """Shorter than its own headers, though its checksum is right."""
    honest = frame(b"", {"name": "value"})
    shortened = frame(b"", b"")[:3] + b"\x10" + honest[4:8]
    (error,) = decode(shortened + crc32(shortened).to_bytes(4, "big"))
    assert error == WireError("malformed", "the event stream is damaged: a frame's head does not add up")


@pytest.mark.parametrize(
    "headers",
    [b"\x09ab", b"\x01a", b"\x01a\x0a", b"\x01\xff\x00", b"\x01a\x07\x00\x01\xff"],
    ids=["name cut", "type missing", "type unknown", "name no text", "value no text"],
)
def test_headers_that_make_no_sense(headers):
    """An error, not a crash."""
    (error,) = decode(frame(b"", headers))
    assert error.kind == "malformed"
    assert "headers make no sense" in error.message


@pytest.mark.parametrize("cut_at", [0, 1, 11, 12, 30])
def test_inside_a_frame(cut_at):
    """Whether a connection that ends now ends in the middle of something."""
    decoder = EventStreamDecoder()
    decoder.feed(event("a", {}) + event("b", {})[:cut_at])
    assert decoder.inside is (cut_at > 0)


def test_a_frame_that_is_too_large_is_not_waited_for():
    """Its head says how long it will be."""
    config.bounds = config.Bounds(event=1000)
    decoder = EventStreamDecoder()
    (small,) = decoder.feed(frame(b"x" * 100, {}))
    assert isinstance(small, Frame)
    (error,) = decoder.feed(frame(b"x" * 1001, {})[:20])
    assert isinstance(error, WireError)
    assert error.kind == "too_large"
