"""Files as callers give them: a path, bytes, an open file, or a tuple of a name and one of them.

Looked at before anything is sent (is there one, is there something in it), and read when it is sent, piece
by piece, from the beginning for each attempt: an open file from where it stood. What cannot be rewound (a
pipe, a socket) is copied to a temporary file when it is first sent, so that it has a length and can be sent
again. Blocking.
"""

from __future__ import annotations

import io
import mimetypes
import os
import re
import tempfile
import threading
import weakref
from collections.abc import Mapping
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from muxi_llm.core.port import UnreadableError
from muxi_llm.errors import InvalidRequestError
from muxi_llm.transport.media_types import types_of
from muxi_llm.transport.uploads import PIECE
from muxi_llm.wire.upload import File

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxi_llm.wire.base import Endpoint


def with_files(endpoint: Endpoint, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """*given* with the files among the arguments of *endpoint* taken as such; several of one in a list."""
    taken = {
        name: [file_of(one, f"{name}[{at}]") for at, one in enumerate(given[name])]
        if isinstance(given[name], list)
        else file_of(given[name], name)
        for name in FILES.get(endpoint, ())
        if name in given
    }
    return {**given, **taken} if taken else given


def file_of(given: Any, param: str) -> File:
    """What a caller gave as *param*. Raises `InvalidRequestError`, which names it, where it is no file, not
    there, or empty.
    """
    if isinstance(given, File):
        return given
    name, given, media_type, headers = _taken_apart(given, param)
    source = _source(given, param)
    if source == b"" or not (isinstance(source, bytes) or source.may_have_bytes(param)):
        raise _bad(param, "is empty")
    begin = source[:64] if isinstance(source, bytes) else source.begin
    name = _checked_name(name, param) or _name_of(given) or f"upload{_ending_of(begin)}"
    media_type = media_type or mimetypes.guess_type(name)[0] or next(iter(types_of(begin)), OCTETS)
    return File(name, _sent(media_type, param), source, _headers(headers or {}, param))


def _taken_apart(given: Any, param: str) -> tuple[Any, Any, Any, Any]:
    """Name, content, type and headers."""
    if not isinstance(given, tuple):
        return None, given, None, None
    if not 2 <= len(given) <= 4:
        raise _bad(param, "must be (name, content), (name, content, type) or with headers behind it")
    padded = (*given, None, None)
    return padded[0], padded[1], padded[2], padded[3]


def _source(given: Any, param: str) -> Any:
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given)
    if isinstance(given, PathFile):
        return PathSource(given.path, param)
    if isinstance(given, str | os.PathLike):
        return PathSource(os.fspath(given), param)
    if isinstance(given, io.TextIOBase):
        raise _bad(param, "was opened as text; open it with 'rb'")
    read = getattr(given, "read", None)
    if iscoroutinefunction(read):
        raise _bad(param, "is read asynchronously; give the file it stands for, its path or its bytes")
    if callable(read):
        return OpenSource(given, param)
    raise _bad(param, f"must be a path, bytes, an open file or (name, content), not {type(given).__name__}")


class PathSource:
    """A file by its path: opened for each reading, so that nothing is left open between attempts."""

    def __init__(self, path: Any, param: str) -> None:
        self._path = path
        self._param = param

    def may_have_bytes(self, param: str) -> bool:
        """Whether there is anything in it. Raises `InvalidRequestError` where there is no such file."""
        try:
            if os.path.isdir(self._path):  # noqa: PTH112 - a path may be bytes as well
                raise _bad(param, "is a directory")
            with open(self._path, "rb") as file:  # noqa: PTH123
                self.begin = file.read(64)
        except (OSError, ValueError) as error:  # the latter: a NUL in the path
            raise _bad(param, f"cannot be read ({_why(error)})") from None
        return bool(self.begin)

    @property
    def size(self) -> int:
        """Bytes, as it is now. Raises `UnreadableError`."""
        try:
            return os.stat(self._path).st_size  # noqa: PTH116
        except OSError as error:
            raise unreadable(self._param, error) from error

    def pieces(self) -> Iterator[bytes]:
        """All of it as it is now. Raises `UnreadableError`."""
        try:
            with open(self._path, "rb", buffering=0) as file:  # noqa: PTH123
                while piece := file.read(PIECE):
                    yield piece
        except OSError as error:
            raise unreadable(self._param, error) from error


class PathFile(io.RawIOBase):
    """A file that is open only while it is read: for code that wants an open one, and may read it later,
    again, or never. Raises `OSError` at once where there is none.
    """

    def __init__(self, path: Any) -> None:
        self.path = path
        self._size = os.stat(path).st_size  # noqa: PTH116
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, at: int, whence: int = os.SEEK_SET) -> int:
        """Go there; whence: from the beginning, from here, or from the end."""
        self._at = at + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        """The next bytes."""
        with open(self.path, "rb", buffering=0) as file:  # noqa: PTH123
            file.seek(self._at)
            count = file.readinto(buffer)
        self._at += count
        return count


