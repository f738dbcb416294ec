"""Changes under a lock that nobody has to wait for: a finalizer may come in the midst of another change."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Changes:
    """A lock, and what is due to be done under it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self._due: deque[Callable[[], list[Callable[[], object]]]] = deque()

    def soon(self, change: Callable[[], list[Callable[[], object]]]) -> None:
        """Make *change* under the lock, and do what it returns after that, without ever waiting for the lock.

        Whoever has it makes the change when letting go. So this may be called anywhere, from a finalizer
        that runs in the midst of such a change too. A change that was interrupted is made again.
        """
        self._due.append(change)
        self.catch_up()

    def catch_up(self) -> None:
        """Make the changes that are due; to be called after letting go of the lock."""
        while self._due and self.lock.acquire(blocking=False):
            after: list[Callable[[], object]] = []
            try:
                while self._due:
                    after += self._due[0]()
                    self._due.popleft()
            finally:
                self.lock.release()
            for each in after:
                each()
