"""What is kept of a response, and where: what a store of one's own is made to."""

from __future__ import annotations

from typing import Any, Protocol, TypedDict


class Entry(TypedDict):
    """One kept response, JSON through and through.

    response: as `responses.retrieve` gives it. input: the items it answers, those of the turns before it
    first; each has an id.
    """

    response: dict[str, Any]
    input: list[dict[str, Any]]


class ResponseStore(Protocol):
    """Where entries are. Must be thread-safe, and may forget; what it raises, the caller gets."""

    def get(self, key: str, /) -> Entry | None:
        """The entry, `None` where there is none."""

    def put(self, key: str, entry: Entry, /) -> object:
        """Keep it."""

    def delete(self, key: str, /) -> object:
        """Forget it."""
