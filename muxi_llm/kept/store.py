"""Responses kept here, for providers that keep none: where they are.

`muxi_llm.config.response_store` says where: `"memory"`, `None`, or any object with the three methods of
`ResponseStore`, say over Redis. What OpenAI keeps stays there; ids given out here can be told from its own.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections import OrderedDict
from typing import Any

from muxi_llm import config
from muxi_llm.types.kept import Entry, ResponseStore

__all__ = [
    "Entry",
    "MemoryStore",
    "ResponseStore",
    "chosen",
    "hold_at_most",
    "is_ours",
    "key_of",
    "new_id",
    "waits",
]


class MemoryStore:
    """The responses used last, in this process. The turns of a conversation share their items."""

    def __init__(self, limit: int = 1000, most: int = 64 * 2**20) -> None:
        """limit: how many. most: their characters, of which what several share counts once."""
        self._limit = limit
        self.most = most
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[Entry, list[Any]]] = OrderedDict()
        """Each with what it is made of."""
        self._held: dict[int, list[int]] = {}
        """Of a part, by where it is: how many entries are made of it, and its size."""
        self._size = 0

    def after_fork(self) -> None:
        """In a child: a thread of the parent may have held the lock, and will never give it back."""
        self._lock = threading.Lock()

    def get(self, key: str, /) -> Entry | None:
        """The entry, now the one used last."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key][0]

    def put(self, key: str, entry: Entry, /) -> None:
        """Keep it; those not used for longest go where there is too much, it too if it is that alone."""
        rest = {name: value for name, value in entry["response"].items() if name != "output"}
        said = entry["response"].get("output")
        parts = [rest, *(said if isinstance(said, list) else [said]), *entry["input"]]
        with self._lock:
            self._drop(key)
            self._entries[key] = entry, parts
            for part in parts:
                held = self._held.get(id(part))
                if held is None:
                    held = self._held[id(part)] = [0, len(repr(part))]
                    self._size += held[1]
                held[0] += 1
            while len(self._entries) > self._limit or (self._size > self.most and self._entries):
                self._drop(next(iter(self._entries)))

    def delete(self, key: str, /) -> None:
        """Forget it, if it is there."""
        with self._lock:
            self._drop(key)

    def _drop(self, key: str) -> None:
        for part in self._entries.pop(key, (None, []))[1]:
            held = self._held[id(part)]
            held[0] -= 1
            if not held[0]:
                self._size -= held[1]
                del self._held[id(part)]


_memory = MemoryStore()
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_memory.after_fork)
MARK = "muxi_"


def hold_at_most(size: int) -> None:
    """So much is kept in this process, where `muxi_llm.config.response_store` is `"memory"`."""
    _memory.most = size


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
