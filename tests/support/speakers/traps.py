"""What servers and proxies do to server-sent events. None of it changes what is said.

Each trap takes a stream's events (one piece of bytes each) and gives the bytes as they would come.
Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, and what was seen in the field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from tests.support.speakers.base import Trap


def _each(change: Trap) -> Trap:
    return lambda events: [piece for event in events for piece in change([event])]


def _lines(change: Trap) -> Trap:
    """A trap over the lines of each event."""
    return _each(lambda events: [b"".join(line + b"\n" for line in change(events[0].split(b"\n")[:-1]))])


def _spread(event: list[bytes]) -> list[bytes]:
    """JSON over many `data:` lines."""
    lines = []
    for line in event:
        name, _, value = line.partition(b": ")
        if name == b"data" and value.startswith(b"{"):
            text = json.dumps(json.loads(value), indent=1, ensure_ascii=False)
            lines += [b"data: " + part.encode() for part in text.split("\n")]
        else:
            lines.append(line)
    return lines


def bytewise(events: list[bytes]) -> list[bytes]:
    """Byte by byte: characters, line ends and events are cut everywhere."""
    return [bytes([byte]) for byte in b"".join(events)]


SSE_TRAPS: Mapping[str, Trap] = {
    "crlf": _each(lambda e: [e[0].replace(b"\n", b"\r\n")]),
    "cr": _each(lambda e: [e[0].replace(b"\n", b"\r")]),
    "crlf-bytewise": lambda events: bytewise([event.replace(b"\n", b"\r\n") for event in events]),
    "multi-line-data": _lines(_spread),
    "comments": lambda events: [piece for event in events for piece in (b": PROCESSING\n\n", event)],
    "comment-lines-inside": _lines(lambda lines: [b": keep-alive", *lines]),
    "no-space": _each(lambda e: [e[0].replace(b"data: ", b"data:").replace(b"event: ", b"event:")]),
    "bytewise": bytewise,
    "one-piece": lambda events: [b"".join(events)],
    "pings": lambda events: [p for e in events for p in (b'event: ping\ndata: {"type": "ping"}\n\n', e)],
    "empty-pings": lambda events: [piece for event in events for piece in (event, b"event: ping\n\n")],
    "ids-and-retries": _lines(lambda lines: [b"id: 7", b"retry: 3000", *lines]),
    "bom": lambda events: [b"\xef\xbb\xbf", *events],
    "no-last-blank-line": lambda events: [*events[:-1], events[-1].rstrip(b"\n") + b"\n"],
}
