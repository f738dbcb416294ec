"""A client's request, read within bounds: its head, and its body unpacked."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Any, TypeVar

import zstandard

from muxi_llm.errors import InvalidRequestError, refusal
from muxi_llm.wire.base import WireError, loads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from muxi_llm.gateway.settings.model import Limits
    from muxi_llm.wire.base import Json

    Receive = Callable[[], Coroutine[Any, Any, dict[str, Any]]]


T = TypeVar("T")


class ClientGoneError(Exception):
    """Nobody is there any more to be answered."""


class Incoming:
    """One request of ASGI's. path: below the prefix, without `/v1`."""

    __slots__ = ("_limits", "_receive", "headers", "method", "owner", "path", "query", "scope")

    def __init__(self, scope: dict[str, Any], receive: Receive, path: str, limits: Limits) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path = path
        self.query: str = scope["query_string"].decode("latin-1")
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.owner = ""
        """Who asks, by the name that admission knows; "" before that is known."""
        self._receive = receive
        self._limits = limits

    def check_head(self) -> None:
        """Raises a refusal of 431 for a head that is too large."""
        size = sum(len(name) + len(value) for name, value in self.scope["headers"])
        if size + len(self.query) > self._limits.header:
            message = f"the request's headers are larger than {self._limits.header} bytes"
            raise refusal(431, message, type="invalid_request_error", code="headers_too_large")

    async def body(self) -> bytes:
        """The whole of it, unpacked. Raises a refusal of 408, 413, 415 or 400, and `ClientGoneError`."""
        return await self._in_time(self._whole())

    async def _whole(self) -> bytes:
        coding = self.headers.get("content-encoding", "").strip().lower()
        self._check_length(self._limits.body)
        pieces, size, more = [], 0, True
        while more:
            piece, more = await self._piece(size, self._limits.body)
            size += len(piece)
            pieces.append(piece)
        data = b"".join(pieces)
        return data if coding in {"", "identity"} else self._unpacked(data, coding)

    async def upload(self) -> AsyncIterator[bytes]:
        """The body piece by piece, for what is written to a disk. Raises as `body` does."""
        if self.headers.get("content-encoding", "").strip().lower() not in {"", "identity"}:
            raise refusal(415, "a file is taken as it is, unpacked", type="invalid_request_error")
        self._check_length(self._limits.upload)
        size, more = 0, True
        while more:
            piece, more = await self._in_time(self._piece(size, self._limits.upload))
            size += len(piece)
            yield piece

    async def _in_time(self, coming: Coroutine[Any, Any, T]) -> T:
        """What comes, if it does so in time."""
        if self._limits.reading is None:
            return await coming
        try:
            async with asyncio.timeout(self._limits.reading):
                return await coming
        except TimeoutError:
            message = f"the request's body took longer than {self._limits.reading:g} seconds to come"
            raise refusal(408, message, type="invalid_request_error", code="request_timeout") from None

    async def _piece(self, size: int, most: int) -> tuple[bytes, bool]:
        """The next bytes behind so many, and whether there are more."""
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        piece = message.get("body", b"")
        if size + len(piece) > most:
            raise self._too_large(most)
        return piece, message.get("more_body", False)

    def _check_length(self, most: int) -> None:
        length = self.headers.get("content-length", "")
        if length.isdecimal() and int(length) > most:
            raise self._too_large(most)

    async def gone(self) -> None:
        """Return once the client is not there any more; to be called when the body is read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _unpacked(self, data: bytes, coding: str) -> bytes:
        unpack = CODINGS.get(coding)
        if unpack is None:
            message = f"content-encoding {coding!r} is not known here; {', '.join(CODINGS)} are"
            raise refusal(415, message, type="invalid_request_error", code="unsupported_encoding")
        out, most = bytearray(), self._limits.decoded
        try:
            for piece in unpack(data):
                out += piece
                if len(out) > most:
                    raise self._too_large(most)
        except (zlib.error, ValueError) as error:
            message = f"the body is not whole, or is no {coding}"
            raise refusal(400, message, type="invalid_request_error", code="bad_encoding") from error
        return bytes(out)

    def _too_large(self, most: int) -> Exception:
        """Codex ends a turn on 400, and asks six times on 413."""
        status = 400 if self.path.startswith("/responses") else 413
        message = f"the request body is larger than {most} bytes"
        return refusal(status, message, type="invalid_request_error", code="request_too_large")


def object_of(content: bytes) -> Json:
    """The JSON object that a body is. Raises `InvalidRequestError` for what is none."""
    try:
        body = loads(content)
    except WireError as error:
        raise InvalidRequestError(error.message) from error
    if not isinstance(body, dict):
        raise InvalidRequestError("the request body is not a JSON object")
    return body


PIECE = 2**20
"""Bytes unpacked at once: what a small body unpacks to is stopped on its way."""
PACKED, MEMBERS = 2**14, 100


def _inflated(data: bytes, bits: int) -> Iterator[bytes]:
    """By pieces of what is packed too: what is left of one is copied for each member that ends in it."""
    inflater, members = zlib.decompressobj(bits), 1
    for start in range(0, len(data), PACKED):
        left = data[start : start + PACKED]
        while left:
            if inflater.eof:  # gzip may be several members, one behind the other
                inflater, members = zlib.decompressobj(bits), members + 1
                if members > MEMBERS:
                    raise ValueError("too many members")
            yield inflater.decompress(left, PIECE)
            left = inflater.unconsumed_tail or inflater.unused_data
    if data and not inflater.eof:
        raise ValueError("the end is missing")


def _gunzipped(data: bytes) -> Iterator[bytes]:
    return _inflated(data, 31)


def _deflated(data: bytes) -> Iterator[bytes]:
    """With zlib's frame, as RFC 9110 has it, or without, as some send it."""
    return _inflated(data, 15 if data[:1] and data[0] & 0x0F == 8 else -15)


def _unzstd(data: bytes) -> Iterator[bytes]:
    source = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(data, read_across_frames=True)
    try:
        while piece := source.read(PIECE):
            yield piece
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None


CODINGS = {"gzip": _gunzipped, "deflate": _deflated, "zstd": _unzstd}
