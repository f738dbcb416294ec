"""Sockets that know when to stop: httpcore2's own, each operation within what is left of an attempt.

HTTP libraries take seconds for each single operation, which a server that drips never exceeds.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpcore2

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

PIECE = 65_536


class Deadline(float):
    """Seconds, for who reads a number; a moment, for the streams below, who look at it at every operation.

    ends: on the monotonic clock. kept: whether the socket is one of these streams. heard: whether a byte
    came. waits: whether to wait for bytes that are not there yet.
    """

    ends: float
    kept: bool
    heard: bool
    waits: bool

    @classmethod
    def after(cls, seconds: float, *, kept: bool = True) -> Deadline:
        """From now."""
        made = cls(seconds)
        made.kept, made.heard, made.waits = kept, False, True
        made.renew()
        return made

    def renew(self) -> None:
        """All of its seconds again, from now."""
        self.ends = time.monotonic() + self


def _left(timeout: float | None, late: type[Exception] = httpcore2.ReadTimeout) -> float | None:
    """The seconds an operation may take."""
    if not isinstance(timeout, Deadline):
        return timeout
    if not timeout.waits:
        return 0.0
    left = timeout.ends - time.monotonic()
    if left <= 0:
        raise late
    return left


class Stream(httpcore2.NetworkStream):
    """A socket of httpcore2's."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream
        self._held = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._held:
            held, self._held = self._held, b""
            with suppress(httpcore2.WriteError):  # as httpcore2 does: the server may have answered already
                self._stream.write(held, _left(timeout, httpcore2.WriteTimeout))
        data = self._stream.read(max_bytes, _left(timeout))
        if data and isinstance(timeout, Deadline):
            timeout.heard = True
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if (
            len(self._held) + len(buffer) <= PIECE
        ):  # a head and its body leave in one packet, before the next read
            self._held += buffer
            return
        view = memoryview(self._held + buffer)
        self._held = b""
        for start in range(0, len(view), PIECE):
            piece = view[start : start + PIECE]
            self._stream.write(piece, _left(timeout, httpcore2.WriteTimeout))  # type: ignore[arg-type]

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = _left(timeout, httpcore2.ConnectTimeout)
        return Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Backend(httpcore2.SyncBackend):
    """Connects, to each of a host's addresses in turn, within one time for all of them."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        ends = None if timeout is None else Deadline.after(timeout)
        failure: Exception = httpcore2.ConnectError("the name has no address")
        for address in _addresses(host, port):
            try:
                left = _left(ends, httpcore2.ConnectTimeout)
                return Stream(super().connect_tcp(address, port, left, local_address, socket_options))
            except httpcore2.ConnectError as error:
                failure = error
        raise failure


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore2.ConnectError(str(error)) from error
    return [str(address[0]) for *_, address in found]
