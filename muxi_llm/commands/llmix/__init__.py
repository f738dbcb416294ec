"""The command `llmix`: releases of presets. `command` has its five commands and their options."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status: 0 done, 1 refused, 2 not understood."""
    try:
        from muxi_llm.commands.llmix.command import run  # noqa: PLC0415 - extras
    except ImportError as error:  # pragma: no cover - tests have every extra
        print(f"llmix: {error}", file=sys.stderr)  # noqa: T201 - what a command is for
        return 1
    return run(sys.argv[1:] if arguments is None else list(arguments))
