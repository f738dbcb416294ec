"""`muxi-llm serve` as a process of its own, for what only a process has: signals, workers, an exit status."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx2

from tests.support.patience import LIFETIME, until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Serving:
    """`with Serving(config) as served`: its `url`, what it `said`, `tell` it a signal, `ended` for its status.

    command: another one that does it, instead.
    """

    def __init__(
        self,
        config: Path,
        *arguments: str,
        verify: Any = True,
        command: Sequence[str] = (),
        **environment: str,
    ) -> None:
        usual = (sys.executable, "-m", "muxi_llm", "serve", "--config", str(config), "--port", "0")
        self.said: list[str] = []
        self._verify = verify
        self._process = subprocess.Popen(
            [*(command or usual), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
        )
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        self.said.extend(iter(self._process.stdout.readline, ""))

    @property
    def url(self) -> str:
        found = re.search(r"listening on (\S+)", "".join(self.said))
        return found[1].replace("//0.0.0.0", "//127.0.0.1") if found else ""

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Serving:
        until(lambda: self._process.poll() is not None or (self.url and self._answers()), LIFETIME)
        assert self._process.poll() is None, "".join(self.said)
        return self

    def _answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/health/live", verify=self._verify).status_code == 200
        except httpx2.TransportError:
            return False

    def tell(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self) -> int:
        return self._process.wait(LIFETIME)

    @property
    def workers(self) -> list[int]:
        """The processes it has started, that are alive."""
        asked = ["ps", "-o", "pid=,stat=", "--ppid", str(self.pid)]
        told = subprocess.run(asked, check=False, capture_output=True, text=True)
        return [int(line.split()[0]) for line in told.stdout.splitlines() if "Z" not in line]

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            for pid in (self.pid, *self.workers):
                with suppress(ProcessLookupError):  # one that has just ended
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._listening.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
