"""Files that are there whole or not at all, after a crash and after a loss of power too.

Theory: a name is given to what is complete, and what is complete has reached the disk. So every write is:
a temporary file beside its place, flushed; its name (a link where nothing may be replaced, else a rename);
the folder, flushed. `Disk` has the few verbs of that, in the order in which they reach the system.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from muxi_llm.presets.errors import ReleaseError

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 16 * 2**20
"""Bytes of one file of a registry, at most."""

STEADY = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""How a file is opened to be read: no link, and no waiting for the other end of a pipe."""

_numbers = count()


class Disk:
    """The verbs that change a disk, each one step. Raise `OSError`."""

    def write(self, path: Path, data: bytes, mode: int | None = None) -> None:
        """A new file, with these permissions (else the process's own). Raises `FileExistsError`."""
        with path.open("xb") as file:
            file.write(data)
        if mode is not None:
            path.chmod(mode)

    def flush(self, path: Path) -> None:
        """Wait until the file's bytes, or the folder's names, have reached the disk."""
        if os.name == "nt" and path.is_dir():  # pragma: no cover - there folders cannot be opened
            return
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def folder(self, path: Path) -> None:
        """A new folder. Raises `FileExistsError`."""
        path.mkdir()

    def link(self, path: Path, name: Path) -> None:
        """Another name for a file. Raises `FileExistsError`."""
        os.link(path, name)

    def rename(self, path: Path, name: Path) -> None:
        """Another name instead; a file is replaced, a folder only where it is empty."""
        path.replace(name)

    def remove(self, path: Path) -> None:
        """No longer there: a file, or a folder with all that is in it."""
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


DISK = Disk()


def create(path: Path, data: bytes, disk: Disk = DISK) -> None:
    """A new file, durable. Raises `FileExistsError` where there is something already, and changes nothing."""
    temporary = _beside(path)
    try:
        disk.write(temporary, data)
        disk.flush(temporary)
        disk.link(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            disk.remove(temporary)
    disk.flush(path.parent)


def replace(path: Path, data: bytes, disk: Disk = DISK) -> None:
    """The file with these bytes, durable; one that was there keeps its permissions."""
    temporary = _beside(path)
    try:
        disk.write(temporary, data, _mode(path))
        disk.flush(temporary)
        disk.rename(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            disk.remove(temporary)
        raise
    disk.flush(path.parent)


def _mode(path: Path) -> int | None:
    with suppress(FileNotFoundError):
        return stat.S_IMODE(path.stat().st_mode)
    return None


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{next(_numbers)}.tmp")


def folders(path: Path, disk: Disk = DISK) -> None:
    """*path* and what is above it, durable."""
    if path.is_dir():
        return
    folders(path.parent, disk)
    with suppress(FileExistsError):
        disk.folder(path)
    disk.flush(path.parent)


def plant(folder: Path, files: dict[str, bytes], disk: Disk = DISK) -> None:
    """A new folder with *files* (by POSIX path) in it, all of it durable but its own name."""
    disk.folder(folder)
    within = sorted({above for name in files for above in Path(name).parents if above != Path()})
    for name in within:
        disk.folder(folder / name)
    for path, data in files.items():
        disk.write(folder / path, data)
        disk.flush(folder / path)
    for name in (*reversed(within), Path()):
        disk.flush(folder / name)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One at a time among all processes of this machine, by a lock on the file *path*; it ends with its
    process. Where there are no such locks, on Windows, nobody waits.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


# ----------------------------------------------------------------------------------------- reading


def read(root: Path, path: str, *, largest: int = LARGEST) -> bytes:
    """The file *path* (POSIX) under *root*, read once. Raises `ReleaseError`, `file-…`.

    Neither it nor a folder on the way may be a link: what is read is in the tree.
    """
    place = root
    for part in path.split("/"):
        place = place / part
        if place.is_symlink():
            raise ReleaseError("file-outside", f"Path traversal detected: {path} leads through a link")
    try:
        with os.fdopen(os.open(place, STEADY), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ReleaseError("file-outside", f"Registry file is no file: {path}")
            data = file.read(largest + 1)
    except FileNotFoundError:
        raise ReleaseError("file-missing", f"Registry file is missing: {path}") from None
    except OSError as error:
        raise ReleaseError(
            "file-unreadable", f"Registry file cannot be read: {path} ({error.strerror})"
        ) from error
    if len(data) > largest:
        raise ReleaseError("file-too-large", f"Registry file is larger than {largest} bytes: {path}")
    return data


def names(root: Path, path: str) -> set[str]:
    """What is in the folder *path* under *root*, however deep: POSIX paths of all that is no folder."""
    found = set()
    for folder, below, files in os.walk(root / path):
        links = (name for name in below if Path(folder, name).is_symlink())
        within = Path(folder).relative_to(root).as_posix()
        found |= {f"{within}/{name}" for name in (*files, *links)}
    return found
