"""Several workers on one listener: started, started again when one dies, told to end together."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from typing import TYPE_CHECKING

from prometheus_client.multiprocess import mark_process_dead

from muxi_llm.gateway.metrics import SHARED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

log = logging.getLogger("muxi_llm.gateway")
PATIENCE = 0.5
"""Seconds between two looks at the workers, and before a dead one is started again."""


class Workers:
    """So many processes that serve what is described in the environment, on listeners they inherit."""

    def __init__(self, count: int, listeners: Sequence[int]) -> None:
        self._count = count
        self._listeners = listeners
        self._running: list[subprocess.Popen[bytes]] = []
        self._ending = threading.Event()

    def run(self) -> int:
        """Until a signal to end, and then until all of them are gone; 0 if all ended well."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, self._pass_on)
        counts = None if SHARED in os.environ else folder()
        os.environ.setdefault(SHARED, counts or "")
        try:
            while not self._ending.is_set():
                self._look()
                self._ending.wait(PATIENCE)
            return max(0 if one.wait() in WELL else abs(one.returncode) for one in self._running)
        finally:
            if counts is not None:
                shutil.rmtree(counts, ignore_errors=True)

    def _look(self) -> None:
        """Who is there, and who must be started again."""
        for one in self._running:
            if one.poll() is not None:
                log.error("worker %d ended with %d; another one takes its place", one.pid, one.returncode)
                mark_process_dead(one.pid, os.environ[SHARED])  # type: ignore[no-untyped-call]
        self._running = [one for one in self._running if one.poll() is None]
        self._running += [self._started() for _ in range(self._count - len(self._running))]

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "muxi_llm.commands.gateway.worker", *map(str, self._listeners)]
        # A session of its own: Ctrl-C is the parent's to hear, and comes to a worker as its parent says it.
        return subprocess.Popen(command, pass_fds=self._listeners, start_new_session=True)  # noqa: S603

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._pass_on(number, frame)
        self._ending.set()

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        for one in self._running:
            if one.poll() is None:
                one.send_signal(number)


WELL = {0, -signal.SIGTERM, -signal.SIGINT}
"""How a worker may end that was told to: one that had not begun yet ends by the signal itself."""


def folder() -> str:
    """A folder for what workers count together: in memory where nothing else can be written."""
    try:
        return tempfile.mkdtemp(prefix=PREFIX)
    except OSError:
        return tempfile.mkdtemp(prefix=PREFIX, dir="/dev/shm")  # nosec B108 - mkdtemp makes it ours alone


PREFIX = "muxi-llm-counts-"
