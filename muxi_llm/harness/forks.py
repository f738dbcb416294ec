"""What a forked child makes anew: locks, flights and permits may be with threads that stayed behind."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """Something with locks."""

    def after_fork(self) -> None:
        """In the child, before anything else there: locks anew, and without what threads were about."""


def outlives(thing: Forked) -> None:
    """*thing* is to know of forks, for as long as it lives."""
    _things.add(thing)


def _after_fork() -> None:
    for thing in list(_things):
        thing.after_fork()


_things: WeakSet[Forked] = WeakSet()
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_after_fork)
