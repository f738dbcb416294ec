"""AWS's binary event stream from bytes, however they are cut.

A frame: its length, that of its headers, CRC32 of these eight bytes; headers; payload; CRC32 of all before.
Source: https://smithy.io/2.0/aws/amazon-eventstream.html.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from zlib import crc32

from muxi_llm import config
from muxi_llm.wire.base import WireError
from muxi_llm.wire.sse import check_event

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Frame:
    """One message. headers: those that are text, by name (AWS sends no others)."""

    headers: Mapping[str, str]
    payload: bytes


class EventStreamDecoder:
    """Feed bytes, get frames. A `WireError` is the last item: no byte behind damage can be trusted."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._broken = False

    @property
    def inside(self) -> bool:
        """Whether a frame has begun and is not whole."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Frame | WireError]:
        """The frames that *data* completes."""
        frames: list[Frame | WireError] = []
        self._buffer += b"" if self._broken else data
        try:
            while (size := self._size()) and len(self._buffer) >= size:
                message = bytes(self._buffer[:size])
                del self._buffer[:size]
                frames.append(_frame(message))
        except WireError as error:
            self._broken = True
            self._buffer.clear()
            frames.append(error)
        return frames

    def _size(self) -> int:
        """The next frame's length, 0 while it is not known."""
        if len(self._buffer) < PRELUDE.size:
            return 0
        total, headers, checksum = PRELUDE.unpack_from(self._buffer)
        if crc32(self._buffer[:8]) != checksum or total < OVERHEAD + headers:
            raise WireError("malformed", "the event stream is damaged: a frame's head does not add up")
        check_event(total, config.bounds.event)
        return int(total)


def _frame(message: bytes) -> Frame:
    if crc32(message[:-4]) != int.from_bytes(message[-4:], "big"):
        raise WireError("malformed", "the event stream is damaged: a frame's checksum is wrong")
    end = PRELUDE.size + int.from_bytes(message[4:8], "big")
    try:
        return Frame(_headers(message[PRELUDE.size : end]), message[end:-4])
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise WireError("malformed", f"a frame's headers make no sense: {error!r}") from error


@lru_cache(maxsize=64)
def _headers(data: bytes) -> Mapping[str, str]:
    """They are the same for every event of a kind."""
    headers, at = {}, 0
    while at < len(data):
        begin, at = at + 1, at + 1 + data[at]
        name, kind, at = data[begin:at].decode(), data[at], at + 1
        size = FIXED_SIZES[kind]
        if size is None:  # two bytes tell how many follow
            size = int.from_bytes(data[at : at + 2], "big")
            at += 2
        if kind == TEXT:
            headers[name] = data[at : at + size].decode()
        at += size
    return headers


# ------------------------------------------------------------------------------------------ tables

PRELUDE = struct.Struct(">III")

OVERHEAD = PRELUDE.size + 4
TEXT = 7
FIXED_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 6: None, TEXT: None, 8: 8, 9: 16}
"""Header types: true, false, byte, short, integer, long, bytes, text, timestamp, UUID."""
