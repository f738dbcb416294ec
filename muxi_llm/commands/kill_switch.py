"""The command `muxi-llm kill-switch`: stop every call on this machine, and let them go on."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from muxi_llm.harness.kill_switch import KillSwitch

if TYPE_CHECKING:
    import argparse


def add(command: argparse.ArgumentParser) -> None:
    """Give *command* its arguments."""
    command.description = (
        "Make or remove the file that stops calls. LLMix pipelines and `batch` always look at it, other "
        "programs where `harness.configure(kill_switch=True)` says so."
    )
    command.add_argument("turn", choices=("on", "off", "status"), help="on: no call is made any more")
    command.add_argument(
        "--state-dir", type=Path, metavar="FOLDER", help="where the switch is; default: LLMIX_STATE_DIR"
    )
    command.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    switch = KillSwitch(given.state_dir)
    try:
        if given.turn != "status":
            switch.turn(given.turn)
        print(f"{switch.state}: {switch.path}")
    except OSError as error:
        print(f"muxi-llm: {error}", file=sys.stderr)
        return 2
    return 0
