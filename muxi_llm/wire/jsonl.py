"""Newline-delimited JSON from bytes, however they are cut. Source: https://github.com/ndjson/ndjson-spec.

Lines come out undecoded, in the form of `sse.SSEDecoder`; empty ones are left out. LF and CRLF end a line;
the last one may go without, if the connection ends behind it.
"""

from __future__ import annotations

from muxi_llm import config
from muxi_llm.wire.sse import check_event


class LinesDecoder:
    """Feed bytes, get `(b"", line)` pairs: lines have no event's name."""

    def __init__(self) -> None:
        self._bound = config.bounds.event
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The lines that *data* completes. Raises `WireError` once one is larger than the bound."""
        check_event(self._size, self._bound)
        self._pieces.append(data)
        if b"\n" not in data:
            self._size += len(data)
            return []  # not joining keeps huge lines linear
        *lines, rest = b"".join(self._pieces).split(b"\n")
        self._pieces, self._size = [rest] if rest else [], len(rest)
        return [(b"", line) for line in lines if line.strip()]

    def finish(self) -> list[tuple[bytes, bytes]]:
        """What the end of the connection leaves over: a line, whole or cut."""
        rest, self._pieces = b"".join(self._pieces), []
        return [(b"", rest)] if rest.strip() else []
