"""Server-sent events from bytes, however they are cut.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html as far as model APIs use it:
CR, LF and CRLF line ends, a BOM, comments, multi-line data, `data:` with or without a space. Two
deliberate deviations: an event that the connection's end leaves unterminated is given out (providers
forget the last blank line), and bytes are never decoded here (JSON parsers take them as they are).
"""

from __future__ import annotations

from muxi_llm import config
from muxi_llm.wire.base import WireError

BOM = b"\xef\xbb\xbf"


class SSEDecoder:
    """Feed bytes, get `(event, data)` pairs; `event` is `b""` where the stream names none."""

    def __init__(self, bound: float | None = None) -> None:
        """bound: of one event, in bytes; `muxi_llm.config.bounds.event` if not given."""
        self._bound = config.bounds.event if bound is None else bound
        self._size = 0
        self._pieces: list[bytes] = []
        self._held = b""
        self._at_start = True
        self._after_line_end = False

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The events that *data* completes. Raises `WireError` once one is larger than the bound."""
        check_event(self._size, self._bound)
        if not (self._pieces or self._held) and _is_one_event(data):
            self._at_start, self._after_line_end = False, True
            return [(b"", data[6:-2])]
        if self._held:
            data, self._held = self._held + data, b""
        if b"\r" in data:
            # A CR at the very end may be the first half of a CRLF: it waits for the next bytes.
            if data.endswith(b"\r"):
                data, self._held = data[:-1], b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._pieces.append(data)
        completes = b"\n\n" in data or (self._after_line_end and data.startswith(b"\n"))
        self._after_line_end = data.endswith(b"\n") or (self._after_line_end and not data)
        if not completes:
            self._size += len(data)
            return []  # joining what completes nothing would make events of many pieces quadratic
        buffer = b"".join(self._pieces)
        if self._at_start:
            self._at_start = False
            buffer = buffer.removeprefix(BOM)
        blocks = buffer.split(b"\n\n")
        rest = blocks.pop()
        self._pieces, self._size = [rest] if rest else [], len(rest)
        return _parse(blocks)

    def finish(self) -> list[tuple[bytes, bytes]]:
        """The event that the end of the connection completes, if any."""
        rest, self._pieces = b"".join([*self._pieces, self._held]), []
        rest = rest.removeprefix(BOM if self._at_start else b"")
        return _parse(rest.replace(b"\r", b"\n").split(b"\n\n"))


def check_event(size: int, bound: float) -> None:
    """Raises `WireError` for an event of *size* bytes where *bound* are allowed."""
    if size > bound:
        told = f"an event of the stream is larger than {bound:,} bytes (muxi_llm.config.bounds.event)"
        raise WireError("too_large", told)


def _is_one_event(data: bytes) -> bool:
    """Whether *data* is one whole event, as nearly every read of a stream is that is in no hurry."""
    plain = data.startswith(b"data: ") and data.endswith(b"\n\n")
    return plain and data.count(b"\n") == 2 and b"\r" not in data


def _parse(blocks: list[bytes]) -> list[tuple[bytes, bytes]]:
    events = []
    for block in blocks:
        if block.startswith(b"data: ") and b"\n" not in block:  # nearly every event of nearly every provider
            events.append((b"", block[6:]))
        else:
            events += _parse_block(block)
    return events


def _parse_block(block: bytes) -> list[tuple[bytes, bytes]]:
    event, data = b"", []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name == b"event":
            event = value.removeprefix(b" ")
        elif name == b"error":  # llama.cpp's word for an event of that name
            event = name
            data.append(value.removeprefix(b" "))
    return [(event, b"\n".join(data))] if data else []
