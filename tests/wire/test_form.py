"""Forms, backwards: whatever pieces they come in, and whatever is wrong with them."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.errors import InvalidRequestError
from muxi_llm.wire.form import LONGEST, MOST_PARTS, FormDecoder, with_field
from muxi_llm.wire.upload import File, Upload

TYPE = "multipart/form-data; boundary=x"
WAVE = b"RIFF\x24\x00\r\n--x-almost\r\n\x00\xff"


def part(name: str, value: bytes = b"v", more: str = "") -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--x--\r\n"


def read(*pieces: bytes, content_type: str = TYPE) -> Any:
    decoder = FormDecoder(content_type, BytesIO)
    for piece in pieces:
        decoder.feed(piece)
    return decoder.finish()


def plain(value: Any) -> Any:
    return (value[0], value[1].read(), *value[2:]) if isinstance(value, tuple) else value


@given(cuts=st.lists(st.integers(0, 700), max_size=8))
def test_what_it_says_does_not_depend_on_its_pieces(cuts: list[int]) -> None:
    upload = Upload(
        (
            ("model", "whisper-é"),
            ("file", File('a "b".wav', "audio/wav", WAVE)),
            ("timestamp_granularities[]", "word"),
            ("timestamp_granularities[]", "segment"),
            ("expires_after[anchor]", "created_at"),
            ("expires_after[seconds]", "3600"),
        )
    )
    data = b"".join(piece for piece in upload.layout("x") if isinstance(piece, bytes))
    ends = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    decoder = FormDecoder(TYPE, BytesIO)
    for start, end in pairwise(ends):
        decoder.feed(data[start:end])
    said = decoder.finish()
    assert {name: plain(value) for name, value in said.items()} == {
        "model": "whisper-é",
        "file": ("a %22b%22.wav", WAVE, "audio/wav"),
        "timestamp_granularities": ["word", "segment"],
        "expires_after": {"anchor": "created_at", "seconds": "3600"},
    }
    start, end = decoder.spans["model"]
    assert data[start:end].decode() == "whisper-é"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([part("n", b"2")], {"n": 2}),
        ([part("n", b"")], {"n": ""}),
        ([part("stream", b"true")], {"stream": True}),
        ([part("temperature", b"0.5")], {"temperature": 0.5}),
        ([part("temperature", b"hot")], {"temperature": "hot"}),
        ([part("f", WAVE, '; filename=""')], {"f": ("upload", WAVE)}),
        ([b"--x\r\nno: name\r\n\r\nv\r\n"], {"": "v"}),
        ([part("a[]", b"1"), part("a[]", b"2")], {"a": ["1", "2"]}),
    ],
)
def test_fields_are_what_openai_takes(parts: list[bytes], said: Any) -> None:
    assert {name: plain(value) for name, value in read(form(*parts)).items()} == said


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no multipart form"),
        (b"no form", "no multipart form"),
        (part("a"), "no multipart form"),
        (b"--y\r\n\r\n", "no multipart form"),
        (form(part("model"), part("model")), "two models"),
        (form(part("a[]"), part("a[b]")), "two things"),
        (form(part("a"), part("a[]")), "two things"),
        (form(part("a", b"\xff")), "no UTF-8"),
        (form(part("a", b"v" * (LONGEST + 1))), "larger than"),
        (form(*(part(f"a{number}") for number in range(MOST_PARTS + 1))), "parts"),
    ],
)
def test_what_is_wrong_is_told(content: bytes, what: str) -> None:
    with pytest.raises(InvalidRequestError, match=what):
        read(content)


@pytest.mark.parametrize("kind", ["", "multipart/form-data", "application/json", "text/plain; boundary=x"])
def test_another_type_is_no_form(kind: str) -> None:
    with pytest.raises(InvalidRequestError, match="no multipart form"):
        read(form(part("a")), content_type=kind)


def test_a_form_without_a_part_says_nothing() -> None:
    with pytest.raises(InvalidRequestError, match="empty"):
        read(b"--x--\r\n")


def test_one_field_says_something_else_and_the_rest_is_as_it_came() -> None:
    content = form(part("model", b"alias"), part("f", WAVE, '; filename="a"'), part("prompt", b"alias"))
    changed = with_field(content, TYPE, "model", "gpt-é")
    assert changed == content.replace(b"alias", "gpt-é".encode(), 1)
