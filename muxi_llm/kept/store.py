"""Responses kept here, for providers that keep none: where they are.

`muxi_llm.config.response_store` says where: `"memory"`, `None`, or any object with the three methods of
`ResponseStore`, say over Redis. What OpenAI keeps stays there; ids given out here can be told from its own.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections import OrderedDict

from muxi_llm import config
from muxi_llm.types.kept import Entry, ResponseStore

__all__ = ["Entry", "MemoryStore", "ResponseStore", "chosen", "is_ours", "key_of", "new_id", "waits"]


class MemoryStore:
    """The responses used last, in this process. The turns of a conversation share their items."""

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def after_fork(self) -> None:
        """In a child: a thread of the parent may have held the lock, and will never give it back."""
        self._lock = threading.Lock()

    def get(self, key: str, /) -> Entry | None:
        """The entry, now the one used last."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, key: str, entry: Entry, /) -> None:
        """Keep it; the one not used for longest goes where there are too many."""
        with self._lock:
            self._entries[key] = entry
            self._entries.move_to_end(key)
            if len(self._entries) > self._limit:
                self._entries.popitem(last=False)

    def delete(self, key: str, /) -> None:
        """Forget it, if it is there."""
        with self._lock:
            self._entries.pop(key, None)


_memory = MemoryStore()
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_memory.after_fork)
MARK = "muxi_"


def chosen() -> ResponseStore | None:
    """The store of now. Raises `ValueError` for what cannot be one."""
    store = config.response_store
    if store is None or store == "memory":
        return _memory if store else None
    if not all(hasattr(store, name) for name in ("get", "put", "delete")):
        told = f"'memory', None, or an object with get, put and delete, not {store!r}"
        raise ValueError(f"muxi_llm.config.response_store must be {told}")
    return store


def waits(path: str) -> bool:
    """Whether a request to *path* may have to wait for the store, so that a loop must not."""
    return "/responses" in path and not isinstance(chosen(), MemoryStore | None)


def new_id() -> str:
    """An id for a response. Those of its items end as it does."""
    return f"resp_{MARK}{secrets.token_hex(16)}"


def key_of(owner: str, name: str) -> str:
    """What the response of that id is kept by: its owner alone finds it; "" is nobody in particular."""
    return f"{owner}\0{name}" if owner else name


def is_ours(name: object) -> bool:
    """Whether a response or an item has its id from here."""
    return isinstance(name, str) and name.partition("_")[2].startswith(MARK)
