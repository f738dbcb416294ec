"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from muxi_llm.presets import files
from muxi_llm.presets.errors import ReleaseError


def test_a_new_file_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a"
    files.create(path, b"one")
    with pytest.raises(FileExistsError):
        files.create(path, b"two")
    assert path.read_bytes() == b"one"
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_a_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a"
    files.replace(path, b"one")
    path.chmod(0o640)
    files.replace(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_text("")
    with pytest.raises(OSError, match="irectory"):
        files.replace(tmp_path / "a", b"one")
    with pytest.raises(FileExistsError):
        files.create(tmp_path / "a", b"one")
    with pytest.raises(FileNotFoundError):
        files.create(tmp_path / "none/a", b"one")
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("a/none", "file-missing"),
        ("link", "file-outside"),
        ("folder/b", "file-outside"),
        ("a", "file-unreadable"),
        ("pipe", "file-outside"),
        ("a/b/c", "file-unreadable"),
        ("large", "file-too-large"),
    ],
)
def test_what_is_not_read(tmp_path: Path, path: str, code: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_text("here")
    (tmp_path / "link").symlink_to(tmp_path / "a/b")
    (tmp_path / "folder").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * 11)
    assert files.read(tmp_path, "a/b") == b"here"
    with pytest.raises(ReleaseError) as caught:
        files.read(tmp_path, path, largest=10)
    assert caught.value.code == code


def test_all_that_is_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c").write_text("")
    (tmp_path / "a/.hidden").write_text("")
    (tmp_path / "a/link").symlink_to(tmp_path)
    (tmp_path / "a/gone").symlink_to(tmp_path / "none")
    assert files.names(tmp_path, "a") == {"a/b/c", "a/.hidden", "a/link", "a/gone"}


def test_one_at_a_time(tmp_path: Path) -> None:
    order = []

    def other() -> None:
        with files.locked(tmp_path / "lock"):
            order.append("other")

    with files.locked(tmp_path / "lock"):
        waiting = threading.Thread(target=other)
        waiting.start()
        order.append("first")
    waiting.join()
    assert order == ["first", "other"]
