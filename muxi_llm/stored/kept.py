"""Files of batches for services that have no place for them: kept on this machine until their batch is made.

Anthropic takes a batch's requests with the batch itself, and gives back no file that was uploaded. So the
file is here, below `muxi_llm.harness.kill_switch.state_dir()`, its owner's alone, for every process of
theirs; it goes when it is deleted, and after 30 days.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from muxi_llm.errors import LOCAL_URL, status_error
from muxi_llm.harness.kill_switch import state_dir
from muxi_llm.transport.files import PathSource
from muxi_llm.types.stored import FileObject
from muxi_llm.wire.upload import File

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_kept(file_id: str) -> bool:
    """Whether it is an id given out here."""
    return OURS.fullmatch(file_id) is not None


def keep(file: File) -> FileObject:
    """A copy of *file*, whole or not at all. Blocks."""
    folder = _folder()
    _forget_old(folder)
    # Its name is part of the copy's: what is known of a file needs no other one.
    file_id = f"{MARK}{secrets.token_hex(12)}"
    handle, begun = tempfile.mkstemp(dir=folder, prefix=".", suffix=".tmp")  # 0600
    try:
        with os.fdopen(handle, "wb") as copy:
            for piece in _pieces(file):
                copy.write(piece)
        Path(begun).replace(folder / f"{file_id}.{file.name.encode()[:100].hex()}")
    except BaseException:
        Path(begun).unlink(missing_ok=True)
        raise
    return told(file_id)


def told(file_id: str) -> FileObject:
    """What is known of it. Raises OpenAI's 404."""
    return _object(_found(file_id))


def all_told() -> list[FileObject]:
    """All there are, newest first."""
    found = [_object(path) for path in _folder().glob(f"{MARK}*")]
    return sorted(found, key=lambda one: one.created_at, reverse=True)


def opened(file_id: str) -> File:
    """It, to be read. Raises OpenAI's 404."""
    path = _found(file_id)
    return File(_object(path).filename, "application/jsonl", PathSource(str(path), "input_file_id"))


def forget(file_id: str) -> None:
    """Delete it. Raises OpenAI's 404."""
    _found(file_id).unlink(missing_ok=True)


def _pieces(file: File) -> Iterable[bytes]:
    return [file.source] if isinstance(file.source, bytes) else file.source.pieces()


def _folder() -> Path:
    folder = state_dir() / "files"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _found(file_id: str) -> Path:
    found = next(_folder().glob(f"{file_id}.*"), None) if is_kept(file_id) else None
    if found is None:
        message = f"No such File object: {file_id}"
        body = {"message": message, "type": "invalid_request_error", "param": "id", "code": None}
        raise status_error(404, message, url=LOCAL_URL, headers={}, body=body)
    return found


def _object(path: Path) -> FileObject:
    file_id, _, name = path.name.partition(".")
    known = path.stat()
    return FileObject.construct(
        id=file_id,
        object="file",
        bytes=known.st_size,
        created_at=int(known.st_mtime),
        expires_at=int(known.st_mtime) + LONGEST,
        filename=bytes.fromhex(name).decode("utf-8", "replace"),
        purpose="batch",
        status="processed",
    )


def _forget_old(folder: Path) -> None:
    for path in folder.glob(f"{MARK}*"):
        if path.stat().st_mtime < time.time() - LONGEST:
            path.unlink(missing_ok=True)


MARK = "file-muxi-"
OURS = re.compile(rf"{MARK}[0-9a-f]{{24}}")
LONGEST = 30 * 86_400
"""Seconds, as OpenAI keeps files of batches unless told otherwise:
https://platform.openai.com/docs/api-reference/files/create (`expires_after`).
"""
