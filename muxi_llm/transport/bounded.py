"""A reply's body, decompressed piece by piece and counted: what a server sends never fills the process.

A kilobyte may decompress to gigabytes, so nothing is decompressed but in pieces, each counted before the
next is made. Encodings that were not asked for (`ACCEPTED`) are not read at all.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from muxi_llm import config
from muxi_llm.core.port import TooLargeError, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ACCEPTED = "gzip, deflate"
PIECE = 65_536
MAX_LAYERS = 5


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises `TooLargeError` for more headers than `muxi_llm.config.bounds` allows."""
    if sum(map(len, headers)) + sum(map(len, headers.values())) > config.bounds.headers:
        raise too_large("headers")


def too_large(what: str) -> TooLargeError:
    """The error for *what*, a field of `muxi_llm.config.bounds`."""
    most = getattr(config.bounds, what)
    return TooLargeError(f"the server sent more than {most:,} bytes (muxi_llm.config.bounds.{what})")


class Body:
    """One reply's. An error's body is cut at its bound, since its status says what matters; a success that
    is larger is a `TooLargeError`.
    """

    def __init__(self, status: int, headers: Mapping[str, str], *, decoded: bool = False) -> None:
        """decoded: whether an HTTP library decompresses it."""
        self._is_error = status >= 300
        self._left = config.bounds.error if self._is_error else config.bounds.reply
        self._work = config.bounds.reply
        self.is_decoded = decoded
        self._layers = [] if decoded or "content-encoding" not in headers else _layers(headers)
        self.full = False
        """Whether nothing more is wanted."""

    def feed(self, data: bytes) -> Iterable[bytes]:
        """What *data* decompress to, in pieces. Raises `TransportError`."""
        if not self._layers:
            return (self._counted(data),)
        return self._inflated(data)

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        pieces: Iterable[bytes] = (data,)
        for layer in self._layers:
            pieces = self._through(layer, pieces)
        try:
            for piece in pieces:
                yield self._counted(piece)
                if self.full:
                    return
        except zlib.error as error:
            raise TransportError(f"the reply does not decompress: {error}") from error

    def _through(self, layer: Layer, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for data in pieces:
            self._work -= len(data)
            if self._work < 0:  # of an inner layer's: work for nothing, if nothing comes out at the end
                raise too_large("reply")
            yield from layer.feed(data)

    def _counted(self, piece: bytes) -> bytes:
        self._left -= len(piece)
        if self._left >= 0:
            return piece
        if not self._is_error:
            raise too_large("reply")
        self.full = True
        return piece[: self._left]


class Layer:
    """One compression, undone."""

    def __init__(self, encoding: str) -> None:
        self._begin: bytes | None = b"" if encoding == "deflate" else None
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What *data* decompress to, in pieces of at most 64 KiB. Raises `zlib.error`."""
        if self._begin is not None:
            data = self._begin + data
            if len(data) < 2:
                self._begin = data
                return
            self._begin = None
            self._zlib = zlib.decompressobj(zlib.MAX_WBITS if _is_zlib(data) else -zlib.MAX_WBITS)
        while piece := self._zlib.decompress(data, PIECE):
            yield piece
            data = self._zlib.unconsumed_tail


def _is_zlib(data: bytes) -> bool:
    """Whether *data* begin as RFC 1950 says; some servers send what is inside alone (RFC 9110 §8.4.1.2)."""
    return data[0] & 15 == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0


def _layers(headers: Mapping[str, str]) -> list[Layer]:
    """The last applied first; names nobody knows say nothing about the bytes."""
    if unread := not_asked_for(headers):
        raise TransportError(f"the reply is compressed as {unread}, which was not asked for")
    names = [name for name in _encodings(headers) if name in READ]
    if len(names) > MAX_LAYERS:
        raise TransportError(f"the reply is compressed more than {MAX_LAYERS} times")
    return [Layer(name) for name in reversed(names)]


def not_asked_for(headers: Mapping[str, str]) -> str | None:
    """The encoding of a reply that is neither in `ACCEPTED` nor a slip of the server's."""
    return next((name for name in _encodings(headers) if name in NOT_ASKED_FOR), None)


def _encodings(headers: Mapping[str, str]) -> list[str]:
    return [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]


READ = {"gzip", "x-gzip", "deflate"}
NOT_ASKED_FOR = {"br", "zstd", "compress", "x-compress", "dcb", "dcz"}
