"""Streams whose usage is wanted here and not by the client: asked for upstream, and left out on the way down.

https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.wire.base import WireError, dumps, loads

if TYPE_CHECKING:
    from collections.abc import Iterator

PATHS = frozenset({"/chat/completions", "/completions"})
"""Where a stream tells its usage to those alone who ask; other protocols' streams always do."""


def asking(content: bytes) -> bytes | None:
    """The request with its usage asked for; `None` where that changes nothing, or it is no request."""
    if b'"stream"' not in content:
        return None
    try:
        body: Any = loads(content)
    except WireError:
        return None
    options = body.get("stream_options") if isinstance(body, dict) and body.get("stream") else ()
    if options is not None and not isinstance(options, dict):
        return None
    if options and options.get("include_usage"):
        return None
    return dumps({**body, "stream_options": {**(options or {}), "include_usage": True}})


class Uncounted:
    """Events without the one that only counts. Bytes may be cut anywhere."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """What of it may go on: whole events."""
        data = self._rest + data
        end = data.rfind(b"\n\n") + 2
        if end < 2:
            self._rest = data
            return b""
        self._rest = data[end:]
        whole = data[:end]
        if b'"usage"' not in whole:
            return whole
        return b"".join(event for event in _events(whole) if not _only_counts(event))

    def rest(self) -> bytes:
        """What was no whole event."""
        return self._rest


def _events(data: bytes) -> Iterator[bytes]:
    return (event + b"\n\n" for event in data.split(b"\n\n") if event)


def _only_counts(event: bytes) -> bool:
    if b'"usage"' not in event or not event.startswith(b"data:"):
        return False
    try:
        chunk: Any = loads(event[5:].strip())
    except WireError:
        return False
    return isinstance(chunk, dict) and bool(chunk.get("usage")) and not chunk.get("choices")
