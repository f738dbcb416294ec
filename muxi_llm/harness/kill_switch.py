"""The kill switch: while a file exists, no call is made. For the day a bill or a bug runs away.

Rules: looked at on every call, before anything else, the cache too; and before every other request of a
client's (images, audio, files, batches). What the file holds does not matter. If it cannot be told
whether the file is there, calls stop: a switch that may not work is on, and so is a link by that name,
wherever it leads.

    off -- the file is made    --> on
    on  -- the file is removed --> off
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from muxi_llm.errors import KillSwitchActiveError

State = Literal["off", "on"]

TRANSITIONS: dict[tuple[State, str], State] = {
    ("off", "the file is made"): "on",
    ("on", "the file is removed"): "off",
}


def state_dir() -> Path:
    """Where switches, locks and batches are kept: `LLMIX_STATE_DIR`, else below `XDG_STATE_HOME`."""
    chosen = os.environ.get("LLMIX_STATE_DIR")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "llmix"


class KillSwitch:
    """The switch in *folder* (default: `state_dir()`): a file named `killswitch`."""

    def __init__(self, folder: str | Path | None = None) -> None:
        self.path = Path(folder or state_dir()) / "killswitch"
        self._name = str(self.path)

    @property
    def state(self) -> State:
        """Raises `OSError` where it cannot be told."""
        try:
            os.lstat(self._name)  # a third of pathlib's time, on every call
        except FileNotFoundError:
            return "off"
        return "on"

    def check(self) -> None:
        """Raises `KillSwitchActiveError` while the switch is on."""
        if self.state == "on":
            raise KillSwitchActiveError(self._name)

    def turn(self, state: State) -> None:
        """Make the file, or remove it. Raises `OSError` where that cannot be done."""
        if state == "on":
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch()
        else:
            self.path.unlink(missing_ok=True)


def check(switch: bool | str | Path) -> None:
    """The same for what is asked without a call, by the setting `kill_switch`."""
    if switch:
        KillSwitch(None if switch is True else switch).check()
