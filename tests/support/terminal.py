"""A program on a pseudo-terminal: what it shows, and keys for it."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from typing import Any

from tests.support.patience import LIFETIME, until

WIDE = 300
"""Columns: what holds a path of a test's is not broken into lines."""
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[@-_=>])")


class Terminal:
    """`with Terminal("chat", ...) as terminal`: `python -m muxi_llm` there; `shows` waits for a text, `types` has
    keys pressed, `ended` is the exit status.
    """

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._ours, theirs = pty.openpty()
        os.set_blocking(self._ours, True)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("COV_")}
        quiet = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "COLUMNS": str(WIDE), "LINES": "40"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "muxi_llm", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**inherited, **quiet, **environment},
            start_new_session=True,
            preexec_fn=_controlled,  # noqa: PLW1509 - the child alone has the terminal
        )
        os.close(theirs)
        self.raw = ""
        self._read = 0
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def _listen(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # the other end is closed
                return
            if not data:
                return
            self.raw += data.decode(errors="replace")

    @property
    def text(self) -> str:
        """All that was shown, without what moves the cursor and paints."""
        return ESCAPES.sub("", self.raw).replace("\r", "")

    def shows(self, text: str) -> str:
        """Wait until *text* is shown, beyond what was waited for before; what was shown until then."""
        try:
            until(lambda: text in self.text[self._read :] or self._process.poll() is not None)
        except AssertionError:
            raise AssertionError(f"{text!r} is not in {self.text[self._read :]!r}") from None
        assert text in self.text[self._read :], self.text
        before = self._read
        self._read = self.text.index(text, before) + len(text)
        return self.text[before : self._read]

    def types(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def interrupts(self) -> None:
        """Ctrl-C where no key can be read: what the terminal's own driver makes of it."""
        os.killpg(self._process.pid, signal.SIGINT)

    def ended(self) -> int:
        until(lambda: self._process.poll() is not None)
        self._reader.join()
        return self._process.returncode

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        os.close(self._ours)


def _controlled() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    termios.tcsetwinsize(0, (40, WIDE))


def piped(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The same with pipes, to its end."""
    inherited: dict[str, Any] = {
        name: value for name, value in os.environ.items() if not name.startswith("COV_")
    }
    return subprocess.run(
        [sys.executable, "-m", "muxi_llm", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env={**inherited, **environment},
        timeout=LIFETIME,
        check=False,
    )
