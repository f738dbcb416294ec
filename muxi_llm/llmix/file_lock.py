"""A lock among the processes of one machine."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Self

from muxi_llm.harness import kill_switch

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]


class FileLock:
    """One holder among all processes of this machine: a lock on *lock_path*, by default `llmix.lock` in
    *state_dir*.

    `with lock:` blocks, `async with lock:` waits in a thread. Not re-entrant; it is let go when its
    process ends, however that happens.
    """

    enabled = fcntl is not None
    """Whether this system has such locks; LLMix's own are there only where a variable asks for them."""

    def __init__(self, lock_path: str | Path | None = None, *, state_dir: str | Path | None = None) -> None:
        self.path = Path(lock_path or Path(state_dir or kill_switch.state_dir()) / "llmix.lock")
        self._file: int | None = None

    def acquire(self) -> None:
        """Wait for the lock. Raises `RuntimeError` if it is held through this very object.

        On a system without such locks, on Windows, `NotImplementedError`.
        """
        if fcntl is None:  # pragma: no cover - not where the tests run
            raise NotImplementedError("this system has no file locks of this kind")
        if self._file is not None:
            raise RuntimeError("this FileLock is held already; use another object")
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except BaseException:
            os.close(file)
            raise
        self._file = file

    def release(self) -> None:
        """Let go."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)  # the lock goes with it

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()

    async def __aenter__(self) -> Self:
        acquired = asyncio.get_running_loop().run_in_executor(None, self.acquire)  # a task might be cancelled
        try:
            await asyncio.shield(acquired)
        except asyncio.CancelledError:
            acquired.add_done_callback(self._given_up)  # its thread waits on, for a lock nobody wants then
            raise
        return self

    def _given_up(self, acquired: asyncio.Future[None]) -> None:
        if acquired.exception() is None:
            self.release()

    async def __aexit__(self, *exc: object) -> None:
        self.release()
