"""Requests over so many connections, each with the next one as soon as it has its answer.

python -m bench.load URL BODY REQUESTS CONNECTIONS

Prints how many events (`data:`) the answers had in all; fails for an answer that is none.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast
from urllib.parse import urlsplit

from bench.upstream import loop_factory

HEAD = (
    "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer bench-token\r\n"
    "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
)


class Load:
    """What is left to ask, and what has come."""

    def __init__(self, url: str, body: str, requests: int) -> None:
        where = urlsplit(url)
        head = HEAD.format(path=where.path, host=where.netloc, length=len(body), body=body)
        self.host, self.port = where.hostname, where.port
        self.request = head.encode()
        self.left = self.unanswered = requests
        self.events = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def connect(self) -> None:
        """One more connection."""
        await asyncio.get_running_loop().create_connection(lambda: Connection(self), self.host, self.port)

    def answered(self, answer: bytes) -> None:
        """Count one."""
        if not (answer.startswith(b"HTTP/1.1 200") and b"choices" in answer):
            self.over.set_exception(RuntimeError(f"no answer: {answer[:200]!r}"))
            return
        self.events += answer.count(b"data: ")
        self.unanswered -= 1
        if not self.unanswered:
            self.over.set_result(None)


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def _ask(self) -> None:
        if self._load.left:
            self._load.left -= 1
            self._transport.write(self._load.request)
        else:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, there, body = self._buffer.partition(b"\r\n\r\n")
        said = head.lower()
        _, has_length, rest = said.partition(b"content-length:")
        is_whole = len(body) >= int(rest.split(b"\r\n")[0]) if has_length else body.endswith(b"0\r\n\r\n")
        if not (there and is_whole):
            return
        self._load.answered(self._buffer)
        self._buffer = b""
        if b"connection: close" in said:  # nginx, after a thousand requests
            self._transport.close()
            self._again = asyncio.ensure_future(self._load.connect())
        else:
            self._ask()


async def run(url: str, body: str, requests: int, connections: int) -> int:
    """Ask, and return the events there were."""
    load = Load(url, body, requests)
    for _ in range(connections):
        await load.connect()
    await load.over
    return load.events


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory("uvloop")) as runner:
        print(runner.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
