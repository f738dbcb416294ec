"""Replies as no documentation has them: recorded-like ones, spoilt at random, the same for the same seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from muxi_llm.transport.scripted import Answer
from muxi_llm.wire.aws.eventstream import EventStreamDecoder, Frame
from muxi_llm.wire.base import WireError
from tests.support.speakers.converse import framed
from tests.support.upstream import Respond

JUNK: tuple[Any, ...] = (
    None, True, False, -1, 0, 1.5, 2**63, 10**30, 10**400, 1e308, float("nan"), float("-inf"),
    "", "x", "null", "error", "\ud83d", "\u0665\u0665", "\xb2", "9" * 400, "2999-13-45", "{", "data:", "\x00", "y" * 4000,
    [], [None], [[]], [1, "a"], {}, {"type": "text"}, {"error": "x"}, {"": None}, {"message": {}},
)  # fmt: skip
"""What may stand where something else should."""

STATUSES = (200,) * 12 + (201, 204, 302, 400, 401, 404, 408, 409, 413, 429, 429, 500, 503, 529, 599)

HEADERS = {
    "retry-after": ("0", "-1", "1e999", "nan", "\xb2", "9" * 400, "Wed, 21 Oct 99999 07:28:00 GMT", "x"),
    "retry-after-ms": ("0", "inf", "9" * 400, "soon"),
    "date": ("Wed, 21 Oct 0000 07:28:00 GMT", "99999999999999", "Wed, 31 Feb 2026 25:61:61 +9999"),
    "content-type": ("text/event-stream", "application/json; charset=x", "text/html", "", "application/x-ndjson"),
    "x-request-id": ("", "\x00", "r" * 4000),
    "x-ratelimit-remaining-requests": ("9" * 400, "-1", "nan", "\xb2", ""),
    "x-ratelimit-limit-requests": ("0", "9" * 400, "1e999"),
    "x-should-retry": ("maybe", "TRUE", ""),
}  # fmt: skip

DEPTHS = (150, 900, 6000)


def spoilt(rng: Random, reply: Respond, *, stream: bool) -> Answer:
    """*reply*, with something wrong in it: its body, and now and then its status or a header."""
    headers = {name.lower(): value for name, value in reply.headers.items()}
    status = reply.status
    if rng.random() < 0.15:
        status = rng.choice(STATUSES)
    if rng.random() < 0.2:
        name = rng.choice(list(HEADERS))
        headers[name] = rng.choice(HEADERS[name])
    if reply.chunks is None or not stream:
        return Answer(status, content=_body(rng, json.dumps(reply.json).encode()), headers=headers)
    events = [event for event in reply.chunks if isinstance(event, bytes)]
    return Answer(status, chunks=_stream(rng, events), headers=headers)


def _body(rng: Random, data: bytes) -> bytes:
    if rng.random() < 0.1:
        return _bytes(rng, data)
    return _json(rng, data)


def _stream(rng: Random, events: list[bytes]) -> list[bytes]:
    spoil = rng.choice((_one_event, _one_event, _one_event, _one_event, _order, _some_bytes))
    return spoil(rng, list(events))


def _one_event(rng: Random, events: list[bytes]) -> list[bytes]:
    for _ in range(rng.randint(1, 2)):
        place = rng.randrange(len(events))
        events[place] = _event(rng, events[place])
    return events


def _order(rng: Random, events: list[bytes]) -> list[bytes]:
    """Events missing, doubled, or in another order."""
    place = rng.randrange(len(events))
    what = rng.randrange(4)
    if what == 0:
        del events[place]
    elif what == 1:
        events.insert(rng.randrange(len(events)), events[place])
    elif what == 2:
        rng.shuffle(events)
    else:
        del events[place:]
    return events


def _some_bytes(rng: Random, events: list[bytes]) -> list[bytes]:
    place = rng.randrange(len(events))
    events[place] = _bytes(rng, events[place])
    return events


def _bytes(rng: Random, data: bytes) -> bytes:
    """Cut, torn, or with foreign bytes in it."""
    place = rng.randrange(len(data) + 1)
    inserted = rng.choice(
        (b"", b"\xff\xfe", b"\x00", b"\r", b"\n\n", b"<html>", b"data: [DONE]\n\n", b'"', b"}")
    )
    return data[:place] + inserted + (b"" if rng.random() < 0.3 else data[place + rng.randint(0, 3) :])


def _event(rng: Random, event: bytes) -> bytes:
    """One event with its JSON spoilt, in whatever frame it is."""
    decoder = EventStreamDecoder()
    frames = decoder.feed(event) if b":message-type" in event else []
    if frames and not isinstance(frames[0], WireError):
        return b"".join(_frame(rng, frame) for frame in frames if isinstance(frame, Frame))
    lines = event.split(b"\n")
    for number, line in enumerate(lines):
        head, found, data = line.partition(b"data: ")
        if found and data.startswith(b"{"):
            lines[number] = head + found + _json(rng, data)
        elif line.startswith(b"{"):
            lines[number] = _json(rng, line)
    return b"\n".join(lines)


def _frame(rng: Random, frame: Frame) -> bytes:
    headers = dict(frame.headers)
    if rng.random() < 0.15:
        headers[rng.choice([*headers, ":exception-type"])] = rng.choice(("", "x", "exception", "messageStop"))
    payload = _json(rng, frame.payload) if frame.payload.startswith(b"{") else _bytes(rng, frame.payload)
    return framed(payload, headers)


def _json(rng: Random, data: bytes) -> bytes:
    """The JSON of *data* with one to three things in it replaced, taken out, or put where they should not be."""
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):  # spoilt before
        return data
    deep = ""
    for _ in range(rng.randint(1, 3)):
        places = list(_places(raw))
        if not places:
            raw = rng.choice(JUNK)
            break
        holder, key = rng.choice(places)
        what = rng.randrange(10)
        if what == 0 and isinstance(holder, dict):
            del holder[key]
        elif what == 1:
            holder[key] = [holder[key]]
        elif what == 2:
            holder[key] = {str(key): holder[key]}
        elif what == 3 and not deep:
            deep, holder[key] = rng.choice(("[%s]", '{"a":%s}')), "@deep@"
        elif what == 4:
            holder[key] = rng.choice(places)[0]
            raw = json.loads(_dumped(raw)) if _is_tree(raw) else json.loads(data)
        else:
            holder[key] = json.loads(json.dumps(rng.choice(JUNK)))
    out = _dumped(raw)
    if deep:
        depth = rng.choice(DEPTHS)
        left, right = deep.split("%s")
        out = out.replace('"@deep@"', left * depth + "1" + right * depth)
    return out.encode("utf-8", "surrogatepass")


def _dumped(raw: Any) -> str:
    return json.dumps(raw)


def _is_tree(raw: Any) -> bool:
    try:
        json.dumps(raw)
    except (ValueError, RecursionError):  # it holds itself by now
        return False
    return True


def _places(raw: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in *raw*: what holds it, and the key there."""
    inner: Any = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    for key, value in list(inner):
        yield raw, key
        yield from _places(value)
