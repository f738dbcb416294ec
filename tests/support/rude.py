"""A server that sends whatever bytes it is told to, at whatever pace, to each request on one connection."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterable

from tests.support.upstream import _hung_up_within, _read_request


class Rude:
    """*say* gives the bytes of each reply, numbers among them being pauses in seconds; `None` resets the
    connection.

    hung_up: set when a client left before its reply was whole. accepted: connections ever opened.
    """

    def __init__(self, say: Callable[[], Iterable[bytes | float | None]]) -> None:
        self._say = say
        self.hung_up = threading.Event()
        self.accepted = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Rude:
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            try:
                while _read_request(stream) is not None:
                    for piece in self._say():
                        if isinstance(piece, bytes):
                            connection.sendall(piece)
                        elif piece is None:
                            connection.setsockopt(
                                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                            )
                            return  # what is closed now is not ended, but torn
                        elif _hung_up_within(connection, piece):
                            raise BrokenPipeError
            except OSError:
                self.hung_up.set()
