"""Modules loaded when first needed, and forks that wait for it.

A fork in the middle of another thread's import leaves the child with that module's lock, held by a thread
that is not there: whoever needs the module waits for ever. So a fork waits for what is being loaded here.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 60.0
"""Seconds a fork waits at most: an import that takes longer may never end."""


class Loading:
    """Which threads are loading modules of ours, or what those need; and which one forks."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._threads: dict[int, int] = {}
        self._forking: int | None = None

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """While this lasts, other threads do not fork. No lock is held: imports may wait for one another."""
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: self._forking in {None, me} or me in self._threads, PATIENCE)
            self._threads[me] = self._threads.get(me, 0) + 1
        try:
            yield
        finally:
            with self._changed:
                self._threads[me] -= 1
                if not self._threads[me]:
                    del self._threads[me]
                self._changed.notify_all()

    def before_fork(self) -> None:
        """No other thread is loading then, nor begins to; after `PATIENCE` they are left to their luck."""
        me = threading.get_ident()
        with self._changed:
            self._forking = me  # first: among many threads there is always one that begins
            self._changed.wait_for(lambda: not self._threads.keys() - {me}, PATIENCE)

    def after_fork(self) -> None:
        """In the parent: whoever waited goes on."""
        with self._changed:
            self._forking = None
            self._changed.notify_all()

    def after_fork_in_child(self) -> None:
        """Only the forking thread is there, and what it was loading it goes on loading."""
        me = threading.get_ident()
        self._changed = threading.Condition()
        self._threads = {me: self._threads[me]} if me in self._threads else {}
        self._forking = None


loading = Loading()
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(
        before=loading.before_fork,
        after_in_parent=loading.after_fork,
        after_in_child=loading.after_fork_in_child,
    )
