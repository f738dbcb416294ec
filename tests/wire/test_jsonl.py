"""Newline-delimited JSON: lines, however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm import config
from muxi_llm.wire.base import WireError
from muxi_llm.wire.jsonl import LinesDecoder


def lines(*pieces: bytes) -> list[bytes]:
    """What comes out of *pieces*, the end of the connection included."""
    decoder = LinesDecoder()
    told = [line for piece in pieces for line in decoder.feed(piece)] + decoder.finish()
    assert all(name == b"" for name, _ in told)
    return [line for _, line in told]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((b'{"a":1}\n{"b":2}\n',), [b'{"a":1}', b'{"b":2}']),
        ((b'{"a"', b":1}", b'\n{"b":2}'), [b'{"a":1}', b'{"b":2}']),
        ((b'{"a":1}\r\n\r\n{"b":2}\r\n',), [b'{"a":1}\r', b'{"b":2}\r']),
        ((b"\n\n", b" \n"), []),
        ((b'{"a":1}\n ',), [b'{"a":1}']),
        ((), []),
    ],
    ids=["two", "cut", "crlf", "blank", "blank-end", "nothing"],
)
def test_lines(pieces, expected):
    """Empty lines are none; the last one may lack its end. A CR is white space to JSON."""
    assert lines(*pieces) == expected


def test_a_line_comes_out_as_soon_as_it_ends():
    decoder = LinesDecoder()
    assert decoder.feed(b'{"a":1}') == []
    assert decoder.feed(b"\n{") == [(b"", b'{"a":1}')]


@settings(max_examples=60, deadline=None)
@given(data=st.lists(st.sampled_from([b"\n", b"\r\n", b"{}", '"é"'.encode(), b" "])), size=st.integers(1, 5))
def test_it_does_not_matter_how_bytes_are_cut(data, size):
    whole = b"".join(data)
    assert lines(*(whole[at : at + size] for at in range(0, len(whole), size))) == lines(whole)


def test_a_line_that_is_too_large() -> None:
    """Is given up; shorter ones are not, however many they are."""
    config.bounds = config.Bounds(event=1000)
    decoder = LinesDecoder()
    for _ in range(30):
        assert decoder.feed(b"x" * 99 + b"\n") == [(b"", b"x" * 99)]
    decoder.feed(b"x" * 1001)
    with pytest.raises(WireError, match="larger than 1,000 bytes"):
        decoder.feed(b"x")
