"""Lines out of pieces, and the files that are kept here."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm import errors
from muxi_llm.stored import kept
from muxi_llm.stored.content import Cut
from muxi_llm.stored.lines import numbered
from muxi_llm.transport.files import file_of
from muxi_llm.wire.upload import File


@given(st.lists(st.binary(max_size=6)))
def test_lines_are_those_of_the_whole(pieces: list[bytes]) -> None:
    cut = Cut()
    lines = [line for piece in pieces for line in cut.feed(piece)]
    assert [*lines, cut.end()] == b"".join(pieces).split(b"\n")


def test_a_long_line_costs_what_it_is_long() -> None:
    """Each piece is looked at once: twice as many of them are no more than some times the work."""

    def copied(count: int) -> int:
        cut = Cut()
        for _ in range(count):
            assert cut.feed(b"x" * 1000) == []
        return len(cut._begun)

    assert copied(2000) == 2 * copied(1000)


def test_lines_are_numbered_as_editors_do() -> None:
    content = b'\xef\xbb\xbf{"a": 1}\n\n \r\n{"b": 2}'
    assert list(numbered(File("f", "t", content))) == [(1, b'{"a": 1}'), (4, b'{"b": 2}')]
    assert list(numbered(File("f", "t", b"\xef\xbb\xbf"))) == []


def test_what_is_kept_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner's alone, whole or not at all, for thirty days; from a path as well as from memory."""
    monkeypatch.setenv("LLMIX_STATE_DIR", str(tmp_path))
    source = tmp_path / "an odd näme/in it.jsonl"
    source.parent.mkdir()
    source.write_bytes(b"one\n")
    first = kept.keep(file_of(source, "file"))
    assert (first.filename, first.bytes) == ("in it.jsonl", 4)
    (path,) = (tmp_path / "files").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    old = time.time() - kept.LONGEST - 1
    os.utime(path, (old, old))
    second = kept.keep(File("a/../b", "t", b"two"))
    assert [one.id for one in kept.all_told()] == [second.id]
    assert second.filename == "a/../b"
    with pytest.raises(errors.NotFoundError):
        kept.told(first.id)
    for odd in ("file-muxi-*", "../x", "file-muxi-"):
        with pytest.raises(errors.NotFoundError):
            kept.told(odd)


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMIX_STATE_DIR", str(tmp_path))
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"x")
    given_file = file_of(source, "file")
    source.unlink()
    with pytest.raises(Exception, match="cannot be read any more"):
        kept.keep(given_file)
    assert list((tmp_path / "files").iterdir()) == []