class OpenSource:
    """An open file, from where it stood when it was given."""

    def __init__(self, file: Any, param: str) -> None:
        self._file = file
        self._param = param
        self._lock = threading.Lock()
        self._start: int | None = None
        self.begin = b""
        if getattr(file, "closed", False):
            raise _bad(param, "is closed")
        try:
            if getattr(file, "seekable", lambda: hasattr(file, "seek"))():
                self._start = file.tell()
        except (OSError, AttributeError, io.UnsupportedOperation):
            self._start = None

    def may_have_bytes(self, param: str) -> bool:
        """Whether there is anything in it, as far as can be said without waiting."""
        if self._start is None:
            return True
        self.begin = self._file.read(64)
        self._file.seek(self._start)
        if not isinstance(self.begin, bytes):
            raise _bad(param, "was opened as text; open it with 'rb'")
        return bool(self.begin)

    @property
    def size(self) -> int:
        """Bytes from where it stood. Raises `UnreadableError`."""
        with self._lock:
            try:
                self._hold()
                return int(self._file.seek(0, os.SEEK_END)) - (self._start or 0)
            except (OSError, ValueError) as error:  # the latter: closed meanwhile
                raise unreadable(self._param, error) from error

    def pieces(self) -> Iterator[bytes]:
        """Each piece from where the last one ended: whoever else reads the file meanwhile changes nothing."""
        at = None
        while True:
            with self._lock:
                try:
                    self._hold()
                    self._file.seek(self._start if at is None else at)
                    piece = self._file.read(PIECE)
                    at = self._file.tell()
                except (OSError, ValueError) as error:
                    raise unreadable(self._param, error) from error
            if not piece:
                return
            yield piece

    def _hold(self) -> None:
        """Put a copy in its place, where it cannot be rewound."""
        if self._start is not None:
            return
        held = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the request
        weakref.finalize(self, held.close)
        while piece := self._file.read(PIECE):
            if not isinstance(piece, bytes):
                raise UnreadableError(f"{self._param} is read as text; open it with 'rb'", self._param)
            held.write(piece)
        self._file, self._start = held, 0


# ------------------------------------------------------------------------------- names and types


def _name_of(given: Any) -> str:
    """The name a file goes by; `<stdin>` and a descriptor's number are none."""
    name = given if isinstance(given, str | os.PathLike) else getattr(given, "name", None)
    if not isinstance(name, str | bytes | os.PathLike):
        return ""
    base = os.path.basename(os.fsdecode(name))  # noqa: PTH119
    return "" if base.startswith("<") else base


def _checked_name(name: Any, param: str) -> str | None:
    if name is not None and not isinstance(name, str):
        raise _bad(param, f"has a name that is no string but {type(name).__name__}")
    return name


def _ending_of(begin: bytes) -> str:
    """For bytes without a name: services tell the format of a recording by it."""
    known = next(iter(types_of(begin)), "")
    return ENDINGS.get(known) or mimetypes.guess_extension(known) or ""


def _sent(media_type: Any, param: str) -> str:
    if not isinstance(media_type, str) or not HEADER_VALUE.fullmatch(media_type):
        raise _bad(param, "has a type that no header can hold")
    return media_type


def _headers(headers: Any, param: str) -> tuple[tuple[str, str], ...]:
    """Further headers of a file's part: the fourth of a tuple, as OpenAI's and httpx2's files have it."""
    if not isinstance(headers, Mapping):
        raise _bad(param, "has headers that are none")
    pairs = tuple(headers.items())
    for name, value in pairs:
        if not HEADER_NAME.fullmatch(str(name)) or not HEADER_VALUE.fullmatch(str(value)):
            raise _bad(param, "has headers that are none")
    return tuple((name, value) for name, value in pairs if name.lower() != "content-type")


def _bad(param: str, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"{param} {what}", param=param)


def unreadable(param: str, error: Exception) -> UnreadableError:
    """The error for a file that was there when the call began."""
    return UnreadableError(f"{param} cannot be read any more ({_why(error)})", param)


def _why(error: Exception) -> str:
    """Without the path: it is the caller's, and may be in a log that is not."""
    return getattr(error, "strerror", None) or type(error).__name__


FILES: Mapping[Endpoint, tuple[str, ...]] = {
    "transcription": ("file",),
    "translation": ("file",),
    "image_edit": ("image", "mask", "markup"),
    "file.create": ("file",),
}
"""The arguments of an endpoint that are files."""

OCTETS = "application/octet-stream"
ENDINGS = {
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "audio/wav": ".wav",
    "image/jpeg": ".jpg",
}
"""Where Python's first choice is another, or depends on the machine."""
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"[\x20-\x7e]+")
