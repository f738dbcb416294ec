"""What callers give as a file, and what is wrong with it."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from muxi_llm.core.port import UnreadableError
from muxi_llm.errors import InvalidRequestError
from muxi_llm.transport.files import file_of

WAV = b"RIFF\x00\x00\x00\x00WAVEfmt "
PNG = b"\x89PNG\r\n\x1a\n123"


def test_every_form_of_a_file(tmp_path: Path) -> None:
    """Name and type as they are told; else by the path, by the content, or there are none."""
    path = tmp_path / "speech.mp3"
    path.write_bytes(b"ID3sound")
    with path.open("rb") as opened:
        forms: list[tuple[Any, str, str]] = [
            (path, "speech.mp3", "audio/mpeg"),
            (str(path), "speech.mp3", "audio/mpeg"),
            (opened, "speech.mp3", "audio/mpeg"),
            (b"ID3sound", "upload.mp3", "audio/mpeg"),
            (bytearray(WAV), "upload.wav", "audio/x-wav"),
            (memoryview(PNG), "upload.png", "image/png"),
            (b"nothing known", "upload", "application/octet-stream"),
            (io.BytesIO(PNG), "upload.png", "image/png"),
            (("a.flac", b"x"), "a.flac", "audio/flac"),
            (("a.flac", path), "a.flac", "audio/flac"),
            (("a", WAV), "a", "audio/wav"),
            ((None, path), "speech.mp3", "audio/mpeg"),
            (("a.mp3", b"x", "audio/mp3"), "a.mp3", "audio/mp3"),
            (("a.mp3", b"x", None, {}), "a.mp3", "audio/mpeg"),
        ]
        for given, name, media_type in forms:
            file = file_of(given, "file")
            assert (file.name, file.type) == (name, media_type), given
        assert file_of(path, "file").read() == file_of(opened, "file").read() == b"ID3sound"
    assert file_of(b"x", "file").read() == b"x"
    file = file_of(b"x", "file")
    assert file_of(file, "other") is file


def test_a_spooled_file_and_one_without_a_name(tmp_path: Path) -> None:
    """A name that is a descriptor's number, or `<fdopen>`, is none."""
    with tempfile.TemporaryFile() as file:
        file.write(b"ID3")
        file.seek(0)
        assert file_of(file, "file").name == "upload.mp3"


class Reading:
    """Somebody's own file object."""

    def __init__(self, content: Any) -> None:
        self._content = content

    def read(self, size: int = -1) -> Any:
        content, self._content = self._content, self._content[:0]
        return content


def test_an_object_that_can_only_be_read() -> None:
    """It is copied when it is first read, and can be read again then."""
    file = file_of(Reading(b"content"), "file")
    assert file.source.size == 7  # type: ignore[union-attr]
    assert file.read() == file.read() == b"content"


def test_what_turns_out_to_be_text_says_so() -> None:
    with pytest.raises(UnreadableError, match="file is read as text; open it with 'rb'"):
        file_of(Reading("text"), "file").read()


class Seeking(Reading):
    """One that says nothing of whether it can be rewound, and cannot."""

    def seek(self, at: int, whence: int = 0) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def test_an_object_that_only_looks_as_if_it_could_be_rewound() -> None:
    assert file_of(Seeking(b"x"), "file").read() == b"x"


class TextAtHand(io.BytesIO):
    """A file of another library's, which reads text."""

    def read(self, size: int | None = -1) -> Any:
        return super().read(size).decode()


class Later:
    """An async file."""

    async def read(self) -> bytes:
        return b"x"


def _closed() -> io.BytesIO:
    file = io.BytesIO(b"x")
    file.close()
    return file


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (b"", "is empty"),
        (("a.mp3", b""), "is empty"),
        (io.BytesIO(), "is empty"),
        ("/no/such/file", r"cannot be read \(No such file or directory\)"),
        ("a\0b", r"cannot be read \(ValueError\)"),
        ("/", "is a directory"),
        (io.StringIO("text"), "was opened as text; open it with 'rb'"),
        (TextAtHand(b"x"), "was opened as text; open it with 'rb'"),
        (Later(), "is read asynchronously"),
        (_closed(), "is closed"),
        (5, r"must be a path, bytes, an open file or \(name, content\), not int"),
        ({"file": 1}, r"must be .* not dict"),
        (None, r"must be .* not NoneType"),
        (("a",), r"must be \(name, content\)"),
        (("a", b"x", "t", {}, 1), r"must be \(name, content\)"),
        ((1, b"x"), "has a name that is no string but int"),
        (("a", b"x", "text/plain\r\nx: y"), "has a type that no header can hold"),
        (("a", b"x", 5), "has a type that no header can hold"),
        (("a", b"x", None, 5), "has headers that are none"),
        (("a", b"x", None, {"x y": "1"}), "has headers that are none"),
        (("a", b"x", None, {"x": "1\r\ny: 2"}), "has headers that are none"),
    ],
)
def test_what_is_wrong_names_the_argument(given: Any, why: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"^image {why}") as caught:
        file_of(given, "image")
    assert caught.value.param == "image"


def test_a_file_closed_meanwhile_cannot_be_read() -> None:
    """Neither can its length be had."""
    file = io.BytesIO(b"x")
    taken = file_of(file, "file")
    file.close()
    with pytest.raises(UnreadableError, match="cannot be read any more"):
        taken.read()
    with pytest.raises(UnreadableError, match="cannot be read any more"):
        taken.source.size  # type: ignore[union-attr]  # noqa: B018


def test_a_path_that_is_gone_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    taken = file_of(path, "file")
    path.unlink()
    with pytest.raises(UnreadableError, match="cannot be read any more"):
        taken.read()
    with pytest.raises(UnreadableError, match="cannot be read any more"):
        taken.source.size  # type: ignore[union-attr]  # noqa: B018


def test_a_path_of_bytes(tmp_path: Path) -> None:
    """As the operating system has them; bytes alone are a content."""
    path = tmp_path / "x.mp3"
    path.write_bytes(b"x")

    class Raw:
        def __fspath__(self) -> bytes:
            return os.fsencode(path)

    assert file_of(Raw(), "file").name == "x.mp3"
